package ws_test

import "syscall"

// smallReceiveBuffer is for net.Dialer.Control: the window of a connection is set when it is made.
func smallReceiveBuffer(_, _ string, c syscall.RawConn) error {
	var err error
	failed := c.Control(func(fd uintptr) { err = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 2<<10) })
	if failed != nil {
		return failed
	}
	return err
}
