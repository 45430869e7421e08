package services_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/graphscript-go/graphscript/graph"
	"github.com/graphscript-go/graphscript/services"
)

func TestPeerKnowsItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serving(t, services.Options{}, nil)
		id := services.Identity{User: "ann", Claims: 7}
		p, _ := attach(t, s, services.AttachOptions{Transport: "tape", Identity: id})
		require.Equal(t, "tape", p.Transport())
		require.Equal(t, id, p.Identity())
		require.Same(t, s, p.Service())
		require.Same(t, p, s.Peer(p.ID()))
		require.NoError(t, p.Err())
		require.NoError(t, p.Context().Err())
		<-p.Ready()
		other, _ := attach(t, s, services.AttachOptions{})
		require.NotEqual(t, p.ID(), other.ID())
		require.NotEqual(t, p.Token(), other.Token())
		require.Len(t, p.Token(), 22, "128 bits in base64")
		require.NotContains(t, p.ID(), p.Token())
	})
}

func TestClientIsToldItsIDOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, l := attach(t, serving(t, services.Options{}, nil), services.AttachOptions{Client: true})
		require.Empty(t, p.ID())
		say(t, p, l, `{"route":"setId","args":""}`, `{"route":"setId","args":5}`, `{"route":"setId"}`)
		select {
		case <-p.Ready():
			t.Fatal("these are no ids")
		default:
		}
		say(t, p, l, `{"route":"setId","args":"one","meta":{"token":"secret"}}`)
		<-p.Ready()
		require.Empty(t, say(t, p, l, `{"route":"setId","args":"two","meta":{"token":"other"}}`))
		require.Equal(t, "one", p.ID())
		require.Equal(t, "secret", p.Token())
	})
}

func TestIdentityExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serving(t, services.Options{}, graph.Roots{"state": 1})
		p, l := attach(t, s, services.AttachOptions{Identity: services.Identity{User: "ann", Expires: time.Now().Add(time.Minute)}})
		require.Len(t, say(t, p, l, `{"route":"state","method":"subscribe","callbackId":1}`), 1)
		<-time.After(time.Minute - 1)
		synctest.Wait()
		require.NoError(t, p.Err())
		<-time.After(1)
		<-p.Done()
		require.ErrorIs(t, p.Err(), graph.Unauthenticated)
		require.Equal(t, "closed: unauthenticated: the identity has expired", l.closing())
		require.NoError(t, s.Graph().Get("state").Set("", 2))
		require.Empty(t, l.take(), "nothing is delivered to it any more")

		_, err := s.Attach(&tape{done: make(chan struct{})}, services.AttachOptions{Identity: services.Identity{Expires: time.Now()}})
		require.ErrorIs(t, err, graph.Unauthenticated)

		// One that is closed before does not come to life again, or to an end twice.
		p, l = attach(t, s, services.AttachOptions{Identity: services.Identity{Expires: time.Now().Add(time.Minute)}})
		p.Terminate()
		<-p.Done()
		<-time.After(2 * time.Minute)
		require.ErrorIs(t, p.Err(), graph.Canceled)
		require.Contains(t, l.closing(), "terminated")
	})
}

func TestIdentityOfACall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var inner *services.Service
		who := func(ctx context.Context) string { return services.IdentityFrom(ctx).User }
		inner = serving(t, services.Options{}, graph.Roots{"who": who})
		s := serving(t, services.Options{}, graph.Roots{
			"who": who,
			"as": func(ctx context.Context, user string) (any, error) { // on behalf of somebody else
				return inner.Do(services.WithIdentity(ctx, services.Identity{User: user}), &graph.Call{Route: "who"})
			},
			"same": func(ctx context.Context) (any, error) { return inner.Do(ctx, &graph.Call{Route: "who"}) },
		})
		p, l := attach(t, s, services.AttachOptions{Identity: services.Identity{User: "ann"}})
		require.Equal(t, []string{`{"args":"ann","callbackId":1}`}, say(t, p, l, `{"route":"who","callbackId":1}`))
		require.Equal(t, []string{`{"args":"bob","callbackId":2}`}, say(t, p, l, `{"route":"as","args":"bob","callbackId":2}`))
		require.Equal(t, []string{`{"args":"ann","callbackId":3}`}, say(t, p, l, `{"route":"same","callbackId":3}`))
		require.Zero(t, services.IdentityFrom(t.Context()))
		_, ok := services.PeerFrom(t.Context())
		require.False(t, ok)
		require.Empty(t, services.Traceparent(t.Context()))
		require.Equal(t, t.Context(), services.WithTraceparent(t.Context(), ""))
	})
}

func TestHooks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log []string
		o := services.Options{
			OnConnect: func(p *services.Peer) error {
				log = append(log, "connect "+p.Identity().User)
				switch p.Identity().User {
				case "refused":
					return graph.PermissionDenied.Errorf("not you")
				case "panics":
					panic("s3cr3t")
				case "leaves":
					p.Close(graph.Aborted, "at once")
				}
				return p.Send(t.Context(), "welcome")
			},
			OnDisconnect: func(p *services.Peer, reason error) {
				log = append(log, "disconnect "+p.Identity().User+" "+reason.Error())
				select {
				case <-p.Done():
					log = append(log, "done too early")
				default:
				}
				panic("hook")
			},
		}
		s := serving(t, o, nil)
		attachAs := func(user string) (*services.Peer, *tape, error) {
			l := &tape{done: make(chan struct{})}
			p, err := s.Attach(l, services.AttachOptions{Identity: services.Identity{User: user}})
			if err == nil {
				s.Go(func() { _ = p.Serve(context.Background()) })
			}
			return p, l, err
		}
		p, l, err := attachAs("ann")
		require.NoError(t, err)
		lines := l.take()
		require.Len(t, lines, 2)
		require.Contains(t, lines[0], "setId", "the first message")
		require.Equal(t, "welcome", lines[1])
		p.Terminate()
		<-p.Done()
		require.Equal(t, []string{"connect ann", "disconnect ann canceled: terminated"}, log)

		log = nil
		for user, code := range map[string]graph.Code{"refused": graph.PermissionDenied, "panics": graph.Internal, "leaves": graph.Unavailable} {
			p, l, err := attachAs(user)
			if user == "leaves" {
				require.Error(t, err, "what it sends can go nowhere")
			}
			require.Equal(t, code, graph.CodeOf(err), user)
			require.Nil(t, p)
			require.Zero(t, l.ends)
			require.Empty(t, s.Peers())
		}
		require.Len(t, log, 3, "who was never accepted does not leave")
		require.NoError(t, s.Shutdown(t.Context()))
	})
}

// A hook may hand a peer on and then refuse it; who has it must see that it is gone.
func TestRefusedPeerIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var set services.PeerSet
		var kept *services.Peer
		entered, decide := make(chan struct{}), make(chan struct{})
		s := serving(t, services.Options{OnConnect: func(p *services.Peer) error {
			kept = p
			set.Add(p)
			close(entered)
			<-decide
			return errors.New("no")
		}}, nil)
		attached := make(chan error, 1)
		go func() {
			_, err := s.Attach(&tape{done: make(chan struct{})}, services.AttachOptions{})
			attached <- err
		}()
		<-entered
		down := make(chan error, 1)
		go func() { down <- s.Shutdown(t.Context()) }()
		call := make(chan error, 1)
		go func() { _, err := kept.Run(t.Context(), "x"); call <- err }()
		synctest.Wait()
		close(decide)
		require.EqualError(t, <-attached, "no")
		require.ErrorIs(t, <-call, graph.Unavailable)
		require.NoError(t, <-down, "Shutdown does not wait for a peer that never was")
		<-kept.Done()
		synctest.Wait()
		require.Zero(t, set.Len())
	})
}

// An error a link fails with may hold addresses; it must not reach whoever called through the peer.
func TestReasonsKeepToThemselves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const canary = "read tcp 10.1.2.3:443->10.9.8.7:5555"
		s := serving(t, services.Options{}, nil)
		p, _ := attach(t, s, services.AttachOptions{})
		p.Lost(errors.New(canary))
		<-p.Done()
		require.Contains(t, p.Err().Error(), canary, "the service itself may know")
		_, err := p.Run(t.Context(), "x")
		require.ErrorIs(t, err, graph.Unavailable)
		require.ErrorIs(t, err, services.ErrNotSent)
		require.NotContains(t, err.Error(), "10.1.2.3")
		require.Contains(t, err.Error(), "connection lost")
		_, err = p.Subscribe(t.Context(), "x", func(context.Context, graph.Event) {})
		require.ErrorIs(t, err, graph.Unavailable)
		require.ErrorIs(t, p.Send(t.Context(), "x"), graph.Unavailable)
		require.ErrorIs(t, p.Offer(services.NewFrame(nil)), graph.Unavailable)

		p, _ = attach(t, s, services.AttachOptions{})
		p.Lost(fmt.Errorf("%s: %w", canary, context.DeadlineExceeded))
		<-p.Done()
		_, err = p.Run(t.Context(), "x")
		require.EqualError(t, err, "unavailable: the peer is gone: deadline_exceeded: not sent")
	})
}

// faulty is a link whose writes fail.
type faulty struct {
	tape
	err error
}

func (l *faulty) Write(time.Time, []*services.Frame) error { return l.err }

type timeoutError struct{}

func (timeoutError) Error() string { return "i/o timeout at 10.1.2.3" }
func (timeoutError) Timeout() bool { return true }

func TestWriteThatFails(t *testing.T) {
	for _, c := range []struct {
		err  error
		code graph.Code
		text string
	}{
		{errors.New("broken pipe"), graph.Unavailable, "the tape peer cannot be written to"},
		{fmt.Errorf("write: %w", timeoutError{}), graph.DeadlineExceeded, "the tape peer does not take what is sent"},
		{context.DeadlineExceeded, graph.DeadlineExceeded, "the tape peer does not take what is sent"},
		{graph.Aborted.Errorf("closed by a proxy"), graph.Aborted, "closed by a proxy"},
	} {
		synctest.Test(t, func(t *testing.T) {
			l := &faulty{tape{done: make(chan struct{})}, c.err}
			p, err := serving(t, services.Options{}, nil).Attach(l, services.AttachOptions{Transport: "tape"})
			require.NoError(t, err)
			err = p.Serve(t.Context())
			require.ErrorIs(t, err, c.code)
			require.ErrorIs(t, err, c.err)
			var e *graph.Error
			require.ErrorAs(t, err, &e)
			require.Equal(t, c.text, e.Message)
			synctest.Wait()
			require.Positive(t, l.ends)
		})
	}
}

func TestServeEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serving(t, services.Options{}, nil)
		l := &tape{done: make(chan struct{})}
		p, err := s.Attach(l, services.AttachOptions{})
		require.NoError(t, err)
		ctx, cancel := context.WithCancelCause(t.Context())
		served := make(chan error, 1)
		go func() { served <- p.Serve(ctx) }()
		synctest.Wait()
		cancel(errors.New("the request is over"))
		require.ErrorIs(t, <-served, graph.Unavailable)
		<-p.Done()
		<-p.Context().Done()
	})
}

// Close lets what is queued be written; if it cannot be, Lost cuts that short, and the reason stays.
func TestLostAfterClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, l := attach(t, serving(t, services.Options{}, nil), services.AttachOptions{})
		l.block()
		began := time.Now()
		require.NoError(t, p.Send(t.Context(), "last words"))
		p.Close(graph.Aborted, "enough")
		p.Close(graph.Internal, "more than enough")
		synctest.Wait()
		select {
		case <-p.Done():
			t.Fatal("what is queued is being written")
		default:
		}
		p.Lost(errors.New("reset"))
		<-p.Done()
		require.Zero(t, time.Since(began))
		require.Equal(t, "closed: aborted: enough", l.closing())
		p.Lost(errors.New("again"))
		synctest.Wait()
		require.EqualError(t, p.Err(), "aborted: enough")
	})
}

func TestWhatIsQueuedIsWrittenAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, l := attach(t, serving(t, services.Options{}, nil), services.AttachOptions{})
		release := l.block()
		require.NoError(t, p.Send(t.Context(), "first"))
		synctest.Wait()
		for i := range 100 {
			require.NoError(t, p.Send(t.Context(), fmt.Sprint(i)))
		}
		p.Close(graph.Aborted, "enough")
		release()
		<-p.Done()
		require.Len(t, l.take(), 101)
		require.LessOrEqual(t, l.writes, 3, "the first message alone, and then all that was queued")
	})
}

func TestVerbs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, l := attach(t, serving(t, services.Options{}, nil), services.AttachOptions{})
		one := func() string {
			t.Helper()
			lines := l.take()
			require.Len(t, lines, 1)
			return lines[0]
		}
		require.NoError(t, p.Post(t.Context(), "note", 1, "x"))
		require.Equal(t, `{"route":"note","args":[1,"x"]}`, one())
		ctx, cancel := context.WithTimeout(services.WithTraceparent(t.Context(), "trace"), 2*time.Second)
		defer cancel()
		require.NoError(t, p.Post(ctx, "note"))
		require.Equal(t, `{"route":"note","meta":{"timeout":2000,"traceparent":"trace"}}`, one())

		results := make(chan string, 1)
		go func() {
			v, err := p.Request(t.Context(), services.Message{Route: "r", Method: "m", Args: raw("[\n1]"), Callback: raw(`"mine"`), Sub: raw(`1`)})
			results <- fmt.Sprint(string(v), err)
		}()
		require.Equal(t, `{"route":"r","args":[1],"method":"m","callbackId":1,"meta":{"timeout":10000}}`, one())
		say(t, p, l, `{"callbackId":1,"args":[9007199254740993]}`)
		require.Equal(t, "[9007199254740993]<nil>", <-results)

		for v, want := range map[any]string{"text": "text", 5: "5", struct{ A int }{1}: `{"A":1}`} {
			require.NoError(t, p.Send(t.Context(), v))
			require.Equal(t, want, one())
		}
		buffer := []byte("bytes")
		release := l.block()
		require.NoError(t, p.Send(t.Context(), "before"))
		synctest.Wait()
		require.NoError(t, p.Send(t.Context(), buffer))
		require.NoError(t, p.Send(t.Context(), raw(string(buffer))))
		copy(buffer, "XXXXX")
		release()
		require.Equal(t, []string{"before", "bytes", "bytes"}, l.take(), "the buffer is the caller's again")

		// What would be another message at the other end.
		for _, m := range []services.Message{{}, {Method: "cancel"}, {Route: "r", Method: "subscribe"}, {Route: "r", Args: raw("{")}} {
			_, err := p.Request(t.Context(), m)
			require.Error(t, err)
		}
		_, err := p.Do(t.Context(), &graph.Call{Route: "r", Method: "subscribe"})
		require.ErrorIs(t, err, graph.InvalidArgument)
		_, err = p.Run(t.Context(), "")
		require.ErrorIs(t, err, graph.NotFound)
		require.ErrorIs(t, p.Post(t.Context(), ""), graph.NotFound)
		// What the other end could not read.
		for _, arg := range []any{func() {}, raw("{"), raw("\"\xff\""), raw(nested(31))} {
			_, err := p.Run(t.Context(), "r", arg)
			require.ErrorIs(t, err, graph.InvalidArgument)
			require.ErrorIs(t, p.Post(t.Context(), "r", arg), graph.InvalidArgument)
			require.Error(t, p.Send(t.Context(), func() {}))
		}
		_, err = p.Subscribe(t.Context(), "r", func(context.Context, graph.Event) {}, graph.Lag{Policy: 99})
		require.ErrorIs(t, err, graph.InvalidArgument)
		require.Empty(t, l.take())

		// A context that has ended sends nothing.
		cancel()
		for _, err := range []error{p.Post(ctx, "note"), second(p.Run(ctx, "r"))} {
			require.ErrorIs(t, err, graph.Canceled)
			require.ErrorIs(t, err, services.ErrNotSent)
		}
		require.Empty(t, l.take())
		require.Zero(t, p.Service().Stats().Pending)
	})
}

func second[T any](_ T, err error) error { return err }

// A cancellation is for the other end; its queue being full must not keep it from getting it.
func TestCancellationIsSentThoughTheQueueIsFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, l := attach(t, serving(t, services.Options{Limits: services.Limits{QueueMessages: 2}}, nil), services.AttachOptions{})
		ctx, cancel := context.WithCancelCause(t.Context())
		results := make(chan error, 1)
		go func() { _, err := p.Run(ctx, "r"); results <- err }()
		require.Len(t, l.take(), 1)
		release := l.block()
		require.NoError(t, p.Send(t.Context(), "a"))
		require.NoError(t, p.Send(t.Context(), "b"))
		cancel(errors.New("reason of this process"))
		err := <-results
		require.ErrorIs(t, err, graph.Canceled)
		require.NotErrorIs(t, err, services.ErrNotSent)
		release()
		require.Equal(t, []string{"a", "b", `{"method":"cancel","callbackId":1}`}, l.take())
	})
}

func TestOnMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		got := make(chan string, 10)
		s := serving(t, services.Options{OnMessage: func(p *services.Peer, data []byte) {
			if strings.HasPrefix(string(data), "panic") {
				panic("hook")
			}
			got <- p.Identity().User + " " + string(data)
		}}, nil)
		p, l := attach(t, s, services.AttachOptions{Identity: services.Identity{User: "ann"}})
		require.Empty(t, say(t, p, l, "panic"))
		require.Empty(t, say(t, p, l, "hello"))
		require.Equal(t, "ann hello", <-got)
		require.Len(t, say(t, p, l, `{"route":"ping","callbackId":1}`), 1)
		require.Empty(t, got)
	})
}
