// gVisor's netstack as a host on a TAP, with echo (7), discard (9) and chargen (19) over TCP and
// UDP, and a control port at 127.0.0.1, for `vnet conform`. It needs golang-gvisor-gvisor-dev.
//
//	GO111MODULE=off GOPATH=/usr/share/gocode go build gvisor.go gvisor_control.go
//	gvisor TAP ADDRESS/BITS ROUTER [PORT]
package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/link/fdbased"
	"gvisor.dev/gvisor/pkg/tcpip/link/tun"
	"gvisor.dev/gvisor/pkg/tcpip/network/arp"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv6"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/icmp"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/tcpip/transport/udp"
)

const (
	nic     = 1
	echo    = 7
	discard = 9
	chargen = 19
)

var line = func() []byte {
	bytes := make([]byte, 72)
	for i := range bytes {
		bytes[i] = byte(' ' + i)
	}
	return bytes
}()

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func checkStack(err tcpip.Error) {
	if err != nil {
		check(fmt.Errorf("%s", err))
	}
}

func serve(port uint16, connection net.Conn) {
	defer connection.Close()
	switch port {
	case echo:
		io.Copy(connection, connection)
	case discard:
		io.Copy(io.Discard, connection)
	case chargen:
		for {
			if _, err := connection.Write(line); err != nil {
				return
			}
		}
	}
}

func datagrams(port uint16, socket net.PacketConn) {
	bytes := make([]byte, 65536)
	for {
		n, from, err := socket.ReadFrom(bytes)
		if err != nil {
			return
		}
		if port == echo {
			socket.WriteTo(bytes[:n], from)
		} else if port == chargen {
			socket.WriteTo(line, from)
		}
	}
}

func main() {
	if len(os.Args) != 4 && len(os.Args) != 5 {
		fmt.Fprintln(os.Stderr, "usage: gvisor TAP ADDRESS/BITS ROUTER [PORT]")
		os.Exit(2)
	}
	address, length, _ := strings.Cut(os.Args[2], "/")
	bits, err := strconv.Atoi(length)
	check(err)
	fd, err := tun.OpenTAP(os.Args[1])
	check(err)
	endpoint, err := fdbased.New(&fdbased.Options{
		FDs: []int{fd}, MTU: 1500, EthernetHeader: true, Address: "\x02\x00\x00\x00\x00\x67", RXChecksumOffload: false,
	})
	check(err)
	s := stack.New(stack.Options{
		HandleLocal:        true,
		NetworkProtocols:   []stack.NetworkProtocolFactory{arp.NewProtocol, ipv4.NewProtocol, ipv6.NewProtocol},
		TransportProtocols: []stack.TransportProtocolFactory{tcp.NewProtocol, udp.NewProtocol, icmp.NewProtocol4, icmp.NewProtocol6},
	})
	sack := tcpip.TCPSACKEnabled(true)
	checkStack(s.SetTransportProtocolOption(tcp.ProtocolNumber, &sack))
	checkStack(s.CreateNIC(nic, endpoint))
	own := tcpip.Address(net.ParseIP(address).To4())
	checkStack(s.AddProtocolAddress(nic, tcpip.ProtocolAddress{
		Protocol:          ipv4.ProtocolNumber,
		AddressWithPrefix: tcpip.AddressWithPrefix{Address: own, PrefixLen: bits},
	}, stack.AddressProperties{}))
	s.SetRouteTable([]tcpip.Route{
		{Destination: (tcpip.AddressWithPrefix{Address: own, PrefixLen: bits}).Subnet(), NIC: nic},
		{Destination: header.IPv4EmptySubnet, Gateway: tcpip.Address(net.ParseIP(os.Args[3]).To4()), NIC: nic},
	})
	for _, port := range []uint16{echo, discard, chargen} {
		local := tcpip.FullAddress{NIC: nic, Port: port}
		listener, err := gonet.ListenTCP(s, local, ipv4.ProtocolNumber)
		check(err)
		socket, err := gonet.DialUDP(s, &local, nil, ipv4.ProtocolNumber)
		check(err)
		go datagrams(port, socket)
		go func(port uint16) {
			for {
				connection, err := listener.Accept()
				check(err)
				go serve(port, connection)
			}
		}(port)
	}
	fmt.Println("ready")
	if len(os.Args) == 5 {
		control(s, own, net.JoinHostPort("127.0.0.1", os.Args[4]))
	}
	select {}
}
