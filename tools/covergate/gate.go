package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"

	"golang.org/x/tools/cover"
)

// statements counts the statements of some code and those that a test ran.
type statements struct{ all, run int }

func (s *statements) add(other statements) {
	s.all += other.all
	s.run += other.run
}

func (s *statements) percent() float64 {
	if s.all == 0 {
		return 0
	}
	return 100 * float64(s.run) / float64(s.all)
}

// gate prints the coverage of each package, each folder and all folders
// together, and returns an error that names what is below least percent.
func gate(log io.Writer, profiles []*cover.Profile, module, skip string, least float64, folders []string) error {
	packages := map[string]*statements{} // by folder within the module
	for _, p := range profiles {
		dir := strings.TrimPrefix(path.Dir(p.FileName), module+"/")
		if packages[dir] == nil {
			packages[dir] = &statements{}
		}
		packages[dir].add(count(p))
	}

	var low []error
	judge := func(name string, s statements) {
		fmt.Fprintf(log, "%-28s %6.1f%%  of %d statements\n", name, s.percent(), s.all)
		if s.percent() < least {
			low = append(low, fmt.Errorf("%s: %.1f%% of %d statements covered, want %.0f%%", name, s.percent(), s.all, least))
		}
	}
	var together statements
	for _, folder := range folders {
		var tree statements
		for _, dir := range slices.Sorted(maps.Keys(packages)) {
			if !within(dir, folder) || (skip != "" && within(dir, skip)) {
				continue
			}
			fmt.Fprintf(log, "  %-26s %6.1f%%\n", dir, packages[dir].percent())
			tree.add(*packages[dir])
		}
		judge(folder, tree)
		together.add(tree)
	}
	judge("together", together)
	return errors.Join(low...)
}

func count(p *cover.Profile) statements {
	var s statements
	for _, b := range p.Blocks {
		s.all += b.NumStmt
		if b.Count > 0 {
			s.run += b.NumStmt
		}
	}
	return s
}

func within(dir, folder string) bool {
	return dir == folder || strings.HasPrefix(dir, folder+"/")
}
