// gVisor's netstack as a host on a TAP, with echo (7), discard (9) and chargen (19) over TCP and
// UDP, and a control port at 127.0.0.1, for `vnet conform`. It needs golang-gvisor-gvisor-dev.
//
//	GO111MODULE=off GOPATH=/usr/share/gocode go build gvisor.go gvisor_control.go
//	gvisor TAP ADDRESS/BITS ROUTER [PORT]
//	gvisor packet:IF ADDRESS/BITS ROUTER    # a packet socket on IF, with offloads, as its sandbox
package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"

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

var text = func() []byte {
	bytes := make([]byte, 1<<16)
	for i := range bytes {
		bytes[i] = byte(' ' + i%95)
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
			if _, err := connection.Write(text); err != nil {
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
			socket.WriteTo(text[:72], from)
		}
	}
}

func cutPrefix(text, prefix string) (string, bool) {
	return strings.TrimPrefix(text, prefix), strings.HasPrefix(text, prefix)
}

// packetSocket opens a packet socket whose frames have a virtio_net_hdr, for their offloads.
func packetSocket(name string) int {
	const packetVnetHdr = 15
	iface, err := net.InterfaceByName(name)
	check(err)
	all := uint16(0x0300) // ETH_P_ALL in network byte order
	fd, err := syscall.Socket(syscall.AF_PACKET, syscall.SOCK_RAW, int(all))
	check(err)
	check(syscall.SetsockoptInt(fd, syscall.SOL_PACKET, packetVnetHdr, 1))
	check(syscall.Bind(fd, &syscall.SockaddrLinklayer{Protocol: all, Ifindex: iface.Index}))
	return fd
}

func main() {
	if len(os.Args) != 4 && len(os.Args) != 5 {
		fmt.Fprintln(os.Stderr, "usage: gvisor TAP ADDRESS/BITS ROUTER [PORT]")
		os.Exit(2)
	}
	address, length, _ := strings.Cut(os.Args[2], "/")
	bits, err := strconv.Atoi(length)
	check(err)
	options := fdbased.Options{MTU: 1500, EthernetHeader: true, Address: "\x02\x00\x00\x00\x00\x67"}
	if name, isPacket := cutPrefix(os.Args[1], "packet:"); isPacket {
		options.FDs = []int{packetSocket(name)}
		options.GSOMaxSize, options.RXChecksumOffload = 65536, true
		options.PacketDispatchMode = fdbased.RecvMMsg
	} else {
		fd, err := tun.OpenTAP(name)
		check(err)
		options.FDs = []int{fd}
	}
	endpoint, err := fdbased.New(&options)
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
