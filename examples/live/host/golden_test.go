package host_test

import (
	"encoding/json"
	"io/fs"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/graphscript-go/graphscript/examples/live/host"
)

// goldenFirst is what testdata/first tells: everything but rates.
func goldenFirst() host.Sample {
	return host.Sample{
		Time:   1767323045000,
		Source: host.SourceProc,
		Load1:  new(0.25),
		Load5:  new(1.0),
		Load15: new(1.75),
		Memory: host.Memory{
			TotalBytes:     new(uint64(16384000 * 1024)),
			UsedBytes:      new(uint64(8192000 * 1024)),
			AvailableBytes: new(uint64(8192000 * 1024)),
		},
		Swap: host.Swap{TotalBytes: new(uint64(2097148 * 1024)), UsedBytes: new(uint64(0))},
		Process: host.Process{
			ResidentBytes: new(uint64(20480 * 1024)),
			Threads:       new(uint64(9)),
			OpenFiles:     new(uint64(3)),
		},
		UptimeSeconds: new(86400.25),
	}
}

// goldenSecond is what testdata/second tells, 2 s after testdata/first.
func goldenSecond() host.Sample {
	return host.Sample{
		Time:   1767323047000,
		Source: host.SourceProc,
		CPU: host.CPU{
			TotalPercent: new(31.25), // 125 of 400 ticks; guest time is in user time already
			Cores: []host.Core{
				{ID: 0, Percent: 50},
				{ID: 1, Percent: 12.5}, // its iowait decreased, which the kernel does
			},
		},
		Load1:  new(0.5),
		Load5:  new(1.25),
		Load15: new(2.0),
		Memory: host.Memory{
			TotalBytes:     new(uint64(16384000 * 1024)),
			UsedBytes:      new(uint64(10240000 * 1024)),
			AvailableBytes: new(uint64(6144000 * 1024)),
		},
		Swap: host.Swap{TotalBytes: new(uint64(2097148 * 1024)), UsedBytes: new(uint64(1048574 * 1024))},
		Network: host.Network{
			RxBytesPerSec: new(155000.0), // eth0 300000, wlan0 10000; not lo, VLAN, bridge, container
			TxBytesPerSec: new(25500.0),  // eth0 50000, wlan0 1000
		},
		Disk: host.Disk{
			ReadBytesPerSec:  new(364544.0), // sda 400 sectors, nvme0n1 1024; not their partitions, dm-0, loop0, zram0
			WriteBytesPerSec: new(204800.0), // sda 800 sectors
		},
		Process: host.Process{
			ResidentBytes: new(uint64(22528 * 1024)),
			CPUPercent:    new(12.5), // 50 of 400 ticks
			Threads:       new(uint64(11)),
			OpenFiles:     new(uint64(5)),
		},
		UptimeSeconds: new(86402.25),
	}
}

// withoutProgram checks and takes out what describes the running test rather than the proc file system.
func withoutProgram(t *testing.T, s host.Sample) host.Sample {
	t.Helper()
	require.Equal(t, runtime.GOOS, s.Host.OS)
	require.Equal(t, runtime.GOARCH, s.Host.Arch)
	require.Equal(t, runtime.NumCPU(), s.Host.Cores)
	require.Equal(t, runtime.Version(), s.Host.GoVersion)
	s.Host = host.Host{}

	require.Positive(t, *s.Process.Goroutines)
	require.Positive(t, *s.Process.HeapBytes)
	require.Greater(t, *s.Process.RuntimeBytes, *s.Process.HeapBytes)
	s.Process.Goroutines, s.Process.HeapBytes, s.Process.RuntimeBytes = nil, nil, nil
	return s
}

func TestSampleOfGoldenTrees(t *testing.T) {
	for name, trees := range map[string][2]fs.FS{
		"in memory":           {loadTree(t, "first"), loadTree(t, "second")},
		"directories on disk": {os.DirFS("testdata/first"), os.DirFS("testdata/second")},
	} {
		t.Run(name, func(t *testing.T) {
			current := &struct{ fs.FS }{trees[0]}
			now := instant
			s := host.New(&host.Options{FS: current, Now: func() time.Time { return now }})

			require.Equal(t, goldenFirst(), withoutProgram(t, sample(t, s)))

			current.FS, now = trees[1], instant.Add(interval)
			require.Equal(t, goldenSecond(), withoutProgram(t, sample(t, s)))
		})
	}
}

func TestAbsentFiguresAreMissingFromJSON(t *testing.T) {
	m := newMachine(t)
	s := m.sampler()
	first := withoutProgram(t, sample(t, s))
	m.advance(t)
	second := withoutProgram(t, sample(t, s))

	const noHost = `{"os":"","arch":"","cores":0,"goVersion":""}`
	encoded, err := json.Marshal(first)
	require.NoError(t, err)
	require.JSONEq(t, `{
		"time": 1767323045000, "source": "proc", "host": `+noHost+`,
		"load1": 0.25, "load5": 1, "load15": 1.75,
		"memory": {"totalBytes": 16777216000, "usedBytes": 8388608000, "availableBytes": 8388608000},
		"swap": {"totalBytes": 2147479552, "usedBytes": 0},
		"process": {"residentBytes": 20971520, "threads": 9, "openFiles": 3},
		"uptimeSeconds": 86400.25
	}`, string(encoded))

	encoded, err = json.Marshal(second)
	require.NoError(t, err)
	require.JSONEq(t, `{
		"time": 1767323047000, "source": "proc", "host": `+noHost+`,
		"cpu": {"totalPercent": 31.25, "cores": [{"id": 0, "percent": 50}, {"id": 1, "percent": 12.5}]},
		"load1": 0.5, "load5": 1.25, "load15": 2,
		"memory": {"totalBytes": 16777216000, "usedBytes": 10485760000, "availableBytes": 6291456000},
		"swap": {"totalBytes": 2147479552, "usedBytes": 1073739776},
		"network": {"rxBytesPerSec": 155000, "txBytesPerSec": 25500},
		"disk": {"readBytesPerSec": 364544, "writeBytesPerSec": 204800},
		"process": {"residentBytes": 23068672, "cpuPercent": 12.5, "threads": 11, "openFiles": 5},
		"uptimeSeconds": 86402.25
	}`, string(encoded))
}

func TestEveryFigureMayBeMissingFromJSON(t *testing.T) {
	for _, group := range []any{
		host.CPU{}, host.Memory{}, host.Swap{}, host.Network{}, host.Disk{}, host.Process{},
	} {
		encoded, err := json.Marshal(group)
		require.NoError(t, err)
		require.JSONEq(t, `{}`, string(encoded), "%T", group)
	}
}
