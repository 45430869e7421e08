package router

import "sync"

// hooks run what is to be told about users, one at a time and in order, outside of all locks: whoever adds while
// nobody runs them runs them, and takes along what others add meanwhile.
type hooks struct {
	mu      sync.Mutex // guards all below
	pending []func()
	running bool
}

func (h *hooks) add(f func(*User), u *User) {
	if f == nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.pending = append(h.pending, func() { f(u) })
}

func (h *hooks) run() {
	h.mu.Lock()
	if h.running {
		h.mu.Unlock()
		return
	}
	h.running = true
	for len(h.pending) > 0 {
		f := h.pending[0]
		h.pending = h.pending[1:]
		h.mu.Unlock()
		h.call(f)
		h.mu.Lock()
	}
	h.running = false
	h.mu.Unlock()
}

// call keeps a hook that panics from stopping the later ones; the panic goes on to whoever caused the hook to run.
func (h *hooks) call(f func()) {
	done := false
	defer func() {
		if !done {
			h.mu.Lock()
			h.running = false
			h.mu.Unlock()
		}
	}()
	f()
	done = true
}
