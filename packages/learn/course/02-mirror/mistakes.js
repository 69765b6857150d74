// @ts-check

/**
 * Mistakes that learners make, as changes of the solution: each is found by a check, and the text
 * is in its explanation.
 * @type {import('@vnet/learn').Mistake[]}
 */
export const mistakes = [
  {
    name: 'after-hand-over',
    step: 1,
    inKernel:
      'netif_rx has queued the frame, and a softirq may have freed it: this writes to memory that may have another owner.',
    explainedBy: 'use-after-hand-over',
    replace: [
      'netifRx(skb)',
      `netifRx(skb)
  skb.bytes[skb.data] |= 0`,
    ],
  },
  {
    name: 'drops-after',
    step: 1,
    inKernel:
      'The driver and the network stack both free the same sk_buff: a double free, which crashes sooner or later.',
    explainedBy: 'skb_drop on a frame that the kernel was given already',
    replace: [
      'netifRx(skb)',
      `netifRx(skb)
  skb.drop()`,
    ],
  },
  {
    name: 'group',
    step: 4,
    inKernel:
      'After the swap the source is a multicast address: ip_route_input_slow drops each such packet as a martian source.',
    explainedBy: 'a frame to 224.0.0.1 (01:00:5e:00:00:01) came back',
    replace: [
      `  if (skb.pktType === PACKET_BROADCAST || skb.pktType === PACKET_MULTICAST) {
    return SKB_DROP_REASON_IP_NOT_TRANSLATABLE
  }`,
      '',
    ],
  },
  {
    name: 'header-counted',
    step: 4,
    inKernel:
      'The driver may read up to 14 bytes past the end of the frame; ip_rcv compares the length with skb->len, and drops such a packet as truncated.',
    explainedBy: 'whose last 4 bytes are missing came back',
    replace: [
      'if (ipv4.parse(bytes, nh, skb.len - ETH_HLEN) < 0) return SKB_DROP_REASON_IP_INHDR',
      'if (ipv4.parse(bytes, nh, skb.len) < 0) return SKB_DROP_REASON_IP_INHDR',
    ],
  },
  {
    name: 'no-mac',
    step: 3,
    inKernel:
      'The stack puts dev_addr in both (IFF_NOARP); a frame to any other address is PACKET_OTHERHOST, and ip_rcv drops it.',
    explainedBy: 'came back from 06:13:57:9b:df:77 to',
    replace: ['ethernet.swapAddresses(bytes, skb.data)', ''],
  },
  {
    name: 'offset-of-memory',
    step: 3,
    inKernel:
      'The start of the buffer is skb->head, and the frame starts at skb->data: the swap changes bytes of the headroom, and the frame keeps its addresses.',
    explainedBy: 'positions from skb.data on',
    replace: ['ethernet.swapAddresses(bytes, skb.data)', 'ethernet.swapAddresses(bytes, 0)'],
  },
  {
    name: 'overwritten',
    step: 2,
    inKernel:
      'Both addresses are 198.18.0.9 now, which is not an address of this machine: the packet is forwarded if ip_forward is on, and dropped otherwise.',
    explainedBy: 'came back with destination 198.18.0.9',
    replace: [
      `const source = ipv4.source(bytes, nh)
  ipv4.setSource(bytes, nh, ipv4.destination(bytes, nh))
  ipv4.setDestination(bytes, nh, source)`,
      `ipv4.setSource(bytes, nh, ipv4.destination(bytes, nh))
  ipv4.setDestination(bytes, nh, ipv4.source(bytes, nh))`,
    ],
  },
  {
    name: 'past-the-end',
    step: 4,
    inKernel:
      'Any program with a packet socket may send a header that is cut; the driver then reads and writes past the end, up to skb_shared_info.',
    explainedBy: '4 bytes were read after its end',
    replace: [
      'if (ipv4.parse(bytes, nh, skb.len - ETH_HLEN) < 0) return SKB_DROP_REASON_IP_INHDR',
      '',
    ],
  },
  {
    name: 'source-only',
    step: 2,
    inKernel:
      'The destination is still 198.18.0.9, which is not an address of this machine: the packet is forwarded if ip_forward is on, and dropped otherwise.',
    explainedBy: 'came back with destination 198.18.0.9',
    replace: [
      `const source = ipv4.source(bytes, nh)
  ipv4.setSource(bytes, nh, ipv4.destination(bytes, nh))
  ipv4.setDestination(bytes, nh, source)`,
      'ipv4.setSource(bytes, nh, ipv4.destination(bytes, nh))',
    ],
  },
  {
    name: 'ttl',
    step: 2,
    inKernel:
      'The checksum of the header no longer fits: ip_rcv drops the packet and counts it in InCsumErrors.',
    explainedBy: 'byte 22 came back as 63',
    replace: [
      'ethernet.swapAddresses(bytes, skb.data)',
      `bytes[nh + 8]-- // a router would
  ethernet.swapAddresses(bytes, skb.data)`,
    ],
  },
  {
    name: 'no-broadcast',
    step: 4,
    inKernel:
      'The packet comes back from 198.18.0.255: with rp_filter the kernel drops it as a martian source, without it programs receive packets from a broadcast address.',
    explainedBy: 'a frame to 198.18.0.255 (ff:ff:ff:ff:ff:ff) came back',
    replace: ['skb.pktType === PACKET_BROADCAST || ', ''],
  },
  {
    name: 'last-byte-of-ip',
    step: 2,
    inKernel:
      'Works until somebody adds a route: a packet to another network comes back from an address that belongs to nobody.',
    explainedBy: 'all four bytes of both',
    replace: [
      `ipv4.setSource(bytes, nh, ipv4.destination(bytes, nh))
  ipv4.setDestination(bytes, nh, source)`,
      `bytes[nh + 15] = bytes[nh + 19]
  bytes[nh + 19] = source & 0xff`,
    ],
  },
  {
    name: 'last-byte-of-mac',
    step: 3,
    inKernel:
      'Two addresses of one vendor differ in their last bytes only; with cards of two vendors each frame is for a third one.',
    explainedBy: 'came back from',
    replace: [
      'ethernet.swapAddresses(bytes, skb.data)',
      `const last = bytes[skb.data + 5]
  bytes[skb.data + 5] = bytes[skb.data + 11]
  bytes[skb.data + 11] = last`,
    ],
  },
  {
    name: 'groups-of-ipv4-only',
    step: 4,
    inKernel:
      'is_multicast_ether_addr looks at one bit, the lowest of the first byte: 01:00:5e is only where IPv4 has its groups.',
    explainedBy: 'a frame to 198.18.0.9 (03:00:00:00:00:01) came back',
    replace: [
      'skb.pktType === PACKET_MULTICAST',
      '(skb.bytes[skb.data] === 1 && skb.pktType === PACKET_MULTICAST)',
    ],
  },
  {
    name: 'no-options',
    step: 2,
    inKernel:
      'Options are rare, and legal: ping -R and traceroute -g use them, and IGMP sends each report with one, the router alert.',
    explainedBy: 'a frame with 4 bytes of options: nothing came back',
    replace: [
      'if (ipv4.parse(bytes, nh, skb.len - ETH_HLEN) < 0)',
      'if (ipv4.parse(bytes, nh, skb.len - ETH_HLEN) < 0 || bytes[nh] !== 0x45)',
    ],
  },
  {
    name: 'length-only',
    step: 4,
    inKernel:
      'ip_rcv_core looks at version, header length and both lengths before it believes a field: any program with a packet socket may send the rest.',
    explainedBy: 'ipv4.parse looks at all of the header',
    replace: [
      'if (ipv4.parse(bytes, nh, skb.len - ETH_HLEN) < 0)',
      'if (skb.len - ETH_HLEN < 20 || ipv4.totalLength(bytes, nh) > skb.len - ETH_HLEN)',
    ],
  },
  {
    name: 'udp-only',
    step: 1,
    inKernel:
      'A device has no business with what is in a packet: it carries ICMP as it carries UDP, or ping says that it is down.',
    explainedBy: 'ping 198.18.0.9: 0 of 3 replies',
    replace: [
      '  const source = ',
      '  if (ipv4.protocol(bytes, nh) !== ipv4.IPPROTO_UDP) return SKB_DROP_REASON_UNHANDLED_PROTO\n  const source = ',
    ],
  },
]
