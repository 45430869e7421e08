package sse

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"math"
	"net/http"
	"sync"
	"time"

	"github.com/graphscript-go/graphscript/graph"
	"github.com/graphscript-go/graphscript/internal/eventstream"
	"github.com/graphscript-go/graphscript/services"
)

// A clientLink reads the stream and posts what is written.
type clientLink struct {
	url     string
	options DialOptions
	client  *http.Client
	own     bool            // whether the client's transport is ours to close
	ctx     context.Context //nolint:containedctx // the stream's life
	cancel  context.CancelCauseFunc
	peer    *services.Peer
	ended   chan struct{} // closed when the stream is read no more
	once    sync.Once
}

var _ services.Link = (*clientLink)(nil)

func newClientLink(url string, o DialOptions) *clientLink {
	if o.Idle <= 0 {
		o.Idle = 45 * time.Second
	}
	l := &clientLink{url: url, options: o, own: o.Client == nil, ended: make(chan struct{})}
	var client http.Client
	if l.own {
		client.Transport = newTransport()
	} else {
		client = *o.Client
	}
	client.CheckRedirect = sameOrigin(client.CheckRedirect)
	l.client = &client
	l.ctx, l.cancel = context.WithCancelCause(context.Background())
	return l
}

func newTransport() *http.Transport {
	if t, ok := http.DefaultTransport.(*http.Transport); ok {
		return t.Clone()
	}
	return &http.Transport{Proxy: http.ProxyFromEnvironment}
}

// sameOrigin returns a CheckRedirect that refuses what leaves the origin, and asks next about the rest.
func sameOrigin(next func(*http.Request, []*http.Request) error) func(*http.Request, []*http.Request) error {
	return func(r *http.Request, via []*http.Request) error {
		if first := via[0].URL; r.URL.Scheme != first.Scheme || r.URL.Host != first.Host {
			return graph.PermissionDenied.Errorf("refused to follow a redirect to %s", r.URL.Host)
		}
		if next != nil {
			return next(r, via)
		}
		if len(via) >= 10 {
			return errors.New("stopped after 10 redirects")
		}
		return nil
	}
}

func (l *clientLink) request(ctx context.Context, method string, body []byte) (*http.Request, error) {
	r, err := http.NewRequestWithContext(ctx, method, l.url, bytes.NewReader(body))
	if err != nil {
		return nil, graph.InvalidArgument.Errorf("%w", err)
	}
	maps.Copy(r.Header, l.options.Header.Clone())
	r.Header.Set(services.HeaderVersion, "1")
	return r, nil
}

// do makes a request. The error of a redirect that is refused keeps its code.
func (l *clientLink) do(r *http.Request) (*http.Response, error) {
	response, err := l.client.Do(r)
	if err == nil {
		return response, nil
	}
	if refused, ok := errors.AsType[*graph.Error](err); ok {
		return nil, refused
	}
	return nil, graph.Unavailable.Errorf("%w", err)
}

// open starts the stream; ctx bounds the wait for the response's header.
func (l *clientLink) open(ctx context.Context) (io.ReadCloser, error) {
	stop := context.AfterFunc(ctx, func() { l.cancel(context.Cause(ctx)) })
	defer stop()
	r, err := l.request(l.ctx, http.MethodGet, nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Accept", eventstream.MediaType)
	r.Header.Set("Cache-Control", "no-store")
	response, err := l.do(r)
	switch {
	case err != nil && ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case err != nil:
		return nil, err
	case response.StatusCode != http.StatusOK || !eventstream.IsEventStream(response.Header.Get("Content-Type")):
		defer response.Body.Close()
		return nil, refusal(response)
	}
	return response.Body, nil
}

// refusal is the error of an answer that is none of ours, or one of ours that refuses.
func refusal(response *http.Response) error {
	const most = 64 << 10
	var answer struct {
		Error *graph.Error `json:"error"`
	}
	body, _ := io.ReadAll(io.LimitReader(response.Body, most))
	if json.Unmarshal(body, &answer) == nil && answer.Error != nil && answer.Error.Code != 0 {
		return answer.Error
	}
	code := services.CodeOfStatus(response.StatusCode)
	if code == 0 {
		code = graph.Unimplemented
	}
	return code.Errorf("the server answered %s, %s", response.Status, response.Header.Get("Content-Type"))
}

// read delivers what the stream brings until it ends.
func (l *clientLink) read(body io.ReadCloser) {
	defer close(l.ended)
	defer body.Close()
	silent := time.AfterFunc(math.MaxInt64, func() {
		l.peer.Lost(graph.Unavailable.Errorf("the stream was silent for %s", l.options.Idle))
	})
	defer silent.Stop()
	most := int(l.peer.Service().Limits().MessageBytes)
	events := eventstream.NewReader(watched{body, silent, l.options.Idle}, &eventstream.ReaderOptions{MaxEventBytes: most})
	for {
		e, err := events.Next()
		if errors.Is(err, eventstream.ErrTooLarge) {
			l.peer.Lost(graph.ResourceExhausted.Errorf("an event is over %d bytes", most))
			return
		} else if err != nil {
			l.peer.Lost(graph.Unavailable.Errorf("the stream ended: %w", err))
			return
		}
		switch e.Type {
		case "message":
			if l.peer.Deliver([]byte(e.Data)) != nil {
				<-l.peer.Done() // the session must last until what is queued has been posted
				return
			}
		case eventClose:
			l.peer.Lost(farewell(e.Data))
			return
		default:
			if l.options.OnEvent != nil {
				l.options.OnEvent(e.Type, json.RawMessage(e.Data))
			}
		}
	}
}

// farewell is the reason the server gives for the end of the stream.
func farewell(data string) error {
	reason := &graph.Error{}
	if json.Unmarshal([]byte(data), reason) != nil || reason.Code == 0 {
		return graph.Unavailable.Errorf("closed by the other end")
	}
	return reason
}

// watched lets a timer run while it waits for something to read.
type watched struct {
	io.Reader
	silent *time.Timer
	idle   time.Duration
}

func (w watched) Read(p []byte) (int, error) {
	w.silent.Reset(w.idle)
	defer w.silent.Stop()
	return w.Reader.Read(p)
}

// maxPost is how much goes into one POST, unless a single message is larger.
const maxPost = 256 << 10

// Write posts messages, one per line. One POST at a time keeps them in order.
func (l *clientLink) Write(deadline time.Time, list []*services.Frame) error {
	ctx, cancel := context.WithDeadline(l.ctx, deadline)
	defer cancel()
	select {
	case <-l.peer.Ready(): // without the session's secret the message would be nobody's
	case <-ctx.Done():
		return graph.Unavailable.Errorf("the server has not named the session: %w", context.Cause(ctx))
	}
	var batch []byte
	for _, f := range list {
		line, ok := oneLine(f.Payload)
		if len(batch) > 0 && (!ok || len(batch)+1+len(line) > maxPost) {
			if err := l.post(ctx, ndjson, batch); err != nil {
				return err
			}
			batch = nil
		}
		switch {
		case !ok:
			if err := l.post(ctx, plain, f.Payload); err != nil {
				return err
			}
			continue
		case len(batch) > 0:
			batch = append(batch, '\n')
		}
		batch = append(batch, line...)
	}
	if len(batch) == 0 {
		return nil
	}
	return l.post(ctx, ndjson, batch)
}

// The content types of a POST: a message on each line, or one message that may be any text.
const (
	ndjson = "application/x-ndjson"
	plain  = "text/plain; charset=utf-8"
)

// oneLine returns a payload as a line of a batch. JSON has line feeds between tokens only; other text that has some,
// or is blank, cannot be a line.
func oneLine(payload []byte) (line []byte, ok bool) {
	switch {
	case len(bytes.TrimSpace(payload)) == 0:
		return nil, false
	case bytes.IndexByte(payload, '\n') < 0:
		return payload, true
	case !json.Valid(payload):
		return nil, false
	}
	return bytes.ReplaceAll(payload, []byte{'\n'}, []byte{' '}), true
}

func (l *clientLink) post(ctx context.Context, contentType string, body []byte) error {
	r, err := l.request(ctx, http.MethodPost, body)
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", contentType)
	r.Header.Set(services.HeaderSession, l.peer.Token())
	response, err := l.do(r)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusAccepted {
		err := refusal(response)
		if graph.CodeOf(err) == graph.NotFound {
			l.awaitEnd(ctx)
		}
		return err
	}
	_, err = io.Copy(io.Discard, response.Body)
	return err
}

// awaitEnd gives the stream of a session that the server knows no more the time to say why.
func (l *clientLink) awaitEnd(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, goodbyeTimeout)
	defer cancel()
	select {
	case <-l.ended:
	case <-ctx.Done():
	}
}

// Close ends the stream, which is how the server learns of it.
func (l *clientLink) Close(reason error) error {
	l.once.Do(func() {
		l.cancel(reason)
		if l.own {
			l.client.CloseIdleConnections()
		}
	})
	return nil
}
