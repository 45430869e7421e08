package httpservice

import (
	"io"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"
)

// openFile opens the file with a path, or returns nil: what is no regular file, or hidden by a dot anywhere in its
// path, is not there.
func (s *site) openFile(name string) fs.File {
	if s.files == nil || strings.HasPrefix(name, ".") || strings.Contains(name, "/.") {
		return nil
	}
	if _, ok := cleanName(name); !ok {
		return nil
	}
	f, err := s.files.Open(name)
	if err != nil {
		return nil
	}
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		_ = f.Close()
		return nil
	}
	return f
}

// serveFile answers with a file.
func (s *site) serveFile(x *exchange, f fs.File, status int) {
	info, err := f.Stat()
	if err != nil {
		x.fail(x.r.Context(), err)
		return
	}
	s.setHeaders(x, nil)
	seeker, canSeek := f.(io.ReadSeeker)
	ext := strings.ToLower(path.Ext(info.Name()))
	switch isHTML := ext == ".html" || ext == ".htm"; {
	case isHTML && (s.pages.all.Inject != nil || status != http.StatusOK):
		s.serveDocument(x, f, status)
	case canSeek && status == http.StatusOK:
		http.ServeContent(&response{x.w, x}, x.r, info.Name(), info.ModTime(), seeker)
		_ = x.finish()
	default:
		s.copyFile(x, f, info, status)
	}
}

// serveDocument serves an HTML file with what is injected into all pages.
func (s *site) serveDocument(x *exchange, f fs.File, status int) {
	text, err := io.ReadAll(f)
	if err != nil {
		x.fail(x.r.Context(), err)
		return
	}
	x.send(answer{status, typeHTML, []byte(s.complete(x.r, string(text), nil))})
}

// copyFile serves a file that cannot be read from the middle, such as one in a zip archive.
func (s *site) copyFile(x *exchange, f fs.File, info fs.FileInfo, status int) {
	h := x.w.Header()
	h.Set("Content-Length", strconv.FormatInt(info.Size(), 10))
	if h.Get("Content-Type") == "" {
		h.Set("Content-Type", mediaTypeOf(info.Name()))
	}
	w := &response{x.w, x}
	w.WriteHeader(status)
	if x.r.Method != http.MethodHead {
		_, _ = io.Copy(w, f) // a client that is gone, or gets less than Content-Length says, knows
	}
	_ = x.finish()
}

func mediaTypeOf(name string) string {
	if t := mime.TypeByExtension(path.Ext(name)); t != "" {
		return t
	}
	return "application/octet-stream"
}
