package host

import (
	"errors"
	"fmt"
	"strings"
)

// parseNetDev reads /proc/net/dev (proc_pid_net(5)): two lines of headings with bars, then one line for each
// interface with eight fields of what was received, bytes first, and eight of what was sent.
func parseNetDev(file, data string, r *reading) error {
	const received, sent, columns = 0, 8, 16
	var interfaces []traffic
	for number, line := range lines(data) {
		if number <= 2 && strings.Contains(line, "|") {
			continue
		}
		name, rest, found := strings.Cut(line, ":")
		if !found {
			return malformed(file, number, line, errors.New("no colon after the interface"))
		}
		values, err := atLeast(columns, strings.Fields(rest))
		if err != nil {
			return malformed(file, number, line, err)
		}
		interfaces = append(interfaces, traffic{name: name, in: values[received], out: values[sent]})
	}
	r.network = interfaces
	return nil
}

// parseDiskstats reads /proc/diskstats (Documentation/admin-guide/iostats.rst): major and minor number, name, then at
// least eleven fields, of which the third is sectors read and the seventh sectors written.
func parseDiskstats(file, data string, r *reading) error {
	const read, written, columns = 2, 6, 11
	var disks []traffic
	for number, line := range lines(data) {
		fields := strings.Fields(line)
		if len(fields) < 3 {
			return malformed(file, number, line, errors.New("no name"))
		}
		values, err := atLeast(columns, fields[3:])
		if err != nil {
			return malformed(file, number, line, err)
		}
		disks = append(disks, traffic{name: fields[2], in: values[read], out: values[written]})
	}
	r.disk = disks
	return nil
}

// atLeast parses the first n of fields. Kernels append fields over time.
func atLeast(n int, fields []string) ([]uint64, error) {
	if len(fields) < n {
		return nil, fmt.Errorf("%d counters, want at least %d", len(fields), n)
	}
	return counters(fields[:n])
}
