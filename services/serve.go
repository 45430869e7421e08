package services

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/graphscript-go/graphscript/graph"
)

// Serve writes what is sent until the peer is closed or ctx ends, and then ends everything of the peer: calls
// to it fail, its subscriptions stop, its running routes are cancelled. The transport calls it once, on a
// goroutine it owns. It returns the reason of the end.
func (p *Peer) Serve(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { p.fail(graph.Unavailable.Errorf("%w", context.Cause(ctx)), false) })
	defer stop()
	if err := p.write(); err != nil {
		p.fail(writeFailed(p.transport, err), false)
	}
	return p.finish()
}

// writeFailed is the reason a peer ends with when its link could not be written to.
func writeFailed(transport string, err error) error {
	if code := graph.CodeOf(err); code != graph.Internal && code != graph.DeadlineExceeded {
		return err // the link says why
	}
	if timeout, ok := errors.AsType[interface {
		error
		Timeout() bool
	}](err); ok && timeout.Timeout() {
		return fmt.Errorf("%w: %w", graph.DeadlineExceeded.Errorf("the %s peer does not take what is sent", transport), err)
	}
	return fmt.Errorf("%w: %w", graph.Unavailable.Errorf("the %s peer cannot be written to", transport), err)
}

// write is the one writer of the link: it takes all that is queued and writes it at once.
func (p *Peer) write() error {
	var entries []entry
	var frames []*Frame
	for range p.out.wake {
		for {
			var closed bool
			entries, closed = p.out.take(entries)
			if len(entries) == 0 {
				if closed {
					return nil
				}
				break
			}
			frames = frames[:0]
			for _, e := range entries {
				if e.watch != nil {
					frames = e.watch.drain(frames)
				} else {
					frames = append(frames, e.frame)
				}
			}
			if len(frames) > 0 {
				if err := p.link.Write(time.Now().Add(p.service.options.Limits.WriteTimeout), frames); err != nil {
					return err
				}
				clear(frames)
			}
			p.out.written()
		}
	}
	return nil
}

// finish ends everything of a peer that is closing.
func (p *Peer) finish() error {
	defer close(p.done)
	reason := p.end()
	_ = p.link.Close(reason)
	p.service.leave(p, reason)
	return reason
}

// end lets go of all that waits for the peer, or for which the peer waits.
func (p *Peer) end() (reason error) {
	p.mu.Lock()
	reason = p.reason
	calls, subs, watches := p.calls, p.subs, p.watches
	p.calls, p.subs, p.watches = nil, nil, nil
	p.cut = true
	if p.expiry != nil {
		p.expiry.Stop()
	}
	p.mu.Unlock()
	gone := unavailable(reason)
	p.cancel(gone)
	for _, c := range calls {
		c.end(nil, gone)
	}
	for _, s := range subs {
		s.end(gone)
	}
	if len(watches) > 0 {
		p.service.work.Go(func() {
			for _, w := range watches {
				w.stop()
			}
		})
	}
	return reason
}

func (p *Peer) frame(m *Message) *Frame { return NewFrame(p.dialect.encode(p, m)) }
