package host

import (
	"slices"
	"strings"
)

func selectNames(counted func(name string) bool) func([]traffic) []traffic {
	return func(devices []traffic) []traffic {
		return slices.DeleteFunc(devices, func(d traffic) bool { return !counted(d.name) })
	}
}

// basicInterfaces keeps the interfaces whose traffic no other listed interface counts as well. proc does not tell
// the kind of an interface, so this goes by the names that the kernel, container engines and VPN programs give.
func basicInterfaces(interfaces []traffic) []traffic {
	return selectNames(func(name string) bool {
		parent, _, vlan := strings.Cut(name, ".")
		return name != "lo" &&
			!hasPrefix(name, derivedInterfaces()) &&
			!(vlan && listed(interfaces, parent))
	})(slices.Clone(interfaces))
}

func derivedInterfaces() []string {
	return []string{
		"bond", "team", // made of other interfaces
		"br", "docker", "virbr", "lxcbr", "lxdbr", "cni", "podman", "ovs", // bridges
		"veth", "vnet", "cali", "macvtap", // one end per container or virtual machine
		"tun", "tap", "wg", "tailscale", "ppp", "vxlan", "flannel", "gre", "sit", "ip6tnl", "ipip", // tunnels
		"ifb", "dummy", // no traffic of their own
	}
}

// wholeDisks keeps the disks whose traffic no other listed device counts as well.
func wholeDisks(disks []traffic) []traffic {
	return selectNames(func(name string) bool {
		return !hasPrefix(name, derivedDisks()) && !listed(disks, partitioned(name))
	})(slices.Clone(disks))
}

func derivedDisks() []string {
	return []string{
		"loop", "dm-", "md", "bcache", // built on other devices or on files
		"ram", "zram", // in memory
	}
}

// partitioned returns the name of the disk that name would be a partition of, or "" if it has not the form of a
// partition. The kernel appends the number of the partition, with a p before it if the disk's name ends in a digit
// (add_partition in block/partitions/core.c): sda1, nvme0n1p1.
func partitioned(name string) string {
	const digits = "0123456789"
	disk := strings.TrimRight(name, digits)
	if disk == name {
		return ""
	}
	if before, found := strings.CutSuffix(disk, "p"); found && strings.TrimRight(before, digits) != before {
		return before
	}
	return disk
}

func listed(devices []traffic, name string) bool {
	return slices.ContainsFunc(devices, func(d traffic) bool { return d.name == name })
}

func hasPrefix(name string, prefixes []string) bool {
	return slices.ContainsFunc(prefixes, func(prefix string) bool { return strings.HasPrefix(name, prefix) })
}
