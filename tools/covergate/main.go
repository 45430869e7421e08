// Command covergate reads a coverage profile and fails when the statements of
// a folder, or of all given folders together, are covered less than a minimum.
//
//	covergate -profile cover.out -module example.com/m -min 85 graph services router
//
// A folder stands for itself and everything below it. A folder that the
// profile does not mention fails too, so a misspelt name cannot pass.
package main

import (
	"flag"
	"fmt"
	"os"

	"golang.org/x/tools/cover"
)

func main() {
	profile := flag.String("profile", "cover.out", "coverage profile to read")
	module := flag.String("module", "", "module path that the folders are relative to")
	least := flag.Float64("min", 85, "least statement coverage, in percent")
	skip := flag.String("skip", "", "folder to leave out")
	flag.Parse()

	profiles, err := cover.ParseProfiles(*profile)
	if err != nil {
		fmt.Fprintln(os.Stderr, "covergate: read profile:", err)
		os.Exit(1)
	}
	if err := gate(os.Stdout, profiles, *module, *skip, *least, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "covergate:", err)
		os.Exit(1)
	}
}
