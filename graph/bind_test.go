package graph_test

import (
	"context"
	"encoding/json"
	"math"
	"math/big"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/graphscript-go/graphscript/graph"
)

const tooLarge = 9007199254740993 // 2^53 + 1, the first integer that a float64 cannot hold

type point struct {
	X int            `json:"x"`
	Y *string        `json:"y"`
	Z map[string]any `json:"z"`

	_       func()
	Skipped int `json:"-"`
}

type dated struct {
	When time.Time
	What any
}

// A group could be all of the arguments or the first of them.
type group struct {
	M map[string]any `json:"m"`
	B int            `json:"b"`
}

// An anyFirst has a first field that takes everything.
type anyFirst struct{ X, Y any }

// An unencodable value has no form in JSON.
type unencodable struct{ C chan int }

// An ownForm keeps a number as it came.
type ownForm struct{ V any }

func (o *ownForm) UnmarshalJSON(raw []byte) error {
	o.V = json.Number(raw)
	return nil
}

type color string

func (c *color) UnmarshalText(text []byte) error {
	if string(text) != "red" {
		return graph.InvalidArgument.Errorf("no such color")
	}
	*c = color(text)
	return nil
}

// bindAs returns what arguments become as a T, the way a contract's handler gets it.
func bindAs[T any](a graph.Args) (any, error) {
	var v T
	err := a.Bind(&v)
	return v, err
}

func js(raw string) graph.Args { return graph.ArgsJSON(json.RawMessage(raw)) }

func of(values ...any) graph.Args { return graph.ArgsOf(values...) }

func TestBind(t *testing.T) {
	noon := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	c := make(chan int)
	for _, c := range []struct {
		name string
		bind func(graph.Args) (any, error)
		args graph.Args
		want any
	}{
		{"none", bindAs[addIn], of(), addIn{}},
		{"none, scalar", bindAs[int], of(), 0},
		{"none, pointer", bindAs[*addIn], of(), (*addIn)(nil)},
		{"null", bindAs[addIn], js(`null`), addIn{}},
		{"null, scalar", bindAs[int], js(` null `), 0},
		{"null, slice", bindAs[[]int], js(`null`), []int(nil)},
		{"null, pointer", bindAs[*addIn], js(`null`), (*addIn)(nil)},
		{"nil", bindAs[addIn], of(nil), addIn{}},
		{"nil, scalar", bindAs[string], of(nil), ""},
		{"empty list", bindAs[addIn], js(`[]`), addIn{}},
		{"empty list, scalar", bindAs[int], js(`[]`), 0},
		{"no bytes", bindAs[int], js(``), 0},

		{"positional", bindAs[addIn], of(1, 2), addIn{1, 2}},
		{"positional, JSON", bindAs[addIn], js(`[1,2]`), addIn{1, 2}},
		{"positional, pointer", bindAs[*addIn], of(1, 2), &addIn{1, 2}},
		{"positional, pointer, JSON", bindAs[*addIn], js(`[1,2]`), &addIn{1, 2}},
		{"some missing", bindAs[addIn], of(1), addIn{A: 1}},
		{"some missing, JSON", bindAs[addIn], js(`[1]`), addIn{A: 1}},
		{"some nil", bindAs[addIn], of(nil, 2), addIn{B: 2}},
		{"some null", bindAs[addIn], js(`[null,2]`), addIn{B: 2}},
		{"only the fields JSON has", bindAs[point], of(1, "y"), point{X: 1, Y: new("y")}},
		{"only the fields JSON has, JSON", bindAs[point], js(`[1,"y",{"k":1}]`), point{X: 1, Y: new("y"), Z: map[string]any{"k": 1.0}}},

		{"named", bindAs[addIn], js(`{"b":2,"a":1}`), addIn{1, 2}},
		{"named, pointer", bindAs[*addIn], js(`{"b":2}`), &addIn{B: 2}},
		{"named in a list", bindAs[addIn], js(`[{"b":2}]`), addIn{B: 2}},
		{"named, Go", bindAs[addIn], of(map[string]any{"b": 2}), addIn{B: 2}},
		{"named, Go, one", bindAs[addIn], graph.ArgsOne(map[string]int{"b": 2}), addIn{B: 2}},
		{"map for the first field", bindAs[struct{ M map[string]int }], of(map[string]int{"b": 2}), struct{ M map[string]int }{map[string]int{"b": 2}}},
		{"object for the first field", bindAs[struct{ M map[string]int }], js(`[{"b":2}]`), struct{ M map[string]int }{map[string]int{"b": 2}}},

		{"object for the first field of two", bindAs[group], js(`[{"b":2}]`), group{M: map[string]any{"b": 2.0}}},
		{"object that fits the first field in part", bindAs[struct {
			In addIn `json:"in"`
			B  int   `json:"b"`
		}], js(`[{"b":2,"a":"x"}]`), struct {
			In addIn `json:"in"`
			B  int   `json:"b"`
		}{B: 2}},
		{"map for the first field of two", bindAs[group], of(map[string]any{"b": 2}), group{M: map[string]any{"b": 2}}},
		{"map as the whole", bindAs[group], graph.ArgsOne(map[string]any{"b": 2}), group{B: 2}},

		{"whole", bindAs[addIn], of(addIn{1, 2}), addIn{1, 2}},
		{"whole, though the first field takes it", bindAs[anyFirst], of(anyFirst{1, 2}), anyFirst{1, 2}},
		{"whole pointer, though the first field takes it", bindAs[anyFirst], of(&anyFirst{1, 2}), anyFirst{1, 2}},
		{"whole for a pointer, though the first field takes it", bindAs[*anyFirst], of(anyFirst{1, 2}), &anyFirst{1, 2}},
		{"whole, no JSON", bindAs[unencodable], of(&unencodable{c}), unencodable{c}},
		{"whole for a pointer, no JSON", bindAs[*unencodable], of(unencodable{c}), &unencodable{c}},
		{"like the whole, no JSON", bindAs[unencodable], of(struct{ C chan int }{c}), unencodable{c}},
		{"another name, no JSON", bindAs[receiver], of(named2(c)), receiver(c)},
		{"nil for a pointer", bindAs[*addIn], graph.ArgsOne(nil), (*addIn)(nil)},
		{"nil list", bindAs[[]int], graph.ArgsOne([]int(nil)), []int(nil)},
		{"null among Go values", bindAs[*int], of(json.RawMessage(`null`)), (*int)(nil)},
		{"whole, pointer", bindAs[addIn], of(&addIn{1, 2}), addIn{1, 2}},
		{"whole, for a pointer", bindAs[*addIn], of(addIn{1, 2}), &addIn{1, 2}},
		{"whole, of another type", bindAs[addIn], graph.ArgsOne(struct{ A, B int }{1, 2}), addIn{1, 2}},
		{"whole, nil pointer", bindAs[addIn], of((*addIn)(nil)), addIn{}},
		{"first field", bindAs[addIn], js(`1`), addIn{A: 1}},
		{"first field, Go", bindAs[addIn], graph.ArgsOne(1), addIn{A: 1}},
		{"first field has its own form", bindAs[dated], graph.ArgsOne(noon), dated{When: noon}},
		{"list of one value for a struct", bindAs[addIn], graph.ArgsOne([]int{1, 2}), addIn{1, 2}},
		{"list of any for a struct", bindAs[addIn], graph.ArgsOne([]any{1.0, 2}), addIn{1, 2}},
		{"raw list for a struct", bindAs[addIn], graph.ArgsOne(json.RawMessage(`[1,2]`)), addIn{1, 2}},

		{"scalar", bindAs[int], of(5), 5},
		{"scalar, JSON", bindAs[int], js(`5`), 5},
		{"scalar, list", bindAs[int], js(`[5]`), 5},
		{"converted", bindAs[int64], of(5.0), int64(5)},
		{"pointer to scalar", bindAs[*int], js(`5`), new(5)},
		{"pointer to scalar, Go", bindAs[*int], of(5), new(5)},
		{"pointer to pointer", bindAs[**addIn], js(`{"a":1}`), new(&addIn{A: 1})},
		{"any", bindAs[any], of(5), 5},
		{"any, JSON", bindAs[any], js(`{"a":[1]}`), map[string]any{"a": []any{1.0}}},
		{"any, list of a list", bindAs[any], js(`[[1,2]]`), []any{1.0, 2.0}},
		{"any, Go list", bindAs[any], graph.ArgsOne([]int{1, 2}), []int{1, 2}},
		{"bool", bindAs[bool], js(`[true]`), true},

		{"spread", bindAs[[]int], of(1, 2.0, json.Number("3")), []int{1, 2, 3}},
		{"spread, JSON", bindAs[[]int], js(`[1,2,3]`), []int{1, 2, 3}},
		{"spread, list of a list", bindAs[[]int], js(`[[1,2]]`), []int{1, 2}},
		{"spread, list of a list, Go", bindAs[[]int], of([]any{1, 2}), []int{1, 2}},
		{"spread, one", bindAs[[]int], js(`1`), []int{1}},
		{"spread, one, Go", bindAs[[]int], graph.ArgsOne(1), []int{1}},
		{"spread, one list", bindAs[[]int], graph.ArgsOne([]any{1.0}), []int{1}},
		{"spread, none", bindAs[[]int], js(`[]`), []int{}},
		{"spread of any", bindAs[[]any], js(`[[1],"a"]`), []any{[]any{1.0}, "a"}},
		{"spread of a list of any", bindAs[[]any], of([]any{1}), []any{[]any{1}}},
		{"array", bindAs[[2]int], js(`[1,2]`), [2]int{1, 2}},
		{"array, fewer", bindAs[[2]int], of(1), [2]int{1}},
		{"array of bytes", bindAs[[2]byte], js(`[1,2]`), [2]byte{1, 2}},
		{"bytes", bindAs[[]byte], js(`"aGk="`), []byte("hi")},
		{"bytes, Go", bindAs[[]byte], of([]byte("hi")), []byte("hi")},
		{"codes", bindAs[[]graph.Code], js(`["aborted","internal"]`), []graph.Code{graph.Aborted, graph.Internal}},

		{"raw", bindAs[json.RawMessage], js(` [1, {}]`), json.RawMessage(` [1, {}]`)},
		{"raw, Go", bindAs[json.RawMessage], of(1, "a"), json.RawMessage(`[1,"a"]`)},
		{"raw, one", bindAs[json.RawMessage], graph.ArgsOne(addIn{A: 1}), json.RawMessage(`{"a":1}`)},
		{"raw, one raw", bindAs[json.RawMessage], graph.ArgsOne(json.RawMessage(`[1]`)), json.RawMessage(`[1]`)},
		{"raw, nil", bindAs[json.RawMessage], graph.ArgsOne(json.RawMessage(nil)), json.RawMessage(`null`)},
		{"raw element", bindAs[[]json.RawMessage], js(`[1, {"a": 2}]`), []json.RawMessage{json.RawMessage(`1`), json.RawMessage(`{"a": 2}`)}},
		{"raw argument in Go", bindAs[addIn], of(json.RawMessage(`{"a":1}`)), addIn{A: 1}},
		{"raw argument for any", bindAs[dated], of(noon, json.RawMessage(`5`)), dated{noon, json.RawMessage(`5`)}},
		{"void", bindAs[graph.Void], js(`[1,2,3]`), graph.Void{}},
		{"void, Go", bindAs[graph.Void], of(1), graph.Void{}},

		{"time", bindAs[time.Time], js(`"2026-01-02T12:00:00Z"`), noon},
		{"time, list", bindAs[time.Time], js(`["2026-01-02T12:00:00Z"]`), noon},
		{"time, Go", bindAs[time.Time], of(noon), noon},
		{"time, text", bindAs[time.Time], of("2026-01-02T12:00:00Z"), noon},
		{"duration", bindAs[time.Duration], js(`5`), 5 * time.Nanosecond},
		{"own form of a text", bindAs[color], of("red"), color("red")},
		{"own form, JSON", bindAs[color], js(`"red"`), color("red")},
		{"big", bindAs[*big.Int], js(`12345678901234567890123`), bigInt("12345678901234567890123")},
		{"big, Go", bindAs[*big.Int], of(12), big.NewInt(12)},
		{"map", bindAs[map[string]int], js(`{"a":1}`), map[string]int{"a": 1}},
		{"map, Go", bindAs[map[string]int], of(map[string]any{"a": 1.0}), map[string]int{"a": 1}},

		{"exact", bindAs[int64], js(`9007199254740993`), int64(tooLarge)},
		{"exact, list", bindAs[int64], js(`[9007199254740993]`), int64(tooLarge)},
		{"exact, number", bindAs[int64], of(json.Number("9007199254740993")), int64(tooLarge)},
		{"exact, any", bindAs[any], js(`9007199254740993`), json.Number("9007199254740993")},
		{"exact, any, negative", bindAs[any], js(`-9007199254740993`), json.Number("-9007199254740993")},
		{"exact, first integer", bindAs[any], js(`-9007199254740992`), float64(-1 << 53)},
		{"exact, beside another in a map", bindAs[map[string]any], js(`{"a":9007199254740993,"b":1}`), map[string]any{"a": json.Number("9007199254740993"), "b": 1.0}},
		{"exact, in a map of values", bindAs[map[string]dated], js(`{"a":{"What":9007199254740993},"b":{"What":1}}`), map[string]dated{"a": {What: json.Number("9007199254740993")}, "b": {What: 1.0}}},
		{"exact, what has its own form stays", bindAs[struct {
			Own ownForm
			Any any
		}], js(`{"Own":1,"Any":9007199254740993}`), struct {
			Own ownForm
			Any any
		}{ownForm{json.Number("1")}, json.Number("9007199254740993")}},
		{"exact, last integer", bindAs[any], js(`9007199254740992`), float64(1 << 53)},
		{"exact, list of any", bindAs[[]any], js(`[1,9007199254740993]`), []any{1.0, json.Number("9007199254740993")}},
		{"exact, within", bindAs[map[string]any], js(`{"a":[9007199254740993,{"b":9007199254740993,"c":2}]}`), map[string]any{
			"a": []any{json.Number("9007199254740993"), map[string]any{"b": json.Number("9007199254740993"), "c": 2.0}},
		}},
		{"exact, in a struct", bindAs[dated], js(`{"What":9007199254740993}`), dated{What: json.Number("9007199254740993")}},
		{"exact, beside others", bindAs[[]dated], js(`[{"What":9007199254740993},{"What":1}]`), []dated{{What: json.Number("9007199254740993")}, {What: 1.0}}},
		{"exact, in a map of structs", bindAs[map[string]*dated], js(`{"k":{"What":[2,9007199254740993]}}`), map[string]*dated{"k": {What: []any{2.0, json.Number("9007199254740993")}}}},
		{"exact, own number", bindAs[struct{ N json.Number }], js(`{"N":12345678901234567890}`), struct{ N json.Number }{"12345678901234567890"}},
		{"fraction", bindAs[any], js(`0.10000000000000000001`), 0.1},
		{"exponent", bindAs[any], js(`1e3`), 1000.0},
		{"beyond all floats", bindAs[any], js(`1e400`), json.Number("1e400")},
		{"beyond all floats, list", bindAs[[]any], js(`[1e400]`), []any{json.Number("1e400")}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := c.bind(c.args)
			require.NoError(t, err)
			require.Equal(t, c.want, got)
		})
	}
}

type (
	receiver chan int
	named2   chan int
)

func bigInt(s string) *big.Int {
	i, _ := new(big.Int).SetString(s, 10)
	return i
}

// What does not fit is told in words of JSON, not of Go.
func TestBindRefuses(t *testing.T) {
	type Nested struct {
		Inner struct {
			N []int8 `json:"n"`
		} `json:"inner"`
	}
	type embedded struct {
		*Nested
		addIn
		C int `json:"c"`
	}
	for _, c := range []struct {
		name string
		bind func(graph.Args) (any, error)
		args graph.Args
		want string
	}{
		{"too many", bindAs[addIn], of(1, 2, 3), "3 arguments given, at most 2 taken"},
		{"too many, JSON", bindAs[addIn], js(`[1,2,3]`), "3 arguments given, at most 2 taken"},
		{"too many for a scalar", bindAs[int], js(`[1,2]`), "2 arguments given, at most 1 taken"},
		{"too many for a scalar, Go", bindAs[string], of("a", "b"), "2 arguments given, at most 1 taken"},
		{"too many for an array", bindAs[[2]int], js(`[1,2,3]`), "3 arguments given, at most 2 taken"},
		{"too many for an array, Go", bindAs[[2]int], of(1, 2, 3), "3 arguments given, at most 2 taken"},
		{"too many for any", bindAs[any], js(`[1,2]`), "2 arguments given, at most 1 taken"},
		{"positional", bindAs[addIn], js(`[1,"x"]`), "argument 2 (b): want an integer, got string"},
		{"positional, Go", bindAs[addIn], of(1, "x"), "argument 2 (b): want an integer, got string"},
		{"named", bindAs[addIn], js(`{"b":"x"}`), "argument: b: want an integer, got string"},
		{"named in a list", bindAs[addIn], js(`[{"b":"x"}]`), "argument: b: want an integer, got string"},
		{"named, Go", bindAs[addIn], of(map[string]any{"b": true}), "argument: b: want an integer, got bool"},
		{"scalar", bindAs[int64], js(`"x"`), "argument: want an integer, got string"},
		{"scalar, Go", bindAs[int64], of("x"), "argument: want an integer, got string"},
		{"scalar, list", bindAs[bool], js(`[1]`), "argument: want a boolean, got number"},
		{"fraction", bindAs[int], js(`1.5`), "argument: want an integer, got number 1.5"},
		{"fraction, Go", bindAs[int], of(1.5), "argument: want an integer, got number 1.5"},
		{"range", bindAs[int8], js(`300`), "argument: want an integer, got number 300"},
		{"range, Go", bindAs[int8], of(300), "argument: want an integer, got number 300"},
		{"range, long number", bindAs[int8], js(`9007199254740993`), "argument: want an integer, got number 9007199254740993"},
		{"sign", bindAs[uint], of(-1), "argument: want an integer, got number -1"},
		{"number", bindAs[float64], js(`"1"`), "argument: want a number, got string"},
		{"text", bindAs[string], js(`5`), "argument: want a string, got number"},
		{"text, Go", bindAs[string], of(5), "argument: want a string, got number"},
		{"text, number", bindAs[string], of(json.Number("5")), "argument: want a string, got number"},
		{"map", bindAs[map[string]int], js(`"x"`), "argument: want an object, got string"},
		{"map value", bindAs[map[string]int], js(`{"a":"x"}`), "argument: want an integer, got string"},
		{"struct from text", bindAs[[]addIn], js(`["x"]`), "argument 1: want an object, got string"},
		{"element", bindAs[[]int], js(`[1,"x"]`), "argument 2: want an integer, got string"},
		{"element, Go", bindAs[[]int], of(1, "x"), "argument 2: want an integer, got string"},
		{"element of a list", bindAs[[]int], js(`[[1,"x"]]`), "argument: want an integer, got string"},
		{"nested", bindAs[Nested], js(`{"inner":{"n":[1,1000]}}`), "argument: inner.n: want an integer, got number 1000"},
		{"embedded", bindAs[embedded], js(`{"b":"x"}`), "argument: b: want an integer, got string"},
		{"embedded below", bindAs[struct {
			N    int
			Deep struct{ addIn } `json:"deep"`
		}], js(`{"deep":{"b":"x"}}`), "argument: deep.b: want an integer, got string"},
		{"field without a tag", bindAs[struct{ N int }], js(`{"N":"x"}`), "argument: N: want an integer, got string"},
		{"field with a dot", bindAs[struct {
			X addIn `json:"a.b"`
		}], js(`{"a.b":{"b":"x"}}`), "argument: a.b.b: want an integer, got string"},
		{"embedded and nested", bindAs[map[string][]embedded], js(`{"k":[{},{"inner":{"n":5}}]}`), "argument: inner.n: want an array, got number"},
		{"list for a struct", bindAs[struct{ In addIn }], js(`[[1]]`), "argument 1 (In): want an object, got array"},
		{"bytes", bindAs[[]byte], js(`5`), "argument: want a base64 string, got number"},
		{"bytes in text", bindAs[[]byte], js(`"%"`), "argument: malformed value"},
		{"time", bindAs[time.Time], js(`"yesterday"`), "argument: malformed value"},
		{"time, number", bindAs[time.Time], js(`5`), "argument: malformed value"},
		{"code", bindAs[graph.Code], js(`5`), "argument: want a string, got number"},
		{"own error", bindAs[color], js(`"blue"`), "argument: no such color"},
		{"own error, Go", bindAs[color], of("blue"), "argument: no such color"},
		{"pointer", bindAs[*int], js(`"x"`), "argument: want an integer, got string"},
		{"interface", bindAs[context.Context], js(`5`), "argument: want another value, got number"},
		{"function", bindAs[func()], of(5), "argument: want another value, got number"},
		{"not JSON", bindAs[int], of(make(chan int)), "argument: want an integer"},
		{"not JSON, raw", bindAs[json.RawMessage], of(make(chan int)), "arguments: cannot be encoded"},
		{"malformed", bindAs[addIn], js(`{"a":`), "argument: malformed JSON at byte 5"},
		{"malformed list", bindAs[addIn], js(`[1`), "arguments: malformed JSON at byte 2"},
		{"malformed list of any", bindAs[[]any], js(`[1,]`), "arguments: malformed JSON at byte 4"},
		{"trailing bytes", bindAs[any], js(`{} {}`), "argument: malformed JSON at byte 4"},
		{"trailing bytes, long number", bindAs[any], js(`9007199254740993 5`), "argument: malformed JSON at byte 18"},
		{"only space", bindAs[any], js(` `), "argument: malformed JSON at byte 1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := c.bind(c.args)
			require.Error(t, err, "bound as %#v", got)
			require.Equal(t, graph.InvalidArgument, graph.CodeOf(err))
			require.Equal(t, "invalid_argument: "+c.want, err.Error())
			require.NotRegexp(t, goTypes, err.Error())
		})
	}
}

// goTypes finds what only a Go programmer would understand.
var goTypes = regexp.MustCompile(`\bGo\b|u?int(8|16|32|64)?\b|float(32|64)|struct|map\[|graph\.|graph_test|time\.|json|unmarshal`)

func TestBindWantsAPointer(t *testing.T) {
	for _, dst := range []any{nil, 5, (*int)(nil), addIn{}} {
		err := of(1).Bind(dst)
		require.ErrorContains(t, err, "is not a pointer to a value")
		require.Equal(t, graph.Internal, graph.CodeOf(err), "the caller of Bind is wrong, not the arguments")
	}
}

// A failed Bind changes nothing, and a good one leaves nothing of what was there.
func TestBindReplaces(t *testing.T) {
	v := addIn{7, 8}
	require.Error(t, js(`[1,"x"]`).Bind(&v))
	require.Equal(t, addIn{7, 8}, v)
	require.NoError(t, js(`{"a":1}`).Bind(&v))
	require.Equal(t, addIn{A: 1}, v)
}

func TestValues(t *testing.T) {
	for _, c := range []struct {
		name string
		args graph.Args
		want []any
	}{
		{"none", graph.Args{}, nil},
		{"void", graph.ArgsOne(graph.Void{}), nil},
		{"positional", of(1, "a"), []any{1, "a"}},
		{"one nil", graph.ArgsOne(nil), []any{nil}},
		{"one", graph.ArgsOne(addIn{1, 2}), []any{addIn{1, 2}}},
		{"one list", graph.ArgsOne([]int{1, 2}), []any{1, 2}},
		{"one list of any", graph.ArgsOne([]any{1, "a"}), []any{1, "a"}},
		{"one array", graph.ArgsOne([2]int{1, 2}), []any{1, 2}},
		{"bytes", graph.ArgsOne([]byte("hi")), []any{[]byte("hi")}},
		{"raw", graph.ArgsOne(json.RawMessage(`[1,"a"]`)), []any{1.0, "a"}},
		{"JSON", js(`[1,"a",null]`), []any{1.0, "a", nil}},
		{"JSON, one", js(`{"a":9007199254740993}`), []any{map[string]any{"a": json.Number("9007199254740993")}}},
		{"null", js(`null`), []any{nil}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := c.args.Values()
			require.NoError(t, err)
			require.Equal(t, c.want, got)
			require.Equal(t, c.want == nil, c.args.IsZero())
		})
	}
	_, err := js(`[`).Values()
	require.ErrorIs(t, err, graph.InvalidArgument)
}

func TestConvertNumbers(t *testing.T) {
	for _, c := range []struct {
		name string
		bind func(graph.Args) (any, error)
		in   any
		want any // nil: refused
	}{
		{"int to float", bindAs[float64], 1 << 53, float64(1 << 53)},
		{"int to float, inexact", bindAs[float64], tooLarge, nil},
		{"negative int to float", bindAs[float64], -5, -5.0},
		{"negative int to float, inexact", bindAs[float64], -tooLarge, nil},
		{"largest int to float", bindAs[float64], math.MaxInt64, nil},
		{"least int to float", bindAs[float64], math.MinInt64, nil},
		{"uint to float", bindAs[float64], uint(7), 7.0},
		{"largest uint to float", bindAs[float64], uint64(math.MaxUint64), nil},
		{"int to float32", bindAs[float32], 1 << 24, float32(1 << 24)},
		{"int to float32, inexact", bindAs[float32], 1<<24 + 1, nil},
		{"float to float32 is rounded", bindAs[float32], 0.1, float32(0.1)},
		{"float to float32, too large", bindAs[float32], 1e300, nil},
		{"float32 to float", bindAs[float64], float32(0.5), 0.5},
		{"float to int", bindAs[int64], -1 << 63 * 1.0, int64(math.MinInt64)},
		{"float to int, too large", bindAs[int64], 1 << 63 * 1.0, nil},
		{"float to int, much too large", bindAs[int64], 1e30, nil},
		{"float to uint", bindAs[uint64], 1 << 63 * 1.0, uint64(1 << 63)},
		{"zero to uint", bindAs[uint64], 0, uint64(0)},
		{"zero float to uint", bindAs[uint64], 0.0, uint64(0)},
		{"uint to uint", bindAs[uint64], uint8(5), uint64(5)},
		{"largest that fits an int", bindAs[int64], uint64(math.MaxInt64), int64(math.MaxInt64)},
		{"float to uint, too large", bindAs[uint64], 1 << 64 * 1.0, nil},
		{"float to uint, negative", bindAs[uint64], -1.0, nil},
		{"fraction to uint", bindAs[uint64], 0.5, nil},
		{"NaN to int", bindAs[int], math.NaN(), nil},
		{"infinity to int", bindAs[int], math.Inf(1), nil},
		{"infinity to uint", bindAs[uint], math.Inf(1), nil},
		{"infinity to float32", bindAs[float32], math.Inf(-1), float32(math.Inf(-1))},
		{"uint to int", bindAs[int64], uint64(5), int64(5)},
		{"uint to int, too large", bindAs[int64], uint64(1 << 63), nil},
		{"int to uint", bindAs[uint8], 255, uint8(255)},
		{"int to uint, too large", bindAs[uint8], 256, nil},
		{"int to uint, negative", bindAs[uint64], -1, nil},
		{"int to int, too small", bindAs[int8], -129, nil},
		{"int to named", bindAs[time.Duration], 5, time.Duration(5)},
		{"number to string", bindAs[string], 5, nil},
		{"bool to int", bindAs[int], true, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := c.bind(of(c.in))
			if c.want == nil {
				require.ErrorIs(t, err, graph.InvalidArgument, "got %v", got)
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.want, got)
		})
	}
}

func TestAs(t *testing.T) {
	n, err := graph.As[int](json.RawMessage(`5`))
	require.NoError(t, err)
	require.Equal(t, 5, n)
	n, err = graph.As[int](5.0)
	require.NoError(t, err)
	require.Equal(t, 5, n)
	for _, nothing := range []any{nil, graph.Void{}} {
		n, err = graph.As[int](nothing)
		require.NoError(t, err)
		require.Zero(t, n)
	}
	raw, err := graph.As[json.RawMessage](json.RawMessage(`5 `))
	require.NoError(t, err)
	require.Equal(t, json.RawMessage(`5 `), raw)
	list, err := graph.As[[]any](json.RawMessage(`[9007199254740993]`))
	require.NoError(t, err)
	require.Equal(t, []any{json.Number("9007199254740993")}, list)
	for _, bad := range []any{json.RawMessage(`"x"`), json.RawMessage(`{`), "x", 1.5} {
		_, err = graph.As[int](bad)
		require.Equal(t, graph.Internal, graph.CodeOf(err))
		require.ErrorContains(t, err, "read result: ")
		require.NotRegexp(t, goTypes, err.Error())
	}
}
