package main

import (
	"io/fs"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPageStartsTheSession(t *testing.T) {
	s := start(t, "-addr", "127.0.0.1:0")
	first := s.visitor(t)
	require.True(t, first.cookie.HttpOnly)
	require.Equal(t, http.SameSiteLaxMode, first.cookie.SameSite)
	require.Regexp(t, `^[\w-]{22}$`, first.cookie.Value, "128 bits")
	require.NotEqual(t, first.cookie.Value, s.visitor(t).cookie.Value)

	host := strings.Trim(strings.TrimPrefix(s.url, "http://"), "/")
	again := s.get(t, "", http.Header{"Host": {host}, "Cookie": {first.cookie.String()}})
	require.Empty(t, again.cookies, "a browser keeps its session")
	require.Empty(t, s.get(t, "style.css", nil).cookies)
}

func TestPageNeedsNothingElse(t *testing.T) {
	s := start(t, "-addr", "127.0.0.1:0")
	document := s.get(t, "", nil)
	policy := document.header.Get("Content-Security-Policy")
	require.Contains(t, policy, "default-src 'none'")
	require.NotContains(t, policy, "unsafe")
	// The policy would refuse these.
	require.NotRegexp(t, `(?i)<style|\sstyle=|\son\w+=|javascript:|<script[^>]*>\s*[^<\s]`, document.body)

	// Each file that is named is there, by a relative URL.
	named := regexp.MustCompile(`(?:src|href)="([^"]*)"|from '([^']*)'`)
	seen := map[string]bool{"": true}
	pending := []string{document.body}
	for len(pending) > 0 {
		text := pending[0]
		pending = pending[1:]
		for _, match := range named.FindAllStringSubmatch(text, -1) {
			name := strings.TrimPrefix(match[1]+match[2], "./")
			link, err := url.Parse(name)
			require.NoError(t, err)
			require.False(t, link.IsAbs() || strings.HasPrefix(name, "/"), name)
			if seen[name] {
				continue
			}
			seen[name] = true
			file := s.get(t, name, nil)
			require.Equal(t, http.StatusOK, file.status, name)
			require.Equal(t, "nosniff", file.header.Get("X-Content-Type-Options"), name)
			if strings.HasSuffix(name, "js") {
				require.Contains(t, file.header.Get("Content-Type"), "text/javascript", name)
				pending = append(pending, file.body)
			}
		}
	}
	require.True(t, seen["graph.mjs"], "the client comes from package browser")
	entries, err := fs.ReadDir(web, "web")
	require.NoError(t, err)
	for _, entry := range entries {
		require.True(t, seen[entry.Name()] || entry.Name() == "index.html", "%s is never used", entry.Name())
		data, err := fs.ReadFile(web, "web/"+entry.Name())
		require.NoError(t, err)
		require.NotRegexp(t, `(?i)innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(`, string(data), entry.Name())
	}
}
