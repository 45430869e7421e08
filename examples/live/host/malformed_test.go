package host_test

import (
	"errors"
	"io/fs"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/graphscript-go/graphscript/examples/live/host"
)

// lose takes out of a second golden sample what one file contributes.
var lose = map[string]func(*host.Sample){
	"stat":        func(s *host.Sample) { s.CPU, s.Process.CPUPercent = host.CPU{}, nil },
	"meminfo":     func(s *host.Sample) { s.Memory, s.Swap = host.Memory{}, host.Swap{} },
	"loadavg":     func(s *host.Sample) { s.Load1, s.Load5, s.Load15 = nil, nil, nil },
	"uptime":      func(s *host.Sample) { s.UptimeSeconds = nil },
	"net/dev":     func(s *host.Sample) { s.Network = host.Network{} },
	"diskstats":   func(s *host.Sample) { s.Disk = host.Disk{} },
	"self/stat":   func(s *host.Sample) { s.Process.CPUPercent = nil },
	"self/status": func(s *host.Sample) { s.Process.ResidentBytes, s.Process.Threads = nil, nil },
	"self/fd":     func(s *host.Sample) { s.Process.OpenFiles = nil },
}

func TestMalformedFile(t *testing.T) {
	const header = "Inter-| Receive\n face |bytes\n"
	for name, c := range map[string]struct {
		file, content string
		line          int
		reason        string
	}{
		"stat is empty":              {"stat", "", 0, "no cpu line"},
		"stat without total":         {"stat", "cpu0 1 2 3 4\n", 0, "no cpu line"},
		"stat with too few times":    {"stat", "cpu  1 2 3\n", 1, "3 times, want at least 4"},
		"stat with a word":           {"stat", "cpu  1 2 3 4\ncpu0 1 2 x 4\n", 2, `parsing "x": invalid syntax`},
		"stat with a negative":       {"stat", "cpu  1 2 -3 4\n", 1, `parsing "-3": invalid syntax`},
		"stat with too big a number": {"stat", "cpu  1 2 18446744073709551616 4\n", 1, "value out of range"},
		"stat with an unknown core":  {"stat", "cpu  1 2 3 4\ncpux 1 2 3 4\n", 2, "parse core number"},
		"meminfo is empty":           {"meminfo", "", 0, "no MemTotal line"},
		"meminfo cut off":            {"meminfo", "MemTotal: 5 kB\nMemAv", 2, "no colon"},
		"meminfo without unit":       {"meminfo", "MemTotal: 5\n", 1, `"5" is not an amount in kB`},
		"meminfo in other unit":      {"meminfo", "MemFree: 5 kB\nMemTotal: 5 MB\n", 2, `"5 MB" is not an amount in kB`},
		"meminfo with a word":        {"meminfo", "MemTotal: 5 kB\nSwapFree: five kB\n", 2, `parsing "five"`},
		"meminfo too big":            {"meminfo", "MemTotal: 18014398509481984 kB\n", 1, "does not fit in 64 bits"},
		"loadavg is empty":           {"loadavg", "", 1, "0 fields, want at least 3"},
		"loadavg too short":          {"loadavg", "0.1 0.2\n", 1, "2 fields, want at least 3"},
		"loadavg not a number":       {"loadavg", "0.1 NaN 0.2\n", 1, `"NaN" is not a decimal number`},
		"loadavg with exponent":      {"loadavg", "0.1 1e9 0.2\n", 1, `"1e9" is not a decimal number`},
		"loadavg with points":        {"loadavg", "0.1 1.2.3 0.2\n", 1, `parsing "1.2.3"`},
		"uptime is empty":            {"uptime", "", 1, "0 fields, want at least 1"},
		"uptime is negative":         {"uptime", "-1.00 2.00\n", 1, `"-1.00" is not a decimal number`},
		"uptime too big":             {"uptime", strings.Repeat("9", 400), 1, "value out of range"},
		"net/dev without colon":      {"net/dev", header + "eth0 1 2 3\n", 3, "no colon"},
		"net/dev too short":          {"net/dev", header + "eth0: 1 2 3\n", 3, "3 counters, want at least 16"},
		"net/dev with a word":        {"net/dev", header + "eth0:" + strings.Repeat(" 1", 15) + " x\n", 3, `parsing "x"`},
		"net/dev late heading":       {"net/dev", header + " face |bytes\n", 3, "no colon"},
		"diskstats without name":     {"diskstats", "8 0\n", 1, "no name"},
		"diskstats too short":        {"diskstats", "8 0 sda 1 2 3\n", 1, "3 counters, want at least 11"},
		"diskstats with a word":      {"diskstats", "\n8 0 sda 1 2 3 4 5 6 x 8 9 10 11\n", 2, `parsing "x"`},
		"self/stat is empty":         {"self/stat", "", 1, "no name in parentheses"},
		"self/stat too short":        {"self/stat", "1 (a) S 1 2 3 4 5 6 7 8 9 10 11\n", 1, "12 fields after the name"},
		"self/stat with a word":      {"self/stat", "1 (a) S 1 2 3 4 5 6 7 8 9 10 11 x\n", 1, `parsing "x"`},
		"self/status without colon":  {"self/status", "Name: a\nThreads\n", 2, "no colon"},
		"self/status with a word":    {"self/status", "Name: a\nThreads: many\n", 2, `parsing "many"`},
		"self/status without unit":   {"self/status", "VmRSS: 7\n", 1, "not an amount in kB"},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMachine(t)
			s := m.sampler()
			sample(t, s)
			m.advance(t)
			m.write(c.file, c.content)

			got, err := s.Sample(t.Context())
			malformed, ok := errors.AsType[*host.ParseError](err)
			require.True(t, ok, "%v", err)
			require.Equal(t, c.file, malformed.File)
			require.Equal(t, c.line, malformed.Line)
			require.ErrorContains(t, err, c.reason)
			require.ErrorContains(t, err, "sample host: parse "+c.file)

			want := goldenSecond()
			lose[c.file](&want)
			require.Equal(t, want, withoutProgram(t, got), "the figures of other files are not lost")
		})
	}
}

func TestParseErrorShowsTheLine(t *testing.T) {
	m := newMachine(t)
	m.write("meminfo", "MemTotal: 5 kB\nSwapTotal: 5 MB\n")
	m.write("diskstats", strings.Repeat("x", 200))
	_, err := m.sampler().Sample(t.Context())
	require.EqualError(t, err, `sample host: parse meminfo line 2 "SwapTotal: 5 MB": "5 MB" is not an amount in kB`+
		"\n"+`parse diskstats line 1 "`+strings.Repeat("x", 80)+`": no name`)

	m.write("meminfo", "MemTotal: x kB\n")
	_, err = m.sampler().Sample(t.Context())
	require.ErrorIs(t, err, strconv.ErrSyntax)
}

func TestFilesOfOtherKernels(t *testing.T) {
	for name, c := range map[string]struct {
		file, content string
		want          func(*host.Sample)
	}{
		"meminfo before 3.14": {"meminfo", "MemTotal: 2 kB\nMemFree: 1 kB\n", func(s *host.Sample) {
			s.Memory, s.Swap = host.Memory{TotalBytes: new(uint64(2048))}, host.Swap{}
		}},
		"meminfo that contradicts itself": {"meminfo", "MemTotal: 2 kB\nMemAvailable: 3 kB\n", func(s *host.Sample) {
			s.Memory = host.Memory{TotalBytes: new(uint64(2048)), AvailableBytes: new(uint64(3072))}
			s.Swap = host.Swap{}
		}},
		"status without memory": {"self/status", "Name:\ta\nThreads:\t1\n", func(s *host.Sample) {
			s.Process.ResidentBytes, s.Process.Threads = nil, new(uint64(1))
		}},
		"program named to confuse": {
			"self/stat", "1 (a) S 1\n(b) S 1 2 3 4 5 6 7 8 9 10 220 50 0 0\n",
			func(s *host.Sample) { s.Process.CPUPercent = new(5.0) },
		},
		"no disks":      {"diskstats", "", lose["diskstats"]},
		"no interfaces": {"net/dev", "Inter-| Receive\n face |bytes\n", lose["net/dev"]},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMachine(t)
			s := m.sampler()
			sample(t, s)
			m.advance(t)
			m.write(c.file, c.content)

			want := goldenSecond()
			c.want(&want)
			require.Equal(t, want, withoutProgram(t, sample(t, s)))
		})
	}
}

// A failingFS is a file system in which one path gives an error.
type failingFS struct {
	fstest.MapFS
	path string
	err  error
}

func (f *failingFS) Open(name string) (fs.File, error) {
	if name == f.path {
		return nil, &fs.PathError{Op: "open", Path: name, Err: f.err}
	}
	return f.MapFS.Open(name)
}

func (f *failingFS) ReadFile(name string) ([]byte, error) {
	if name == f.path {
		return nil, &fs.PathError{Op: "open", Path: name, Err: f.err}
	}
	return f.MapFS.ReadFile(name)
}

func (f *failingFS) ReadDir(name string) ([]fs.DirEntry, error) {
	if name == f.path {
		return nil, &fs.PathError{Op: "open", Path: name, Err: f.err}
	}
	return f.MapFS.ReadDir(name)
}

func TestUnreadableFile(t *testing.T) {
	failed := errors.New("input/output error")
	for file := range lose {
		for name, c := range map[string]struct{ err, want error }{
			"missing":   {fs.ErrNotExist, nil},
			"forbidden": {fs.ErrPermission, nil},
			"broken":    {failed, failed},
		} {
			t.Run(file+" "+name, func(t *testing.T) {
				m := newMachine(t)
				files := &failingFS{MapFS: m.files}
				s := host.New(&host.Options{FS: files, Now: m.clock})
				sample(t, s)
				m.advance(t)
				files.path, files.err = file, c.err

				got, err := s.Sample(t.Context())
				require.ErrorIs(t, err, c.want)
				if c.want != nil {
					require.ErrorContains(t, err, file)
				}
				want := goldenSecond()
				lose[file](&want)
				require.Equal(t, want, withoutProgram(t, got))
			})
		}
	}
}
