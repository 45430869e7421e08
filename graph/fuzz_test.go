package graph_test

import (
	"context"
	"encoding/json"
	"math/big"
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/graphscript-go/graphscript/graph"
)

// FuzzBind binds what an attacker sends to inputs of every shape: it may fail with InvalidArgument only.
func FuzzBind(f *testing.F) {
	for _, seed := range []string{
		``, ` `, `null`, `[]`, `{}`, `[1,2]`, `{"a":1,"b":2}`, `[{"a":1}]`, `[[1,2]]`, `"x"`, `"aGk="`, `5e400`, `[5e400]`,
		`9007199254740993`, `[9007199254740993,{"x":-9007199254740993}]`, `[[[[]]]]`, `{"x":`, `[1,`, `{} {}`, `"2026-01-02T12:00:00Z"`,
		`{"What":[12345678901234567890]}`, `{"inner":{"n":[1]}}`, "[\"\xff\"]", `[null,null]`, `{"a":1,"a":"x"}`, `-0`, `1.0`,
	} {
		f.Add([]byte(seed))
	}
	type deep struct {
		addIn
		Next  *deep
		Inner map[string][]*deep
		Any   any
		Raw   json.RawMessage
	}
	types := []reflect.Type{
		reflect.TypeFor[int](), reflect.TypeFor[uint8](), reflect.TypeFor[float32](), reflect.TypeFor[bool](), reflect.TypeFor[string](),
		reflect.TypeFor[any](), reflect.TypeFor[addIn](), reflect.TypeFor[*addIn](), reflect.TypeFor[point](), reflect.TypeFor[deep](),
		reflect.TypeFor[[]int](), reflect.TypeFor[[][]any](), reflect.TypeFor[[]any](), reflect.TypeFor[[2]int](), reflect.TypeFor[[]byte](),
		reflect.TypeFor[map[string]int](), reflect.TypeFor[map[string]any](), reflect.TypeFor[map[int]*deep](), reflect.TypeFor[json.RawMessage](),
		reflect.TypeFor[json.Number](), reflect.TypeFor[time.Time](), reflect.TypeFor[dated](), reflect.TypeFor[big.Int](), reflect.TypeFor[graph.Void](),
		reflect.TypeFor[color](), reflect.TypeFor[graph.Code](), reflect.TypeFor[graph.WatchOptions](), reflect.TypeFor[**int](), reflect.TypeFor[func()](),
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		sent := string(raw)
		args := graph.ArgsJSON(raw)
		values, err := args.Values()
		refuses(t, err)
		for _, typ := range types {
			dst := reflect.New(typ)
			err := args.Bind(dst.Interface())
			refuses(t, err)
			if err == nil && len(raw) > 0 && typ.Kind() != reflect.Func && typ != reflect.TypeFor[graph.Void]() && typ != reflect.TypeFor[json.RawMessage]() {
				require.True(t, json.Valid(raw), "bound %q, which is not JSON, to %s: %v", raw, typ, dst.Elem())
			}
			require.Equal(t, sent, string(raw), "the arguments were changed")
			if len(values) > 0 {
				refuses(t, graph.ArgsOf(values...).Bind(dst.Interface()))
				refuses(t, graph.ArgsOne(values[0]).Bind(dst.Interface()))
			}
		}
	})
}

func refuses(t *testing.T, err error) {
	t.Helper()
	if err == nil {
		return
	}
	require.Equal(t, graph.InvalidArgument, graph.CodeOf(err), "%v", err)
}

// FuzzArgsRoundTrip sends values as a contract does, in their wire form, and wants them back.
func FuzzArgsRoundTrip(f *testing.F) {
	for _, seed := range []string{`null`, `[]`, `[[]]`, `[[1]]`, `{"a":[1,{"b":null}]}`, `"[1]"`, `9007199254740993`, `[-0.0]`, `[[["a"]]]`, `1e400`, `"<"`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var v any
		if !json.Valid(raw) || graph.ArgsJSON([]byte(`[`+string(raw)+`]`)).Bind(&v) != nil {
			t.Skip()
		}
		comesBack(t, v)
		comesBack(t, []any{v})
		comesBack(t, [][]any{{v}})
		comesBack(t, map[string]any{"k": v})
		comesBack(t, struct{ A, B any }{v, []any{v}})
		comesBack(t, &struct{ L []any }{[]any{v}})
		if list, ok := v.([]any); ok {
			comesBack(t, list)
		}
		if text, ok := v.(string); ok {
			comesBack(t, text)
			comesBack(t, []string{text})
			comesBack(t, []byte(text))
		}
	})
}

func comesBack[T any](t *testing.T, v T) {
	t.Helper()
	const in graph.Func[T, graph.Void] = "in"
	var sent graph.Args
	target := targetFunc(func(_ context.Context, c *graph.Call) (any, error) {
		sent = c.Args
		return graph.Void{}, nil
	})
	require.NoError(t, in.Post(t.Context(), target, v))
	raw, err := json.Marshal(sent)
	require.NoError(t, err)
	var back T
	require.NoError(t, graph.ArgsJSON(raw).Bind(&back))
	want, err := json.Marshal(v)
	require.NoError(t, err)
	got, err := json.Marshal(back)
	require.NoError(t, err)
	require.Equal(t, string(want), string(got), "sent as %s", raw)
	require.Equal(t, reflect.ValueOf(&v).Elem().IsZero(), reflect.ValueOf(&back).Elem().IsZero(), "sent as %s", raw)
}
