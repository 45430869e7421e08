package browser_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestModule runs the tests of the module, which are JavaScript. Without node it is skipped, unless the environment
// variable E2E_REQUIRE says that everything must run.
func TestModule(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil && os.Getenv("E2E_REQUIRE") == "" {
		t.Skip("node is not installed")
	}
	require.NoError(t, err)
	files, err := filepath.Glob("testdata/*.test.mjs")
	require.NoError(t, err)
	require.NotEmpty(t, files)

	out, err := exec.CommandContext(t.Context(), node, append([]string{"--test"}, files...)...).CombinedOutput()
	require.NoError(t, err, "%s", out)
	// node is content with files that hold no test.
	passed := regexp.MustCompile(`(?m)^\W*pass (\d+)$`).FindSubmatch(out)
	require.NotNil(t, passed, "%s", out)
	n, err := strconv.Atoi(string(passed[1]))
	require.NoError(t, err)
	require.Greater(t, n, len(files), "%s", out)
}
