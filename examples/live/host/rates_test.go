package host_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/graphscript-go/graphscript/examples/live/host"
)

func TestCounterThatWentBackwardsGivesNoRate(t *testing.T) {
	for name, c := range map[string]struct {
		file, old, new string
		want           func(*host.Sample) // takes the lost figures out of the golden sample
	}{
		"busy time": {
			"stat", "cpu  1080", "cpu  900",
			func(s *host.Sample) { s.CPU.TotalPercent, s.Process.CPUPercent = nil, nil },
		},
		"idle time": {
			"stat", "8266 109", "7000 109",
			func(s *host.Sample) { s.CPU.TotalPercent, s.Process.CPUPercent = nil, nil },
		},
		"time of one core": {
			"stat", "cpu0 560", "cpu0 1",
			func(s *host.Sample) { s.CPU.Cores = s.CPU.Cores[1:] },
		},
		"time of this program": {
			"self/stat", " 240 60 ", " 100 60 ",
			func(s *host.Sample) { s.Process.CPUPercent = nil },
		},
		"bytes received": {
			"net/dev", "wlan0:   15000", "wlan0:    4999",
			func(s *host.Sample) { s.Network.RxBytesPerSec = nil },
		},
		"bytes sent": {
			"net/dev", "2050000", "1999999",
			func(s *host.Sample) { s.Network.TxBytesPerSec = nil },
		},
		"sectors read": {
			"diskstats", "sda 299 85 2400", "sda 299 85 0",
			func(s *host.Sample) { s.Disk.ReadBytesPerSec = nil },
		},
		"sectors written": {
			"diskstats", "90 1800 460", "90 999 460",
			func(s *host.Sample) { s.Disk.WriteBytesPerSec = nil },
		},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMachine(t)
			s := m.sampler()
			sample(t, s)
			m.advance(t)
			content := string(m.files[c.file].Data)
			require.Equal(t, 1, strings.Count(content, c.old))
			m.write(c.file, strings.Replace(content, c.old, c.new, 1))

			want := goldenSecond()
			c.want(&want)
			require.Equal(t, want, withoutProgram(t, sample(t, s)))
		})
	}
}

func TestRatesNeedTimeToPass(t *testing.T) {
	m := newMachine(t)
	s := m.sampler()
	sample(t, s)
	m.advance(t)
	m.now = instant

	got := sample(t, s)
	require.Zero(t, got.Network)
	require.Zero(t, got.Disk)
	require.InDelta(t, 31.25, *got.CPU.TotalPercent, 0, "processor shares are ticks of ticks, whatever the clock says")
}

func TestSharesNeedTicksToPass(t *testing.T) {
	m := newMachine(t)
	s := m.sampler()
	sample(t, s)
	got := sample(t, s)
	require.Zero(t, got.CPU)
	require.Nil(t, got.Process.CPUPercent)
}

func TestProgramShareStopsAtHundred(t *testing.T) {
	m := newMachine(t)
	s := m.sampler()
	sample(t, s)
	m.advance(t)
	m.write("self/stat", strings.Replace(string(m.files["self/stat"].Data), " 240 60 ", " 640 60 ", 1))
	require.InDelta(t, 100, *sample(t, s).Process.CPUPercent, 0)
}

func TestCoresComeAndGo(t *testing.T) {
	m := newMachine(t)
	s := m.sampler()
	m.write("stat", "cpu  0 0 0 0\ncpu0 0 0 0 0\n")
	sample(t, s)

	m.write("stat", "cpu  10 0 0 10\ncpu0 5 0 0 15\ncpu2 400 0 0 400\n")
	require.Equal(t, []host.Core{{ID: 0, Percent: 25}}, sample(t, s).CPU.Cores, "a new core has no earlier reading")

	m.write("stat", "cpu  20 0 0 20\ncpu2 403 0 0 401\n")
	require.Equal(t, []host.Core{{ID: 2, Percent: 75}}, sample(t, s).CPU.Cores)
}

func TestInterfacesComeAndGo(t *testing.T) {
	line := func(name, rx, tx string) string {
		return name + ": " + rx + " 0 0 0 0 0 0 0 " + tx + " 0 0 0 0 0 0 0\n"
	}
	m := newMachine(t)
	s := m.sampler()
	m.write("net/dev", line("eth0", "100", "200"))
	sample(t, s)

	m.now = m.now.Add(interval)
	m.write("net/dev", line("eth0", "300", "300")+line("eth1", "1000000", "1000000"))
	require.Equal(t, host.Network{RxBytesPerSec: new(100.0), TxBytesPerSec: new(50.0)}, sample(t, s).Network,
		"a new interface does not bring all it ever counted")

	m.now = m.now.Add(interval)
	m.write("net/dev", line("eth1", "1000006", "1000002"))
	require.Equal(t, host.Network{RxBytesPerSec: new(3.0), TxBytesPerSec: new(1.0)}, sample(t, s).Network,
		"an interface that went does not subtract what it counted")

	m.now = m.now.Add(interval)
	m.write("net/dev", line("lo", "7", "7"))
	require.Zero(t, sample(t, s).Network, "no interface is not the same as no traffic")
}
