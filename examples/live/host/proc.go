package host

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
)

// A procSource reads the proc file system of Linux.
type procSource struct {
	files   fs.FS
	program func() runtimeFigures

	interfaces, disks func([]traffic) []traffic

	// ownDescriptors is how many of the descriptors in self/fd exist only because self/fd is being listed.
	ownDescriptors int
}

var _ source = (*procSource)(nil)

// newProcSource returns nil if the file system has nothing to read.
func newProcSource(opts *Options, program func() runtimeFigures) *procSource {
	p := &procSource{
		files:      opts.FS,
		program:    program,
		interfaces: basicInterfaces,
		disks:      wholeDisks,
	}
	if p.files == nil {
		if runtime.GOOS != "linux" {
			return nil
		}
		p.files = os.DirFS("/proc")
		p.ownDescriptors = 1
	}
	if opts.Interface != nil {
		p.interfaces = selectNames(opts.Interface)
	}
	if opts.Disk != nil {
		p.disks = selectNames(opts.Disk)
	}
	// One file may be hidden (Android hides stat from programs) while others are readable.
	for _, file := range procFiles() {
		if _, err := fs.Stat(p.files, file.name); err == nil {
			return p
		}
	}
	return nil
}

// A procFile is one file of the proc file system and what makes sense of it.
type procFile struct {
	name string // relative to the root of the file system
	// parse adds what the file tells to r. After an error it has added nothing.
	parse func(file, data string, r *reading) error
}

func procFiles() []procFile {
	return []procFile{
		// Shares of processor time compare these two, so they are read one right after the other.
		{"stat", parseStat},
		{"self/stat", parseSelfStat},
		{"self/status", parseSelfStatus},
		{"meminfo", parseMeminfo},
		{"loadavg", parseLoadavg},
		{"uptime", parseUptime},
		{"net/dev", parseNetDev},
		{"diskstats", parseDiskstats},
	}
}

func (p *procSource) read(ctx context.Context) (reading, error) {
	r := reading{sample: Sample{Source: SourceProc}}
	p.program().setProcess(&r.sample.Process)

	var errs []error
	for _, file := range procFiles() {
		if err := ctx.Err(); err != nil {
			return reading{}, err
		}
		data, err := fs.ReadFile(p.files, file.name)
		if err == nil {
			err = file.parse(file.name, string(data), &r)
		} else {
			err = ignoreAbsent(fmt.Errorf("read %s: %w", file.name, err))
		}
		errs = append(errs, err)
	}
	errs = append(errs, p.countOpenFiles(&r))

	r.network = p.interfaces(r.network)
	r.disk = p.disks(r.disk)
	return r, errors.Join(errs...)
}

// ignoreAbsent drops the errors that mean this system does not offer the figure.
func ignoreAbsent(err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return nil
	}
	return err
}

func (p *procSource) countOpenFiles(r *reading) error {
	entries, err := fs.ReadDir(p.files, "self/fd")
	if err != nil {
		return ignoreAbsent(fmt.Errorf("list self/fd: %w", err))
	}
	r.sample.Process.OpenFiles = new(uint64(max(len(entries)-p.ownDescriptors, 0)))
	return nil
}
