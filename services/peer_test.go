package services_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/graphscript-go/graphscript/graph"
	"github.com/graphscript-go/graphscript/services"
)

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
