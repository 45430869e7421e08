package host

// A Source names where the figures of a [Sample] come from.
type Source string

const (
	// SourceProc is the proc file system of Linux.
	SourceProc Source = "proc"
	// SourcePortable is the Go runtime, which knows this program but not the machine.
	SourcePortable Source = "portable"
)

// A Sample is what was known of the computer and the program at one instant. Nil figures and missing JSON keys are
// figures that are not known; see the package comment. A Sample is the caller's to keep and to change.
type Sample struct {
	// Time is the instant in milliseconds since the Unix epoch.
	Time   int64  `json:"time"`
	Source Source `json:"source"`
	Host   Host   `json:"host"`
	CPU    CPU    `json:"cpu,omitzero"`
	// Load1, Load5 and Load15 are the load averages over 1, 5 and 15 minutes: tasks running, waiting to run or in
	// uninterruptible sleep (proc_loadavg(5)).
	Load1   *float64 `json:"load1,omitempty"`
	Load5   *float64 `json:"load5,omitempty"`
	Load15  *float64 `json:"load15,omitempty"`
	Memory  Memory   `json:"memory,omitzero"`
	Swap    Swap     `json:"swap,omitzero"`
	Network Network  `json:"network,omitzero"`
	Disk    Disk     `json:"disk,omitzero"`
	Process Process  `json:"process,omitzero"`
	// UptimeSeconds is the time since the machine started.
	UptimeSeconds *float64 `json:"uptimeSeconds,omitempty"`
}

// A Host describes what does not change while the program runs.
type Host struct {
	// Hostname is absent if the system does not tell it.
	Hostname string `json:"hostname,omitempty"`
	OS       string `json:"os"`
	Arch     string `json:"arch"`
	// Cores is the number of logical processors this program may use, which can be fewer than the machine has.
	Cores     int    `json:"cores"`
	GoVersion string `json:"goVersion"`
}

// CPU is the share of processor time that was not idle, in percent from 0 to 100. Waiting for a disk is idle time;
// time a hypervisor gave to other guests (steal) is not.
type CPU struct {
	// TotalPercent is the share over all cores together. From [SourcePortable] it is [Process.CPUPercent].
	TotalPercent *float64 `json:"totalPercent,omitempty"`
	// Cores holds the cores whose share is known, in the order the kernel lists them.
	Cores []Core `json:"cores,omitempty"`
}

// A Core is the busy share of one logical processor.
type Core struct {
	// ID is the kernel's number of the core. Numbers have gaps where a core is offline.
	ID int `json:"id"`
	// Percent is from 0 to 100.
	Percent float64 `json:"percent"`
}

// Memory is the main memory of the machine.
type Memory struct {
	TotalBytes *uint64 `json:"totalBytes,omitempty"`
	// UsedBytes is TotalBytes less AvailableBytes.
	UsedBytes *uint64 `json:"usedBytes,omitempty"`
	// AvailableBytes is the kernel's estimate of what programs can still get without swapping (MemAvailable,
	// proc_meminfo(5)). It counts caches that can be dropped, unlike free memory.
	AvailableBytes *uint64 `json:"availableBytes,omitempty"`
}

// Swap is the swap space of the machine. A machine without swap has a total of zero.
type Swap struct {
	TotalBytes *uint64 `json:"totalBytes,omitempty"`
	UsedBytes  *uint64 `json:"usedBytes,omitempty"`
}

// Network is the traffic summed over the interfaces that [Options.Interface] selects.
type Network struct {
	RxBytesPerSec *float64 `json:"rxBytesPerSec,omitempty"`
	TxBytesPerSec *float64 `json:"txBytesPerSec,omitempty"`
}

// Disk is the traffic summed over the disks that [Options.Disk] selects.
type Disk struct {
	ReadBytesPerSec  *float64 `json:"readBytesPerSec,omitempty"`
	WriteBytesPerSec *float64 `json:"writeBytesPerSec,omitempty"`
}

// A Process describes this program.
type Process struct {
	// ResidentBytes is the memory of the process that is in main memory (VmRSS, proc_pid_status(5)).
	ResidentBytes *uint64 `json:"residentBytes,omitempty"`
	// CPUPercent is the program's share of the processor time of all cores, from 0 to 100, on the scale of
	// [CPU.TotalPercent]. From [SourcePortable] it is the share of the time available to Go code, GOMAXPROCS times
	// the time passed, which the runtime calls an overestimate.
	CPUPercent *float64 `json:"cpuPercent,omitempty"`
	Goroutines *uint64  `json:"goroutines,omitempty"`
	// HeapBytes is the memory of heap objects, live ones and dead ones not yet swept.
	HeapBytes *uint64 `json:"heapBytes,omitempty"`
	// RuntimeBytes is the memory the Go runtime has mapped and not returned to the system: heap, stacks and its own.
	RuntimeBytes *uint64 `json:"runtimeBytes,omitempty"`
	// Threads counts operating system threads. From [SourcePortable] it counts those of the Go runtime.
	Threads *uint64 `json:"threads,omitempty"`
	// OpenFiles counts open file descriptors.
	OpenFiles *uint64 `json:"openFiles,omitempty"`
}
