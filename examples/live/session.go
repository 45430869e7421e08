package main

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"

	"github.com/graphscript-go/graphscript/graph"
	"github.com/graphscript-go/graphscript/services"
)

// cookieName is of the cookie that tells one browser from another. It is the only proof of who somebody is.
const cookieName = "live_session"

const secretBytes = 16 // 128 bits cannot be guessed

// startSession gives the browser its cookie, unless it has one.
func startSession(w http.ResponseWriter, r *http.Request) {
	if _, ok := secretOf(r); ok {
		return
	}
	secret := make([]byte, secretBytes)
	_, _ = rand.Read(secret)        // never fails
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // Secure follows the connection: on the loopback interface is no TLS
		Name: cookieName, Value: base64.RawURLEncoding.EncodeToString(secret), Path: "/",
		HttpOnly: true, SameSite: http.SameSiteLaxMode,
		Secure: r.TLS != nil,
	})
}

// secretOf returns what the cookie holds, if it is of the form that startSession gives it.
func secretOf(r *http.Request) ([]byte, bool) {
	cookie, err := r.Cookie(cookieName)
	if err != nil {
		return nil, false
	}
	secret, err := base64.RawURLEncoding.DecodeString(cookie.Value)
	return secret, err == nil && len(secret) == secretBytes
}

// authenticate tells who makes a request. The id goes to other people's pages, so it is a digest of the secret.
func authenticate(r *http.Request) (services.Identity, error) {
	secret, ok := secretOf(r)
	if !ok {
		return services.Identity{}, graph.Unauthenticated.Errorf("open the page first: it sets the cookie of the session")
	}
	digest := sha256.Sum256(secret)
	return services.Identity{User: hex.EncodeToString(digest[:8])}, nil
}
