package services_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/graphscript-go/graphscript/graph"
	"github.com/graphscript-go/graphscript/services"
)

func raw(s string) json.RawMessage { return json.RawMessage(s) }

func TestDecode(t *testing.T) {
	for _, c := range []struct {
		name, data string
		kind       services.Kind
		want       services.Message
	}{
		{"post", `{"route":"a","args":[1,"x"]}`, services.KindPost, services.Message{Route: "a", Args: raw(`[1,"x"]`)}},
		{"post with a method", `{"route":"a","method":"Say"}`, services.KindPost, services.Message{Route: "a", Method: "Say"}},
		{"request", `{"route":"a","callbackId":7}`, services.KindRequest, services.Message{Route: "a", Callback: raw(`7`)}},
		{"request by text", `{"callbackId":"7","route":"a"}`, services.KindRequest, services.Message{Route: "a", Callback: raw(`"7"`)}},
		{"reply", `{"args":null,"callbackId":7}`, services.KindReply, services.Message{Args: raw(`null`), Callback: raw(`7`)}},
		{"reply without a value", `{"callbackId":7}`, services.KindReply, services.Message{Callback: raw(`7`)}},
		{
			"failure", `{"callbackId":7,"error":{"code":"not_found","message":"m","details":[1]}}`, services.KindReply,
			services.Message{Callback: raw(`7`), Error: &graph.Error{Code: graph.NotFound, Message: "m", Details: raw(`[1]`)}},
		},
		{
			"failure of a later version", `{"callbackId":7,"error":{"code":"moon_phase","more":1}}`, services.KindReply,
			services.Message{Callback: raw(`7`), Error: &graph.Error{Code: graph.Internal}},
		},
		{
			"failure as text", `{"callbackId":7,"error":"boom"}`, services.KindReply,
			services.Message{Callback: raw(`7`), Error: &graph.Error{Code: graph.Internal, Message: "boom"}},
		},
		{
			"subscribe", `{"route":"a","method":"subscribe","args":{"key":"k"},"callbackId":"a"}`, services.KindSubscribe,
			services.Message{Route: "a", Method: "subscribe", Args: raw(`{"key":"k"}`), Callback: raw(`"a"`)},
		},
		{
			"update", `{"sub":"a","args":{"n":1},"id":"e-1","lost":3,"snapshot":true}`, services.KindUpdate,
			services.Message{Sub: raw(`"a"`), Args: raw(`{"n":1}`), Position: "e-1", Lost: 3, Snapshot: true},
		},
		{"cancel", `{"method":"cancel","callbackId":7}`, services.KindCancel, services.Message{Method: "cancel", Callback: raw(`7`)}},
		{
			"id", `{"route":"setId","args":"x","meta":{"token":"t"}}`, services.KindID,
			services.Message{Route: "setId", Args: raw(`"x"`), Meta: services.Meta{Token: "t"}},
		},
		{
			"meta", `{"route":"a","meta":{"timeout":1500,"traceparent":"00-1-2-01"}}`, services.KindPost,
			services.Message{Route: "a", Meta: services.Meta{Timeout: 1500 * time.Millisecond, Traceparent: "00-1-2-01"}},
		},
		{
			"a timeout of a year", `{"route":"a","meta":{"timeout":3e10}}`, services.KindPost,
			services.Message{Route: "a", Meta: services.Meta{Timeout: 24 * time.Hour}},
		},
		{
			"a timeout of next to nothing", `{"route":"a","meta":{"timeout":1e-9}}`, services.KindPost,
			services.Message{Route: "a", Meta: services.Meta{Timeout: 1}},
		},
		{"a session", `{"callbackId":1,"sessionId":"s"}`, services.KindReply, services.Message{Callback: raw(`1`), Session: "s"}},

		// What honest clients send besides.
		{"node for route", `{"node":"a","args":1}`, services.KindPost, services.Message{Route: "a", Args: raw(`1`)}},
		{"route before node", `{"node":"a","route":"b"}`, services.KindPost, services.Message{Route: "b"}},
		{
			"unknown keys, in any case and doubled", `{"route":"a","x":{"ROUTE":[{}]},"X":1,"x":2}`, services.KindPost,
			services.Message{Route: "a"},
		},
		{"space", " \t\r\n{ \"route\" : \"a\" , \"args\" : [ 1 ] } \n", services.KindPost, services.Message{Route: "a", Args: raw(`[ 1 ]`)}},
		{"nulls", `{"route":"a","callbackId":null,"method":null,"error":null,"meta":null,"sub":null,"id":null}`, services.KindPost, services.Message{Route: "a"}},
		{"double-encoded", `"{\"route\":\"a\",\"args\":\"q\\\"\"}"`, services.KindPost, services.Message{Route: "a", Args: raw(`"q\""`)}},
		{"double-encoded with space", " \"\\n {\\\"route\\\":\\\"a\\\"}\" ", services.KindPost, services.Message{Route: "a"}},
		{"the bytes of a binary frame", string([]byte{'{', '"', 'r', 'o', 'u', 't', 'e', '"', ':', '"', 0xc3, 0xa9, '"', '}'}), services.KindPost, services.Message{Route: "é"}},
		{"an escaped route", `{"route":"\u0061.b"}`, services.KindPost, services.Message{Route: "a.b"}},
		{"an escaped key", `{"rout\u0065":"a"}`, services.KindPost, services.Message{Route: "a"}},
		{"a lone surrogate in args stays as it is", `{"route":"a","args":"\ud800"}`, services.KindPost, services.Message{Route: "a", Args: raw(`"\ud800"`)}},
		{"a lone surrogate in a route is no route's name", `{"route":"\udfff"}`, services.KindPost, services.Message{Route: "\ufffd"}},
		{
			"a callback beyond 2^53", `{"route":"a","callbackId":9007199254740993}`, services.KindRequest,
			services.Message{Route: "a", Callback: raw(`9007199254740993`)},
		},
		{
			"a callback of a browser", `{"route":"a","callbackId":0.8688318421294612}`, services.KindRequest,
			services.Message{Route: "a", Callback: raw(`0.8688318421294612`)},
		},
		{"an escaped callback", `{"route":"a","callbackId":"\u0061"}`, services.KindRequest, services.Message{Route: "a", Callback: raw(`"\u0061"`)}},
		{"a callback of zero", `{"route":"a","callbackId":0}`, services.KindRequest, services.Message{Route: "a", Callback: raw(`0`)}},
		{"an empty callback", `{"route":"a","callbackId":""}`, services.KindRequest, services.Message{Route: "a", Callback: raw(`""`)}},
		{"setId with a callback is a route like others", `{"route":"setId","callbackId":1}`, services.KindRequest, services.Message{Route: "setId", Callback: raw(`1`)}},
		{"depth 32", `{"route":"a","args":` + nested(31) + `}`, services.KindPost, services.Message{Route: "a", Args: raw(nested(31))}},

		// Noise.
		{name: "nothing", data: ""},
		{name: "space alone", data: " \n"},
		{name: "text", data: "hello"},
		{name: "a number", data: "17"},
		{name: "null", data: "null"},
		{name: "an array", data: `[{"route":"a"}]`},
		{name: "many brackets", data: strings.Repeat("[", 64<<10)},
		{name: "a string", data: `"route"`},
		{name: "half a string", data: `"{`},
		{name: "bytes after a string", data: `"{}" x`},
		{name: "bytes that are no text", data: "\xff\xfe\x00{"},
		{name: "an object about nothing", data: `{"hello":"world"}`},
		{name: "a cancellation of nothing", data: `{"method":"cancel"}`, want: services.Message{Method: "cancel"}},
		{name: "args alone", data: `{"args":[1]}`, want: services.Message{Args: raw(`[1]`)}},
		{name: "empty route", data: `{"route":""}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, err := services.Decode([]byte(c.data))
			require.NoError(t, err)
			require.Equal(t, c.want, m)
			require.Equal(t, c.kind, m.Kind())
		})
	}
}

// nested is an array of arrays, depth deep.
func nested(depth int) string { return strings.Repeat("[", depth) + strings.Repeat("]", depth) }

func TestDecodeRefuses(t *testing.T) {
	for name, c := range map[string]struct{ data, says string }{
		"no end":                   {`{"route":"a"`, "want , or }"},
		"no value":                 {`{"route":}`, "want a value"},
		"no colon":                 {`{"route" "a"}`, "want :"},
		"no key":                   {`{1:2}`, "want a key"},
		"no comma":                 {`{"route":"a" "args":1}`, "want , or }"},
		"a comma too many":         {`{"route":"a",}`, "want a key"},
		"a comma too many inside":  {`{"args":[1,]}`, "want a value"},
		"a comma for an element":   {`{"args":[,1]}`, "want a value"},
		"an array without end":     {`{"args":[1`, "want , or ]"},
		"a string without end":     {`{"args":"x`, "unfinished string"},
		"a key without end":        {`{"args`, "unfinished string"},
		"a line break in a string": {"{\"args\":\"\n\"}", "control character"},
		"a bad escape":             {`{"args":"\x"}`, "bad escape"},
		"half an escape":           {`{"args":"\u00g0"}`, "bad escape"},
		"an escape at the end":     {`{"args":"\`, "bad escape"},
		"a bad word":               {`{"args":nul}`, "want a value"},
		"a word too long":          {`{"args":nullx}`, "want , or }"},
		"a leading zero":           {`{"args":01}`, "want , or }"},
		"a plus":                   {`{"args":+1}`, "want a value"},
		"a minus alone":            {`{"args":-}`, "bad number"},
		"a point without digits":   {`{"args":1.}`, "bad number"},
		"an exponent without":      {`{"args":1e+}`, "bad number"},
		"not a number":             {`{"args":NaN}`, "want a value"},
		"a comment":                {`{"route":"a"/**/}`, "want , or }"},
		"single quotes":            {`{'route':'a'}`, "want a key"},
		"a NUL":                    {"{\"route\":\x00}", "want a value"},
		"bytes after it":           {`{"route":"a"}x`, "bytes after the message"},
		"a second message":         {`{"route":"a"} {"route":"b"}`, "bytes after the message"},
		"invalid UTF-8":            {"{\"route\":\"\xff\"}", "UTF-8"},
		"an encoded surrogate":     {"{\"route\":\"\xed\xa0\x80\"}", "UTF-8"},
		"broken within a string":   {`"{\"route\":}"`, "want a value"},

		"a doubled route":              {`{"route":"public","route":"secret"}`, "doubled"},
		"doubled by an escape":         {`{"route":"public","rou\u0074e":"secret"}`, "doubled"},
		"doubled nulls":                {`{"args":null,"args":1}`, "doubled"},
		"doubled meta":                 {`{"meta":{},"meta":{}}`, "doubled"},
		"another case":                 {`{"route":"public","ROUTE":"secret"}`, `must be written "route"`},
		"another case alone":           {`{"Route":"secret"}`, "must be written"},
		"another case by an escape":    {`{"\u0052oute":"secret"}`, "must be written"},
		"the long s for s":             {`{"ſub":1}`, "must be written"},
		"the Kelvin sign for k":        {`{"callbac` + "\u212a" + `Id":1}`, "must be written"},
		"the Kelvin sign by an escape": {`{"callbac\u212aId":1}`, "must be written"},
		"another case of node":         {`{"NODE":"a"}`, "must be written"},
		"another case, double-encoded": {`"{\"ARGS\":1}"`, "must be written"},
		"depth 33":                     {`{"route":"a","args":` + nested(32) + `}`, "deeper than 32"},
		"depth 33 in an unknown key":   {`{"x":` + strings.Repeat(`{"x":`, 32) + "1" + strings.Repeat("}", 33), "deeper than 32"},
		"no end of depth":              {`{"args":` + strings.Repeat("[", 1<<20), "deeper than 32"},

		"a number for a route":       {`{"route":1}`, `"route"`},
		"an object for a node":       {`{"node":{}}`, `"node"`},
		"an array for a method":      {`{"method":[]}`, `"method"`},
		"a number for an id":         {`{"sub":1,"id":1}`, `"id"`},
		"a number for a session":     {`{"sessionId":1}`, `"sessionId"`},
		"an object for a callback":   {`{"callbackId":{}}`, `"callbackId"`},
		"a truth for a callback":     {`{"callbackId":true}`, `"callbackId"`},
		"an array for a sub":         {`{"sub":[]}`, `"sub"`},
		"a long callback":            {`{"callbackId":"` + strings.Repeat("x", 127) + `"}`, "longer than 128 bytes"},
		"a negative loss":            {`{"sub":1,"lost":-1}`, `"lost"`},
		"half a loss":                {`{"sub":1,"lost":0.5}`, `"lost"`},
		"text for a snapshot":        {`{"sub":1,"snapshot":"true"}`, `"snapshot"`},
		"a number for an error":      {`{"callbackId":1,"error":1}`, `"error"`},
		"a number for an error code": {`{"callbackId":1,"error":{"code":1}}`, `"error"`},
		"text for meta":              {`{"meta":"x"}`, `"meta"`},
		"text for a timeout":         {`{"meta":{"timeout":"1"}}`, `"meta"`},
		"a negative timeout":         {`{"meta":{"timeout":-1}}`, "negative"},
		"a timeout beyond numbers":   {`{"meta":{"timeout":1e999}}`, `"meta"`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := services.Decode([]byte(c.data))
			require.ErrorIs(t, err, graph.InvalidArgument)
			require.Contains(t, err.Error(), c.says)
			require.Less(t, len(err.Error()), 300, "the text goes into logs and close frames")
		})
	}
}

// The tokens by which a caller finds its call must come back as they were: JavaScript compares with ===.
func TestCallbackIsEchoedByteForByte(t *testing.T) {
	for _, token := range []string{
		`9007199254740993`, `0.8688318421294612`, `1.0`, `-0`, `1E2`, `"\u0061"`, `"a\/b"`, `" "`, `"é"`, `"<&>"`, `""`, `0`,
	} {
		m, err := services.Decode([]byte(`{"route":"a","callbackId":` + token + `}`))
		require.NoError(t, err)
		reply := services.Message{Callback: m.Callback, Args: raw(`1`)}
		require.Equal(t, `{"args":1,"callbackId":`+token+`}`, string(reply.Append(nil)))
	}
}

func TestAppend(t *testing.T) {
	for _, c := range []struct {
		want string
		m    services.Message
	}{
		{`{}`, services.Message{}},
		{`{"route":"a.b"}`, services.Message{Route: "a.b"}},
		{`{"route":"q\"\\\n\u003c\u2028é"}`, services.Message{Route: "q\"\\\n<\u2028é"}},
		{`{"route":"\ufffd"}`, services.Message{Route: "\xff"}},
		{`{"route":"r","args":[1],"method":"m","callbackId":"c"}`, services.Message{Route: "r", Args: raw(`[1]`), Method: "m", Callback: raw(`"c"`)}},
		{`{"args":null,"callbackId":1}`, services.Message{Args: raw(`null`), Callback: raw(`1`)}},
		{
			`{"sub":"s","args":1,"id":"e-2","lost":18446744073709551615,"snapshot":true}`,
			services.Message{Sub: raw(`"s"`), Args: raw(`1`), Position: "e-2", Lost: 1<<64 - 1, Snapshot: true},
		},
		{
			`{"callbackId":1,"error":{"code":"aborted","message":"m","details":{}},"sessionId":"x"}`,
			services.Message{Callback: raw(`1`), Error: &graph.Error{Code: graph.Aborted, Message: "m", Details: raw(`{}`)}, Session: "x"},
		},
		{
			`{"callbackId":1,"error":{"code":"aborted"}}`, // and not a success
			services.Message{Callback: raw(`1`), Error: &graph.Error{Code: graph.Aborted, Details: raw(`{broken`)}},
		},
		{
			`{"route":"r","meta":{"timeout":2,"traceparent":"t","token":"k"}}`,
			services.Message{Route: "r", Meta: services.Meta{Timeout: 2500 * time.Microsecond, Traceparent: "t", Token: "k"}},
		},
		{`{"route":"r","meta":{"timeout":1}}`, services.Message{Route: "r", Meta: services.Meta{Timeout: 1}}},
		{`{"route":"r","meta":{}}`, services.Message{Route: "r", Meta: services.Meta{Timeout: -1}}},
	} {
		require.Equal(t, "before "+c.want, string(c.m.Append([]byte("before "))))
		_, err := services.Decode([]byte(c.want))
		require.NoError(t, err, c.want)
	}
}
