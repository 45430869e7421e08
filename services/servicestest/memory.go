package servicestest

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/graphscript-go/graphscript/graph"
	"github.com/graphscript-go/graphscript/services"
)

// Memory returns a transport within the process, to check what stands above transports. fault, if it is not nil, is put around
// the link of each end; it may lose, hold back or change what is written. The transport can be stalled.
func Memory(fault func(services.Link) services.Link) Transport {
	return Transport{
		Name: "memory",
		Connect: func(t testing.TB, server, client *services.Service) Connection {
			atServer, atClient := newMemoryLink(), newMemoryLink()
			atServer.far, atClient.far = atClient, atServer
			toClient := attach(t, server, atServer, fault, services.AttachOptions{Transport: "memory"})
			toServer := attach(t, client, atClient, fault, services.AttachOptions{Transport: "memory", Client: true})
			select {
			case <-toServer.Ready():
			case <-toServer.Done():
				t.Fatalf("connect: %v", toServer.Err())
			}
			return Connection{ToServer: toServer, Client: toServer, ToClient: toClient, Stall: atClient.stall}
		},
	}
}

// attach makes a peer of a link and starts what a transport runs for it: the writer and the reader. The service
// owns both goroutines, so that its Shutdown waits for them.
func attach(t testing.TB, s *services.Service, l *memoryLink, fault func(services.Link) services.Link, o services.AttachOptions) *services.Peer {
	t.Helper()
	link := services.Link(l)
	if fault != nil {
		link = fault(l)
	}
	p, err := s.Attach(link, o)
	if err != nil {
		t.Fatalf("connect: %v", err)
	}
	s.Go(func() { _ = p.Serve(context.Background()) })
	s.Go(func() { l.read(p) })
	return p
}

// A memoryLink is one end of a connection.
type memoryLink struct {
	far    *memoryLink
	in     chan [][]byte // what the far end writes
	closed chan struct{}
	once   sync.Once

	stalled   chan struct{} // closed when nothing more is to be read
	stallOnce sync.Once
}

func newMemoryLink() *memoryLink {
	return &memoryLink{in: make(chan [][]byte), closed: make(chan struct{}), stalled: make(chan struct{})}
}

// Write waits until the far end has taken the frames.
func (l *memoryLink) Write(deadline time.Time, frames []*services.Frame) error {
	batch := make([][]byte, len(frames)) // frames is the writer's to use again
	for i, f := range frames {
		batch[i] = f.Payload
	}
	timer := time.NewTimer(time.Until(deadline))
	defer timer.Stop()
	select {
	case l.far.in <- batch:
		return nil
	case <-l.closed:
		return graph.Unavailable.Errorf("the connection is closed")
	case <-l.far.closed:
		return graph.Unavailable.Errorf("closed by the other end")
	case <-timer.C:
		return context.DeadlineExceeded
	}
}

// Close ends the connection. There is no way to tell the far end why.
func (l *memoryLink) Close(error) error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *memoryLink) stall() { l.stallOnce.Do(func() { close(l.stalled) }) }

// read hands on what the far end writes until either end is closed.
func (l *memoryLink) read(p *services.Peer) {
	in := l.in
	stalled := l.stalled
	for {
		select {
		case batch := <-in:
			for _, data := range batch {
				if p.Deliver(data) != nil {
					break
				}
			}
		case <-stalled:
			in, stalled = nil, nil
		case <-l.closed:
			return
		case <-l.far.closed:
			p.Lost(graph.Unavailable.Errorf("closed by the other end"))
			return
		}
	}
}
