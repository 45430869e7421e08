package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/cover"
)

// Two test binaries wrote this profile: the second ran what the first missed
// in graph, which is how -coverpkg reports a block that several packages reach.
const profile = `mode: set
m/graph/a.go:1.1,2.1 9 1
m/graph/a.go:3.1,4.1 1 0
m/graph/a.go:1.1,2.1 9 0
m/graph/a.go:3.1,4.1 1 1
m/services/b.go:1.1,2.1 8 1
m/services/b.go:3.1,4.1 2 0
m/services/kit/c.go:1.1,2.1 10 0
m/serviceslike/d.go:1.1,2.1 100 0
`

func TestGate(t *testing.T) {
	file := filepath.Join(t.TempDir(), "cover.out")
	if err := os.WriteFile(file, []byte(profile), 0o600); err != nil {
		t.Fatal(err)
	}
	profiles, err := cover.ParseProfiles(file)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		folders []string
		skip    string
		least   float64
		low     []string // folders named in the error; none for a pass
	}{
		"blocks of two binaries are joined": {[]string{"graph"}, "", 100, nil},
		"a folder counts with its children": {[]string{"services"}, "", 50, []string{"services: 40.0% of 20"}},
		"a skipped folder does not count":   {[]string{"services"}, "services/kit", 80, nil},
		"each folder is judged":             {[]string{"graph", "services"}, "services/kit", 85, []string{"services: 80.0%"}},
		"the whole is judged":               {[]string{"graph", "services"}, "services/kit", 95, []string{"services: 80.0%", "together: 90.0%"}},
		"an unknown folder fails":           {[]string{"graphs"}, "", 1, []string{"graphs: 0.0% of 0"}},
	} {
		t.Run(name, func(t *testing.T) {
			err := gate(&strings.Builder{}, profiles, "m", c.skip, c.least, c.folders)
			if (err == nil) != (c.low == nil) {
				t.Fatalf("error %v, want one about %q", err, c.low)
			}
			for _, part := range c.low {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("error %q does not mention %q", err, part)
				}
			}
		})
	}
}
