package host_test

import (
	"encoding/json"
	"runtime"
	"runtime/metrics"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/graphscript-go/graphscript/examples/live/host"
)

func TestPortableShare(t *testing.T) {
	var total, idle *float64
	now := instant
	s := host.NewWithCPUClasses(&host.Options{FS: fstest.MapFS{}, Now: func() time.Time { return now }},
		func() (*float64, *float64) { return total, idle })

	for _, step := range []struct {
		name        string
		total, idle *float64
		want        *float64
	}{
		{"first", new(10.0), new(8.0), nil},
		{"busy three quarters", new(14.0), new(9.0), new(75.0)},
		{"no collection since", new(14.0), new(9.0), nil},
		{"idle", new(16.0), new(11.0), new(0.0)},
		{"busy", new(20.0), new(11.0), new(100.0)},
		{"idle less than before", new(24.0), new(10.0), nil},
		{"after that", new(28.0), new(12.0), new(50.0)},
		{"more idle than time", new(29.0), new(14.0), nil},
		{"unknown", nil, nil, nil},
		{"known again", new(40.0), new(14.0), nil},
		{"and compared", new(44.0), new(17.0), new(25.0)},
	} {
		total, idle = step.total, step.idle
		now = now.Add(interval)
		got := sample(t, s)
		require.Equal(t, host.SourcePortable, got.Source)
		require.Equal(t, now.UnixMilli(), got.Time)
		require.Equal(t, step.want, got.CPU.TotalPercent, step.name)
		require.Equal(t, step.want, got.Process.CPUPercent, step.name)
	}
}

func TestPortableSampleHasOnlyWhatTheRuntimeKnows(t *testing.T) {
	s := host.New(&host.Options{FS: fstest.MapFS{"version": {}}, Now: func() time.Time { return instant }})
	got := sample(t, s)
	require.Positive(t, *got.Process.Threads)
	got.Process.Threads = nil
	require.Equal(t, host.Sample{Time: instant.UnixMilli(), Source: host.SourcePortable}, withoutProgram(t, got))

	encoded, err := json.Marshal(sample(t, s))
	require.NoError(t, err)
	var keys map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(encoded, &keys))
	for _, absent := range []string{"cpu", "load1", "memory", "swap", "network", "disk", "uptimeSeconds"} {
		require.NotContains(t, keys, absent)
	}
}

func TestPortableShareRisesWithWork(t *testing.T) {
	s := host.New(&host.Options{FS: fstest.MapFS{}})
	requireShareFollowsWork(t, float64(runtime.GOMAXPROCS(0)), func() *float64 {
		runtime.GC() // the runtime brings its accounts of processor time up to date when it collects
		return sample(t, s).Process.CPUPercent
	})
}

func TestMetricThatGoDoesNotHave(t *testing.T) {
	unknown := []metrics.Sample{{Name: "/not/a:metric"}}
	metrics.Read(unknown)
	require.Nil(t, host.Count(unknown[0].Value))
	require.Nil(t, host.Seconds(unknown[0].Value))
}
