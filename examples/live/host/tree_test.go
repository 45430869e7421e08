package host_test

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/graphscript-go/graphscript/examples/live/host"
)

// instant is when the tree testdata/first was read; testdata/second is 2 s later.
var instant = time.Date(2026, time.January, 2, 3, 4, 5, 0, time.UTC)

const interval = 2 * time.Second

// A machine is a made-up computer: a proc file system and a clock. A test changes them between samples.
type machine struct {
	files fstest.MapFS
	now   time.Time
}

func newMachine(t *testing.T) *machine {
	t.Helper()
	return &machine{files: loadTree(t, "first"), now: instant}
}

func (m *machine) sampler() *host.Sampler {
	return host.New(&host.Options{FS: m.files, Now: m.clock})
}

func (m *machine) clock() time.Time { return m.now }

// advance moves to the second instant.
func (m *machine) advance(t *testing.T) {
	t.Helper()
	m.now = m.now.Add(interval)
	maps.Copy(m.files, loadTree(t, "second"))
}

func (m *machine) write(name, content string) {
	m.files[name] = &fstest.MapFile{Data: []byte(content)}
}

func loadTree(t testing.TB, name string) fstest.MapFS {
	t.Helper()
	tree := fstest.MapFS{}
	root := os.DirFS(filepath.Join("testdata", name))
	require.NoError(t, fs.WalkDir(root, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := fs.ReadFile(root, path)
		tree[path] = &fstest.MapFile{Data: data}
		return err
	}))
	return tree
}

func sample(t *testing.T, s *host.Sampler) host.Sample {
	t.Helper()
	got, err := s.Sample(t.Context())
	require.NoError(t, err)
	return got
}
