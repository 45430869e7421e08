package host

import (
	"slices"
	"time"
)

// A reading is one look at a source: the figures that are complete in themselves, and the counters that become rates
// once there is a later reading.
type reading struct {
	at      time.Time
	sample  Sample
	cpu     *cpuTimes
	cores   []coreTimes
	process *float64 // processor time of this program, in the unit of cpu
	network []traffic
	disk    []traffic
}

// cpuTimes is processor time since some start. The unit does not matter, because only shares are computed from it:
// ticks from proc, seconds from the runtime. float64 holds both and cannot overflow when times are added up.
type cpuTimes struct {
	busy, idle float64
}

type coreTimes struct {
	id int
	cpuTimes
}

// traffic is what went in and out of one interface (bytes) or disk (sectors) since some start.
type traffic struct {
	name    string
	in, out uint64
}

// sectorBytes is the size of a sector in /proc/diskstats, whatever the disk's own sectors are
// (Documentation/admin-guide/iostats.rst).
const sectorBytes = 512

// setRates fills in the figures of sample that are the difference of two readings.
func setRates(sample *Sample, previous, current *reading) {
	if previous.cpu != nil && current.cpu != nil {
		busy, total := current.cpu.since(*previous.cpu)
		sample.CPU.TotalPercent = percent(busy, total)
		if previous.process != nil && current.process != nil {
			sample.Process.CPUPercent = percent(*current.process-*previous.process, total)
		}
	}
	sample.CPU.Cores = coreShares(previous.cores, current.cores)

	elapsed := current.at.Sub(previous.at)
	in, out := trafficRates(previous.network, current.network, 1, elapsed)
	sample.Network = Network{RxBytesPerSec: in, TxBytesPerSec: out}
	in, out = trafficRates(previous.disk, current.disk, sectorBytes, elapsed)
	sample.Disk = Disk{ReadBytesPerSec: in, WriteBytesPerSec: out}
}

// since returns the busy and the whole time between two readings, and zeros if one of the counters went backwards.
// Busy and idle are compared as sums because a single counter, iowait, may decrease while idle grows (proc_stat(5)).
func (t cpuTimes) since(earlier cpuTimes) (busy, total float64) {
	busy, idle := t.busy-earlier.busy, t.idle-earlier.idle
	if busy < 0 || idle < 0 {
		return 0, 0
	}
	return busy, busy + idle
}

func coreShares(previous, current []coreTimes) []Core {
	var cores []Core
	for _, now := range current {
		i := slices.IndexFunc(previous, func(c coreTimes) bool { return c.id == now.id })
		if i < 0 {
			continue
		}
		if share := percent(now.since(previous[i].cpuTimes)); share != nil {
			cores = append(cores, Core{ID: now.id, Percent: *share})
		}
	}
	return cores
}

// percent returns part of whole in percent, or nil if there is no such share. It stops at 100: the files that part
// and whole come from are not read at the same moment.
func percent(part, whole float64) *float64 {
	if whole <= 0 || part < 0 {
		return nil
	}
	return new(min(100*part/whole, 100))
}

func trafficRates(previous, current []traffic, unit float64, elapsed time.Duration) (in, out *float64) {
	in = rate(previous, current, func(t traffic) uint64 { return t.in }, unit, elapsed)
	out = rate(previous, current, func(t traffic) uint64 { return t.out }, unit, elapsed)
	return in, out
}

// rate sums what the devices of both readings counted in between, per second. It compares device by device, so that
// a device that appears does not bring all it ever counted, and one that goes does not subtract it. One counter
// that went backwards makes the sum unknown.
func rate(previous, current []traffic, count func(traffic) uint64, unit float64, elapsed time.Duration) *float64 {
	if elapsed <= 0 {
		return nil
	}
	var sum float64
	compared := false
	for _, now := range current {
		i := slices.IndexFunc(previous, func(t traffic) bool { return t.name == now.name })
		if i < 0 {
			continue
		}
		if count(now) < count(previous[i]) {
			return nil
		}
		sum += float64(count(now) - count(previous[i]))
		compared = true
	}
	if !compared {
		return nil
	}
	return new(sum * unit / elapsed.Seconds())
}
