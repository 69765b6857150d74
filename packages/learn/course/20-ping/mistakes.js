// @ts-check
/** @type {import('@vnet/learn').Mistake[]} */
export const mistakes = [
  {
    name: 'old-checksum',
    step: 4,
    inKernel:
      'The reply has the checksum of the request, 0x0800 too small: icmp_rcv of the asker counts it as InCsumErrors and drops it, while tcpdump shows a reply with "wrong icmp cksum".',
    explainedBy: 'the checksum of ICMP is wrong',
    replace: [
      '  icmp.setChecksum(bytes, at, 0)\n  icmp.setChecksum(bytes, at, checksum(bytes, at, length))\n',
      '',
    ],
  },
  {
    name: 'sums-its-checksum',
    step: 4,
    inKernel:
      'The old checksum is part of the sum of the new one. ip_send_check and icmp_push_reply set the field to 0 first.',
    explainedBy: 'the checksum of ICMP is wrong',
    replace: ['  icmp.setChecksum(bytes, at, 0)\n', ''],
  },
  {
    name: 'little-endian',
    step: 4,
    inKernel:
      'htons was called for a checksum: a sum over words as they are in memory is in network byte order already, on every CPU, and is stored as it is.',
    explainedBy: 'the checksum of ICMP is wrong',
    replace: [
      '  icmp.setChecksum(bytes, at, checksum(bytes, at, length))\n',
      '  const sum = checksum(bytes, at, length)\n  icmp.setChecksum(bytes, at, (sum >>> 8) | (sum << 8))\n',
    ],
  },
  {
    name: 'even-lengths-only',
    step: 1,
    inKernel:
      'do_csum adds the last byte alone with zeros after it. Without that, each ping -s 7 is dropped with a wrong checksum, and no ping -s 56.',
    explainedBy: 'a ping with an odd number of bytes gets a reply',
    replace: ['i < length; i++', 'i + (i % 2 === 0 ? 1 : 0) < length; i++'],
  },
  {
    name: 'one-carry',
    step: 1,
    inKernel:
      'csum_fold adds the last carry, too: by a rotation and an add on most CPUs, by adcl on x86. Otherwise one packet of some thousands is lost, always the same one: a download that stops at one place.',
    explainedBy: 'a sum that has a carry after its carries were added',
    replace: [
      `while (sum > 0xffff) {
    sum = (sum & 0xffff) + (sum >>> 16)
  }`,
      'sum = (sum & 0xffff) + (sum >>> 16)',
    ],
  },
  {
    name: 'believes-all-headers',
    step: 2,
    inKernel:
      'A bit that memory of a router flipped is not noticed: packets for other addresses arrive, and headers with other lengths. IpExt InCsumErrors stays 0.',
    explainedBy: 'a packet with a wrong header checksum is dropped',
    replace: ['  if (checksum(bytes, at, header) !== 0) return SKB_DROP_REASON_IP_CSUM\n', ''],
  },
  {
    name: 'header-of-20-bytes',
    step: 2,
    inKernel:
      'iph + 1 is taken for the ICMP header. Options such as a recorded route are read as a message, and such a ping is lost.',
    explainedBy: 'options that do nothing are skipped',
    replace: [
      'receiveIcmp(bytes, at + header, total - header)',
      'receiveIcmp(bytes, at + 20, total - 20)',
    ],
  },
  {
    name: 'length-beyond-the-frame',
    step: 2,
    inKernel:
      'Without the comparison with skb->len the checksum reads past the end of the data, and a reply would carry other memory to the sender, as Heartbleed did; KASAN reports it.',
    explainedBy: 'a read of byte 50 of a frame of 50 bytes',
    replace: ['  if (total > space) return SKB_DROP_REASON_PKT_TOO_SMALL\n', ''],
  },
  {
    name: 'padding-is-data',
    step: 2,
    inKernel:
      'ip_rcv_core cuts the padding off by pskb_trim_rcsum. Without that, short packets of real cables, where frames have 60 bytes at least, have wrong checksums.',
    explainedBy: 'bytes after a short IP packet, which make the frame long enough, are ignored',
    replace: [
      'receiveIcmp(bytes, at + header, total - header)',
      'receiveIcmp(bytes, at + header, space - header)',
    ],
  },
  {
    name: 'replies-for-others',
    step: 3,
    inKernel:
      'A host that replies for every address hides which hosts are there, and two replies to one ping are "DUP!" for the user.',
    explainedBy: 'a packet for another address is dropped',
    replace: ['!isFromHost || ipv4.destination(bytes, at) !== ADDRESS', '!isFromHost'],
  },
  {
    name: 'replies-to-broadcasts',
    step: 3,
    inKernel:
      'ip_route_input_slow drops such sources as martians. One packet with a forged source makes every host of a network reply to all of its hosts: an amplifier for attacks.',
    explainedBy: 'a packet from the broadcast address is dropped',
    replace: ['!isFromHost || ', ''],
  },
  {
    name: 'source-of-its-own-network',
    step: 3,
    inKernel:
      'fib_validate_source finds the broadcast addresses of its networks in the local table, and refuses each source that is not unicast: 255.255.255.255 is only one of them.',
    explainedBy: 'a ping from 198.18.0.255 got a reply',
    replace: [' && ipv4.source(bytes, at) !== BROADCAST', ''],
  },
  {
    name: 'addresses-not-swapped',
    step: 5,
    inKernel:
      'The reply has the source of the request: it goes to the asker, from the asker. ip_route_input drops a packet with its own address as a martian source.',
    explainedBy: 'from of ip is 0xc6120007, not host',
    replace: ['  ipv4.setSource(bytes, at, ADDRESS)\n', ''],
  },
  {
    name: 'drops-at-ttl-1',
    step: 5,
    inKernel:
      'Only ip_forward counts TTL down. traceroute ends at the last router then, and the host seems to be away.',
    explainedBy: 'a packet for the host with a time to live of 1 is not dropped',
    replace: [
      '  if (ipv4.isFragment(bytes, at))',
      '  if (ipv4.timeToLive(bytes, at) < 2) return SKB_DROP_REASON_NOT_SPECIFIED\n  if (ipv4.isFragment(bytes, at))',
    ],
  },
  {
    name: 'ttl-of-the-request',
    step: 5,
    inKernel:
      '__ip_make_skb sets the TTL of the route or of the socket. A copied TTL is the rest after the way here, and may be too little for the way back.',
    explainedBy: 'a ping with TTL 1 got a reply with TTL 1',
    replace: ['  bytes[at + 8] = TTL\n', ''],
  },
  {
    name: 'fragment-is-a-message',
    step: 3,
    inKernel:
      'ip_local_deliver calls ip_defrag before any protocol sees the packet. The first fragment of a large ping otherwise gets a reply with a part of its data.',
    explainedBy: 'a first fragment, with the flag MF, got a reply',
    replace: ['  if (ipv4.isFragment(bytes, at)) return SKB_DROP_REASON_FRAG_REASM\n', ''],
  },
  {
    name: 'replies-to-replies',
    step: 4,
    inKernel:
      'Two such hosts send each other one reply for ever. icmp_pointers has a handler for each type, and for replies it is ping_rcv.',
    explainedBy: 'a reply that nothing asked for gets no reply',
    replace: [
      '  if (icmp.type(bytes, at) !== icmp.ICMP_ECHO) return SKB_DROP_REASON_NOT_SPECIFIED\n',
      '',
    ],
  },
  {
    name: 'header-checksum-of-the-request',
    step: 5,
    inKernel:
      'A swap of addresses leaves the sum as it was, a new TTL does not: ip_send_check comes after the last change of the header.',
    explainedBy: 'the checksum of the IPv4 header is wrong',
    replace: [
      `  ipv4.setHeaderChecksum(bytes, at, 0)
  ipv4.setHeaderChecksum(bytes, at, checksum(bytes, at, ipv4.headerLength(bytes, at)))
`,
      '',
    ],
  },
  {
    name: 'last-16-bits-of-address',
    step: 3,
    inKernel:
      'A host that replies for x.x.0.2 of every network answers for others: two replies to one ping are "DUP!".',
    explainedBy: 'ADDRESS has 32 bits',
    replace: [
      'ipv4.destination(bytes, at) !== ADDRESS',
      '(ipv4.destination(bytes, at) & 0xffff) !== (ADDRESS & 0xffff)',
    ],
  },
  {
    name: 'last-byte-of-hardware',
    step: 3,
    inKernel:
      'On a promiscuous interface the host replies to what is for others: ether_addr_equal compares 48 bits.',
    explainedBy: 'HARDWARE has 48 bits',
    replace: ['ethernet.isSameAddress(bytes, data, HARDWARE)', 'bytes[data + 5] === HARDWARE[5]'],
  },
  {
    name: 'every-255-is-broadcast',
    step: 3,
    inKernel:
      'In 198.18.0.0/23 the address 198.18.0.255 is a host: only the netmask says which address is for all.',
    explainedBy: '255 may be the number of a host elsewhere',
    replace: ['ipv4.source(bytes, at) !== BROADCAST', 'bytes[at + 15] !== 255'],
  },
  {
    name: 'protocol-without-reason',
    step: 3,
    inKernel:
      'ip_protocol_deliver_rcu has SKB_DROP_REASON_IP_NOPROTO for this: a trace tells a missing protocol from a bug.',
    explainedBy: 'a packet of UDP, and a frame of IPv6; dropped',
    replace: [
      'if (ipv4.protocol(bytes, at) !== ipv4.IPPROTO_ICMP) return SKB_DROP_REASON_UNHANDLED_PROTO',
      'if (ipv4.protocol(bytes, at) !== ipv4.IPPROTO_ICMP) return SKB_DROP_REASON_NOT_SPECIFIED',
    ],
  },
  {
    name: 'checksum-of-56-bytes',
    step: 5,
    inKernel:
      'ip_fast_csum sums up ihl words, up to 15: with a limit of its own, routers drop replies with the longest headers.',
    explainedBy: 'whose checksum covers all 60 bytes',
    replace: [
      'ipv4.setHeaderChecksum(bytes, at, checksum(bytes, at, ipv4.headerLength(bytes, at)))',
      'ipv4.setHeaderChecksum(bytes, at, checksum(bytes, at, Math.min(ipv4.headerLength(bytes, at), 56)))',
    ],
  },
  {
    name: 'no-arp',
    step: 3,
    inKernel: 'No host finds this one: its stack of IP is complete, and never gets a packet.',
    explainedBy: 'the part of exercise 19 is done already',
    replace: ['  if (protocol === ETH_P_ARP) return receiveArp(bytes, data, skb.len)\n', ''],
  },
]
