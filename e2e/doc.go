// Package e2e tests the examples the way a person uses them: in a browser. It is a module of its own, so that users of the
// library inherit none of what it needs.
//
// Without Chromium its tests are skipped, or fail if E2E_REQUIRE is set, as it is in CI.
package e2e
