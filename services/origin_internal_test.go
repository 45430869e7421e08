package services

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzOrigin compares the check with another way to write it: by the parts net/url finds, default ports filled in.
func FuzzOrigin(f *testing.F) {
	for _, seed := range [][2]string{
		{"http://own.example", "own.example"},
		{"https://own.example:443", "own.example"},
		{"http://[::1]:80", "[::1]"},
		{"http://a@own.example", "own.example"},
		{"null", "null"},
		{"http://own.example.evil", "own.example"},
		{"http://OWN.example:8080", "own.example:8080"},
		{"http://own.example/", "own.example"},
		{"//own.example", "own.example"},
		{"http://%6fwn.example", "own.example"},
		{"http://own.example:", "own.example"},
		{"javascript:own.example", "own.example"},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, origin, host string) {
		r := &http.Request{Method: http.MethodGet, Host: host, Header: http.Header{"Origin": {origin}}}
		if !originAllowed(r, nil) {
			return
		}
		page, err := url.Parse(origin)
		require.NoError(t, err)
		require.Contains(t, []string{"http", "https"}, page.Scheme)
		require.Empty(t, page.Path+page.RawQuery+page.Fragment+page.Opaque)
		require.Nil(t, page.User)
		own := &url.URL{Scheme: page.Scheme, Host: host}
		require.Equal(t, strings.ToLower(hostOf(page)), strings.ToLower(hostOf(own)))
	})
}

// hostOf returns a URL's host and port, the default port filled in.
func hostOf(u *url.URL) string {
	port := map[string]string{"http": "80", "https": "443"}[u.Scheme]
	if u.Port() != "" {
		port = u.Port()
	}
	return u.Hostname() + " " + port
}
