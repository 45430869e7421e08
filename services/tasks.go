package services

import (
	"context"
	"sync"
)

// tasks are the goroutines a service owns. Unlike a sync.WaitGroup it may be waited for while
// new ones start, and the wait can be given up.
type tasks struct {
	mu   sync.Mutex // guards all below
	n    int
	idle chan struct{} // closed when n is 0; nil if nobody waits
}

// Go runs f in a goroutine.
func (t *tasks) Go(f func()) {
	t.mu.Lock()
	t.n++
	t.mu.Unlock()
	go func() {
		defer t.done() // also when f ends the goroutine
		f()
	}()
}

func (t *tasks) done() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.n--; t.n == 0 && t.idle != nil {
		close(t.idle)
		t.idle = nil
	}
}

// Wait returns when no goroutine runs, or with the context's error.
func (t *tasks) Wait(ctx context.Context) error {
	t.mu.Lock()
	if t.n == 0 {
		t.mu.Unlock()
		return nil
	}
	if t.idle == nil {
		t.idle = make(chan struct{})
	}
	idle := t.idle
	t.mu.Unlock()
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
