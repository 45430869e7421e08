package host

import "context"

// A portableSource knows only what the Go runtime tells, on any operating system.
type portableSource struct {
	program func() runtimeFigures
}

var _ source = (*portableSource)(nil)

func (p *portableSource) read(context.Context) (reading, error) {
	figures := p.program()
	r := reading{sample: Sample{Source: SourcePortable}}
	figures.setProcess(&r.sample.Process)
	r.sample.Process.Threads = figures.threads
	if figures.cpuTotal != nil && figures.cpuIdle != nil {
		busy := *figures.cpuTotal - *figures.cpuIdle
		r.cpu = &cpuTimes{busy: busy, idle: *figures.cpuIdle}
		r.process = &busy
	}
	return r, nil
}
