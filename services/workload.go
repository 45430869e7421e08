package services

import "github.com/graphscript-go/graphscript/graph"

// A workload bounds the routes one peer runs at once. It is guarded by the peer's mu.
type workload struct {
	limits  Limits
	active  int
	backlog []func()
	changed chan struct{} // closed when a waiting reader should look again; nil if none waits
	drains  bool          // whether the peer is closed when it runs nothing
}

// wake makes a waiting reader look again.
func (w *workload) wake() {
	if w.changed != nil {
		close(w.changed)
		w.changed = nil
	}
}

// admitWork runs job, now or when there is a place. When the backlog is full it waits, and with it the
// transport's reader. It does not wait while a call to the peer is pending: the reply to that
// call may be what the running routes need, and only the reader can take it; then the job is refused.
func (p *Peer) admitWork(job func()) error {
	for {
		p.mu.Lock()
		switch w := &p.work; {
		case p.reason != nil:
			defer p.mu.Unlock()
			return unavailable(p.reason)
		case w.active < w.limits.InFlight:
			w.active++
			p.mu.Unlock()
			p.service.work.Go(func() { p.runJobs(job) })
			return nil
		case len(w.backlog) < w.limits.Backlog:
			w.backlog = append(w.backlog, job)
			p.mu.Unlock()
			return nil
		case len(p.calls) > 0:
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

// runJobs runs a job and then those that wait.
func (p *Peer) runJobs(job func()) {
	finished := false
	defer func() {
		if !finished { // the job ended the goroutine; another one goes on with the rest
			if next := p.nextJob(); next != nil {
				p.service.work.Go(func() { p.runJobs(next) })
			}
		}
	}()
	for job != nil {
		job()
		job = p.nextJob()
	}
	finished = true
}

// nextJob returns a job that waits, or nil and the place is free.
func (p *Peer) nextJob() func() {
	p.mu.Lock()
	w := &p.work
	w.wake()
	if len(w.backlog) > 0 {
		defer p.mu.Unlock()
		job := w.backlog[0]
		w.backlog[0] = nil
		w.backlog = w.backlog[1:]
		return job
	}
	w.active--
	finished := w.drains && w.active == 0
	p.mu.Unlock()
	if finished {
		p.closeDrained()
	}
	return nil
}

// drain closes the peer as soon as it runs nothing here.
func (p *Peer) drain() {
	p.mu.Lock()
	p.work.drains = true
	idle := p.work.active == 0
	p.mu.Unlock()
	if idle {
		p.closeDrained()
	}
}

func (p *Peer) closeDrained() { p.Close(graph.Unavailable, "the service is shutting down") }
