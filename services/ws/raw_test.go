package ws_test

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A raw client writes whatever bytes it is told to.
type raw struct {
	t    testing.TB
	conn *net.TCPConn
	in   *bufio.Reader
}

// The handshake of RFC 6455, section 1.3, with further header lines.
func handshake(host string, lines ...string) string {
	all := append([]string{
		"GET / HTTP/1.1", "Host: " + host, "Upgrade: websocket", "Connection: Upgrade",
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13",
	}, lines...)
	return strings.Join(all, "\r\n") + "\r\n\r\n"
}

// dialRaw makes a TCP connection.
func dialRaw(t testing.TB, address string) *raw {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(patience)))
	return &raw{t, conn.(*net.TCPConn), bufio.NewReader(conn)}
}

// upgradeRaw is dialRaw with a handshake. The first message has been read.
func upgradeRaw(t testing.TB, s *server) *raw {
	t.Helper()
	r := dialRaw(t, s.address())
	r.upgrade(handshake(s.address()))
	opcode, payload := r.frame()
	require.Equal(t, byte(opText), opcode)
	require.Contains(t, string(payload), `"setId"`)
	return r
}

func (r *raw) upgrade(request string) *http.Response {
	r.t.Helper()
	r.write([]byte(request))
	response := r.response()
	require.Equal(r.t, http.StatusSwitchingProtocols, response.StatusCode)
	require.Equal(r.t, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", response.Header.Get("Sec-WebSocket-Accept"))
	require.Empty(r.t, response.Header.Values("Sec-WebSocket-Extensions"))
	return response
}

func (r *raw) write(p []byte) {
	r.t.Helper()
	_, err := r.conn.Write(p)
	require.NoError(r.t, err)
}

func (r *raw) response() *http.Response {
	r.t.Helper()
	response, err := http.ReadResponse(r.in, nil)
	require.NoError(r.t, err)
	return response
}

// frame reads a frame as RFC 6455, section 5.2 has it from a server.
func (r *raw) frame() (opcode byte, payload []byte) {
	r.t.Helper()
	opcode, payload, err := r.readFrame()
	require.NoError(r.t, err)
	return opcode, payload
}

func (r *raw) readFrame() (opcode byte, payload []byte, err error) {
	var header [2]byte
	if _, err := io.ReadFull(r.in, header[:]); err != nil {
		return 0, nil, err
	}
	if header[0]&0xf0 != 0x80 {
		return 0, nil, fmt.Errorf("first byte of a server's frame is %#x", header[0])
	}
	length := uint64(header[1]) // with a mask bit it is too large for any case
	switch length {
	case 126:
		var n uint16
		err = binary.Read(r.in, binary.BigEndian, &n)
		length = uint64(n)
	case 127:
		err = binary.Read(r.in, binary.BigEndian, &length)
	}
	if err != nil {
		return 0, nil, err
	}
	if length > 16<<20 {
		return 0, nil, fmt.Errorf("a server's frame of %d bytes", length)
	}
	payload = make([]byte, length)
	_, err = io.ReadFull(r.in, payload)
	return header[0] & 0x0f, payload, err
}

// message reads the next text frame.
func (r *raw) message() string {
	r.t.Helper()
	for {
		if opcode, payload := r.frame(); opcode == opText {
			return string(payload)
		}
	}
}

// ending reads up to the close frame, answers it, and requires that nothing follows it but the end of the connection.
func (r *raw) ending() (code int, text string) {
	r.t.Helper()
	for {
		opcode, payload := r.frame()
		if opcode != opClose {
			continue
		}
		_, _ = r.conn.Write(masked(fin|opClose, string(payload))) // who has closed already need not take it
		rest, err := io.ReadAll(r.in)
		require.NoError(r.t, err, "the connection must end in order")
		require.Empty(r.t, rest, "nothing may follow a close frame")
		if len(payload) == 0 {
			return noStatus, ""
		}
		require.GreaterOrEqual(r.t, len(payload), 2)
		return int(binary.BigEndian.Uint16(payload)), string(payload[2:])
	}
}

// reset ends the connection with a TCP reset.
func (r *raw) reset() {
	require.NoError(r.t, r.conn.SetLinger(0))
	require.NoError(r.t, r.conn.Close())
}

const (
	opContinuation = 0x0
	opText         = 0x1
	opBinary       = 0x2
	opClose        = 0x8
	opPing         = 0x9
	opPong         = 0xa

	fin = 0x80

	noStatus = 1005 // stands for a close frame without a code
)

// masked is a client's frame in the shortest form. The key is zero, which is allowed and leaves the payload readable.
func masked(first byte, payload string) []byte {
	var dst []byte
	switch n := len(payload); {
	case n <= 125:
		dst = append(dst, first, 0x80|byte(n))
	case n <= 0xffff:
		dst = binary.BigEndian.AppendUint16(append(dst, first, 0x80|126), uint16(n))
	default:
		dst = binary.BigEndian.AppendUint64(append(dst, first, 0x80|127), uint64(n))
	}
	dst = append(dst, 0, 0, 0, 0)
	return append(dst, payload...)
}

func text(payload string) []byte { return masked(fin|opText, payload) }

// closing is a client's close frame.
func closing(code int, reason string) []byte {
	return masked(fin|opClose, string(binary.BigEndian.AppendUint16(nil, uint16(code)))+reason)
}
