package main

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/graphscript-go/graphscript/examples/live/host"
	"github.com/graphscript-go/graphscript/graph"
)

// sampleEvery is how often the computer is looked at, and recentSamples how many samples are kept for new pages.
const (
	sampleEvery   = time.Second
	recentSamples = 60
)

// A monitor samples the computer and stores the figures in state nodes.
type monitor struct {
	sampler  *host.Sampler
	cpu      *graph.Var[CPUFigures]
	memory   *graph.Var[MemoryFigures]
	network  *graph.Var[NetworkFigures]
	process  *graph.Var[ProcessFigures]
	computer *graph.Var[ComputerFacts]

	mu       sync.Mutex // guards all below
	recent   []host.Sample
	reported string // the last error, which would else be logged every second
}

// serveSystem adds the figures to the graph, and a node that samples them again and again for as long as it is there.
func serveSystem(g *graph.Graph) error {
	m := &monitor{
		sampler:  host.New(nil),
		cpu:      CPU.Serve(g, CPUFigures{}),
		memory:   Memory.Serve(g, MemoryFigures{}),
		network:  Network.Serve(g, NetworkFigures{}),
		process:  Process.Serve(g, ProcessFigures{}),
		computer: Computer.Serve(g, ComputerFacts{}),
	}
	Recent.Handle(g, m.recentSamples)
	// Its tag is not among those exposed: pages watch the figures, they do not take samples.
	_, err := g.Add("sampler", graph.Props{
		Operator: m.sample,
		With:     map[string]any{"loop": sampleEvery, "looping": true},
	})
	if err != nil {
		return fmt.Errorf("add the sampler: %w", err)
	}
	return nil
}

func (m *monitor) sample(ctx context.Context) {
	s, err := m.sampler.Sample(ctx)
	if ctx.Err() != nil {
		return // the node is being removed
	}
	m.report(err)
	m.keep(s)
	m.computer.Set(ComputerFacts{Host: s.Host, Source: s.Source})
	m.cpu.Set(CPUFigures{Time: s.Time, CPU: s.CPU, Load1: s.Load1, Load5: s.Load5, Load15: s.Load15})
	m.memory.Set(MemoryFigures{Time: s.Time, Memory: s.Memory, Swap: s.Swap})
	m.network.Set(NetworkFigures{Time: s.Time, Network: s.Network})
	m.process.Set(ProcessFigures{Time: s.Time, Process: s.Process})
}

// report logs an error once, not at each sample; the figures that could be read are shown all the same.
func (m *monitor) report(err error) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	m.mu.Lock()
	isNew := text != m.reported
	m.reported = text
	m.mu.Unlock()
	if isNew && err != nil {
		slog.Warn("some figures cannot be read", "error", err)
	}
}

func (m *monitor) keep(s host.Sample) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.recent) == recentSamples {
		m.recent = slices.Delete(m.recent, 0, 1)
	}
	m.recent = append(m.recent, s)
}

func (m *monitor) recentSamples(context.Context, graph.Void) ([]host.Sample, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.recent), nil
}
