package host_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/graphscript-go/graphscript/examples/live/host"
)

// patience bounds the tests that wait for this machine to do something.
const patience = 30 * time.Second

// realSampler returns a Sampler of the machine the test runs on.
func realSampler(t *testing.T) *host.Sampler {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("reads /proc, which only Linux has")
	}
	return host.New(nil)
}

// period is long enough for ten of the ticks that Linux counts processor time in.
const period = 100 * time.Millisecond

// requireShareFollowsWork fails unless share is higher while the test keeps one of cores busy than while it waits.
func requireShareFollowsWork(t *testing.T, cores float64, share func() *float64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	oneCore := 100 / cores
	for {
		idle := typicalShare(ctx, t, share, wait)
		busy := typicalShare(ctx, t, share, compute)
		if busy > idle+oneCore/4 {
			return
		}
		require.NoError(t, ctx.Err(), "the share is %.1f %% when idle and %.1f %% when busy", idle, busy)
	}
}

// typicalShare returns the median over some periods, in each of which it lets spend use up the time. One period alone
// says little when other programs compete for the machine.
func typicalShare(ctx context.Context, t *testing.T, share func() *float64, spend func()) float64 {
	t.Helper()
	const n = 5
	share() // the periods begin here
	shares := make([]float64, 0, n)
	for len(shares) < n {
		spend()
		if got := share(); got != nil {
			shares = append(shares, *got)
		}
		require.NoError(t, ctx.Err(), "only %d of %d shares are known", len(shares), n)
	}
	slices.Sort(shares)
	return shares[n/2]
}

// wait lets a period pass without work: the passing of time is what is measured, not a stand-in for some condition.
func wait() { <-time.After(period) }

// compute keeps one core busy for a period.
func compute() {
	for start := time.Now(); time.Since(start) < period; {
		continue
	}
}

func TestProcessShareRisesWithWork(t *testing.T) {
	s := realSampler(t)
	require.Nil(t, sample(t, s).Process.CPUPercent, "nothing to compare with yet")

	requireShareFollowsWork(t, float64(cores(t)), func() *float64 { return sample(t, s).Process.CPUPercent })
}

// The shares are of all cores: a loop in one goroutine cannot take more than one of them.
func TestProcessShareIsPartOfTheMachine(t *testing.T) {
	s := realSampler(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	process := typicalShare(ctx, t, func() *float64 { return sample(t, s).Process.CPUPercent }, compute)
	total := typicalShare(ctx, t, func() *float64 { return sample(t, s).CPU.TotalPercent }, compute)

	const coarse = 20 // two of the ten ticks of a period
	require.LessOrEqual(t, process, total+coarse)
	require.LessOrEqual(t, process, 100/float64(cores(t))+coarse)
}

// cores counts the processors that are online, of which the test may be confined to some.
func cores(t *testing.T) int {
	t.Helper()
	data, err := os.ReadFile("/proc/stat")
	require.NoError(t, err)
	return strings.Count(string(data), "\ncpu")
}

func TestAllocationRaisesHeapAndResidentMemory(t *testing.T) {
	s := realSampler(t)
	runtime.GC()
	before := sample(t, s)

	const size = 64 << 20
	block := make([]byte, size)
	for i := 0; i < size; i += os.Getpagesize() {
		block[i] = 1 // a page becomes resident when it is touched
	}
	after := sample(t, s)
	runtime.KeepAlive(block)

	require.Greater(t, *after.Process.HeapBytes, *before.Process.HeapBytes+size/2)
	require.Greater(t, *after.Process.RuntimeBytes, *before.Process.RuntimeBytes+size/2)
	require.Greater(t, *after.Process.ResidentBytes, *before.Process.ResidentBytes+size/2)
}

func TestGoroutinesAreCounted(t *testing.T) {
	s := realSampler(t)
	before := sample(t, s)
	const n = 500
	stop := make(chan struct{})
	var blocked sync.WaitGroup
	for range n {
		blocked.Go(func() { <-stop })
	}
	after := sample(t, s)
	close(stop)
	blocked.Wait()
	require.InDelta(t, n, float64(*after.Process.Goroutines)-float64(*before.Process.Goroutines), n/10)
}

func TestOpenFilesAreCounted(t *testing.T) {
	s := realSampler(t)
	sample(t, s) // what the runtime opens for itself is open from here on
	before := sample(t, s)
	listed, err := os.ReadDir("/proc/self/fd")
	require.NoError(t, err)
	require.EqualValues(t, len(listed)-1, *before.Process.OpenFiles, "but not the one used to list them")

	const n = 5
	for i := range n {
		file, err := os.Create(filepath.Join(t.TempDir(), fmt.Sprint(i)))
		require.NoError(t, err)
		defer file.Close()
	}
	require.Equal(t, *before.Process.OpenFiles+n, *sample(t, s).Process.OpenFiles)
}

func TestSampleOfThisMachine(t *testing.T) {
	s := realSampler(t)
	start := time.Now()
	got := sample(t, s)
	require.Equal(t, host.SourceProc, got.Source)
	require.GreaterOrEqual(t, got.Time, start.UnixMilli())
	require.LessOrEqual(t, got.Time, time.Now().UnixMilli())

	hostname, err := os.Hostname()
	require.NoError(t, err)
	require.Equal(t, hostname, got.Host.Hostname)
	require.Equal(t, runtime.NumCPU(), got.Host.Cores)

	meminfo, err := os.ReadFile("/proc/meminfo")
	require.NoError(t, err)
	var kilobytes uint64
	_, err = fmt.Sscanf(string(meminfo), "MemTotal: %d kB", &kilobytes)
	require.NoError(t, err)
	require.Equal(t, kilobytes*1024, *got.Memory.TotalBytes)
	require.Equal(t, *got.Memory.TotalBytes, *got.Memory.UsedBytes+*got.Memory.AvailableBytes)

	require.Positive(t, *got.UptimeSeconds)
	require.NotNil(t, got.Load15)
	require.Positive(t, *got.Process.Threads)
	require.Less(t, *got.Process.ResidentBytes, *got.Memory.TotalBytes)
}
