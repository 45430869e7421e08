package services

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func FuzzScan(f *testing.F) {
	for _, seed := range []string{
		`{"a":[1,-2.5e+10,"x\u00e9\n",true,false,null,{}]}`, `[]`, `"\ud800"`, `-0`, `01`, `1.`, `.5`, `1e`, `--1`, `"a`, `"\x"`, "\"\x01\"",
		`{"a"}`, `{"a":}`, `{,}`, `[1,]`, `[1 2]`, ` 1 `, `nul`, `truee`, `{"a":1,}`, "\"\xff\"", `1 2`, "\x00", strings.Repeat("[", 40),
		`{"a":1}}`, `"\u12"`, `"\u12g4"`, `1E5`, `-`, `+1`, `{"a":1 "b":2}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s := scanner{data: data}
		err := s.value(0)
		if err != nil && strings.Contains(err.Error(), "deeper") {
			return
		}
		s.space()
		require.Equal(t, json.Valid(data), err == nil && s.i == len(data), "%v", err)
	})
}

func TestSendable(t *testing.T) {
	for _, c := range []struct{ raw, want string }{
		{`{"a":[1]}`, `{"a":[1]}`},
		{" 1", " 1"},
		{"[\r\n1,\t2]\n", `[1,2]`},
		{`"\n"`, `"\n"`},
		{strings.Repeat("[", 31) + strings.Repeat("]", 31), strings.Repeat("[", 31) + strings.Repeat("]", 31)},
	} {
		got, err := sendable(json.RawMessage(c.raw), argsDepth)
		require.NoError(t, err)
		require.Equal(t, c.want, string(got))
		m := Message{Route: "r", Args: got}
		_, err = Decode(m.Append(nil))
		require.NoError(t, err)
	}
	for _, bad := range []string{"", "{", "1 2", "\"\xff\"", strings.Repeat("[", 32) + strings.Repeat("]", 32)} {
		_, err := sendable(json.RawMessage(bad), argsDepth)
		require.Error(t, err, "%q", bad)
	}
}
