package host

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// parseSelfStat reads the processor time of this program from /proc/self/stat (proc_pid_stat(5)): the sum of field
// 14, utime, and field 15, stime, in the ticks of /proc/stat.
func parseSelfStat(file, data string, r *reading) error {
	const utime, stime = 14, 15
	const afterName = 3 // the number of the first field after the name

	// The name of the program may hold blanks, parentheses and line ends; no field after it does.
	end := strings.LastIndexByte(data, ')')
	if end < 0 {
		return malformed(file, 1, data, errors.New("no name in parentheses"))
	}
	fields := strings.Fields(data[end+1:])
	if len(fields) <= stime-afterName {
		return malformed(file, 1, data, fmt.Errorf("%d fields after the name, want at least %d",
			len(fields), stime-afterName+1))
	}
	times, err := counters(fields[utime-afterName : stime-afterName+1])
	if err != nil {
		return malformed(file, 1, data, err)
	}
	r.process = new(float64(times[0]) + float64(times[1]))
	return nil
}

// parseSelfStatus reads /proc/self/status (proc_pid_status(5)).
func parseSelfStatus(file, data string, r *reading) error {
	var resident, threads *uint64
	err := keyed(file, data, map[string]func(string) error{
		"VmRSS":   into(&resident, kibibytes),
		"Threads": into(&threads, func(text string) (uint64, error) { return strconv.ParseUint(text, 10, 64) }),
	})
	if err != nil {
		return err
	}
	r.sample.Process.ResidentBytes = resident
	r.sample.Process.Threads = threads
	return nil
}
