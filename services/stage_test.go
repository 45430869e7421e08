package services_test

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/graphscript-go/graphscript/graph"
	"github.com/graphscript-go/graphscript/services"
)

// A stage is the service the conversations are with.
type stage struct {
	t       *testing.T
	service *services.Service
	results map[string]<-chan string // of calls to the client, by name
	subs    map[string]chan *graph.Subscription
	free    func()
}

func newStage(t *testing.T) *stage {
	gate, free := context.WithCancel(t.Context())
	s := &stage{t: t, results: make(map[string]<-chan string), subs: make(map[string]chan *graph.Subscription), free: free}
	s.service = serving(t, services.Options{
		Expose: []string{"math", "counter", "state", "wait", "fail", "blow", "nothing", "null", "who", "left", "trace", "same"},
		Limits: services.Limits{BadMessages: 2, Subscriptions: 3, MessageBytes: 4 << 10},
	}, graph.Roots{
		"math": graph.Props{
			Methods: map[string]any{"add": func(a, b float64) float64 { return a + b }, "mul": func(a, b float64) float64 { return a * b }},
			State:   map[string]any{"pi": 3.14},
			// A node's operator, for calls without a method.
			Operator: func(a float64) float64 { return -a },
		},
		"state":  5.0,
		"same":   func(v any) any { return v },
		"secret": func() string { return "s3cr3t" },
		"wait": func(ctx context.Context) (string, error) {
			select {
			case <-gate.Done():
				return "free", nil
			case <-ctx.Done():
				return "", ctx.Err()
			}
		},
		"fail": func(code string) error {
			if code == "plain" {
				return errors.New("s3cr3t")
			}
			var c graph.Code
			_ = c.UnmarshalText([]byte(code))
			return &graph.Error{Code: c, Message: "as asked", Details: raw(`{"n":1}`)}
		},
		"blow":    func() { panic("s3cr3t") },
		"nothing": func() {},
		"null":    func() any { return nil },
		"who":     func(ctx context.Context) string { return services.IdentityFrom(ctx).User },
		"trace":   func(ctx context.Context) string { return services.Traceparent(ctx) },
		"left": func(ctx context.Context) string {
			deadline, ok := ctx.Deadline()
			if !ok {
				return "no deadline"
			}
			return time.Until(deadline).String()
		},
	})
	_, err := s.service.Graph().Add("counter", graph.Props{Operator: func(n float64) float64 { return n }})
	require.NoError(t, err)
	return s
}

// step does what a line of a "do" part says.
func (s *stage) step(p *services.Peer, line string) {
	s.t.Helper()
	words := strings.Fields(line)
	verb, words := words[0], words[1:]
	switch verb {
	case "set": // set KEY VALUE
		n, key := s.service.Graph().Resolve(words[0])
		value, err := strconv.ParseFloat(words[1], 64)
		require.NoError(s.t, err)
		require.NoError(s.t, n.Set(key, value))
	case "count": // count N, which publishes it
		n, err := strconv.ParseFloat(words[0], 64)
		require.NoError(s.t, err)
		_, err = s.service.Graph().Run(s.t.Context(), "counter", n)
		require.NoError(s.t, err)
	case "remove":
		require.True(s.t, s.service.Graph().Remove(words[0]))
	case "pass": // pass TIME
		d, err := time.ParseDuration(words[0])
		require.NoError(s.t, err)
		timer := time.NewTimer(d)
		<-timer.C
	case "free": // lets all waits return
		s.free()
	case "close": // close REASON
		p.Close(graph.Aborted, strings.Join(words, " "))
	case "shutdown":
		go func() { _ = s.service.Shutdown(context.Background()) }()
	case "run": // run NAME ROUTE ARG...: calls the client
		result := make(chan string, 1)
		s.results[words[0]] = result
		go func() {
			v, err := p.Do(s.t.Context(), &graph.Call{Route: words[1], Args: graph.ArgsJSON(raw("[" + strings.Join(words[2:], ",") + "]"))})
			result <- outcome(v, err)
		}()
	case "got": // got NAME RESULT: what the client answered
		synctest.Wait()
		select {
		case got := <-s.results[words[0]]:
			require.Equal(s.t, strings.Join(words[1:], " "), got)
		default:
			s.t.Fatalf("%s: no answer", line)
		}
	case "watch": // watch NAME ROUTE: subscribes to a route of the client
		got := make(chan string, 100)
		s.results[words[0]] = got
		s.subs[words[0]] = make(chan *graph.Subscription, 1)
		go func() {
			sub, err := p.Subscribe(s.t.Context(), words[1], func(_ context.Context, e graph.Event) { got <- outcome(e.Value, nil) })
			if err != nil {
				got <- err.Error()
				return
			}
			s.subs[words[0]] <- sub
		}()
	case "stop": // stop NAME: ends that
		(<-s.subs[words[0]]).Stop()
	case "post":
		require.NoError(s.t, graph.Post(s.t.Context(), p, words[0]))
	case "send":
		require.NoError(s.t, p.Send(s.t.Context(), strings.Join(words, " ")))
	default:
		s.t.Fatalf("no such step: %q", line)
	}
	synctest.Wait()
}

func outcome(v any, err error) string {
	if err != nil {
		return err.Error()
	}
	if v == (graph.Void{}) {
		return "nothing"
	}
	data, err := graph.As[string](v)
	if err == nil {
		return data
	}
	return "?"
}
