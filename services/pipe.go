package services

import (
	"context"
	"sync"
	"time"

	"github.com/graphscript-go/graphscript/graph"
)

// Pipe joins two services in memory, without a network: a is the client, b the server. It returns what
// a sees of b and what b sees of a. It is meant for tests and for graphs of one process that are to
// know each other only through their policies.
func Pipe(a, b *Service) (toB, toA *Peer, err error) {
	atA, atB := newPipeLink(), newPipeLink()
	atA.other, atB.other = atB, atA
	server, err := b.Attach(atB, AttachOptions{Transport: "pipe"})
	if err != nil {
		return nil, nil, err
	}
	client, err := a.Attach(atA, AttachOptions{Transport: "pipe", Client: true})
	if err != nil {
		server.Lost(err)
		_ = server.Serve(context.Background())
		return nil, nil, err
	}
	a.work.Go(func() { _ = client.Serve(context.Background()) })
	b.work.Go(func() { _ = server.Serve(context.Background()) })
	a.work.Go(func() { atA.read(client) })
	b.work.Go(func() { atB.read(server) })
	select {
	case <-client.Ready():
		return client, server, nil
	case <-client.Done():
		return nil, nil, client.Err()
	}
}

// A pipeLink hands what is written to the reader of the other end.
type pipeLink struct {
	other  *pipeLink
	in     chan [][]byte
	once   sync.Once
	closed chan struct{}
	reason error // why this end was closed; set before closed is
}

var _ Link = (*pipeLink)(nil)

func newPipeLink() *pipeLink {
	return &pipeLink{in: make(chan [][]byte), closed: make(chan struct{})}
}

// Write waits until the other end has taken the frames.
func (l *pipeLink) Write(deadline time.Time, frames []*Frame) error {
	batch := make([][]byte, len(frames))
	for i, f := range frames {
		batch[i] = f.Payload
	}
	timer := time.NewTimer(time.Until(deadline))
	defer timer.Stop()
	select {
	case l.other.in <- batch:
		return nil
	case <-l.closed:
		return graph.Unavailable.Errorf("closed: %s", reasonText(l.reason))
	case <-l.other.closed:
		return l.other.farewell()
	case <-timer.C:
		return context.DeadlineExceeded
	}
}

// Close ends both directions.
func (l *pipeLink) Close(reason error) error {
	l.once.Do(func() {
		l.reason = reason
		close(l.closed)
	})
	return nil
}

// farewell is what the other end learns of a closed link.
func (l *pipeLink) farewell() error {
	return graph.Unavailable.Errorf("closed by the other end: %s", reasonText(l.reason))
}

// read delivers to p what the other end writes, until either end is closed.
func (l *pipeLink) read(p *Peer) {
	for {
		select {
		case batch := <-l.in:
			for _, data := range batch {
				if p.Deliver(data) != nil {
					break
				}
			}
		case <-l.closed:
			return
		case <-l.other.closed:
			p.Lost(l.other.farewell())
			return
		}
	}
}
