// @ts-check
/** @type {import('@vnet/learn').Mistake[]} */
export const mistakes = [
  {
    name: 'no-pseudo-header',
    step: 1,
    inKernel:
      'Every datagram of others has a wrong checksum here. csum_tcpudp_nofold adds the pseudo header, so that a packet that a router delivered to a wrong address is noticed.',
    explainedBy: 'a datagram for the echo port comes back',
    replace: [
      `return (
    address(ipv4.source(bytes, ip)) +
    address(ipv4.destination(bytes, ip)) +
    ipv4.IPPROTO_UDP +
    length
  )`,
      'return 0',
    ],
  },
  {
    name: 'length-of-the-packet',
    step: 1,
    inKernel:
      'The length in the pseudo header is that of UDP, without the header of IP: uh->len, once more. Every datagram has a wrong checksum otherwise.',
    explainedBy: 'a datagram for the echo port comes back',
    replace: [
      '    length',
      `    length +
    20`,
    ],
  },
  {
    name: 'protocol-of-icmp',
    step: 1,
    inKernel:
      'The pseudo header has the protocol of the header of IP, 17. TCP has the same header with 6.',
    explainedBy: 'a datagram for the echo port comes back',
    replace: ['ipv4.IPPROTO_UDP +', 'ipv4.IPPROTO_ICMP +'],
  },
  {
    name: 'never-checked',
    step: 2,
    inKernel:
      'Bits that a router or its memory flipped arrive as data: the checksum of Ethernet is made anew at each hop. UdpInCsumErrors stays 0.',
    explainedBy: 'a datagram with a wrong checksum is dropped',
    replace: ['isChecked && checksum(', 'false && checksum('],
  },
  {
    name: 'none-is-wrong',
    step: 2,
    inKernel:
      'udp4_csum_init takes a field of 0 as CHECKSUM_UNNECESSARY. Senders that make no checksum, such as VXLAN over IPv4, are lost otherwise.',
    explainedBy: 'a datagram without a checksum is received',
    replace: ['isChecked && checksum(', 'checksum('],
  },
  {
    name: 'sends-zero',
    step: 3,
    inKernel:
      'udp_set_csum writes CSUM_MANGLED_0, 0xffff, instead of 0. One datagram of 65,536 would otherwise be sent as one without a checksum.',
    explainedBy: 'came back with 0x0000',
    replace: ['sum === 0 ? 0xffff : sum', 'sum'],
  },
  {
    name: 'keeps-the-checksum',
    step: 3,
    inKernel:
      'A swap of addresses and ports leaves the sum as it was, so it works for all senders but those without a checksum: their replies have none either.',
    explainedBy: 'a datagram without a checksum came back with 0x0000',
    replace: [
      `  udp.setChecksum(bytes, at, 0)
  const sum = checksum(bytes, at, size, pseudoSum(bytes, ip, size))
  udp.setChecksum(bytes, at, sum === 0 ? 0xffff : sum)
`,
      '',
    ],
  },
  {
    name: 'port-in-little-endian',
    step: 3,
    inKernel:
      'inet->inet_sport is network byte order. Without htons the reply comes from port 1792, and the connected socket of the client does not get it.',
    explainedBy: 'from of udp is 0x0700, not 7',
    replace: ['udp.setSourcePort(bytes, at, to)', 'udp.setSourcePort(bytes, at, to << 8)'],
  },
  {
    name: 'port-of-the-request',
    step: 3,
    inKernel:
      'The reply goes to port 7 of the client, where nothing listens: its kernel sends port unreachable, about the reply.',
    explainedBy: 'a datagram for the echo port comes back',
    replace: [
      '  udp.setSourcePort(bytes, at, to)\n  udp.setDestinationPort(bytes, at, from)\n',
      '',
    ],
  },
  {
    name: 'length-below-the-header',
    step: 2,
    inKernel:
      'udp_rcv drops ulen < sizeof(*uh) as a short packet. A length minus 8 becomes 4 GiB in an unsigned variable otherwise.',
    explainedBy: 'dropped: PKT_TOO_SMALL 2, UDP_CSUM 1',
    replace: ['size < udp.UDP_HLEN || size > length', 'size > length'],
  },
  {
    name: 'length-beyond-the-packet',
    step: 2,
    inKernel:
      'udp_rcv drops ulen > skb->len. Without that, the sum reads past the end of the data, and an echo without a checksum carries other memory to the sender.',
    explainedBy: 'of a frame of 50 bytes',
    replace: ['size < udp.UDP_HLEN || size > length', 'size < udp.UDP_HLEN'],
  },
  {
    name: 'equal-lengths-only',
    step: 2,
    inKernel:
      'udp_rcv cuts the packet to ulen by pskb_trim_rcsum. Options of UDP (RFC 9868) are in the bytes after it, so senders of these would be lost.',
    explainedBy: 'bytes of the packet after the datagram are not part of it',
    replace: ['size > length', 'size !== length'],
  },
  {
    name: 'length-of-the-request',
    step: 2,
    inKernel:
      'ip_send_check covers a tot_len of the request: the reply has bytes after its datagram, which are padding.',
    explainedBy: 'bytes of the packet after the datagram are not part of it',
    replace: ['  ipv4.setTotalLength(bytes, ip, at - ip + size)\n', ''],
  },
  {
    name: 'echo-of-an-echo',
    step: 3,
    inKernel:
      'One datagram with a forged source makes two hosts send it to each other for ever (CERT CA-1996-01). inetd refuses ports of its own services for that.',
    explainedBy: 'a datagram from port 7 for port 7 came back',
    replace: ['to === DISCARD || (to === ECHO && from === ECHO)', 'to === DISCARD'],
  },
  {
    name: 'discards-with-an-error',
    step: 3,
    inKernel:
      'A socket that reads and forgets is a listener: __udp4_lib_lookup finds it, so there is no icmp_send.',
    explainedBy: 'a datagram for the discard port gets no reply',
    replace: ['to === DISCARD || (to === ECHO && from === ECHO)', 'to === ECHO && from === ECHO'],
  },
  {
    name: 'host-unreachable',
    step: 5,
    inKernel:
      'icmp_err_convert makes EHOSTUNREACH of code 1, which is not fatal: a connected socket of UDP gets ECONNREFUSED for code 3 only, and a resolver tries the next server then.',
    explainedBy: 'code of icmp is 0x01, not 3',
    replace: ['own[message + 1] = icmp.ICMP_PORT_UNREACH', 'own[message + 1] = 1'],
  },
  {
    name: 'quotes-udp-only',
    step: 5,
    inKernel:
      'icmp_socket_deliver takes the quote as an IP header. It finds no socket, so the program waits for its timeout instead of ECONNREFUSED.',
    explainedBy: 'it quotes another packet',
    replace: ['= bytes[ip + i]', '= bytes[ip + 20 + i]'],
  },
  {
    name: 'error-without-checksum',
    step: 5,
    inKernel:
      'icmp_push_reply sums up the message as the last step. icmp_rcv of the client drops it: InCsumErrors.',
    explainedBy: 'the checksum of ICMP is wrong',
    replace: ['  icmp.setChecksum(own, message, checksum(own, message, length))\n', ''],
  },
  {
    name: 'errors-about-broadcasts',
    step: 4,
    inKernel:
      'icmp_send returns for packets that are not PACKET_HOST. Otherwise one broadcast to a closed port, such as a printer search, gets an error of each host.',
    explainedBy: 'a datagram for a closed port in a broadcast frame gets no error',
    replace: [
      'isForHost ? receiveIp(skb, dev) : SKB_DROP_REASON_NOT_SPECIFIED',
      'receiveIp(skb, dev)',
    ],
  },
  {
    name: 'quotes-28-bytes',
    step: 5,
    inKernel:
      'The ports are after the options, and are cut off: icmp_socket_deliver finds no socket, and the program waits for its timeout.',
    explainedBy: 'after options the ports are later',
    replace: [
      'const quoted = ipv4.headerLength(bytes, ip) + udp.UDP_HLEN',
      'const quoted = ipv4.IPV4_HLEN + udp.UDP_HLEN',
    ],
  },
  {
    name: 'alloc-unchecked',
    step: 5,
    inKernel:
      'alloc_skb returned NULL, and skb_put writes to it: an oops in softirq context, and the machine halts.',
    explainedBy: "Cannot read properties of undefined (reading 'put')",
    replace: ['  if (error === undefined) return\n', ''],
  },
  {
    name: 'high-ports-are-silent',
    step: 4,
    inKernel:
      'A client that asks a high port, as traceroute does from 33434 on, waits for its timeout at each try.',
    explainedBy: 'a datagram for port 40001: no error',
    replace: [
      '  if (to !== ECHO) {\n    sendUnreachable(skb, dev)\n',
      '  if (to !== ECHO) {\n    if (to <= 40_000) sendUnreachable(skb, dev)\n',
    ],
  },
  {
    name: 'low-byte-of-the-port',
    step: 3,
    inKernel: 'A u8 in place of a u16: 256 ports are an echo service, which nobody has opened.',
    explainedBy: 'a datagram for port 263: another frame',
    replace: ['  if (to !== ECHO) {', '  if ((to & 0xff) !== ECHO) {'],
  },
  {
    name: 'low-byte-of-discard',
    step: 3,
    inKernel: 'A u8 in place of a u16: 256 ports swallow everything, and their clients wait.',
    explainedBy: 'a datagram for port 265: no error',
    replace: ['if (to === DISCARD ||', 'if ((to & 0xff) === DISCARD ||'],
  },
  {
    name: 'echoes-of-many-ports',
    step: 3,
    inKernel:
      'Clients choose their ports at random: one in 256 gets no reply, and nobody finds out why.',
    explainedBy: 'a datagram from port 263 for port 7 did not come back',
    replace: ['(to === ECHO && from === ECHO)', '(to === ECHO && (from & 0xff) === ECHO)'],
  },
  {
    name: 'datagram-after-20-bytes',
    step: 2,
    inKernel:
      'udp_hdr(skb) is where ip_rcv_finish has set it, after the options: the bytes at 20 are an option.',
    explainedBy: 'an error of',
    replace: [
      'return receiveUdp(skb, dev, at + header, total - header)',
      'return receiveUdp(skb, dev, at + 20, total - 20)',
    ],
  },
  {
    name: 'no-arp',
    step: 2,
    inKernel: 'No host finds this one: its stack of IP is complete, and never gets a packet.',
    explainedBy: 'exercises 19 and 20 are done already',
    replace: ['  if (protocol === ETH_P_ARP) return receiveArp(bytes, data, skb.len)\n', ''],
  },
]
