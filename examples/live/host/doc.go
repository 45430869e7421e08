// Package host samples the figures of this computer and of this program: processor, memory, network, disk, load.
//
// A [Sampler] takes a [Sample] each time it is asked and has no goroutine of its own. It reads one of two sources,
// chosen when it is made and named in [Sample.Source]:
//
//   - [SourceProc] reads the proc file system of Linux. Inside a container the network figures are the container's and
//     the others those of the whole machine, whatever limits the container has.
//   - [SourcePortable] asks the Go runtime about this program, on any system. The figures of the machine are absent,
//     with one exception: the processor figure is this program's own share.
//
// # Absent figures
//
// A figure that is not known is a nil pointer in Go and a missing key in JSON; zero always means a measured zero. A
// figure is absent when the source cannot give it (a file that does not exist or may not be read), when it is a rate
// and there is no earlier reading to compare with, and when a counter went backwards, as it does when an interface or
// a disk is replaced by another of the same name.
//
// # Rates
//
// A rate covers the time between two samples of one Sampler. Linux counts processor time in ticks of 10 ms, so at
// intervals of 100 ms a share is off by some 10 percentage points, and at a few ms it is no more than noise. One
// second is a good interval.
//
// With [SourcePortable] the processor figures move only when the garbage collector ran: the runtime brings its
// accounts of processor time up to date at the end of a collection (cpuStats.accumulate in runtime/mstats.go, Go
// 1.26). They cover the time between two collections and are absent in a sample that saw none.
package host
