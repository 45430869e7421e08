package httpservice_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	httpservice "github.com/graphscript-go/graphscript/services/http"

	"github.com/graphscript-go/graphscript/services"
)

const (
	plain   = "text/plain; charset=utf-8"
	markup  = "text/html; charset=utf-8"
	asJSON  = "application/json"
	noValue = "no value"
)

func TestCalls(t *testing.T) {
	for _, p := range protocols() {
		t.Run(p.name, func(t *testing.T) {
			noLeak(t)
			f := newFixture(t, services.Options{}, nil)
			url, client := serveOn(t, p, f.backend)
			for _, c := range []struct {
				method, path, body string
				mediaType, want    string // a media type of noValue wants 204
			}{
				{"POST", "/add", "[2,3]", asJSON, "5"},
				{"POST", "/add", " \n[2,3]\t", asJSON, "5"},
				{"POST", "/add", `{"A":2,"B":3}`, asJSON, "5"},
				{"POST", "/add", `{"a":2,"b":3}`, asJSON, "5"},
				{"POST", "/add", "", asJSON, "0"},
				{"POST", "/add", " ", asJSON, "0"},
				{"POST", "/math/mul", "[2,3]", asJSON, "6"},
				{"POST", "/math.mul", "[2,3]", asJSON, "6"},
				{"POST", "/math/square", "3", asJSON, "9"},
				{"POST", "/math", "3", asJSON, "3"},
				{"POST", "/greet", `"bob"`, plain, "hello bob"},
				{"POST", "/greet?x=1&x=2", `["bob"]`, plain, "hello bob"},
				{"POST", "/args", `{"args":[1,2]}`, asJSON, `{"a":[{"args":[1,2]}],"via":"run"}`},
				{"POST", "/args", `{"route":5}`, asJSON, `{"a":[{"route":5}],"via":"run"}`},
				{"POST", "/args", `{"ROUTE":"add"}`, asJSON, `{"a":[{"ROUTE":"add"}],"via":"run"}`},
				{"POST", "/args", `{"id":5,"lost":"x","error":1}`, asJSON, `{"a":[{"error":1,"id":5,"lost":"x"}],"via":"run"}`},
				{"POST", "/args", `[[1,2],3]`, asJSON, `{"a":[[1,2],3],"via":"run"}`},
				{"POST", "/args", `[]`, asJSON, `{"a":[],"via":"run"}`},
				{"POST", "/args", `null`, asJSON, `{"a":[null],"via":"run"}`},
				{"POST", "/args", ``, asJSON, `{"a":null,"via":"run"}`},

				// An envelope says all itself, whatever the path.
				{"POST", "/", `{"route":"add","args":[2,3]}`, asJSON, "5"},
				{"POST", "/no/such/../path//x", `{"route":"add","args":[2,3]}`, asJSON, "5"},
				{"POST", "/greet", `{"route":"add","args":[2,3]}`, asJSON, "5"},
				{"POST", "/greet", `{"node":"add","args":[2,3]}`, asJSON, "5"},
				{"PUT", "/greet", `{"route":"add","args":[2,3]}`, asJSON, "5"},
				{"DELETE", "/", `{"route":"add","args":[2,3]}`, asJSON, "5"},
				{"POST", "/", `"{\"route\":\"greet\",\"args\":\"a \\\"quoted\\\" \\\\ name\"}"`, plain, `hello a "quoted" \ name`},
				{"POST", "/", `{"route":"math","method":"SQUARE","args":4}`, asJSON, "16"},
				{"POST", "/", `{"route":"math","method":"nosuch","args":4}`, asJSON, "4"},
				{"POST", "/", `{"route":"math.square","args":4}`, asJSON, "16"},
				{"POST", "/", `{"route":"math","method":"pi"}`, asJSON, "3.14"},
				{"POST", "/", `{"route":"a/b"}`, plain, "slash"},
				{"POST", "/add", `{"route":"","args":[2,3]}`, asJSON, "5"},
				{"POST", "/", `{"route":"both"}`, asJSON, `{"a":null,"via":"run"}`},
				{"POST", "/", `{"route":"both","callbackId":"1"}`, asJSON, `{"a":null,"via":"run"}`},

				// The HTTP method picks the node's method of that name.
				{"GET", "/multi", "", asJSON, `{"a":null,"via":"get"}`},
				{"POST", "/multi", "[1]", asJSON, `{"a":[1],"via":"post"}`},
				{"PUT", "/multi", "[1]", asJSON, `{"a":[1],"via":"put"}`},
				{"PATCH", "/multi", "[1]", asJSON, `{"a":[1],"via":"post"}`},
				{"DELETE", "/multi", "", asJSON, `{"a":null,"via":"post"}`},
				{"CUSTOM", "/multi", "[1]", asJSON, `{"a":[1],"via":"custom"}`},
				{"POST", "/both", "[1]", asJSON, `{"a":[1],"via":"post"}`},
				{"PUT", "/both", "[1]", asJSON, `{"a":[1],"via":"run"}`},
				{"GET", "/both", "", asJSON, `{"a":null,"via":"run"}`},
				{"GET", "/add?a=2&b=3", "", asJSON, "0"},
				{"GET", "/math/pi", "", asJSON, "3.14"},
				{"GET", "/math/label", "", plain, "m"},
				{"GET", "/counter", "", asJSON, "0"},
				{"PUT", "/counter", "7", asJSON, noValue},
				{"GET", "/counter", "", asJSON, "7"},
				{"POST", "/counter", "[0]", asJSON, noValue},
				{"GET", "/gr%C3%B6%C3%9Fe", "", plain, "ü"},
				{"GET", "/ping", "", plain, "pong"},
				{"POST", "/echo", `[1,"a"]`, asJSON, `[1,"a"]`},

				// What results become.
				{"GET", "/obj", "", asJSON, `{"list":[1,2,3],"ok":true}`},
				{"GET", "/nul", "", asJSON, "null"},
				{"GET", "/zero", "", asJSON, "0"},
				{"GET", "/fals", "", asJSON, "false"},
				{"GET", "/empty", "", plain, ""},
				{"GET", "/none", "", asJSON, noValue},
				{"GET", "/markup", "", plain, "<b>hi</b>"},
				{"GET", "/page", "", markup, "<b>hi</b>"},
				{"GET", "/colour", "", plain, "red"},
				{"GET", "/stamp", "", asJSON, `"stamp"`},
				{"GET", "/quoted", "", plain, "from afar"},
				{"POST", "/raw", "[1,\n2]", asJSON, `[1,2]`},
				{"POST", "/same", `12345678901234567890`, asJSON, `12345678901234567890`},
				{"POST", "/same", `[0.1]`, asJSON, `0.1`},
			} {
				got := send(t, client, c.method, url+c.path, c.body)
				require.Equal(t, p.name[:6], got.proto[:6])
				require.Equal(t, "nosniff", got.header.Get("X-Content-Type-Options"))
				require.Equal(t, "no-store", got.header.Get("Cache-Control"))
				if c.want == noValue {
					require.Equal(t, http.StatusNoContent, got.status, "%s %s %s: %s", c.method, c.path, c.body, got.body)
					require.Empty(t, got.body)
					require.Empty(t, got.header.Get("Content-Type"))
					continue
				}
				require.Equal(t, http.StatusOK, got.status, "%s %s %s: %s", c.method, c.path, c.body, got.body)
				require.Equal(t, c.mediaType, got.header.Get("Content-Type"), "%s %s", c.method, c.path)
				require.Equal(t, c.want, got.body, "%s %s %s", c.method, c.path, c.body)
			}
		})
	}
}

func TestFailures(t *testing.T) {
	for _, p := range protocols() {
		t.Run(p.name, func(t *testing.T) {
			noLeak(t)
			f := newFixture(t, services.Options{}, nil)
			url, client := serveOn(t, p, f.backend)
			for _, c := range []struct {
				method, path, body string
				status             int
				code               string
			}{
				{"GET", "/", "", 404, "not_found"},
				{"POST", "/", "[1]", 404, "not_found"},
				{"POST", "/", "", 404, "not_found"},
				{"GET", "/nosuch", "", 404, "not_found"},
				{"DELETE", "/nosuch", "", 404, "not_found"},
				{"POST", "/", `{"route":"nosuch"}`, 404, "not_found"},
				{"POST", "/", `{"route":"../add"}`, 404, "not_found"},
				{"POST", "/", `{"args":[1],"callbackId":1,"sessionId":"x"}`, 404, "not_found"},
				{"GET", "/secret", "", 403, "permission_denied"},
				{"POST", "/secret", "", 403, "permission_denied"},
				{"POST", "/", `{"route":"secret"}`, 403, "permission_denied"},
				{"PUT", "/math/pi", "3", 403, "permission_denied"},
				{"POST", "/add", `["a","b"]`, 400, "invalid_argument"},
				{"POST", "/add", `[1,2,3]`, 400, "invalid_argument"},
				{"POST", "/add", `"x"`, 400, "invalid_argument"},
				{"PUT", "/counter", `"x"`, 400, "invalid_argument"},
				{"POST", "/add", `[1,`, 400, "invalid_argument"},
				{"POST", "/add", `[1,2]x`, 400, "invalid_argument"},
				{"POST", "/add", `plain text`, 400, "invalid_argument"},
				{"POST", "/add", `a=1&b=2`, 400, "invalid_argument"},
				{"POST", "/add", "\x00", 400, "invalid_argument"},
				{"POST", "/add", "\"\xff\"", 400, "invalid_argument"},
				{"POST", "/add", "[1,2]\x1e[3,4]", 400, "invalid_argument"},
				{"POST", "/same", strings.Repeat("[", 33) + strings.Repeat("]", 33), 400, "invalid_argument"},
				{"POST", "/", `{"route":"same","args":` + strings.Repeat("[", 33) + strings.Repeat("]", 33) + `}`, 400, "invalid_argument"},
				{"POST", "/same", strings.Repeat("[", 20000), 400, "invalid_argument"},
				{"POST", "/", `{"route":"add","route":"secret"}`, 400, "invalid_argument"},
				{"POST", "/", `{"route":"add","ROUTE":"secret"}`, 400, "invalid_argument"},
				{"POST", "/", `{"route":"add","method":5}`, 400, "invalid_argument"},
				{"POST", "/", `{"route":"add","args":[1,2],}`, 400, "invalid_argument"},
				{"POST", "/", `"{\"route\":\"add\",\"method\":5}"`, 400, "invalid_argument"},
				{"POST", "/", `{"route":"add","method":"subscribe","callbackId":1}`, 501, "unimplemented"},
				{"TRACE", "/add", "", 501, "unimplemented"},
				{"GET", "/fail", "", 500, "internal"},
				{"GET", "/denied", "", 412, "failed_precondition"},
				{"POST", "/panics", `"error"`, 500, "internal"},
				{"POST", "/panics", `"coded"`, 500, "internal"},
				{"POST", "/panics", `"abort"`, 500, "internal"},
				{"POST", "/panics", `"index"`, 500, "internal"},
				{"POST", "/panics", `"nil"`, 500, "internal"},
				{"POST", "/panics", `"value"`, 500, "internal"},
				{"GET", "/goexit", "", 500, "internal"},
				{"GET", "/nan", "", 500, "internal"},
				{"GET", "/bad", "", 500, "internal"},
				{"GET", "/bomb", "", 500, "internal"},
			} {
				got := send(t, client, c.method, url+c.path, c.body)
				require.Equal(t, c.status, got.status, "%s %s %.60s: %s", c.method, c.path, c.body, got.body)
				require.Equal(t, c.code, got.code(t), "%s %s %.60s", c.method, c.path, c.body)
				require.Equal(t, "nosniff", got.header.Get("X-Content-Type-Options"))
				require.NotContains(t, got.body, "canary")
			}
			require.Equal(t, "5", send(t, client, "POST", url+"/add", "[2,3]").body)
			require.Contains(t, f.log.String(), "boom s3cr3t-canary", "the text of an error is in the log")
		})
	}
}

func TestDepth(t *testing.T) {
	f := newFixture(t, services.Options{}, nil)
	url, client := serveOn(t, protocols()[0], f.backend)
	// A bracket inside a string is no nesting, and an escaped quote does not end the string.
	quoted := `"\"` + strings.Repeat("[", 100) + `"`
	require.Equal(t, 200, send(t, client, "POST", url+"/same", "["+quoted+"]").status)
	deep := strings.Repeat("[", 31) + quoted + strings.Repeat("]", 31)
	require.Equal(t, 200, send(t, client, "POST", url+"/same", "["+deep+"]").status)
	require.Equal(t, 400, send(t, client, "POST", url+"/same", "[["+deep+"]]").status)
}

func TestAccept(t *testing.T) {
	f := newFixture(t, services.Options{}, nil)
	url, client := serveOn(t, protocols()[0], f.backend)
	for _, c := range []struct{ accept, mediaType, want string }{
		{"", plain, "hello <bob>"},
		{"*/*", plain, "hello <bob>"},
		{"text/html,application/xhtml+xml,*/*;q=0.8", plain, "hello <bob>"},
		{"application/json", asJSON, `"hello \u003cbob\u003e"`},
		{"Application/JSON ; q=0.5, text/plain", asJSON, `"hello \u003cbob\u003e"`},
		{"application/json;q=0", plain, "hello <bob>"},
		{"application/json;charset=utf-8;q=0.000", plain, "hello <bob>"},
		{"application/jsonx, application/*", plain, "hello <bob>"},
	} {
		got := send(t, client, "POST", url+"/greet", `"<bob>"`, "Accept", c.accept)
		require.Equal(t, c.want, got.body, c.accept)
		require.Equal(t, c.mediaType, got.header.Get("Content-Type"), c.accept)
		require.Contains(t, got.header.Values("Vary"), "Accept")
	}
	require.Equal(t, `"\u003cb\u003ehi\u003c/b\u003e"`, send(t, client, "GET", url+"/page", "", "Accept", asJSON).body)
}

func TestHTMLOption(t *testing.T) {
	f := newFixture(t, services.Options{}, &httpservice.Options{HTML: true})
	url, client := serveOn(t, protocols()[0], f.backend)
	for body, mediaType := range map[string]string{
		`"<p>x</p>"`: markup, `" \n<p>"`: markup, `"<"`: plain, `"1 < 2 > 0"`: plain, `"x"`: plain, `""`: plain,
	} {
		require.Equal(t, mediaType, send(t, client, "POST", url+"/same", body).header.Get("Content-Type"), body)
	}
	require.Equal(t, asJSON, send(t, client, "POST", url+"/same", `["<p>"]`, "Accept", asJSON).header.Get("Content-Type"))
}

func TestHeadAndOptions(t *testing.T) {
	for _, p := range protocols() {
		t.Run(p.name, func(t *testing.T) {
			f := newFixture(t, services.Options{}, nil)
			url, client := serveOn(t, p, f.backend)
			get := send(t, client, "GET", url+"/obj", "")
			head := send(t, client, "HEAD", url+"/obj", "")
			require.Equal(t, 200, head.status)
			require.Empty(t, head.body)
			require.Equal(t, get.header.Get("Content-Length"), head.header.Get("Content-Length"))
			require.Equal(t, get.header.Get("Content-Type"), head.header.Get("Content-Type"))
			require.Equal(t, 404, send(t, client, "HEAD", url+"/nosuch", "").status)
			require.Equal(t, 204, send(t, client, "HEAD", url+"/none", "").status)

			options := send(t, client, "OPTIONS", url+"/obj", "")
			require.Equal(t, 204, options.status)
			require.Equal(t, "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS", options.header.Get("Allow"))
			require.Empty(t, options.header.Get("Access-Control-Allow-Origin"))
		})
	}
}

// A client of this package sends arguments that are no envelope whatever they look like.
func TestArgumentsOnly(t *testing.T) {
	f := newFixture(t, services.Options{}, nil)
	url, client := serveOn(t, protocols()[0], f.backend)
	for path, want := range map[string]string{
		"/args": `{"a":[{"args":[1],"route":"secret"}],"via":"run"}`,
		"/both": `{"a":[{"args":[1],"route":"secret"}],"via":"run"}`, // and POST is no method of the node
	} {
		got := send(t, client, "POST", url+path, `{"route":"secret","args":[1]}`, services.HeaderVersion, "1")
		require.Equal(t, want, got.body)
	}
	require.Equal(t, 404, send(t, client, "POST", url+"/", `{"route":"add"}`, services.HeaderVersion, "1").status)
}
