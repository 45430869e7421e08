package host_test

import (
	"context"
	"io/fs"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/graphscript-go/graphscript/examples/live/host"
)

// A hookedFS calls a function when a file is read.
type hookedFS struct {
	fstest.MapFS
	before func(name string)
}

func (f *hookedFS) ReadFile(name string) ([]byte, error) {
	f.before(name)
	return f.MapFS.ReadFile(name)
}

var _ fs.ReadFileFS = (*hookedFS)(nil)

func TestEndedContextGivesNothing(t *testing.T) {
	m := newMachine(t)
	ctx, cancel := context.WithCancel(t.Context())
	var read []string
	files := &hookedFS{MapFS: m.files, before: func(string) {}}
	s := host.New(&host.Options{FS: files, Now: m.clock})
	sample(t, s)

	m.now = m.now.Add(time.Hour)
	files.before = func(name string) {
		read = append(read, name)
		cancel()
	}
	got, err := s.Sample(ctx)
	require.ErrorIs(t, err, context.Canceled)
	require.Zero(t, got)
	require.Len(t, read, 1, "no file is read after the context ended")

	m.now = instant
	files.before = func(string) {}
	m.advance(t)
	require.Equal(t, goldenSecond(), withoutProgram(t, sample(t, s)), "the cancelled sample is not compared with")
}

func TestEndedContextOfPortableSource(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	got, err := host.New(&host.Options{FS: fstest.MapFS{}}).Sample(ctx)
	require.ErrorIs(t, err, context.Canceled)
	require.Zero(t, got)
}

// A slow sample that began before another one must not become what the next is compared with.
func TestOvertakenSampleIsNotComparedWith(t *testing.T) {
	times := make(chan time.Time, 4)
	for _, seconds := range []time.Duration{0, 1, 2, 4} {
		times <- instant.Add(seconds * time.Second)
	}
	files := &hookedFS{MapFS: loadTree(t, "first"), before: func(string) {}}
	s := host.New(&host.Options{FS: files, Now: func() time.Time { return <-times }})
	sample(t, s)

	entered, release := make(chan struct{}), make(chan struct{})
	files.before = func(string) {
		close(entered)
		<-release
	}
	var slow sync.WaitGroup
	var overtaken host.Sample
	var slowErr error
	slow.Go(func() { overtaken, slowErr = s.Sample(t.Context()) })
	<-entered
	files.before = func(string) {}
	sample(t, s)
	close(release)
	slow.Wait()
	require.NoError(t, slowErr)
	require.Zero(t, overtaken.Network, "time did not pass since the sample that overtook it")

	files.MapFS = loadTree(t, "second")
	require.InDelta(t, 155000, *sample(t, s).Network.RxBytesPerSec, 0, "2 s have passed since the sample at 2 s")
}

func TestConcurrentSamples(t *testing.T) {
	s := host.New(nil)
	var callers sync.WaitGroup
	for range 8 {
		callers.Go(func() {
			for range 50 {
				if _, err := s.Sample(t.Context()); err != nil {
					t.Errorf("sample: %v", err)
				}
			}
		})
	}
	callers.Wait()
}
