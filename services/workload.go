package services

import (
	"context"

	"github.com/graphscript-go/graphscript/graph"
)

// A workload bounds the routes one peer runs at once. It is guarded by the peer's mu.
type workload struct {
	limits  Limits
	active  int // places that are held
	jobs    int // admitted and not finished, with those that wait
	backlog []*job
	changed chan struct{} // closed when a waiting reader should look again; nil if none waits
	drains  bool          // whether the peer is closed when it runs nothing
}

// A job is a route to run for the peer. It holds a place while it runs, but not while it waits
// for the answer of a peer: else routes that call each other back could hold all places, and each
// would wait for a call that waits for a place. What waits is bounded by Limits.Pending.
type job struct {
	peer *Peer
	run  func()

	waits int  // the calls to peers it waits for; guarded by peer.mu
	ended bool // guarded by peer.mu
}

type jobKey struct{}

// jobFrom returns the job that runs under ctx, or nil.
func jobFrom(ctx context.Context) *job {
	j, _ := ctx.Value(jobKey{}).(*job)
	return j
}

// wake makes a waiting reader look again.
func (w *workload) wake() {
	if w.changed != nil {
		close(w.changed)
		w.changed = nil
	}
}

// release frees a place and returns the job that takes it, if one waits.
func (w *workload) release() *job {
	w.wake()
	if len(w.backlog) == 0 || w.active > w.limits.InFlight {
		w.active--
		return nil
	}
	next := w.backlog[0]
	w.backlog[0] = nil
	w.backlog = w.backlog[1:]
	return next
}

// admit runs a job, now or when there is a place. When the backlog is full it waits, and with it the
// transport's reader. It does not wait while a call to the peer is pending or a subscription alive: what
// the running routes need may be the reply or update that only the reader can take; then the job is refused.
func (p *Peer) admit(j *job) error {
	for {
		p.mu.Lock()
		switch w := &p.work; {
		case p.reason != nil:
			defer p.mu.Unlock()
			return unavailable(p.reason)
		case w.drains:
			p.mu.Unlock()
			return errShutdown()
		case w.active < w.limits.InFlight:
			w.active++
			w.jobs++
			p.mu.Unlock()
			p.launch(j)
			return nil
		case len(w.backlog) < w.limits.Backlog:
			w.backlog = append(w.backlog, j)
			w.jobs++
			p.mu.Unlock()
			return nil
		case len(p.calls) > 0 || len(p.subs) > 0:
			defer p.mu.Unlock()
			return graph.ResourceExhausted.Errorf("%d calls are running and %d waiting", w.active, len(w.backlog))
		case w.changed == nil:
			w.changed = make(chan struct{})
		}
		changed := p.work.changed
		p.mu.Unlock()
		select {
		case <-changed:
		case <-p.ctx.Done():
		}
	}
}

// launch runs a job that has a place, if there is one.
func (p *Peer) launch(j *job) {
	if j == nil {
		return
	}
	p.service.work.Go(func() {
		defer j.end() // also when the job ends the goroutine
		j.run()
	})
}

// end lets the next job run.
func (j *job) end() {
	p := j.peer
	p.mu.Lock()
	j.ended = true
	var next *job
	if j.waits == 0 {
		next = p.work.release()
	}
	p.work.jobs--
	idle := p.work.drains && p.work.jobs == 0
	p.mu.Unlock()
	p.launch(next)
	if idle {
		p.closeDrained()
	}
}

// wait gives the job's place up until resume. A nil job has none.
func (j *job) wait() {
	if j == nil {
		return
	}
	p := j.peer
	p.mu.Lock()
	j.waits++
	var next *job
	if j.waits == 1 && !j.ended {
		next = p.work.release()
	}
	p.mu.Unlock()
	p.launch(next)
}

// resume takes the place back, also when that makes one more than Limits.InFlight.
func (j *job) resume() {
	if j == nil {
		return
	}
	j.peer.mu.Lock()
	defer j.peer.mu.Unlock()
	if j.waits--; j.waits == 0 && !j.ended {
		j.peer.work.active++
	}
}

// drain takes no further jobs and closes the peer as soon as it runs nothing here.
func (p *Peer) drain() {
	p.mu.Lock()
	p.work.drains = true
	p.work.wake()
	idle := p.work.jobs == 0
	p.mu.Unlock()
	if idle {
		p.closeDrained()
	}
}

func (p *Peer) closeDrained() { p.fail(errShutdown(), true) }

func errShutdown() error { return graph.Unavailable.Errorf("the service is shutting down") }
