package sse

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"sync"
	"time"

	"github.com/graphscript-go/graphscript/graph"
	"github.com/graphscript-go/graphscript/internal/eventstream"
	"github.com/graphscript-go/graphscript/services"
)

// DialOptions adjust OpenSSE. All fields may be left zero.
type DialOptions struct {
	// Header is sent with every request: credentials.
	Header http.Header
	// Client makes the requests. It must have no Timeout, which would end the stream. The default has a transport of its
	// own. Redirects to another origin are not followed, as they would carry the session's secret there.
	Client *http.Client
	// OnEvent takes the events that are no messages, in order, on the goroutine that reads.
	OnEvent func(event string, data json.RawMessage)
	// Idle is how long the stream may be silent, keep-alives included, before it is taken for lost.
	// Default 45 s.
	Idle time.Duration
}

// A Connection is the client's end of a session: a services.Peer whose graph is the server's.
type Connection struct {
	*services.Peer
}

// OpenSSE opens a stream and returns when the server has named the session. The graph of svc is what the server may
// call; svc may be nil. ctx bounds the connecting only. The session ends with Terminate, or when
// the stream is lost; it does not come back by itself.
func OpenSSE(ctx context.Context, url string, svc *services.Service, o *DialOptions) (*Connection, error) {
	if o == nil {
		o = &DialOptions{}
	}
	if svc == nil {
		svc = services.New(graph.New(), nil)
	}
	l := newClientLink(url, *o)
	body, err := l.open(ctx)
	if err != nil {
		l.cancel(nil)
		return nil, fmt.Errorf("open event stream %s: %w", url, err)
	}
	peer, err := svc.Attach(l, services.AttachOptions{Transport: "sse", Client: true})
	if err != nil {
		l.cancel(nil)
		_ = body.Close()
		return nil, err
	}
	l.peer = peer
	svc.Go(func() { l.read(body) })
	svc.Go(func() { _ = peer.Serve(context.Background()) })
	select {
	case <-peer.Ready():
		return &Connection{Peer: peer}, nil
	case <-peer.Done():
		return nil, fmt.Errorf("open event stream %s: %w", url, peer.Err())
	case <-ctx.Done():
		peer.Lost(context.Cause(ctx))
		<-peer.Done()
		return nil, fmt.Errorf("open event stream %s: %w", url, context.Cause(ctx))
	}
}

// A clientLink reads the stream and posts what is written.
type clientLink struct {
	url     string
	options DialOptions
	client  *http.Client
	ctx     context.Context //nolint:containedctx // the stream's life
	cancel  context.CancelCauseFunc
	peer    *services.Peer
	once    sync.Once
}

var _ services.Link = (*clientLink)(nil)

func newClientLink(url string, o DialOptions) *clientLink {
	if o.Idle <= 0 {
		o.Idle = 45 * time.Second
	}
	l := &clientLink{url: url, options: o}
	client := http.Client{Transport: http.DefaultTransport.(*http.Transport).Clone()}
	if o.Client != nil {
		client = *o.Client
	}
	client.CheckRedirect = sameOrigin
	l.client = &client
	l.ctx, l.cancel = context.WithCancelCause(context.Background())
	return l
}

func sameOrigin(r *http.Request, via []*http.Request) error {
	if len(via) >= 10 {
		return errors.New("stopped after 10 redirects")
	}
	if first := via[0].URL; r.URL.Scheme != first.Scheme || r.URL.Host != first.Host {
		return fmt.Errorf("refused to follow a redirect to %s", r.URL.Host)
	}
	return nil
}

func (l *clientLink) request(ctx context.Context, method string, body []byte) (*http.Request, error) {
	r, err := http.NewRequestWithContext(ctx, method, l.url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	maps.Copy(r.Header, l.options.Header.Clone())
	r.Header.Set(services.HeaderVersion, "1")
	return r, nil
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
	response, err := l.client.Do(r)
	if err != nil {
		return nil, graph.Unavailable.Errorf("%w", err)
	}
	if response.StatusCode != http.StatusOK || !eventstream.IsEventStream(response.Header.Get("Content-Type")) {
		defer response.Body.Close() //nolint:errcheck // what matters of it has been read
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
	if json.Unmarshal(body, &answer) == nil && answer.Error != nil {
		return answer.Error
	}
	code := services.CodeOfStatus(response.StatusCode)
	if code == 0 {
		code = graph.Internal
	}
	return code.Errorf("the server answered %s, %s", response.Status, response.Header.Get("Content-Type"))
}

// read delivers what the stream brings until it ends.
func (l *clientLink) read(body io.ReadCloser) {
	defer body.Close() //nolint:errcheck // it is gone either way
	silent := time.AfterFunc(l.options.Idle, func() {
		l.peer.Lost(graph.Unavailable.Errorf("the stream was silent for %s", l.options.Idle))
	})
	defer silent.Stop()
	most := int(l.peer.Service().Limits().MessageBytes)
	events := eventstream.NewReader(watched{body, func() { silent.Reset(l.options.Idle) }}, &eventstream.ReaderOptions{MaxEventBytes: most})
	for {
		e, err := events.Next()
		if err != nil {
			l.peer.Lost(graph.Unavailable.Errorf("the stream ended: %w", err))
			return
		}
		switch e.Type {
		case "message":
			if l.peer.Deliver([]byte(e.Data)) != nil {
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

// watched tells when something is read.
type watched struct {
	io.Reader
	seen func()
}

func (w watched) Read(p []byte) (int, error) {
	n, err := w.Reader.Read(p)
	if n > 0 {
		w.seen()
	}
	return n, err
}

// maxPost is how much goes into one POST, unless a single message is larger.
const maxPost = 256 << 10

// Write posts messages, one per line. One POST at a time keeps them in order.
func (l *clientLink) Write(deadline time.Time, list []*services.Frame) error {
	ctx, cancel := context.WithDeadline(l.ctx, deadline)
	defer cancel()
	var body []byte
	for _, f := range list {
		line, err := oneLine(f.Payload)
		if err != nil {
			return err
		}
		if len(body) > 0 && len(body)+len(line) > maxPost {
			if err := l.post(ctx, body); err != nil {
				return err
			}
			body = nil
		}
		body = append(append(body, line...), '\n')
	}
	return l.post(ctx, body)
}

// oneLine returns a payload without line feeds: in JSON they only stand between tokens.
func oneLine(payload []byte) ([]byte, error) {
	if bytes.IndexByte(payload, '\n') < 0 {
		return payload, nil
	}
	if !json.Valid(payload) {
		return nil, graph.InvalidArgument.Errorf("text that is sent by POST cannot hold a line feed")
	}
	return bytes.ReplaceAll(payload, []byte{'\n'}, []byte{' '}), nil
}

func (l *clientLink) post(ctx context.Context, body []byte) error {
	r, err := l.request(ctx, http.MethodPost, body)
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/x-ndjson")
	r.Header.Set(services.HeaderSession, l.peer.Token())
	response, err := l.client.Do(r)
	if err != nil {
		return graph.Unavailable.Errorf("%w", err)
	}
	defer response.Body.Close() //nolint:errcheck // it is read to its end
	if response.StatusCode != http.StatusAccepted {
		return refusal(response)
	}
	_, err = io.Copy(io.Discard, response.Body)
	return err
}

// Close ends the stream, which is how the server learns of it.
func (l *clientLink) Close(reason error) error {
	l.once.Do(func() {
		l.cancel(reason)
		l.client.CloseIdleConnections()
	})
	return nil
}
