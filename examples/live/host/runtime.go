package host

import "runtime/metrics"

// runtimeFigures is what the Go runtime tells about this program. A figure this version of Go does not have is nil.
type runtimeFigures struct {
	goroutines, heapBytes, runtimeBytes, threads *uint64

	cpuTotal, cpuIdle *float64 // seconds since the program started
}

func readRuntime() runtimeFigures {
	samples := []metrics.Sample{
		{Name: "/sched/goroutines:goroutines"},
		{Name: "/memory/classes/heap/objects:bytes"},
		{Name: "/memory/classes/total:bytes"},
		{Name: "/memory/classes/heap/released:bytes"},
		{Name: "/sched/threads/total:threads"},
		{Name: "/cpu/classes/total:cpu-seconds"},
		{Name: "/cpu/classes/idle:cpu-seconds"},
	}
	metrics.Read(samples)
	return runtimeFigures{
		goroutines:   count(samples[0].Value),
		heapBytes:    count(samples[1].Value),
		runtimeBytes: difference(count(samples[2].Value), count(samples[3].Value)),
		threads:      count(samples[4].Value),
		cpuTotal:     seconds(samples[5].Value),
		cpuIdle:      seconds(samples[6].Value),
	}
}

// count returns nil for a metric this version of Go does not have: runtime/metrics may add and drop names.
func count(v metrics.Value) *uint64 {
	if v.Kind() != metrics.KindUint64 {
		return nil
	}
	return new(v.Uint64())
}

// seconds is count for metrics that are times.
func seconds(v metrics.Value) *float64 {
	if v.Kind() != metrics.KindFloat64 {
		return nil
	}
	return new(v.Float64())
}

// difference returns whole less part, or nil if one is unknown or the two contradict each other.
func difference(whole, part *uint64) *uint64 {
	if whole == nil || part == nil || *part > *whole {
		return nil
	}
	return new(*whole - *part)
}

func (f runtimeFigures) setProcess(p *Process) {
	p.Goroutines = f.goroutines
	p.HeapBytes = f.heapBytes
	p.RuntimeBytes = f.runtimeBytes
}
