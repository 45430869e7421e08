package sse_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/graphscript-go/graphscript/graph"
	"github.com/graphscript-go/graphscript/services"
	"github.com/graphscript-go/graphscript/services/sse"
)

// byHeader takes the user's name from a header.
func byHeader(r *http.Request) (services.Identity, error) {
	return services.Identity{User: r.Header.Get("X-User")}, nil
}

func TestMessageWithoutASessionIsAnswered(t *testing.T) {
	s := serve(t, config{options: services.Options{
		Authenticate: byHeader, Expose: []string{"double", "note", "fail", "whoami", "ticks", "hold"}, Restrict: []string{"hold"},
		Limits: services.Limits{MessageBytes: 1 << 10},
	}})
	for _, tt := range []struct {
		name, body string
		status     int
		answer     string // JSON; empty for none, "*" for any
	}{
		{"number", `{"route":"double","args":21}`, 200, `42`},
		{"number with a callback", `{"route":"double","args":21,"callbackId":"x"}`, 200, `42`},
		{"zero", `{"route":"double","args":0}`, 200, `0`},
		{"text", `{"route":"whoami"}`, 200, `"ann"`},
		{"state", `{"route":"ticks"}`, 200, `0`},
		{"list", `{"route":"echo","args":[null,false,"<b>"]}`, 200, `[null,false,"<b>"]`},
		{"no value", `{"route":"fail","args":"none"}`, 500, "*"},
		{"posted", `{"route":"note","args":"once"}`, 204, ""},
		{"in a string", `"{\"route\":\"double\",\"args\":4}"`, 200, `8`},
		{"unknown route", `{"route":"nothing"}`, 404, "*"},
		{"restricted", `{"route":"hold"}`, 403, "*"},
		{"wrong argument", `{"route":"double","args":"two"}`, 400, "*"},
		{"aborted", `{"route":"fail","args":"aborted"}`, 409, `{"error":{"code":"aborted","message":"as you wish"}}`},
		{"exhausted", `{"route":"fail","args":"resource_exhausted"}`, 429, `{"error":{"code":"resource_exhausted","message":"as you wish"}}`},
		{"unavailable", `{"route":"fail","args":"unavailable"}`, 503, `{"error":{"code":"unavailable","message":"as you wish"}}`},
		{"late", `{"route":"fail","args":"deadline_exceeded"}`, 504, `{"error":{"code":"deadline_exceeded","message":"as you wish"}}`},
		{"empty", ``, 400, "*"},
		{"blank", " \n ", 400, "*"},
		{"malformed", `{"route":`, 400, "*"},
		{"two messages", `{"route":"double","args":1}` + "\n" + `{"route":"double","args":1}`, 400, "*"},
		{"no message", `[1,2]`, 400, "*"},
		{"prose", `hello`, 400, "*"},
		{"not UTF-8", "{\"route\":\"\xff\"}", 400, "*"},
		{"a subscription", `{"route":"ticks","method":"subscribe","callbackId":1}`, 400, "*"},
		{"a cancellation", `{"method":"cancel","callbackId":1}`, 400, "*"},
		{"an answer to nobody", `{"args":1,"callbackId":1}`, 404, "*"},
		{"an update", `{"sub":1,"args":1}`, 400, "*"},
		{"doubled key", `{"route":"double","route":"hold","args":1}`, 400, "*"},
		{"at the limit", `{"route":"double","args":21}` + strings.Repeat(" ", 1<<10-28), 200, `42`},
		{"too large", `{"route":"double","args":21}` + strings.Repeat(" ", 1<<10-27), 413, `{"error":{"code":"resource_exhausted","message":"the body is over 1024 bytes"}}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			status, answer := s.post(t, tt.body, "X-User: ann")
			require.Equal(t, tt.status, status, answer)
			switch tt.answer {
			case "":
				require.Empty(t, answer)
			case "*":
				require.Contains(t, answer, `"error"`)
				require.Contains(t, answer, `"code"`)
			default:
				require.JSONEq(t, tt.answer, answer)
			}
		})
	}
	require.Equal(t, "once", receive(t, s.notes, "the post ran"))
	require.Empty(t, s.notes)
	require.Contains(t, s.log.String(), io.ErrUnexpectedEOF.Error(), "the text of an internal error is in the log")
}

func TestMessageWithoutASessionHeedsItsTime(t *testing.T) {
	s := serve(t, config{})
	status, answer := s.post(t, `{"route":"hold","args":1,"meta":{"timeout":20}}`)
	require.Equal(t, http.StatusGatewayTimeout, status)
	require.Contains(t, answer, "deadline_exceeded")
}

// The answer to a wrong secret is the same whatever is wrong, so that it tells nothing.
func TestSessionsOfOthersDoNotExist(t *testing.T) {
	s := serve(t, config{options: services.Options{Authenticate: byHeader}})
	ann, bob := s.stream(t, "X-User: ann"), s.stream(t, "X-User: bob")
	gone := s.stream(t, "X-User: ann")
	p := s.info.Session(gone.id)
	gone.cancel()
	receive(t, p.Done(), "the session is closed")
	other := services.New(graph.New(), nil)
	elsewhere, _, err := services.Pipe(other, s.svc) // another transport's session
	require.NoError(t, err)
	defer elsewhere.Terminate()

	const body = `{"route":"note","args":"taken"}`
	var answers []string
	for name, token := range map[string]string{
		"unknown": "AAAAAAAAAAAAAAAAAAAAAA", "bob's": bob.token, "closed": gone.token, "an id": ann.id, "of another transport": elsewhere.Token(),
	} {
		status, answer := s.post(t, body, "X-User: ann", "Graphscript-Session: "+token)
		require.Equal(t, http.StatusNotFound, status, name)
		answers = append(answers, answer)
	}
	for _, answer := range answers {
		require.Equal(t, `{"error":{"code":"not_found","message":"no such session"}}`, answer)
	}
	require.Empty(t, s.notes)
	status, answer := s.post(t, body, "X-User: ann", "Graphscript-Session: "+ann.token)
	require.Equal(t, http.StatusAccepted, status)
	require.Empty(t, answer)
	require.Equal(t, "taken", receive(t, s.notes, "the route runs"))

	second, err := sse.New(s.svc).SetupSSE(sse.Props{Path: "/second"})
	require.NoError(t, err)
	s.http.Config.Handler = second // another endpoint of the same service
	status, _ = s.post(t, body, "X-User: ann", "Graphscript-Session: "+ann.token)
	require.Equal(t, http.StatusNotFound, status)
}

func TestMessagesOfABatchRunInOrder(t *testing.T) {
	s := serve(t, config{options: services.Options{Limits: services.Limits{InFlight: 1, Backlog: 1000}}})
	e := s.stream(t)
	var body strings.Builder
	const n = 200
	for i := range n {
		fmt.Fprintf(&body, `{"route":"note","args":"%d"}`+"\n", i)
		if i%50 == 0 {
			body.WriteString("\n \r\n")
		}
	}
	body.WriteString(`{"route":"double","args":21,"callbackId":"last"}`) // without a line end
	for _, kind := range []string{"application/x-ndjson", "application/json", ""} {
		lines := []string{"Graphscript-Session: " + e.token}
		if kind != "" {
			lines = append(lines, "Content-Type: "+kind)
		}
		status, answer := s.post(t, body.String(), lines...)
		require.Equal(t, http.StatusAccepted, status, answer)
		require.JSONEq(t, `{"args":42,"callbackId":"last"}`, e.data())
		for i := range n {
			require.Equal(t, fmt.Sprint(i), receive(t, s.notes, "the route runs"))
		}
	}
}

// A body of plain text is one message, whatever its lines: it may be JSON over several, or no JSON at all.
func TestTextIsOneMessage(t *testing.T) {
	messages := make(chan string, 10)
	s := serve(t, config{options: services.Options{OnMessage: func(_ *services.Peer, data []byte) { messages <- string(data) }}})
	e := s.stream(t)
	post := func(body string) {
		status, answer := s.post(t, body, "Graphscript-Session: "+e.token, "Content-Type: text/plain;charset=UTF-8")
		require.Equal(t, http.StatusAccepted, status, answer)
	}
	post("{\n\"route\": \"double\",\n\"args\": 21, \"callbackId\": 1\n}\n")
	require.JSONEq(t, `{"args":42,"callbackId":1}`, e.data())
	for _, text := range []string{"two\nlines", "", "\n", "[1,\n2]"} {
		post(text)
		require.Equal(t, text, receive(t, messages, "the text is delivered"))
	}
}

func TestMalformedMessagesEndTheSession(t *testing.T) {
	s := serve(t, config{options: services.Options{Limits: services.Limits{BadMessages: 2}}})
	e := s.stream(t)
	status, _ := s.post(t, "{]\n{]\n"+`{"route":"note","args":"taken"}`, "Graphscript-Session: "+e.token)
	require.Equal(t, http.StatusAccepted, status, "as many as are allowed")
	require.Equal(t, "taken", receive(t, s.notes, "the route runs"))
	status, _ = s.post(t, "{]\n"+`{"route":"note","args":"not taken"}`, "Graphscript-Session: "+e.token)
	require.Equal(t, http.StatusNotFound, status)
	require.Contains(t, e.ends(), "invalid_argument")
	require.Empty(t, s.notes)
	status, _ = s.post(t, "x", "Graphscript-Session: "+e.token, "Content-Type: text/plain")
	require.Equal(t, http.StatusNotFound, status)
}

func TestSlowBodyIsCut(t *testing.T) {
	s := serve(t, config{props: sse.Props{BodyTimeout: 150 * time.Millisecond}})
	e := s.stream(t)
	conn, in := s.dial(t, "POST / HTTP/1.1\r\nHost: example.com\r\nGraphscript-Session: "+e.token+"\r\nContent-Length: 1000\r\n\r\n"+`{"route":`)
	done := make(chan struct{})
	defer func() { conn.Close(); <-done }()
	go func() { // bytes that come now and then do not extend the time
		defer close(done)
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for range tick.C {
			if _, err := conn.Write([]byte(" ")); err != nil {
				return
			}
		}
	}()
	started := time.Now()
	response, err := http.ReadResponse(in, nil)
	require.NoError(t, err)
	require.GreaterOrEqual(t, time.Since(started), 100*time.Millisecond)
	require.Equal(t, http.StatusRequestTimeout, response.StatusCode)
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.JSONEq(t, `{"error":{"code":"deadline_exceeded","message":"the body was not complete within 150ms"}}`, string(body))
	require.True(t, response.Close)
	require.NoError(t, s.info.Session(e.id).Err(), "the session goes on")
}

func TestBodyThatBreaksOff(t *testing.T) {
	s := serve(t, config{})
	e := s.stream(t)
	conn, in := s.dial(t, "POST / HTTP/1.1\r\nHost: example.com\r\nGraphscript-Session: "+e.token+"\r\nContent-Length: 1000\r\n\r\n"+`{"route":"note","args":"half"}`+"\n")
	require.NoError(t, conn.CloseWrite())
	if response, err := http.ReadResponse(in, nil); err == nil {
		require.Equal(t, http.StatusBadRequest, response.StatusCode)
	}
	status, _ := s.post(t, `{"route":"double","args":1,"callbackId":1}`, "Graphscript-Session: "+e.token)
	require.Equal(t, http.StatusAccepted, status)
	require.JSONEq(t, `{"args":2,"callbackId":1}`, e.data())
	require.Empty(t, s.notes, "half a body is no body")
}

// A route that takes longer than BodyTimeout and the server's ReadTimeout is not cut by either.
func TestSlowRouteIsNotASlowBody(t *testing.T) {
	s := serve(t, config{props: sse.Props{BodyTimeout: 50 * time.Millisecond}})
	answered := make(chan int, 1)
	go func() {
		response, err := http.Post(s.url, "", strings.NewReader(`{"route":"hold","args":1,"meta":{"timeout":300}}`))
		if err != nil {
			answered <- 0
			return
		}
		response.Body.Close()
		answered <- response.StatusCode
	}()
	require.Equal(t, http.StatusGatewayTimeout, receive(t, answered, "the route ends by its own time"))
}

// Only the session that was asked can answer.
func TestAnswersCountFromTheSessionThatWasAsked(t *testing.T) {
	s := serve(t, config{})
	ann, eve := s.stream(t), s.stream(t)
	type result struct {
		greeting string
		err      error
	}
	results := make(chan result, 1)
	go func() {
		greeting, err := name.Run(t.Context(), s.info.Session(ann.id), "Hello")
		results <- result{greeting, err}
	}()
	call := decoded[struct {
		Route, Args string
		CallbackID  int `json:"callbackId"`
	}](t, ann.data())
	require.Equal(t, "name", call.Route)
	require.Equal(t, "Hello", call.Args)
	answer := func(text string) string { return fmt.Sprintf(`{"args":%q,"callbackId":%d}`, text, call.CallbackID) }
	status, _ := s.post(t, answer("I am Ann"), "Graphscript-Session: "+eve.token)
	require.Equal(t, http.StatusAccepted, status)
	status, _ = s.post(t, answer("me too"))
	require.Equal(t, http.StatusNotFound, status)
	require.Empty(t, results)
	status, _ = s.post(t, answer("Hello Ann"), "Graphscript-Session: "+ann.token)
	require.Equal(t, http.StatusAccepted, status)
	require.Equal(t, result{"Hello Ann", nil}, receive(t, results, "the call is answered"))
	status, _ = s.post(t, answer("twice"), "Graphscript-Session: "+ann.token)
	require.Equal(t, http.StatusAccepted, status, "a second answer is ignored")
}
