package graph

import (
	"context"
	"sync/atomic"
	"time"
)

// loopSetting is what the keys "loop" and "looping" say together.
type loopSetting struct {
	every  time.Duration
	starts bool
}

// loadLoop makes a node run again and again. One goroutine of the node does it; a run while
// the loop runs only changes the arguments of the next round.
func loadLoop(n *Node, setting any) error {
	s := setting.(loopSetting)
	if s.every <= 0 {
		return InvalidArgument.Errorf("a loop needs a positive interval")
	}
	looping := &Var[bool]{value: s.starts}
	if err := n.addMember("looping", &member{cell: looping}); err != nil {
		return err
	}
	var args atomic.Pointer[Args]
	args.Store(&Args{})
	start := make(chan struct{}, 1)
	if n.operator == nil {
		return FailedPrecondition.Errorf("a loop needs an operator")
	}
	work := n.operator
	err := n.Wrap(func(next Operator) Operator {
		return func(ctx context.Context, a Args) (any, error) {
			if ctx.Value(loopRound{}) != nil {
				return next(ctx, a)
			}
			args.Store(&a)
			looping.Set(true)
			signal(start)
			return work(ctx, a)
		}
	})
	n.OnConnected(func(n *Node) {
		n.Go(func(ctx context.Context) { n.loop(ctx, s, looping, start, &args) })
	})
	return err
}

// loopRound marks the context of a run that the loop itself makes.
type loopRound struct{}

func (n *Node) loop(ctx context.Context, s loopSetting, looping *Var[bool], start <-chan struct{}, args *atomic.Pointer[Args]) {
	if !s.starts {
		select {
		case <-start:
		case <-ctx.Done():
			return
		}
	}
	ticker := time.NewTicker(s.every)
	defer ticker.Stop()
	for {
		if s.starts && looping.Load() {
			_, err := n.do(context.WithValue(ctx, loopRound{}, true), &Call{Route: n.tag, Args: *args.Load()})
			if ctx.Err() == nil {
				n.report(err)
			}
		}
		s.starts = true
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}
