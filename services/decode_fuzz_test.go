package services_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/graphscript-go/graphscript/services"
)

func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		`{"route":"a","args":[1,"x"],"method":"m","callbackId":7,"meta":{"timeout":10,"traceparent":"t","token":"k"}}`,
		`{"args":null,"callbackId":"7","error":{"code":"not_found","message":"<m>","details":[ 1 ]}}`,
		`{"sub":"a","args":{"n":1e5},"id":"e-1","lost":3,"snapshot":true}`, `{"method":"cancel","callbackId":0.5}`,
		`"{\"node\":\"a\",\"args\":\"q\\\"\"}"`, `{"route":"a","ROUTE":"b"}`, `{"rout\u0065":"\ud800","x":-0.1E+2}`,
		`{"ſub":1}`, `{"a":[[[[{}]]]],"b":tru}`, "{\"a\":\"\xff\"}", `[[[`, `{"error":"x","callbackId":1}`, nested(40), `{}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := services.Decode(data)
		if err != nil {
			require.Less(t, len(err.Error()), 300)
			if strings.Contains(err.Error(), "malformed message") && strings.HasPrefix(strings.TrimLeft(string(data), " \t\r\n"), "{") {
				require.False(t, json.Valid(data), "valid JSON is refused: %v", err)
			}
			return
		}
		if strings.HasPrefix(strings.TrimLeft(string(data), " \t\r\n"), "{") {
			require.True(t, json.Valid(data), "invalid JSON is taken")
		}
		once := m.Append(nil)
		again, err := services.Decode(once)
		require.NoError(t, err, "what was decoded and encoded is refused: %s", once)
		require.Equal(t, m.Kind(), again.Kind())
		require.Equal(t, string(once), string(again.Append(nil)), "the second encoding differs from the first")
	})
}

// Whatever a message is, decoding it takes time in proportion to its size. Twice the square of the size
// would be hours.
func TestDecodeTakesLinearTime(t *testing.T) {
	const size = 1 << 20
	fill := func(s string) string { return strings.Repeat(s, size/len(s)) }
	for name, data := range map[string]string{
		"many keys":          `{` + fill(`"x":1,`) + `"y":1}`,
		"many escaped keys":  `{` + fill(`"\u0078":1,`) + `"y":1}`,
		"one long key":       `{"` + fill("x") + `":1}`,
		"one long route":     `{"route":"` + fill(`\u0061`) + `"}`,
		"one long string":    `{"args":"` + fill(`\\`) + `"}`,
		"many arrays":        `{"args":[` + fill(nested(20)+",") + `1]}`,
		"spaces":             `{` + fill(" ") + `"route":"a"}`,
		"spaces before":      fill(" \n") + `{"route":"a"}`,
		"double-encoded":     `"{\"args\":\"` + fill(`\\\"`) + `\"}"`,
		"a long number":      `{"args":` + fill("1") + `}`,
		"a long error":       `{"callbackId":1,"error":{"message":"` + fill("é") + `"}}`,
		"an unfinished mess": `{"args":[` + fill(`{"a":["`),
	} {
		t.Run(name, func(t *testing.T) {
			began := time.Now()
			_, _ = services.Decode([]byte(data))
			require.Less(t, time.Since(began), 10*time.Second)
		})
	}
}
