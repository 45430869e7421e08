package host_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/graphscript-go/graphscript/examples/live/host"
)

// Each device counts a different power of two per second, so the sum tells which were counted.
func powers(names []string) map[string]uint64 {
	values := map[string]uint64{}
	for i, name := range names {
		values[name] = 1 << i
	}
	return values
}

func counted(names []string, sum float64) []string {
	var found []string
	for i, name := range names {
		if uint64(sum)&(1<<i) != 0 {
			found = append(found, name)
		}
	}
	return found
}

func TestDefaultInterfaces(t *testing.T) {
	names := []string{
		"lo", "eth0", "eth1", "eth0.12", "lan.7", "enp3s0", "wlp2s0", "bond0", "br0", "br-5f2c", "docker0", "virbr0",
		"veth0a1b", "tun0", "tap0", "wg0", "ifb0", "dummy0", "tunl0", "sit0", "loon0",
	}
	want := []string{"eth0", "eth1", "lan.7", "enp3s0", "wlp2s0", "loon0"}
	require.Equal(t, want, countedInterfaces(t, names, nil))
	require.Equal(t, []string{"lo", "tun0"}, countedInterfaces(t, names,
		&host.Options{Interface: func(name string) bool { return name == "lo" || name == "tun0" }}))
}

func countedInterfaces(t *testing.T, names []string, opts *host.Options) []string {
	write := func(values map[string]uint64) string {
		var file strings.Builder
		for _, name := range names {
			fmt.Fprintf(&file, "%s: %d 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n", name, values[name])
		}
		return file.String()
	}
	got := sampleFile(t, opts, "net/dev", write(nil), write(powers(names)))
	return counted(names, *got.Network.RxBytesPerSec*interval.Seconds())
}

func TestDefaultDisks(t *testing.T) {
	names := []string{
		"sda", "sda1", "sda12", "sdaa", "sdaa3", "nvme0n1", "nvme0n1p1", "nvme10n1", "mmcblk0", "mmcblk0p2",
		"mmcblk0boot0", "xvdb1", "vda", "sr0", "loop0", "loop0p1", "dm-3", "md127", "md127p1", "zram0", "ram0", "sdp",
		"sdp1",
	}
	want := []string{
		"sda", "sdaa", "nvme0n1", "nvme10n1", "mmcblk0", "mmcblk0boot0", "xvdb1", "vda", "sr0", "sdp",
	}
	require.Equal(t, want, countedDisks(t, names, nil))
	require.Equal(t, []string{"sda1", "md127"}, countedDisks(t, names,
		&host.Options{Disk: func(name string) bool { return name == "sda1" || name == "md127" }}))
}

func countedDisks(t *testing.T, names []string, opts *host.Options) []string {
	write := func(values map[string]uint64) string {
		var file strings.Builder
		for _, name := range names {
			fmt.Fprintf(&file, "8 0 %s 0 0 %d 0 0 0 0 0 0 0 0\n", name, values[name])
		}
		return file.String()
	}
	got := sampleFile(t, opts, "diskstats", write(nil), write(powers(names)))
	return counted(names, *got.Disk.ReadBytesPerSec*interval.Seconds()/512)
}

// sampleFile takes two samples of the golden trees with one file replaced and returns the second.
func sampleFile(t *testing.T, opts *host.Options, file, first, second string) host.Sample {
	t.Helper()
	m := newMachine(t)
	options := host.Options{}
	if opts != nil {
		options = *opts
	}
	options.FS, options.Now = m.files, m.clock
	s := host.New(&options)
	m.write(file, first)
	sample(t, s)
	m.advance(t)
	m.write(file, second)
	return sample(t, s)
}
