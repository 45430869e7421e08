package host

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"sync"
	"time"
)

// Options change what a [Sampler] reads. The zero value is ready to use.
type Options struct {
	// FS is a proc file system, with its files at the root. The default is /proc on Linux and none elsewhere. A
	// Sampler whose FS has none of the files it reads uses [SourcePortable].
	FS fs.FS
	// Now tells the time. The default is [time.Now].
	Now func() time.Time
	// Interface reports whether a network interface is counted, by its name, in place of the default. It may be called
	// by several goroutines at once. The default leaves out the loopback interface lo, VLANs whose parent is listed,
	// and the kinds that usually carry what another interface counts too (bridges, tunnels, container pairs, bonds).
	Interface func(name string) bool
	// Disk reports whether a block device is counted, by its name, in place of the default. It may be called by
	// several goroutines at once. The default leaves out partitions whose disk is listed, devices built on other
	// devices (loop, device mapper, RAID) and those in memory.
	Disk func(name string) bool
}

// A Sampler takes samples of this computer. It is safe for concurrent use. All callers share one earlier reading, so
// a rate covers the time since the last sample of any of them; callers that want intervals of their own make a
// Sampler each.
type Sampler struct {
	host   Host
	source source
	now    func() time.Time

	mu       sync.Mutex // guards previous
	previous *reading   // the latest reading so far; never changed once stored
}

// A source reads all it can at one instant. It returns what it could read together with the errors of the rest, and
// nothing if ctx ended.
type source interface {
	read(ctx context.Context) (reading, error)
}

// New returns a Sampler with its source chosen. A nil opts means the defaults; opts is not kept.
func New(opts *Options) *Sampler {
	return newSampler(opts, readRuntime)
}

func newSampler(opts *Options, program func() runtimeFigures) *Sampler {
	if opts == nil {
		opts = new(Options)
	}
	s := &Sampler{host: describeHost(), now: opts.Now, source: &portableSource{program: program}}
	if s.now == nil {
		s.now = time.Now
	}
	if proc := newProcSource(opts, program); proc != nil {
		s.source = proc
	}
	return s
}

func describeHost() Host {
	name, _ := os.Hostname() // an unknown name is an absent figure
	return Host{
		Hostname:  name,
		OS:        runtime.GOOS,
		Arch:      runtime.GOARCH,
		Cores:     runtime.NumCPU(),
		GoVersion: runtime.Version(),
	}
}

// Sample reads the figures of this instant and computes rates from the difference to the previous sample; the first
// sample has no rates.
//
// A file that cannot be read or parsed makes Sample return an error and, with it, a Sample of everything else, so a
// caller may show the rest. Malformed content is a [*ParseError]. If ctx ends, Sample returns its error and an empty
// Sample; ctx is looked at between files.
func (s *Sampler) Sample(ctx context.Context) (Sample, error) {
	at := s.now()
	current, err := s.source.read(ctx)
	if ctxErr := ctx.Err(); ctxErr != nil {
		return Sample{}, fmt.Errorf("sample host: %w", ctxErr)
	}
	current.at = at

	sample := current.sample
	sample.Time = at.UnixMilli()
	sample.Host = s.host
	if previous := s.advance(&current); previous != nil {
		setRates(&sample, previous, &current)
	}
	if err != nil {
		return sample, fmt.Errorf("sample host: %w", err)
	}
	return sample, nil
}

// advance stores current and returns the reading it follows. A reading that was overtaken by a later one of another
// caller is not stored: it would stretch the interval of whoever samples next.
func (s *Sampler) advance(current *reading) *reading {
	s.mu.Lock()
	defer s.mu.Unlock()
	previous := s.previous
	if previous == nil || !current.at.Before(previous.at) {
		s.previous = current
	}
	return previous
}
