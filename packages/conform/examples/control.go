// go build control.go && ./control ADDRESS:PORT
// All requests but state, keepalive, unlisten and nodelay, with one backlog.
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"time"
)

var (
	listener *net.TCPListener
	cancel   = func() {}        // ends a connect
	ended    chan func() string // the end of a connect
	socket   = new(net.TCPConn) // of the next call; calls of an empty one fail
	sockets  []*net.TCPConn     // of the case
	names    = map[syscall.Errno]string{
		syscall.ECONNREFUSED: "ECONNREFUSED", syscall.ECONNRESET: "ECONNRESET", syscall.EPIPE: "EPIPE",
		syscall.EHOSTUNREACH: "EHOSTUNREACH", syscall.ETIMEDOUT: "ETIMEDOUT", syscall.EINVAL: "EINVAL",
	}
)

// reply returns the line of a result: 0 also for the end of the stream.
func reply(n int, err error) string {
	var errno syscall.Errno
	if n == 0 && errors.Is(err, os.ErrDeadlineExceeded) {
		return "EAGAIN\n"
	} else if n == 0 && errors.As(err, &errno) && errno != 0 {
		return names[errno] + "\n"
	}
	return fmt.Sprintln(n)
}

func adopt(conn net.Conn, err error) string {
	if err != nil {
		return reply(0, err)
	}
	socket = conn.(*net.TCPConn)
	socket.SetNoDelay(false) // which Go turns on
	sockets = append(sockets, socket)
	return "1\n"
}

func pendingError() error {
	var errno int
	raw, _ := socket.SyscallConn()
	raw.Control(func(fd uintptr) {
		errno, _ = syscall.GetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_ERROR)
	})
	return syscall.Errno(errno)
}

func answer(in io.Reader, verb, a, b string) string {
	var n int
	fmt.Sscan(a, &n)
	bytes, soon := make([]byte, n), time.Now().Add(time.Millisecond)
	socket.SetDeadline(soon)
	switch verb {
	case "connect":
		context, stop := context.WithCancel(context.Background())
		end := make(chan func() string, 1)
		cancel, ended, socket = stop, end, new(net.TCPConn)
		go func() {
			conn, err := new(net.Dialer).DialContext(context, "tcp", net.JoinHostPort(a, b))
			end <- func() string { return adopt(conn, err) }
		}()
	case "ready", "error":
		select {
		case adoptIt := <-ended:
			if reply := adoptIt(); reply != "1\n" {
				return reply
			}
		default:
		}
		if isOpen := socket.RemoteAddr() != nil; isOpen && verb == "ready" {
			return "1\n"
		} else if isOpen {
			return reply(0, pendingError())
		}
	case "listen":
		server, err := net.Listen("tcp", net.JoinHostPort(a, "0"))
		if err != nil || b != "16" { // Go has one backlog
			return "?\n"
		}
		listener = server.(*net.TCPListener)
		return reply(listener.Addr().(*net.TCPAddr).Port, nil)
	case "accept":
		listener.SetDeadline(soon)
		return adopt(listener.Accept())
	case "write":
		io.ReadFull(in, bytes)
		return reply(socket.Write(bytes))
	case "read":
		n, err := socket.Read(bytes)
		return reply(n, err) + string(bytes[:n])
	case "shutdown":
		return reply(0, socket.CloseWrite())
	case "close":
		cancel()
		socket.Close()
	case "reset":
		socket.SetLinger(0)
		socket.Close()
	case "end":
		cancel()
		listener.Close()
		for _, each := range sockets {
			each.SetLinger(0)
			each.Close()
		}
		sockets, socket = nil, new(net.TCPConn)
	default:
		return "?\n"
	}
	return "0\n"
}

func main() {
	server, err := net.Listen("tcp", os.Args[1])
	for err == nil {
		control, _ := server.Accept()
		in := bufio.NewReader(control)
		for verb := "end"; verb != ""; {
			var a, b, c string
			verb = ""
			fmt.Fscanln(in, &verb, &a, &b, &c)
			io.WriteString(control, answer(in, verb, a, b))
		}
		answer(in, "end", "", "")
	}
	panic(err)
}
