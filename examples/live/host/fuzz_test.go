package host_test

import (
	"encoding/json"
	"errors"
	"math"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/graphscript-go/graphscript/examples/live/host"
)

func FuzzStat(f *testing.F) {
	fuzzFile(f, "stat", "cpu  1 2 3 4\n", "cpu  9 9 9 9 9 9 9 9 9 9\ncpu3 1 2 3 18446744073709551615\n", "cpu0\ncpux 1\n")
}

func FuzzMeminfo(f *testing.F) {
	fuzzFile(f, "meminfo", "MemTotal: 18014398509481983 kB\nMemAvailable: 1 kB\n", "MemTotal: 1\n", "SwapFree")
}

func FuzzLoadavg(f *testing.F) {
	fuzzFile(f, "loadavg", "0 0 0", "NaN Inf 1e9", "1. .5 .")
}

func FuzzUptime(f *testing.F) {
	fuzzFile(f, "uptime", "0.00 0.00\n", "-1 1", "0x1p-2")
}

func FuzzNetDev(f *testing.F) {
	fuzzFile(f, "net/dev", "eth0:18446744073709551615 2 3 4 5 6 7 8 0 10 11 12 13 14 15 16\n", "a: 1\n", "|\n|\n|\n")
}

func FuzzDiskstats(f *testing.F) {
	fuzzFile(f, "diskstats", "8 0 sda 1 2 18446744073709551615 4 5 6 7 8 9 10 11\n", "8 0 sda\n", "1p1")
}

func FuzzSelfStat(f *testing.F) {
	fuzzFile(f, "self/stat", "1 (a) S 1 2 3 4 5 6 7 8 9 10 11 12\n", "1 (a", ")))")
}

func FuzzSelfStatus(f *testing.F) {
	fuzzFile(f, "self/status", "VmRSS:\t18014398509481983 kB\nThreads:\t1\n", "Threads: -1\n", ":")
}

// fuzzFile gives one file any content at two instants. Whatever it is, a Sample is one that JSON can carry, with
// figures in their ranges, and an error names the file.
func fuzzFile(f *testing.F, name string, seeds ...string) {
	first, second := string(loadTree(f, "first")[name].Data), string(loadTree(f, "second")[name].Data)
	f.Add(first, second)
	f.Add(second, first)
	for _, seed := range seeds {
		f.Add(first, seed)
		f.Add(seed, second)
		f.Add(seed, seed)
	}
	f.Fuzz(func(t *testing.T, before, after string) {
		m := &machine{files: fstest.MapFS{}, now: instant}
		m.write("stat", "cpu  1 2 3 4\n")
		m.write("self/stat", "1 (a) S 1 2 3 4 5 6 7 8 9 10 11 12\n")
		m.write(name, before)
		s := m.sampler()
		requireSound(t, s, name)
		m.now = m.now.Add(interval)
		m.write("stat", "cpu  2 3 4 5\n")
		m.write(name, after)
		requireSound(t, s, name)
	})
}

func requireSound(t *testing.T, s *host.Sampler, name string) {
	got, err := s.Sample(t.Context())
	if err != nil {
		malformed, ok := errors.AsType[*host.ParseError](err)
		require.True(t, ok, "%v", err)
		require.Equal(t, name, malformed.File)
	}
	_, err = json.Marshal(got)
	require.NoError(t, err)

	shares := []*float64{got.CPU.TotalPercent, got.Process.CPUPercent}
	for _, core := range got.CPU.Cores {
		shares = append(shares, &core.Percent)
	}
	for _, share := range shares {
		if share != nil {
			require.True(t, *share >= 0 && *share <= 100, "%v", *share)
		}
	}
	for _, rate := range []*float64{
		got.Network.RxBytesPerSec, got.Network.TxBytesPerSec, got.Disk.ReadBytesPerSec, got.Disk.WriteBytesPerSec,
		got.Load1, got.Load5, got.Load15, got.UptimeSeconds,
	} {
		if rate != nil {
			require.True(t, *rate >= 0 && !math.IsInf(*rate, 0), "%v", *rate)
		}
	}
	for _, pair := range [][2]*uint64{
		{got.Memory.UsedBytes, got.Memory.TotalBytes}, {got.Swap.UsedBytes, got.Swap.TotalBytes},
	} {
		if pair[0] != nil {
			require.LessOrEqual(t, *pair[0], *pair[1])
		}
	}
}
