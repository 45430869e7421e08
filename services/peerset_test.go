package services_test

import (
	"context"
	"encoding/json"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/graphscript-go/graphscript/graph"
	"github.com/graphscript-go/graphscript/services"
)

// crowd joins n clients, each with a route that tells its number, to a service.
func crowd(t *testing.T, n int) (*services.PeerSet, []*services.Service) {
	t.Helper()
	server := serving(t, services.Options{}, nil)
	set := new(services.PeerSet)
	clients := make([]*services.Service, n)
	for i := range n {
		clients[i] = serving(t, services.Options{}, graph.Roots{
			"number": func() int { return i },
			"odd": func() (int, error) {
				if i%2 == 0 {
					return 0, graph.FailedPrecondition.Errorf("%d is even", i)
				}
				return i, nil
			},
			"state": 0,
			"none":  func() {},
		})
		_, toClient, err := services.Pipe(clients[i], server)
		require.NoError(t, err)
		set.Add(toClient)
		set.Add(toClient)
	}
	t.Cleanup(func() {
		require.NoError(t, server.Shutdown(context.Background()))
		for _, c := range clients {
			require.NoError(t, c.Shutdown(context.Background()))
		}
		synctest.Wait()
		require.Zero(t, set.Len(), "peers that are gone leave the set")
	})
	return set, clients
}

func TestPeerSetRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		set, _ := crowd(t, 4)
		require.Equal(t, 4, set.Len(), "a peer is there once")
		peers := set.Peers()
		for i, r := range set.Run(t.Context(), "number") {
			require.NoError(t, r.Err)
			require.Same(t, peers[i], r.Peer, "one result for each, in their order")
			require.EqualValues(t, i, r.Value)
		}
		for i, r := range set.Request(t.Context(), services.Message{Route: "number"}) {
			require.NoError(t, r.Err)
			require.EqualValues(t, i, r.Value)
		}
		for _, r := range set.Request(t.Context(), services.Message{Route: "none"}) {
			require.NoError(t, r.Err)
			require.Equal(t, graph.Void{}, r.Value)
		}
		const odd graph.Func[graph.Void, int] = "odd"
		for i, a := range services.RunAll(t.Context(), odd, set, graph.Void{}) {
			require.Same(t, peers[i], a.Peer)
			if i%2 == 0 {
				require.ErrorIs(t, a.Err, graph.FailedPrecondition)
				require.Zero(t, a.Value)
				continue
			}
			require.NoError(t, a.Err)
			require.Equal(t, i, a.Value)
		}
		_, err := set.Do(t.Context(), &graph.Call{Route: "number"})
		require.ErrorIs(t, err, graph.Unimplemented)

		peers[1].Terminate()
		<-peers[1].Done()
		synctest.Wait()
		require.Len(t, set.Run(t.Context(), "number"), 3)
		require.True(t, set.Remove(peers[0]))
		require.False(t, set.Remove(peers[0]))
		require.Equal(t, peers[2:], set.Peers())
		require.NoError(t, peers[0].Err(), "who is removed stays connected")

		fixed := services.SetOf(peers[0], peers[1])
		results := fixed.Run(t.Context(), "number")
		require.NoError(t, results[0].Err)
		require.ErrorIs(t, results[1].Err, graph.Unavailable)
	})
}

func TestPeerSetRunsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serving(t, services.Options{}, nil)
		var set services.PeerSet
		for range 3 {
			p, l := attach(t, s, services.AttachOptions{})
			l.block() // and answers nothing
			set.Add(p)
		}
		began := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		for _, r := range set.Run(ctx, "x") {
			require.ErrorIs(t, r.Err, graph.DeadlineExceeded)
		}
		require.Equal(t, time.Second, time.Since(began))
	})
}

func TestPeerSetPostsWithoutWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serving(t, services.Options{Limits: services.Limits{QueueMessages: 2}}, nil)
		set := new(services.PeerSet)
		var links []*tape
		for range 3 {
			p, l := attach(t, s, services.AttachOptions{})
			set.Add(p)
			links = append(links, l)
		}
		ctx, cancel := context.WithTimeout(services.WithTraceparent(t.Context(), "trace"), time.Second)
		defer cancel()
		require.NoError(t, set.Post(ctx, "note", 1))
		for _, l := range links {
			require.Equal(t, []string{`{"route":"note","args":[1],"meta":{"timeout":1000,"traceparent":"trace"}}`}, l.take())
		}
		require.Same(t, links[0].frame(), links[2].frame(), "encoded once")
		n, err := set.Send("hello")
		require.NoError(t, err)
		require.Equal(t, 3, n)
		for _, l := range links {
			require.Equal(t, []string{"hello"}, l.take())
		}

		links[1].block()
		began := time.Now()
		err = nil
		for i := 0; err == nil; i++ {
			require.Less(t, i, 10)
			err = set.Post(t.Context(), "note")
			synctest.Wait()
		}
		require.Zero(t, time.Since(began))
		require.ErrorIs(t, err, graph.ResourceExhausted)
		require.Equal(t, 2, set.Len(), "who has no room is closed")
		require.NoError(t, set.Post(t.Context(), "note"))

		require.ErrorIs(t, set.Post(t.Context(), ""), graph.NotFound)
		require.ErrorIs(t, set.Post(t.Context(), "note", func() {}), graph.InvalidArgument)
		_, err = set.Send(func() {})
		require.Error(t, err)
		set.Terminate()
		for _, p := range s.Peers() {
			<-p.Done()
		}
		synctest.Wait()
		require.Zero(t, set.Len())
		require.NoError(t, set.Post(t.Context(), "note"))
	})
}

func TestPeerSetSubscribes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		set, clients := crowd(t, 3)
		var inside atomic.Int64
		events := make(chan string, 100)
		peers := set.Peers()
		deliver := func(ctx context.Context, e graph.Event) {
			if inside.Add(1) != 1 {
				events <- "two at once"
			}
			defer inside.Add(-1)
			<-time.After(time.Second)
			p, _ := services.PeerFrom(ctx)
			for i := range peers {
				if p == peers[i] {
					events <- fmt.Sprint(i, " ", string(e.Value.(json.RawMessage)))
				}
			}
		}
		sub, err := set.Subscribe(t.Context(), "state", deliver)
		require.NoError(t, err)
		for i, c := range clients {
			for n := range 2 {
				require.NoError(t, c.Graph().Get("state").Set("", 10*i+n))
			}
		}
		<-time.After(time.Minute)
		var got []string
		for range 6 {
			got = append(got, <-events)
		}
		require.Empty(t, events)
		require.Equal(t, []string{"0 0", "0 1", "1 10", "1 11", "2 20", "2 21"}, sorted(got))

		// It lives as long as one of them does.
		peers[0].Terminate()
		clients[1].Graph().Remove("state")
		synctest.Wait()
		select {
		case <-sub.Done():
			t.Fatal("one peer is left")
		default:
		}
		require.NoError(t, clients[2].Graph().Get("state").Set("", 29))
		require.Equal(t, "2 29", <-events)
		peers[2].Terminate()
		<-sub.Done()
		require.ErrorIs(t, sub.Err(), graph.Unavailable)

		sub, err = set.Subscribe(t.Context(), "number", deliver)
		require.NoError(t, err, "one peer can be watched")
		require.Equal(t, 1, clients[1].Stats().Subscriptions)
		set.Unsubscribe(sub)
		synctest.Wait()
		require.Zero(t, clients[1].Stats().Subscriptions)
		_, err = set.Subscribe(t.Context(), "state", deliver)
		require.ErrorIs(t, err, graph.NotFound)
		_, err = new(services.PeerSet).Subscribe(t.Context(), "state", deliver)
		require.ErrorIs(t, err, graph.Unavailable)
	})
}
