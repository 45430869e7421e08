package main

import (
	"time"

	"github.com/graphscript-go/graphscript/examples/live/host"
	"github.com/graphscript-go/graphscript/graph"
)

// What pages may use of the server.
const (
	CPU      graph.State[CPUFigures]     = "system.cpu"
	Memory   graph.State[MemoryFigures]  = "system.memory"
	Network  graph.State[NetworkFigures] = "system.network"
	Process  graph.State[ProcessFigures] = "system.process"
	Computer graph.State[ComputerFacts]  = "system.computer"
	// Recent gives the samples of the last minute, so that the charts of a new page begin full.
	Recent graph.Func[graph.Void, []host.Sample] = "system.recent"

	Online graph.State[[]Person]             = "online"
	Lines  graph.State[[]Line]               = "chat.lines"
	Say    graph.Func[string, graph.Void]    = "chat.say"
	Rename graph.Func[string, graph.Void]    = "chat.name"
	Me     graph.Func[graph.Void, SessionID] = "chat.me"
)

// TimeZone is what the server uses of a page: its IANA time zone, such as "Europe/Berlin".
const TimeZone graph.Func[graph.Void, string] = "page.timezone"

// exposed are the routes a page can reach.
func exposed() []string { return []string{"system.**", "chat.**", "online"} }

// A SessionID names a person to others. It does not reveal the cookie that proves who one is.
type SessionID string

// CPUFigures are of one instant, as all figures; what the computer does not tell is absent. Time is in
// milliseconds since the Unix epoch.
type CPUFigures struct {
	Time int64 `json:"time"`
	host.CPU
	Load1  *float64 `json:"load1,omitempty"`
	Load5  *float64 `json:"load5,omitempty"`
	Load15 *float64 `json:"load15,omitempty"`
}

// MemoryFigures are the main memory and the swap space.
type MemoryFigures struct {
	Time int64 `json:"time"`
	host.Memory
	Swap host.Swap `json:"swap,omitzero"`
}

// NetworkFigures are the traffic over all interfaces.
type NetworkFigures struct {
	Time int64 `json:"time"`
	host.Network
}

// ProcessFigures are of this program.
type ProcessFigures struct {
	Time int64 `json:"time"`
	host.Process
}

// ComputerFacts are what does not change while the program runs.
type ComputerFacts struct {
	host.Host
	Source host.Source `json:"source"`
}

// A Person is somebody with at least one page open.
type Person struct {
	ID   SessionID `json:"id"`
	Name string    `json:"name"`
	// TimeZone is what a page of the person answered, and empty until one has.
	TimeZone string `json:"timeZone,omitempty"`
	Tabs     int    `json:"tabs"`
}

// A Line is something that was said.
type Line struct {
	// ID rises by one from line to line.
	ID   int64     `json:"id"`
	From SessionID `json:"from"`
	Name string    `json:"name"`
	Text string    `json:"text"`
	Time time.Time `json:"time"`
}
