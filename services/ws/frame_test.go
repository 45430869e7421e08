package ws_test

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	"github.com/graphscript-go/graphscript/services"
	"github.com/graphscript-go/graphscript/services/ws"
)

// gorillaReads returns what gorilla reads from frames: of a server's if they are not masked, of a client's if they are.
func gorillaReads(t testing.TB, frames []byte, fromClient bool) *websocket.Conn {
	t.Helper()
	ours, theirs := net.Pipe()
	t.Cleanup(func() { ours.Close(); theirs.Close() })
	if fromClient {
		var upgrader websocket.Upgrader
		request := &http.Request{Method: http.MethodGet, Header: http.Header{
			"Upgrade": {"websocket"}, "Connection": {"Upgrade"}, "Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {"dGhlIHNhbXBsZSBub25jZQ=="},
		}}
		go func() {
			buffer := make([]byte, 4096)
			_, _ = ours.Read(buffer) // the answer of the handshake
			_, _ = ours.Write(frames)
			_ = ours.Close()
		}()
		conn, err := upgrader.Upgrade(&hijackable{theirs}, request, nil)
		require.NoError(t, err)
		return conn
	}
	dialer := websocket.Dialer{NetDial: func(string, string) (net.Conn, error) { return theirs, nil }}
	go func() {
		request, err := http.ReadRequest(bufio.NewReader(ours))
		if err != nil {
			return
		}
		_, _ = io.WriteString(ours, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "+
			acceptKey(request.Header.Get("Sec-WebSocket-Key"))+"\r\n\r\n")
		_, _ = ours.Write(frames)
		_ = ours.Close()
	}()
	conn, _, err := dialer.DialContext(t.Context(), "ws://example.com/", nil)
	require.NoError(t, err)
	return conn
}

func TestFramesAreReadByGorilla(t *testing.T) {
	for _, masked := range []bool{false, true} {
		for _, length := range []int{0, 1, 125, 126, 127, 65535, 65536, 1 << 20} {
			payload := []byte(strings.Repeat("graph é ", length/9+1)[:length])
			frames := ws.AppendFrame([]byte{}, fin|opText, payload, masked)
			frames = ws.AppendFrame(frames, fin|opBinary, payload, masked)
			conn := gorillaReads(t, frames, masked)
			for _, kind := range []int{websocket.TextMessage, websocket.BinaryMessage} {
				got, data, err := conn.ReadMessage()
				require.NoError(t, err)
				require.Equal(t, kind, got)
				require.True(t, bytes.Equal(payload, data), "%d bytes, masked %v", length, masked)
			}
			_, _, err := conn.ReadMessage()
			require.True(t, websocket.IsCloseError(err, websocket.CloseAbnormalClosure), "bytes after the frames: %v", err)
		}
	}
}

func TestFrameHeadersAreMinimal(t *testing.T) {
	for _, tt := range []struct {
		length int
		header []byte
	}{
		{0, []byte{0x81, 0}},
		{125, []byte{0x81, 125}},
		{126, []byte{0x81, 126, 0, 126}},
		{65535, []byte{0x81, 126, 0xff, 0xff}},
		{65536, []byte{0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0}},
		{1 << 20, []byte{0x81, 127, 0, 0, 0, 0, 0, 0x10, 0, 0}},
	} {
		payload := bytes.Repeat([]byte("x"), tt.length)
		plain := ws.AppendFrame(nil, fin|opText, payload, false)
		require.Equal(t, tt.header, plain[:len(tt.header)])
		require.True(t, bytes.Equal(payload, plain[len(tt.header):]))

		masked := ws.AppendFrame(nil, fin|opText, payload, true)
		tt.header[1] |= 0x80
		require.Equal(t, tt.header, masked[:len(tt.header)])
		require.Len(t, masked, len(tt.header)+4+tt.length)
	}
}

func TestMaskChangesFromFrameToFrame(t *testing.T) {
	keys := make(map[string]bool)
	for range 64 {
		frame := ws.AppendFrame(nil, fin|opText, []byte("same"), true)
		keys[string(frame[2:6])] = true
	}
	require.Greater(t, len(keys), 60)
}

func TestBroadcastIsFramedOnce(t *testing.T) {
	payload := []byte(`{"route":"news"}`)
	f := services.NewSharedFrame(payload)
	first := f.AppendTo(nil, ws.ServerEncoding)
	payload[0] = '!' // only a frame that is made again would show it
	require.Equal(t, first, f.AppendTo(nil, ws.ServerEncoding))
	require.Equal(t, `{"route":"news"}`, string(first[2:]))
}

func FuzzFrame(f *testing.F) {
	for _, length := range []int{0, 125, 126, 65535, 65536} {
		f.Add(bytes.Repeat([]byte{'a'}, length), true)
		f.Add(bytes.Repeat([]byte{0xff}, length), false)
	}
	f.Fuzz(func(t *testing.T, payload []byte, masked bool) {
		frame := ws.AppendFrame(nil, fin|opText, payload, masked)
		_, data, err := gorillaReads(t, frame, masked).ReadMessage()
		require.NoError(t, err)
		require.True(t, bytes.Equal(payload, data))
		good, err := ws.CheckHeaders(frame)
		require.NoError(t, err)
		require.Equal(t, len(frame), good)
	})
}

// What passes does not depend on how the bytes are cut into reads, and what gorilla would refuse as a frame of
// another length is not passed as one.
func FuzzHeaderCheck(f *testing.F) {
	f.Add(text("hello"), 3)
	f.Add(append(masked(opText, "a"), masked(fin|opContinuation, "b")...), 1)
	f.Add(closing(1000, "bye"), 2)
	f.Add(masked(fin|opClose, "x"), 0)
	f.Add([]byte{0x81, 0x80 | 126, 0, 5, 0, 0, 0, 0, 'h', 'e', 'l', 'l', 'o'}, 4)
	f.Add([]byte{0x81, 0x80 | 127, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0}, 9)
	f.Add(bytes.Repeat(masked(opContinuation, ""), 1100), 77)
	f.Fuzz(func(t *testing.T, p []byte, cut int) {
		whole, wholeErr := ws.CheckHeaders(p)
		require.LessOrEqual(t, whole, len(p))
		require.Equal(t, wholeErr == nil, whole == len(p))
		cut = min(max(cut, 0), len(p))
		split, splitErr := ws.CheckHeaders(p[:cut], p[cut:])
		require.Equal(t, whole, split)
		require.Equal(t, wholeErr, splitErr)
		bytewise, _ := ws.CheckHeaders(bytes.SplitAfter(p, nil)...)
		require.Equal(t, whole, bytewise)
	})
}

func TestTextIsCheckedAsItComes(t *testing.T) {
	broken := errors.New("connection broken")
	for _, tt := range []struct {
		name, data string
		at         int // bytes that are read before the text is refused; -1 if it is good
	}{
		{"empty", "", -1},
		{"ascii", "hello", -1},
		{"all lengths", "aé…🙂", -1},
		{"lone continuation", "ab\x80cd", 3},
		{"lead byte twice", "ab\xc3\xc3cd", 4},
		{"overlong slash", "\xc0\xaf", 1},
		{"overlong of three bytes", "\xe0\x80\xaf", 2},
		{"surrogate", "\xed\xa0\x80", 2},
		{"over U+10FFFF", "\xf4\x90\x80\x80", 2},
		{"byte that is never used", "\xff", 1},
		{"cut rune", "ab\xf0\x9f\x99", 5},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, r := range []io.Reader{strings.NewReader(tt.data), iotest.OneByteReader(strings.NewReader(tt.data)), iotest.DataErrReader(strings.NewReader(tt.data))} {
				got, err := ws.ReadMessage(nil, r, true)
				if tt.at < 0 {
					require.NoError(t, err)
					require.Equal(t, tt.data, string(got))
				} else {
					require.ErrorContains(t, err, "not valid UTF-8")
				}
			}
			if tt.at >= 0 {
				got, _ := ws.ReadMessage(nil, iotest.OneByteReader(strings.NewReader(tt.data)), true)
				require.Len(t, got, tt.at, "refused at the first byte that cannot be right")
			}
			got, err := ws.ReadMessage(nil, strings.NewReader(tt.data), false)
			require.NoError(t, err, "binary is not text")
			require.Equal(t, tt.data, string(got))
		})
	}
	_, err := ws.ReadMessage(nil, io.MultiReader(strings.NewReader("ab"), iotest.ErrReader(broken)), true)
	require.ErrorIs(t, err, broken)
}
