package sse_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/graphscript-go/graphscript/services"
)

// published opens a stream as the published graphscript client does, which does not say that it speaks our dialect.
func (s *server) published(t testing.TB, lines ...string) (e *stream, id string) {
	t.Helper()
	e = s.get(t, http.MethodGet, append([]string{"Accept: text/event-stream"}, lines...)...)
	require.Equal(t, http.StatusOK, e.response.StatusCode)
	first := decoded[map[string]any](t, e.data())
	require.Equal(t, "setId", first["route"])
	return e, first["args"].(string)
}

func TestPublishedClientAnswersACall(t *testing.T) {
	s := serve(t, config{})
	e, id := s.published(t)
	eve, eveID := s.published(t)
	results := make(chan string, 1)
	go func() {
		greeting, err := name.Run(t.Context(), s.info.Session(id), "Hello")
		results <- fmt.Sprint(greeting, err)
	}()
	call := decoded[struct {
		Route string
		Args  []json.RawMessage
	}](t, e.data())
	require.Equal(t, "runRequest", call.Route)
	require.JSONEq(t, `{"route":"name","args":"Hello"}`, string(call.Args[0]))
	require.Equal(t, s.url+"/", decoded[string](t, string(call.Args[1])), "the reply goes to an absolute URL")
	require.Equal(t, id, decoded[string](t, string(call.Args[3])))

	answer := func(session string) string {
		return fmt.Sprintf(`{"args":"Hello Ann","callbackId":%s,"sessionId":%q}`, call.Args[2], session)
	}
	status, _ := s.post(t, answer("nobody"))
	require.Equal(t, http.StatusNotFound, status)
	status, _ = s.post(t, answer(eveID))
	require.Equal(t, http.StatusNoContent, status, "who does not wait for it ignores it")
	own := s.stream(t)
	status, _ = s.post(t, answer(own.id))
	require.Equal(t, http.StatusNotFound, status, "our own clients prove that a session is theirs")
	require.Empty(t, results)
	status, _ = s.post(t, answer(id))
	require.Equal(t, http.StatusNoContent, status)
	require.Equal(t, "Hello Ann<nil>", receive(t, results, "the call is answered"))
	_ = eve
}

func TestPublishedClientSubscribes(t *testing.T) {
	s := serve(t, config{options: services.Options{Authenticate: byHeader}})
	e, id := s.published(t, "X-User: ann")
	subscribe := fmt.Sprintf(`{"route":"subscribeSSE","args":["ticks",%q,null,null,null,%q]}`, s.url, id)
	for _, tt := range []struct {
		user, body string
	}{{"bob", subscribe}, {"ann", strings.ReplaceAll(subscribe, id, "nobody")}, {"ann", `{"route":"subscribeSSE","args":["ticks"]}`}} {
		status, _ := s.post(t, tt.body, "X-User: "+tt.user)
		require.Equal(t, http.StatusNotFound, status)
	}
	status, number := s.post(t, subscribe, "X-User: ann")
	require.Equal(t, http.StatusOK, status, number)
	s.ticks.Set(7)
	update := e.data()
	require.NotContains(t, update[:8], "{", "the client looks at the first eight characters")
	require.JSONEq(t, `{"args":7,"callbackId":"ticks"}`, update)

	unsubscribe := `{"route":"unsubscribe","args":["ticks",` + number + `]}`
	status, answer := s.post(t, unsubscribe, "X-User: bob")
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, "false", answer)
	require.Equal(t, 1, s.svc.Stats().Subscriptions)
	_, answer = s.post(t, unsubscribe, "X-User: ann")
	require.Equal(t, "true", answer)
	require.Zero(t, s.svc.Stats().Subscriptions)
}

// A published client's answer is taken while the service drains: the call that runs waits for it.
func TestDrainTakesWhatRunningCallsNeed(t *testing.T) {
	s := serve(t, config{})
	own := s.stream(t)
	e, id := s.published(t)
	p := s.info.Session(id)
	require.NoError(t, s.info.Session(own.id).Deliver([]byte(`{"route":"hold","args":1,"callbackId":"h"}`)))
	require.NoError(t, p.Deliver([]byte(`{"route":"hold","args":1,"callbackId":"h"}`)))
	eventually(t, "routes run", func() bool { return s.svc.Stats().Running == 2 })
	results := make(chan error, 2)
	go func() { _, err := name.Run(t.Context(), p, ""); results <- err }()
	call := decoded[struct{ Args []json.RawMessage }](t, e.data())
	go func() { _, err := name.Run(t.Context(), s.info.Session(own.id), ""); results <- err }()
	ownCall := decoded[map[string]any](t, own.data())

	down := make(chan error, 1)
	go func() { down <- s.svc.Shutdown(t.Context()) }()
	eventually(t, "nothing new begins", func() bool {
		status, _ := s.post(t, `{"route":"double","args":1}`)
		return status == http.StatusServiceUnavailable
	})
	status, _ := s.post(t, fmt.Sprintf(`{"args":"","callbackId":%s,"sessionId":%q}`, call.Args[2], id))
	require.Equal(t, http.StatusNoContent, status)
	require.NoError(t, receive(t, results, "the published client's answer is taken"))
	status, _ = s.post(t, fmt.Sprintf(`{"args":"","callbackId":%v}`+"\n"+`{"route":"double","args":1,"callbackId":"new"}`, ownCall["callbackId"]), "Graphscript-Session: "+own.token)
	require.Equal(t, http.StatusAccepted, status)
	require.NoError(t, receive(t, results, "our client's answer is taken"))
	require.Contains(t, own.data(), `"unavailable"`, "a new call is refused")
	require.Empty(t, down)
	for _, token := range []string{own.token, p.Token()} {
		status, _ = s.post(t, `{"method":"cancel","callbackId":"h"}`, "Graphscript-Session: "+token)
		require.Contains(t, []int{http.StatusAccepted, http.StatusNotFound}, status, "it ends the session")
	}
	require.NoError(t, receive(t, down, "the service is down when the routes have ended"))
	require.Contains(t, own.data(), `"callbackId":"h"`, "their answers still leave")
	require.JSONEq(t, `{"code":"unavailable","message":"the service is shutting down"}`, own.ends())
}
