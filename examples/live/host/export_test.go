package host

// NewWithCPUClasses is New with the runtime's processor times, in seconds, coming from read.
func NewWithCPUClasses(opts *Options, read func() (total, idle *float64)) *Sampler {
	return newSampler(opts, func() runtimeFigures {
		total, idle := read()
		return runtimeFigures{cpuTotal: total, cpuIdle: idle}
	})
}

var (
	Count   = count
	Seconds = seconds
)
