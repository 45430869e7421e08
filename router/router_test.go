package router_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/graphscript-go/graphscript/graph"
	"github.com/graphscript-go/graphscript/router"
	"github.com/graphscript-go/graphscript/services"
)

const (
	where graph.Func[string, string]     = "where"
	note  graph.Func[string, graph.Void] = "note"
	tick  graph.State[int]               = "tick"
)

// A device is one connection of a person: a service with a graph of its own, joined to the server in memory.
type device struct {
	name  string
	peer  *services.Peer // what the server sees
	far   *services.Peer // what the device sees
	raw   chan []byte    // updates of no subscription that the device knows
	tick  *graph.Var[int]
	notes chan string
	close func()
}

// A memoryLink hands frames to the other end's peer, on a goroutine of its own.
type memoryLink struct {
	frames chan []byte
	done   chan struct{}
	once   sync.Once
}

func (l *memoryLink) Write(_ time.Time, frames []*services.Frame) error {
	for _, f := range frames {
		select {
		case l.frames <- f.Payload:
		case <-l.done:
			return context.Canceled
		}
	}
	return nil
}

func (l *memoryLink) Close(error) error {
	l.once.Do(func() { close(l.done) })
	return nil
}

// join connects a new device of a user over a transport of that name.
func join(t *testing.T, server *services.Service, user, transport, name string) *device {
	t.Helper()
	d := &device{name: name, notes: make(chan string, 100), raw: make(chan []byte, 100)}
	g := graph.New()
	where.Handle(g, func(_ context.Context, q string) (string, error) {
		if q == "fail" {
			return "", graph.FailedPrecondition.Errorf("not on %s", name)
		}
		return name, nil
	})
	note.Handle(g, func(_ context.Context, text string) (graph.Void, error) {
		d.notes <- text
		return graph.Void{}, nil
	})
	d.tick = tick.Serve(g, 0)
	client := services.New(g, &services.Options{Expose: []string{"**"}})

	out := &memoryLink{frames: make(chan []byte), done: make(chan struct{})}
	in := &memoryLink{frames: make(chan []byte), done: make(chan struct{})}
	var err error
	d.peer, err = server.Attach(out, services.AttachOptions{Transport: transport, Identity: services.Identity{User: user}})
	require.NoError(t, err)
	far, err := client.Attach(in, services.AttachOptions{Transport: transport, Client: true})
	require.NoError(t, err)

	d.far = far
	var wg sync.WaitGroup
	wg.Go(func() { _ = d.peer.Serve(context.Background()) })
	wg.Go(func() { _ = far.Serve(context.Background()) })
	deliver := func(l *memoryLink, p *services.Peer) {
		for {
			select {
			case data := <-l.frames:
				if p == far && strings.Contains(string(data), `"callbackId":"tick"`) {
					d.raw <- data
				}
				_ = p.Deliver(data)
			case <-l.done:
				p.Lost(graph.Unavailable.Errorf("link closed"))
				return
			}
		}
	}
	wg.Go(func() { deliver(out, far) })
	wg.Go(func() { deliver(in, d.peer) })
	d.close = sync.OnceFunc(func() {
		far.Terminate()
		<-far.Done()
		_ = out.Close(nil)
		<-d.peer.Done()
		wg.Wait()
	})
	t.Cleanup(d.close)
	<-far.Ready()
	return d
}

func newServer() *services.Service { return services.New(graph.New(), nil) }

func TestUserIsReachedOverThePreferredLiveConnection(t *testing.T) {
	server, r := newServer(), router.New(nil)
	page := join(t, server, "ann", "sse", "page")
	u := r.Add(page.peer)
	require.Same(t, u, r.User("ann"))

	got, err := where.Run(t.Context(), u, "")
	require.NoError(t, err)
	require.Equal(t, "page", got)

	socket := join(t, server, "ann", "ws", "socket")
	require.Same(t, u, r.Add(socket.peer), "a second connection must join the same user")
	other := join(t, server, "ann", "carrier pigeon", "pigeon")
	r.Add(other.peer)

	got, err = where.Run(t.Context(), u, "")
	require.NoError(t, err)
	require.Equal(t, "socket", got, "ws comes before sse")
	value, err := u.Run(t.Context(), "where", "")
	require.NoError(t, err)
	require.Equal(t, "socket", value)
	value, err = u.Request(t.Context(), services.Message{Route: "where", Args: []byte(`""`)})
	require.NoError(t, err)
	require.Equal(t, "socket", value)

	socket.close()
	got, err = where.Run(t.Context(), u, "")
	require.NoError(t, err)
	require.Equal(t, "page", got)
	page.close()
	got, err = where.Run(t.Context(), u, "")
	require.NoError(t, err)
	require.Equal(t, "pigeon", got, "transports that are not named come last")
}

func TestPreferOrdersTransports(t *testing.T) {
	server, r := newServer(), router.New(&router.Options{Prefer: []string{"sse", "ws"}})
	u := r.Add(join(t, server, "ann", "ws", "socket").peer)
	r.Add(join(t, server, "ann", "sse", "page").peer)
	got, err := where.Run(t.Context(), u, "")
	require.NoError(t, err)
	require.Equal(t, "page", got)
}

func TestErrorsOfARouteAreNotTriedElsewhere(t *testing.T) {
	server, r := newServer(), router.New(nil)
	u := r.Add(join(t, server, "ann", "ws", "socket").peer)
	r.Add(join(t, server, "ann", "sse", "page").peer)
	_, err := where.Run(t.Context(), u, "fail")
	require.ErrorIs(t, err, graph.FailedPrecondition)
	require.ErrorContains(t, err, "not on socket")
}

func TestAllSpeaksOverEveryConnection(t *testing.T) {
	server, r := newServer(), router.New(nil)
	devices := []*device{
		join(t, server, "ann", "ws", "socket"),
		join(t, server, "ann", "sse", "page"),
		join(t, server, "ann", "sse", "second page"),
	}
	var u *router.User
	for _, d := range devices {
		u = r.Add(d.peer)
	}
	r.Add(join(t, server, "bob", "ws", "stranger").peer)

	var names []string
	for _, result := range u.RunAll(t.Context(), "where", "") {
		require.NoError(t, result.Err)
		names = append(names, result.Value.(string))
	}
	require.Equal(t, []string{"socket", "page", "second page"}, names)
	answers := services.RunAll(t.Context(), where, u.All(), "fail")
	require.Len(t, answers, 3)
	for _, a := range answers {
		require.ErrorIs(t, a.Err, graph.FailedPrecondition)
	}

	require.NoError(t, u.PostAll(t.Context(), "note", "to all"))
	require.NoError(t, u.Post(t.Context(), "note", "to one"))
	n, err := u.SendAll(map[string]any{"route": "note", "args": "sent"})
	require.NoError(t, err)
	require.Equal(t, 3, n)
	require.NoError(t, u.Send(t.Context(), map[string]any{"route": "note", "args": "sent once"}))
	for _, d := range devices {
		require.ElementsMatch(t, expected(d), take(d.notes, len(expected(d))))
	}
}

func expected(d *device) []string {
	if d.name == "socket" {
		return []string{"to all", "to one", "sent", "sent once"}
	}
	return []string{"to all", "sent"}
}

func take(c <-chan string, n int) []string {
	var all []string
	for range n {
		all = append(all, <-c)
	}
	return all
}

func TestSubscribe(t *testing.T) {
	server, r := newServer(), router.New(nil)
	socket, page := join(t, server, "ann", "ws", "socket"), join(t, server, "ann", "sse", "page")
	u := r.Add(socket.peer)
	r.Add(page.peer)

	all := make(chan string, 10)
	sub, err := u.SubscribeAll(t.Context(), "tick", func(ctx context.Context, e graph.Event) {
		p, _ := services.PeerFrom(ctx)
		all <- p.Transport()
	})
	require.NoError(t, err)
	socket.tick.Set(1)
	page.tick.Set(1)
	require.ElementsMatch(t, []string{"ws", "sse"}, take(all, 2))
	u.Unsubscribe(sub)

	values := make(chan int, 10)
	one, err := tick.Listen(t.Context(), u, func(up graph.Update[int]) { values <- up.Value })
	require.NoError(t, err)
	require.Equal(t, 1, <-values, "the snapshot comes first")
	socket.tick.Set(2)
	require.Equal(t, 2, <-values)
	socket.close()
	<-one.Done()
	require.ErrorIs(t, one.Err(), graph.Unavailable, "the loss of the connection must end the subscription")
}

func TestUserGoesWithTheLastConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log []string
		r := router.New(&router.Options{
			OnJoin:  func(u *router.User) { log = append(log, "join "+u.ID()) },
			OnLeave: func(u *router.User) { log = append(log, "leave "+u.ID()) },
		})
		server := newServer()
		socket, page := join(t, server, "ann", "ws", "socket"), join(t, server, "ann", "sse", "page")
		u := r.Add(socket.peer)
		r.Add(page.peer)
		require.Same(t, u, r.Add(page.peer), "adding a peer twice must change nothing")
		require.Len(t, u.Peers(), 2)
		require.Same(t, u, r.Of(page.peer))

		socket.close()
		synctest.Wait()
		require.NoError(t, u.Context().Err())
		require.Same(t, u, r.User("ann"))
		page.close()
		synctest.Wait()
		require.Error(t, u.Context().Err())
		require.Nil(t, r.User("ann"))
		require.Nil(t, r.Of(page.peer))
		require.Empty(t, r.Users())
		require.Equal(t, []string{"join ann", "leave ann"}, log)

		_, err := where.Run(t.Context(), u, "")
		require.ErrorIs(t, err, graph.Unavailable)
		require.ErrorIs(t, u.Send(t.Context(), "x"), graph.Unavailable)
		_, err = u.Request(t.Context(), services.Message{Route: "where"})
		require.ErrorIs(t, err, graph.Unavailable)
	})
}

func TestAnonymousPeersAreUsersOfTheirOwn(t *testing.T) {
	server, r := newServer(), router.New(nil)
	a, b := join(t, server, "", "ws", "a"), join(t, server, "", "ws", "b")
	require.NotSame(t, r.Add(a.peer), r.Add(b.peer))
	require.Len(t, r.Users(), 2)
}

func TestRemoveLeavesThePeerOpen(t *testing.T) {
	server, r := newServer(), router.New(nil)
	d := join(t, server, "ann", "ws", "socket")
	u := r.Add(d.peer)
	require.True(t, r.Remove(d.peer))
	require.False(t, r.Remove(d.peer))
	require.Error(t, u.Context().Err())
	require.NoError(t, d.peer.Err())
	again := r.Add(d.peer)
	require.NotSame(t, u, again)
	again.Terminate()
	<-d.peer.Done()
	require.ErrorIs(t, d.peer.Err(), graph.Canceled)
}

func TestAPeerThatIsGoneDoesNotStay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, r := newServer(), router.New(nil)
		d := join(t, server, "ann", "ws", "socket")
		d.close()
		r.Add(d.peer)
		synctest.Wait()
		require.Empty(t, r.Users())
	})
}

func TestHooksRunInOrderAndMayUseTheRouter(t *testing.T) {
	server := newServer()
	var r *router.Router
	var log []string
	second := join(t, server, "bob", "ws", "b")
	r = router.New(&router.Options{OnJoin: func(u *router.User) {
		if u.ID() == "ann" {
			r.Add(second.peer) // its hook must run after this one
		}
		log = append(log, u.ID())
	}})
	r.Add(join(t, server, "ann", "ws", "a").peer)
	require.Equal(t, []string{"ann", "bob"}, log)
}

func TestAHookThatPanicsDoesNotStopLaterOnes(t *testing.T) {
	server := newServer()
	var joined []string
	r := router.New(&router.Options{OnJoin: func(u *router.User) {
		if u.ID() == "ann" {
			panic("bad hook")
		}
		joined = append(joined, u.ID())
	}})
	require.Panics(t, func() { r.Add(join(t, server, "ann", "ws", "a").peer) })
	r.Add(join(t, server, "bob", "ws", "b").peer)
	require.Equal(t, []string{"bob"}, joined)
}

func TestManyComeAndGoAtOnce(t *testing.T) {
	var mu sync.Mutex
	balance := map[string]int{}
	count := func(n int) func(*router.User) {
		return func(u *router.User) {
			mu.Lock()
			defer mu.Unlock()
			balance[u.ID()] += n
		}
	}
	r := router.New(&router.Options{OnJoin: count(1), OnLeave: count(-1)})
	server := newServer()
	var wg sync.WaitGroup
	for i := range 40 {
		d := join(t, server, string(rune('a'+i%4)), "ws", "device")
		wg.Go(func() {
			u := r.Add(d.peer)
			_, _ = where.Run(t.Context(), u, "")
			d.close()
		})
	}
	wg.Wait()
	require.Eventually(t, func() bool { return len(r.Users()) == 0 }, 5*time.Second, time.Millisecond)
	require.Eventually(t, func() bool {
		mu.Lock()
		defer mu.Unlock()
		for _, n := range balance {
			if n != 0 {
				return false
			}
		}
		return len(balance) == 4
	}, 5*time.Second, time.Millisecond)
}
