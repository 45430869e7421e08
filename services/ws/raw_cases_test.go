package ws_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	"github.com/graphscript-go/graphscript/graph"
	"github.com/graphscript-go/graphscript/services"
	"github.com/graphscript-go/graphscript/services/ws"
)

// A violation is a row of bytes from a client that the server must end the connection for, with a code.
type violation struct {
	name  string
	bytes []byte
	code  int
}

const rawLimit = 64 << 10

// violations restate rules of RFC 6455; the sections are those of the RFC.
func violations() []violation {
	all := []violation{
		{"5.1 frame that is not masked", []byte{fin | opText, 2, 'h', 'i'}, websocket.CloseProtocolError},
		{"5.2 RSV1 although no extension was agreed on", masked(fin|0x40|opText, "hi"), websocket.CloseProtocolError},
		{"5.2 RSV2", masked(fin|0x20|opText, "hi"), websocket.CloseProtocolError},
		{"5.2 RSV3", masked(fin|0x10|opText, "hi"), websocket.CloseProtocolError},
		{"5.2 RSV1 on a frame that would inflate a thousandfold", masked(fin|0x40|opText, strings.Repeat("\x00", 60<<10)), websocket.CloseProtocolError},
		{"5.2 length with the top bit set", append([]byte{fin | opText, 0x80 | 127}, 0x80, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0), websocket.CloseMessageTooBig},
		{"5.2 length of 2^62", append([]byte{fin | opText, 0x80 | 127}, 0x40, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), websocket.CloseMessageTooBig},
		{"10.4 length one over the limit", append([]byte{fin | opText, 0x80 | 127}, 0, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0), websocket.CloseMessageTooBig},
		{"5.2 five bytes by a 16 bit length", append([]byte{fin | opText, 0x80 | 126, 0, 5, 0, 0, 0, 0}, "hello"...), websocket.CloseProtocolError},
		{"5.2 five bytes by a 64 bit length", append([]byte{fin | opText, 0x80 | 127, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0}, "hello"...), websocket.CloseProtocolError},
		{"5.2 65535 bytes by a 64 bit length", append([]byte{fin | opText, 0x80 | 127, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0}, "hello"...), websocket.CloseProtocolError},
		{"5.4 continuation of nothing", masked(fin|opContinuation, "hi"), websocket.CloseProtocolError},
		{"5.4 text within a fragmented text", slices.Concat(masked(opText, "a"), text("b")), websocket.CloseProtocolError},
		{"5.5 ping of 126 bytes", masked(fin|opPing, strings.Repeat("p", 126)), websocket.CloseProtocolError},
		{"5.5 fragmented ping", masked(opPing, "p"), websocket.CloseProtocolError},
		{"5.5 fragmented close", masked(opClose, ""), websocket.CloseProtocolError},
		{"5.5.1 close with one byte", masked(fin|opClose, "\x03"), websocket.CloseProtocolError},
		{"5.5.1 close with a reason of 124 bytes", closing(1000, strings.Repeat("r", 124)), websocket.CloseProtocolError},
		{"5.5.1 close with a reason that is not UTF-8", closing(1000, "\xff"), websocket.CloseInvalidFramePayloadData},
		{"8.1 text that is not UTF-8", text("a\xffb"), websocket.CloseInvalidFramePayloadData},
		{"8.1 overlong encoding", text("\xc0\xaf"), websocket.CloseInvalidFramePayloadData},
		{"8.1 surrogate", text("\xed\xa0\x80"), websocket.CloseInvalidFramePayloadData},
		{"8.1 over U+10FFFF", text("\xf4\x90\x80\x80"), websocket.CloseInvalidFramePayloadData},
		{"8.1 rune that is cut at the end", text("\xf0\x9f\x99"), websocket.CloseInvalidFramePayloadData},
		{"8.1 rune broken over two fragments", slices.Concat(masked(opText, "\xf0\x9f"), masked(opContinuation, "(")), websocket.CloseInvalidFramePayloadData},
		{"8.1 wrong byte in the first of two fragments, with nothing after it", masked(opText, "a\xf4\x90"), websocket.CloseInvalidFramePayloadData},
		{"1 MiB in fragments of one byte", bytes.Repeat(masked(opContinuation, "x"), 1<<20)[7:], websocket.CloseMessageTooBig},
		{"1 MiB in fragments of 1 KiB", bytes.Repeat(masked(opContinuation, strings.Repeat("x", 1<<10)), 1<<10), websocket.CloseMessageTooBig},
		{"100000 fragments of nothing", bytes.Repeat(masked(opContinuation, ""), 100_000), websocket.CloseMessageTooBig},
	}
	for i, v := range all[len(all)-3:] {
		all[len(all)-3+i].bytes = slices.Concat(masked(opText, ""), v.bytes)
	}
	for _, opcode := range []byte{3, 4, 5, 6, 7, 0xb, 0xc, 0xd, 0xe, 0xf} {
		all = append(all, violation{"5.2 opcode " + string("0123456789abcdef"[opcode]), masked(fin|opcode, ""), websocket.CloseProtocolError})
	}
	for _, code := range []int{0, 999, 1004, 1005, 1006, 1015, 2999, 5000} {
		all = append(all, violation{"7.4 close code that may not be sent", closing(code, ""), websocket.CloseProtocolError})
	}
	return all
}

func TestViolationsEndTheConnectionWithACode(t *testing.T) {
	s := serve(t, config{options: services.Options{Limits: services.Limits{MessageBytes: rawLimit}}})
	neighbour := s.open(t, nil)
	for _, v := range violations() {
		t.Run(v.name, func(t *testing.T) {
			r := upgradeRaw(t, s)
			p := peerBeside(t, s, neighbour)
			go func() { _, _ = r.conn.Write(v.bytes) }() // the server need not read all of it
			code, _ := r.ending()
			require.Equal(t, v.code, code)
			receive(t, p.Done(), "the peer is gone")
			require.Error(t, p.Err())
			works(t, neighbour)
		})
	}
}

// peerBeside returns the peer that is not the neighbour.
func peerBeside(t testing.TB, s *server, neighbour *ws.SocketInfo) *services.Peer {
	t.Helper()
	var p *services.Peer
	eventually(t, "the peer joins", func() bool {
		for _, p = range s.info.Peers() {
			if p.ID() != neighbour.ID() {
				return true
			}
		}
		return false
	})
	return p
}

func TestCloseIsAnsweredWithItsCode(t *testing.T) {
	s := serve(t, config{})
	neighbour := s.open(t, nil)
	for _, tt := range []struct {
		name  string
		bytes []byte
		code  int
	}{
		{"1000", closing(1000, ""), 1000},
		{"3000", closing(3000, "library"), 3000},
		{"4999", closing(4999, strings.Repeat("r", 123)), 4999},
		{"none", masked(fin|opClose, ""), noStatus},
		{"with data after it", slices.Concat(closing(1000, ""), text(`{"route":"ticks","args":7}`), []byte{0xff, 0xff}), 1000},
		{"in the middle of a fragmented message", slices.Concat(masked(opText, "a"), closing(1001, "")), 1001},
		{"twice", slices.Concat(closing(1000, ""), closing(4000, "")), 1000},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := upgradeRaw(t, s)
			r.write(tt.bytes)
			started := time.Now()
			code, text := r.ending()
			require.Equal(t, tt.code, code)
			require.Empty(t, text)
			require.Less(t, time.Since(started), time.Second)
			works(t, neighbour)
		})
	}
	require.Zero(t, s.ticks.Load(), "what follows a close frame is ignored")
}

// tight makes a server that soon takes a silent client for dead.
func tight(t *testing.T) *server {
	return serve(t, config{props: ws.Props{Ping: 100 * time.Millisecond, Pong: 100 * time.Millisecond, MessageTimeout: 300 * time.Millisecond}})
}

func TestUnfinishedFrames(t *testing.T) {
	const message = `{"route":"ticks","args":7}`
	whole := text(message)
	for _, part := range []struct {
		name  string
		bytes []byte
		began bool
	}{
		{"nothing", nil, false},
		{"half a header", whole[:3], false},
		{"half a payload", whole[:len(whole)-3], true},
		{"half a message", masked(opText, message[:5]), true},
		{"half a ping", masked(fin|opPing, "ping")[:8], false},
	} {
		for _, then := range []string{"fin", "reset", "silence"} {
			t.Run(part.name+", then "+then, func(t *testing.T) {
				t.Parallel()
				s := tight(t)
				neighbour := s.open(t, nil)
				r := upgradeRaw(t, s)
				p := peerBeside(t, s, neighbour)
				r.write(part.bytes)
				switch then {
				case "fin":
					require.NoError(t, r.conn.CloseWrite())
					code, _ := r.ending()
					require.Equal(t, websocket.CloseGoingAway, code)
				case "reset":
					r.reset()
				case "silence":
					code, text := r.ending()
					if part.began {
						require.Equal(t, websocket.ClosePolicyViolation, code)
						require.Equal(t, "deadline_exceeded: a message was not complete within 300ms", text)
					} else {
						require.Equal(t, websocket.CloseGoingAway, code)
						require.Equal(t, "unavailable: no sign of life for 200ms", text)
					}
				}
				receive(t, p.Done(), "the peer is gone")
				want := graph.Unavailable
				if then == "silence" && part.began {
					want = graph.DeadlineExceeded
				}
				require.ErrorIs(t, p.Err(), want)
				require.Zero(t, s.ticks.Load())
				works(t, neighbour)
			})
		}
	}
}

// endless writes a piece every few milliseconds until the connection fails.
func endless(t *testing.T, r *raw, piece func(n int) []byte) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	t.Cleanup(func() { cancel(); <-done })
	go func() {
		defer close(done)
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for n := 0; ; n++ {
			if _, err := r.conn.Write(piece(n)); err != nil {
				return
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
		}
	}()
}

func TestMessageMustBeCompleteInTime(t *testing.T) {
	for _, tt := range []struct {
		name  string
		first []byte
		piece func(n int) []byte
	}{
		{"one byte at a time", text(strings.Repeat("x", 10_000))[:8], func(int) []byte { return []byte("x") }},
		{"only pings after the first fragment", masked(opText, "x"), func(int) []byte { return masked(fin|opPing, "p") }},
		{"only pongs after the first fragment", masked(opText, "x"), func(int) []byte { return masked(fin|opPong, "") }},
		{"fragments without an end", masked(opText, "x"), func(int) []byte { return masked(opContinuation, "xxxxxxxxxxxxxxxxxxxxxxxx") }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := tight(t)
			r := upgradeRaw(t, s)
			started := time.Now()
			r.write(tt.first)
			endless(t, r, tt.piece)
			code, _ := r.ending()
			require.Equal(t, websocket.ClosePolicyViolation, code)
			require.GreaterOrEqual(t, time.Since(started), 300*time.Millisecond)
		})
	}
}

func TestHeaderMustBeCompleteInTime(t *testing.T) {
	t.Parallel()
	s := tight(t)
	r := upgradeRaw(t, s)
	header := text(strings.Repeat("x", 10_000))[:8]
	pace := time.NewTicker(60 * time.Millisecond) // 8 bytes take longer than the 200 ms without a sign of life
	defer pace.Stop()
	ended := make(chan int, 1)
	go func() {
		code, _ := r.ending()
		ended <- code
	}()
	for _, b := range header {
		if _, err := r.conn.Write([]byte{b}); err != nil {
			break
		}
		<-pace.C
	}
	require.Equal(t, websocket.CloseGoingAway, receive(t, ended, "the connection is closed"))
}

func TestClientThatAnswersPingsStays(t *testing.T) {
	t.Parallel()
	s := serve(t, config{props: ws.Props{Ping: 100 * time.Millisecond, Pong: 1400 * time.Millisecond}})
	r := upgradeRaw(t, s)
	for range 25 { // 2.5 s, where 1.5 without a sign of life would be too long
		opcode, payload := r.frame()
		require.Equal(t, byte(opPing), opcode)
		r.write(masked(fin|opPong, string(payload)))
	}
	r.write(text(`{"route":"double","args":21,"callbackId":1}`))
	require.JSONEq(t, `{"args":42,"callbackId":1}`, r.message())
}

func TestPingIsAnsweredWithItsPayload(t *testing.T) {
	s := serve(t, config{})
	r := upgradeRaw(t, s)
	payload := strings.Repeat("p", 125)
	// Control frames may come between fragments.
	r.write(slices.Concat(masked(opText, `{"route":"double","args":21,`), masked(fin|opPing, payload), masked(fin|opContinuation, `"callbackId":1}`)))
	opcode, got := r.frame()
	require.Equal(t, byte(opPong), opcode)
	require.Equal(t, payload, string(got))
	require.JSONEq(t, `{"args":42,"callbackId":1}`, r.message())
}

func TestPongsNobodyAskedForAreIgnored(t *testing.T) {
	s := serve(t, config{})
	r := upgradeRaw(t, s)
	r.write(bytes.Repeat(masked(fin|opPong, "ha"), 100_000))
	r.write(text(`{"route":"double","args":21,"callbackId":1}`))
	require.JSONEq(t, `{"args":42,"callbackId":1}`, r.message())
}

func TestBinaryFrameIsAMessage(t *testing.T) {
	s := serve(t, config{})
	r := upgradeRaw(t, s)
	r.write(masked(fin|opBinary, `{"route":"double","args":21,"callbackId":"b"}`))
	require.JSONEq(t, `{"args":42,"callbackId":"b"}`, r.message())
}

// Small messages, messages at the size of the kept buffer, and a large one that comes in fragments follow each other
// on one connection.
func TestMessagesOfAllSizes(t *testing.T) {
	s := serve(t, config{})
	r := upgradeRaw(t, s)
	for i, size := range []int{1, 500, 4 << 10, 5 << 10, 100, 1<<20 - 100, 3} {
		payload := strings.Repeat("é", size/2)
		message := `{"route":"echo","args":["` + payload + `"],"callbackId":` + string(rune('0'+i)) + `}`
		var frames []byte
		for n := 0; n < len(message); n += 100_001 { // cuts a rune
			first, part := byte(opContinuation), message[n:min(n+100_001, len(message))]
			if n == 0 {
				first = opText
			}
			frames = append(frames, masked(first, part)...)
		}
		frames = append(frames, masked(fin|opContinuation, "")...)
		r.write(frames)
		require.Equal(t, `{"args":["`+payload+`"],"callbackId":`+string(rune('0'+i))+`}`, r.message())
	}
}

// Small messages are not fragments, however many there are.
func TestManySmallMessages(t *testing.T) {
	s := serve(t, config{})
	r := upgradeRaw(t, s)
	r.write(bytes.Repeat(text(`{"a":1}`), 5000))
	r.write(text(`{"route":"double","args":21,"callbackId":1}`))
	require.JSONEq(t, `{"args":42,"callbackId":1}`, r.message())
}

func TestServerClosesInOrder(t *testing.T) {
	for _, tt := range []struct {
		name   string
		answer []byte
	}{
		{"client answers", closing(1001, "")},
		{"client answers after data", slices.Concat(text(`{"route":"ping"}`), masked(fin|opPing, ""), closing(1001, ""))},
		{"client never answers", nil},
		{"client answers with rubbish", []byte{0xff, 0xff, 0xff}},
		{"client goes on as if nothing were", slices.Concat(text(`{"route":"ping"}`), masked(opText, `{"route"`))},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := serve(t, config{})
			r := upgradeRaw(t, s)
			s.info.Peers()[0].Close(graph.Unavailable, "come back")
			opcode, payload := r.frame()
			require.Equal(t, byte(opClose), opcode)
			require.Equal(t, websocket.CloseGoingAway, int(binary.BigEndian.Uint16(payload)))
			require.Equal(t, "unavailable: come back", string(payload[2:]))
			started := time.Now()
			r.write(tt.answer)
			opcode, _, err := r.readFrame()
			require.Error(t, err, "a second frame of type %d follows the close frame", opcode)
			require.NotErrorIs(t, err, context.DeadlineExceeded)
			require.Less(t, time.Since(started), 3*time.Second)
		})
	}
}
