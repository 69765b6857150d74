// A control port (packages/conform/docs/conform.md) of this machine, with sockets of
// gVisor's netstack.
package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/waiter"
)

// program has the sockets of a case.
type program struct {
	stack            *stack.Stack
	own              tcpip.Address
	listener, socket tcpip.Endpoint
	all              []tcpip.Endpoint
}

var errorNames = map[string]string{
	"<nil>": "", "*tcpip.ErrWouldBlock": "EAGAIN", "*tcpip.ErrConnectStarted": "EINPROGRESS",
	"*tcpip.ErrConnectionRefused": "ECONNREFUSED", "*tcpip.ErrConnectionReset": "ECONNRESET",
	"*tcpip.ErrClosedForSend": "EPIPE", "*tcpip.ErrTimeout": "ETIMEDOUT",
	"*tcpip.ErrHostUnreachable": "EHOSTUNREACH", "*tcpip.ErrNetworkUnreachable": "ENETUNREACH",
	"*tcpip.ErrConnectionAborted": "ECONNABORTED", "*tcpip.ErrNotConnected": "ENOTCONN",
}

// stateNames are those of ss(8) where netstack has others.
var stateNames = map[tcp.EndpointState]string{
	tcp.StateEstablished: "ESTAB", tcp.StateSynRecv: "SYN-RECV", tcp.StateFinWait1: "FIN-WAIT-1",
	tcp.StateFinWait2: "FIN-WAIT-2", tcp.StateClose: "UNCONN", tcp.StateError: "UNCONN",
}

func result(n int, err tcpip.Error) string {
	name, isKnown := errorNames[fmt.Sprintf("%T", err)]
	switch _, isEnd := err.(*tcpip.ErrClosedForReceive); {
	case err == nil || isEnd || n > 0:
		return fmt.Sprintln(n)
	case !isKnown:
		return strings.ToUpper(fmt.Sprintf("%T", err)[len("*tcpip."):]) + "\n"
	}
	return name + "\n"
}

// adopt makes an endpoint one of the case, with Nagle's algorithm, which netstack turns off.
func (p *program) adopt(endpoint tcpip.Endpoint) tcpip.Endpoint {
	endpoint.SocketOptions().SetDelayOption(true)
	p.all = append(p.all, endpoint)
	return endpoint
}

func (p *program) open() tcpip.Endpoint {
	endpoint, err := p.stack.NewEndpoint(tcp.ProtocolNumber, ipv4.ProtocolNumber, new(waiter.Queue))
	checkStack(err)
	return p.adopt(endpoint)
}

func (p *program) listen(backlog int) (int, tcpip.Error) {
	p.listener = p.open()
	if err := p.listener.Bind(tcpip.FullAddress{NIC: nic, Addr: p.own}); err != nil {
		return 0, err
	}
	if err := p.listener.Listen(backlog); err != nil {
		return 0, err
	}
	address, err := p.listener.GetLocalAddress()
	return int(address.Port), err
}

// reset closes an endpoint. A reset of one that is still connecting ends the process (2022).
func reset(endpoint tcpip.Endpoint) {
	switch tcp.EndpointState(endpoint.State()) {
	case tcp.StateConnecting, tcp.StateSynSent, tcp.StateSynRecv:
	default:
		endpoint.SocketOptions().SetLinger(tcpip.LingerOption{Enabled: true})
	}
	endpoint.Close()
}

func (p *program) answer(in io.Reader, verb string, words []string) string {
	numbers := make([]int, 3)
	for i, word := range words {
		fmt.Sscan(word, &numbers[i])
	}
	switch verb {
	case "connect":
		p.socket = p.open()
		to := tcpip.Address(net.ParseIP(words[0]).To4())
		return result(0, p.socket.Connect(tcpip.FullAddress{NIC: nic, Addr: to, Port: uint16(numbers[1])}))
	case "listen":
		return result(p.listen(numbers[1]))
	case "unlisten":
		p.listener.Close()
	case "accept":
		endpoint, _, err := p.listener.Accept(nil)
		if err != nil {
			return result(0, err)
		}
		p.socket = p.adopt(endpoint)
		return "1\n"
	case "ready":
		if p.socket.Readiness(waiter.WritableEvents|waiter.EventErr|waiter.EventHUp) != 0 {
			return "1\n"
		}
	case "error":
		return result(0, p.socket.LastError())
	case "write":
		data := make([]byte, numbers[0])
		io.ReadFull(in, data)
		n, err := p.socket.Write(bytes.NewReader(data), tcpip.WriteOptions{})
		return result(int(n), err)
	case "read":
		var data bytes.Buffer
		w := tcpip.LimitedWriter{W: &data, N: int64(numbers[0])}
		_, err := p.socket.Read(&w, tcpip.ReadOptions{})
		return result(data.Len(), err) + data.String()
	case "shutdown":
		return result(0, p.socket.Shutdown(tcpip.ShutdownWrite))
	case "close":
		p.socket.Close()
	case "reset":
		reset(p.socket)
	case "nodelay":
		p.socket.SocketOptions().SetDelayOption(numbers[0] == 0)
	case "keepalive":
		idle := tcpip.KeepaliveIdleOption(time.Duration(numbers[0]) * time.Second)
		interval := tcpip.KeepaliveIntervalOption(time.Duration(numbers[1]) * time.Second)
		checkStack(p.socket.SetSockOpt(&idle))
		checkStack(p.socket.SetSockOpt(&interval))
		checkStack(p.socket.SetSockOptInt(tcpip.KeepaliveCountOption, numbers[2]))
		p.socket.SocketOptions().SetKeepAlive(true)
	case "state":
		state := tcp.EndpointState(p.socket.State())
		if name, isOther := stateNames[state]; isOther {
			return name + "\n"
		}
		return state.String() + "\n"
	case "end":
		for _, endpoint := range p.all {
			reset(endpoint)
		}
		p.all = nil
	default:
		return "?\n"
	}
	return "0\n"
}

// control serves the control port: connections to it, one after the other.
func control(s *stack.Stack, own tcpip.Address, address string) {
	server, err := net.Listen("tcp", address)
	check(err)
	for {
		connection, err := server.Accept()
		check(err)
		p := &program{stack: s, own: own}
		in := bufio.NewReader(connection)
		for {
			line, err := in.ReadString('\n')
			if err != nil {
				break
			}
			words := strings.Fields(line)
			io.WriteString(connection, p.answer(in, words[0], words[1:]))
		}
		p.answer(in, "end", nil)
	}
}
