package sse

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/graphscript-go/graphscript/graph"
	"github.com/graphscript-go/graphscript/services"
)

// graphscript tells what is special about a stream whose client did not say that it speaks our dialect, which the
// published graphscript clients and a browser's EventSource do not, and nil for our own clients.
func graphscript(r *http.Request) *services.Graphscript {
	if r.Header.Get(services.HeaderVersion) != "" {
		return nil
	}
	scheme := "http://"
	if r.TLS != nil {
		scheme = "https://"
	}
	// The page may be elsewhere than the stream, so a relative URL would not do.
	return &services.Graphscript{ReplyURL: scheme + r.Host + r.URL.EscapedPath(), Pad: true}
}

// graphscriptMessage takes the messages of a POST that a graphscript client means for a session, although it cannot
// prove that it is its own: it knows no secret. What it knows cannot be guessed either: the session's id, the callback
// of a call it was asked, the number of a subscription. So an answer counts only with its callback, a subscription
// only adds to the stream of the session that is named, and only by its number is one ended.
func (i *ChannelInfo) graphscriptMessage(
	ctx context.Context, m *services.Message, identity services.Identity, body []byte,
) (answer json.RawMessage, handled bool, err error) {
	switch {
	case m.Kind() == services.KindReply:
		peer, err := i.named(m.Session, identity)
		if err == nil {
			err = peer.Deliver(body)
		}
		return nil, true, err
	case m.Route == "subscribeSSE":
		peer, err := i.named(sessionArgument(m), identity)
		if err != nil {
			return nil, true, err
		}
		answer, err = peer.GraphscriptVerb(ctx, m)
		return answer, true, err
	case m.Route == "unsubscribe":
		for _, p := range i.Peers() {
			if p.Identity().User == identity.User && p.DropListener(m) {
				return json.RawMessage("true"), true, nil
			}
		}
		return json.RawMessage("false"), true, nil
	}
	return nil, false, nil
}

// sessionArgument returns the last of the arguments [ROUTE, URL, ARGS, KEY, SUBINPUT, SESSION].
func sessionArgument(m *services.Message) (id string) {
	const place = 5
	var args []json.RawMessage
	if json.Unmarshal(m.Args, &args) == nil && len(args) > place {
		_ = json.Unmarshal(args[place], &id) // what is no string names no session
	}
	return id
}

func (i *ChannelInfo) named(id string, identity services.Identity) (*services.Peer, error) {
	if c := i.Session(id); c != nil && c.Identity().User == identity.User && c.IsGraphscript() {
		return c.Peer, nil
	}
	return nil, graph.NotFound.Errorf("no such session")
}
