package host

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// parseStat reads /proc/stat (proc_stat(5)): the line "cpu" for all cores together, one line "cpuN" for each core
// that is online, and others that are not used here.
func parseStat(file, data string, r *reading) error {
	var all *cpuTimes
	var cores []coreTimes
	for number, line := range lines(data) {
		fields := strings.Fields(line)
		id, isCPU := strings.CutPrefix(fields[0], "cpu")
		if !isCPU {
			continue
		}
		times, err := parseCPUTimes(fields[1:])
		if err != nil {
			return malformed(file, number, line, err)
		}
		if id == "" {
			all = &times
			continue
		}
		core, err := strconv.ParseUint(id, 10, 31)
		if err != nil {
			return malformed(file, number, line, fmt.Errorf("parse core number: %w", err))
		}
		cores = append(cores, coreTimes{id: int(core), cpuTimes: times})
	}
	if all == nil {
		return malformed(file, 0, "", errors.New("no cpu line"))
	}
	r.cpu, r.cores = all, cores
	return nil
}

// parseCPUTimes reads user, nice, system, idle, iowait, irq, softirq and steal; kernels before 2.6.11 have fewer. The
// two fields after them, guest and guest_nice, are left out because user and nice include them.
func parseCPUTimes(fields []string) (cpuTimes, error) {
	const least, most = 4, 8
	if len(fields) < least {
		return cpuTimes{}, fmt.Errorf("%d times, want at least %d", len(fields), least)
	}
	values, err := counters(fields[:min(len(fields), most)])
	if err != nil {
		return cpuTimes{}, err
	}
	var times cpuTimes
	for i, value := range values {
		switch i {
		case 3, 4: // idle, iowait
			times.idle += float64(value)
		default:
			times.busy += float64(value)
		}
	}
	return times, nil
}

// parseMeminfo reads /proc/meminfo (proc_meminfo(5)). MemAvailable exists since Linux 3.14.
func parseMeminfo(file, data string, r *reading) error {
	var total, available, swapTotal, swapFree *uint64
	err := keyed(file, data, map[string]func(string) error{
		"MemTotal":     into(&total, kibibytes),
		"MemAvailable": into(&available, kibibytes),
		"SwapTotal":    into(&swapTotal, kibibytes),
		"SwapFree":     into(&swapFree, kibibytes),
	})
	if err != nil {
		return err
	}
	if total == nil {
		return malformed(file, 0, "", errors.New("no MemTotal line"))
	}
	r.sample.Memory = Memory{TotalBytes: total, UsedBytes: difference(total, available), AvailableBytes: available}
	r.sample.Swap = Swap{TotalBytes: swapTotal, UsedBytes: difference(swapTotal, swapFree)}
	return nil
}

// parseLoadavg reads the first three fields of /proc/loadavg (proc_loadavg(5)).
func parseLoadavg(file, data string, r *reading) error {
	loads, err := leadingDecimals(file, data, 3)
	if err != nil {
		return err
	}
	r.sample.Load1, r.sample.Load5, r.sample.Load15 = &loads[0], &loads[1], &loads[2]
	return nil
}

// parseUptime reads the first field of /proc/uptime (proc_uptime(5)).
func parseUptime(file, data string, r *reading) error {
	values, err := leadingDecimals(file, data, 1)
	if err != nil {
		return err
	}
	r.sample.UptimeSeconds = &values[0]
	return nil
}

// leadingDecimals parses the first n fields of a file with a single line.
func leadingDecimals(file, data string, n int) ([]float64, error) {
	line, _, _ := strings.Cut(data, "\n")
	fields := strings.Fields(line)
	if len(fields) < n {
		return nil, malformed(file, 1, line, fmt.Errorf("%d fields, want at least %d", len(fields), n))
	}
	values := make([]float64, n)
	for i := range values {
		value, err := decimal(fields[i])
		if err != nil {
			return nil, malformed(file, 1, line, err)
		}
		values[i] = value
	}
	return values, nil
}
