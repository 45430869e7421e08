// Package house holds no code, only tests that keep the shape of this
// repository: which package may import which, small files with plain names,
// package comments, complete examples, and tests that wait for conditions
// instead of sleeping. They read the source tree, so they need no tool beyond
// go test; golangci-lint enforces the same arrows and much more.
package house
