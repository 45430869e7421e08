package graph

import (
	"context"
	"sync/atomic"
	"time"
)

const loopingKey = "looping"

// loadLoop makes a node run again and again, while its key "looping" is true. One goroutine of the
// node does it. A run by a caller starts the loop, and the rounds have the arguments of the last such run.
func loadLoop(n *Node, setting any) error {
	every, ok := setting.(time.Duration)
	if !ok {
		return settingError("loop", setting)
	}
	if every <= 0 {
		return InvalidArgument.Errorf("a loop needs a positive interval")
	}
	l := &loop{node: n, every: every, looping: new(Var[bool])}
	if err := n.addMember(&member{name: loopingKey, cell: l.looping}); err != nil {
		return err
	}
	n.OnConnected(func(n *Node) { n.Go(l.run) })
	return n.Wrap(func(next Operator) Operator {
		return func(ctx context.Context, a Args) (any, error) {
			if !l.isRound(ctx) {
				l.args.Store(&a)
				if !l.looping.Load() {
					l.looping.Set(true)
				}
			}
			return next(ctx, a)
		}
	})
}

// loadLooping makes the loop begin with the node.
func loadLooping(n *Node, setting any) error {
	m := n.members[loopingKey]
	if m == nil || m.cell == nil {
		return InvalidArgument.Errorf("%q needs a \"loop\"", loopingKey)
	}
	return m.cell.store(context.Background(), Args{kind: argsOne, one: setting}, false)
}

// A loop runs a node at an interval.
type loop struct {
	node    *Node
	every   time.Duration
	looping *Var[bool]
	args    atomic.Pointer[Args] // of the last run by a caller; nil before the first
}

// round is the key, in the context of a round, of a flag that says whether the node has been run by it: what
// the node then runs has the same context.
type round struct{ l *loop }

func (l *loop) isRound(ctx context.Context) bool {
	used, ok := ctx.Value(round{l}).(*atomic.Bool)
	return ok && used.CompareAndSwap(false, true)
}

// run goes on until the node is removed. A loop that begins with the node has its first round
// at once; for one that a run starts that run is the first.
func (l *loop) run(ctx context.Context) {
	changed := make(chan struct{}, 1)
	defer l.looping.Watch(func(bool) { signal(changed) }).Stop()
	ticker := time.NewTicker(l.every)
	defer ticker.Stop()
	if l.looping.Load() && l.args.Load() == nil {
		l.round(ctx)
	}
	for {
		for !l.looping.Load() {
			select {
			case <-changed:
				ticker.Reset(l.every)
			case <-ctx.Done():
				return
			}
		}
		select {
		case <-ticker.C:
			l.round(ctx)
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}

func (l *loop) round(ctx context.Context) {
	inRound := context.WithValue(ctx, round{l}, new(atomic.Bool))
	c := &Call{Route: l.node.tag}
	if args := l.args.Load(); args != nil {
		c.Args = *args
	}
	_, err := l.node.do(inRound, c)
	if ctx.Err() == nil {
		l.node.report(err)
	}
}
