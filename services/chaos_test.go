package services_test

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/graphscript-go/graphscript/graph"
	"github.com/graphscript-go/graphscript/services"
)

// Peers call, watch, cancel and close each other at random, and afterwards nothing is left of it: each call
// has returned, each subscription ended, each goroutine gone.
func TestChaos(t *testing.T) {
	for seed := range uint64(10) {
		synctest.Test(t, func(t *testing.T) {
			c := &chaos{t: t, states: make(map[*services.Service]*graph.Var[int])}
			c.a = c.service(rand.New(rand.NewPCG(seed, 1)))
			c.b = c.service(rand.New(rand.NewPCG(seed, 2)))
			var all sync.WaitGroup
			for pair := range uint64(5) {
				toB, toA, err := services.Pipe(c.a, c.b)
				require.NoError(t, err)
				for i, p := range []*services.Peer{toA, toB} {
					for worker := range uint64(6) {
						all.Go(func() { c.use(p, rand.New(rand.NewPCG(seed<<16|pair<<8|worker, uint64(i)))) })
					}
				}
			}
			all.Wait()
			require.NoError(t, c.a.Shutdown(t.Context()))
			require.NoError(t, c.b.Shutdown(t.Context()))
			require.Zero(t, c.a.Stats())
			require.Zero(t, c.b.Stats())
			require.Zero(t, c.live.Load(), "subscriptions that did not end")
			require.Positive(t, c.calls.Load())
			// The bubble fails if a goroutine is left.
		})
	}
}

type chaos struct {
	t      *testing.T
	a, b   *services.Service
	states map[*services.Service]*graph.Var[int]
	live   atomic.Int64
	calls  atomic.Int64
}

func (c *chaos) service(r *rand.Rand) *services.Service {
	var mu sync.Mutex // guards r
	limits := services.Limits{InFlight: 2, Backlog: 3, QueueMessages: 20, Subscriptions: 4, CallTimeout: time.Second}
	s := serving(c.t, services.Options{Limits: limits}, graph.Roots{
		"quick": func(n int) int { return n },
		"slow": func(ctx context.Context) error {
			mu.Lock()
			d := time.Duration(r.IntN(100)) * time.Millisecond
			mu.Unlock()
			select {
			case <-time.After(d):
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		},
		"back": func(ctx context.Context, n int) (any, error) {
			p, _ := services.PeerFrom(ctx)
			if n > 0 {
				return p.Run(ctx, "back", n-1)
			}
			return p.Run(ctx, "quick", n)
		},
		"panic": func() { panic("chaos") },
	})
	c.states[s] = graph.State[int]("state").Serve(s.Graph(), 0)
	return s
}

// use does fifty things with a peer. Most may fail, as the peer may be gone; none may hang: the clock of the
// bubble would run until the test's own time is up.
func (c *chaos) use(p *services.Peer, r *rand.Rand) {
	for range 50 {
		ctx, cancel := context.WithTimeout(c.t.Context(), time.Duration(1+r.IntN(50))*time.Millisecond)
		switch r.IntN(20) {
		case 0, 1, 2, 3:
			_, _ = p.Run(ctx, "quick", 1)
			c.calls.Add(1)
		case 4, 5:
			_, _ = p.Run(ctx, "slow")
		case 6, 7:
			_, _ = p.Run(ctx, "back", r.IntN(3))
		case 8:
			_, _ = p.Run(ctx, "panic")
		case 9, 10:
			_ = p.Post(ctx, "quick", 1)
		case 11, 12:
			c.states[p.Service()].Set(r.IntN(100))
		case 13, 14, 15:
			lag := graph.Lag{Policy: graph.Policy(1 + r.IntN(5)), Size: 1 + r.IntN(3), Wait: time.Millisecond}
			sub, err := p.Subscribe(ctx, "state", func(context.Context, graph.Event) { <-time.After(time.Millisecond) }, lag)
			if err == nil {
				c.live.Add(1)
				sub.OnEnd(func(error) { c.live.Add(-1) })
				if r.IntN(2) == 0 {
					defer sub.Stop()
				}
			}
		case 16:
			_ = p.Deliver([]byte(`{"method":"cancel","callbackId":"state"}`))
		case 17:
			_ = p.Deliver([]byte(`{"callbackId":1,"args":1}`))
		case 18:
			<-ctx.Done()
		default:
			switch r.IntN(30) {
			case 0:
				p.Terminate()
			case 1:
				p.Lost(graph.Aborted)
			}
		}
		cancel()
	}
}
