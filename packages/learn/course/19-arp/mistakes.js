// @ts-check
/** @type {import('@vnet/learn').Mistake[]} */
export const mistakes = [
  {
    name: 'still-a-request',
    step: 4,
    inKernel:
      'arp_process of the asker takes it for a request of a host that looks for the asker, learns its address from it and replies once more; stacks that learn from replies only never send.',
    explainedBy: 'op of arp is 0x0001, not 2',
    replace: ['  arp.setOp(bytes, at, arp.ARPOP_REPLY)\n', ''],
  },
  {
    name: 'little-endian',
    step: 4,
    inKernel:
      'ar_op without htons: on x86 the reply has op 512, arp_process drops it, and the neighbour stays INCOMPLETE. sparse reports the __be16.',
    explainedBy: 'op of arp is 0x0200, not 2',
    replace: [
      'arp.setOp(bytes, at, arp.ARPOP_REPLY)',
      'bytes[at + 6] = arp.ARPOP_REPLY\n  bytes[at + 7] = 0',
    ],
  },
  {
    name: 'replies-for-all',
    step: 3,
    inKernel:
      'The host takes every address of the network: traffic of all other hosts arrives here, as with proxy_arp or an attack by ARP spoofing.',
    explainedBy:
      "To 'ARP, Request who-has 198.18.0.87 tell 198.18.0.7, length 28': the host has replied",
    replace: ['  if (arp.tpa(bytes, at) !== ADDRESS) return SKB_DROP_REASON_NOT_SPECIFIED\n', ''],
  },
  {
    name: 'replies-to-replies',
    step: 3,
    inKernel:
      'Two such hosts send each other replies for ever, as fast as the cable carries them: a storm that begins with one reply.',
    explainedBy: 'a reply that nothing asked for gets no reply',
    replace: [
      '  if (arp.op(bytes, at) !== arp.ARPOP_REQUEST) return SKB_DROP_REASON_NOT_SPECIFIED\n',
      '',
    ],
  },
  {
    name: 'overwrites-the-asker',
    step: 4,
    inKernel:
      'The reply says that its target is the host itself. arp_process of the asker looks at tpa, which is not local there, and ignores it: the neighbour stays INCOMPLETE.',
    explainedBy: 'tpa of arp is 0xc6120002, not peer',
    replace: [
      [
        `  ethernet.copyAddress(bytes, arp.thaAt(at), bytes, arp.shaAt(at))
  arp.setTpa(bytes, at, arp.spa(bytes, at))
  ethernet.copyAddress(bytes, arp.shaAt(at), HARDWARE)
  arp.setSpa(bytes, at, ADDRESS)
`,
        `  const asker = ethernet.sourceAt(mac)
  ethernet.copyAddress(bytes, arp.thaAt(at), bytes, asker)
  ethernet.copyAddress(bytes, arp.shaAt(at), HARDWARE)
  arp.setSpa(bytes, at, ADDRESS)
  arp.setTpa(bytes, at, arp.spa(bytes, at))
`,
      ],
    ],
  },
  {
    name: 'wrong-half',
    step: 4,
    inKernel:
      'arp_process of the asker reads sha and spa, finds its own address as the sender, and learns nothing of the host.',
    explainedBy:
      "no frame for 02:00:5e:00:53:07: 'ARP, Reply 198.18.0.2 is-at 02:00:5e:00:53:07, length 28' for 02:00:00:00:00:09",
    replace: [
      '  ethernet.copyAddress(bytes, arp.shaAt(at), HARDWARE)\n',
      '  ethernet.copyAddress(bytes, arp.thaAt(at), HARDWARE)\n',
    ],
  },
  {
    name: 'reply-to-all',
    step: 4,
    inKernel:
      'Each reply interrupts every host of the network; with some thousand hosts, ARP alone is a load, and switches learn nothing new from it.',
    explainedBy: "'ARP, Reply 198.18.0.2 is-at 02:00:00:00:00:09, length 28' for ff:ff:ff:ff:ff:ff",
    replace: [
      '  ethernet.copyAddress(bytes, ethernet.destinationAt(mac), bytes, arp.thaAt(at))\n',
      '',
    ],
  },
  {
    name: 'sender-of-the-frame',
    step: 4,
    inKernel:
      'The frame seems to come from the asker: a switch then believes that the asker is at this port, and sends its frames here until it speaks again.',
    explainedBy: 'from of ether is 0x02005e005307, not host',
    replace: ['  ethernet.copyAddress(bytes, ethernet.sourceAt(mac), HARDWARE)\n', ''],
  },
  {
    name: 'exactly-42-bytes',
    step: 2,
    inKernel:
      'Every frame of a real cable has 60 bytes at least: the driver works on a veth or a TAP, where nobody pads, and on no NIC.',
    explainedBy: 'bytes after a request, which make the frame long enough, are ignored',
    replace: ['length < ETH_HLEN + arp.ARP_LEN', 'length !== ETH_HLEN + arp.ARP_LEN'],
  },
  {
    name: 'no-length',
    step: 2,
    inKernel:
      'Without pskb_may_pull, arp_process reads past the end of the data, and the reply carries bytes of other memory to the asker; KASAN reports the read.',
    explainedBy: 'a request without its last byte',
    replace: ['  if (length < ETH_HLEN + arp.ARP_LEN) return SKB_DROP_REASON_PKT_TOO_SMALL\n', ''],
  },
  {
    name: 'any-hardware',
    step: 2,
    inKernel:
      'A request of another hardware, with addresses of another length, has other fields at these places: the reply joins an address to bytes that mean something else.',
    explainedBy: 'a request for addresses of another hardware gets no reply',
    replace: ['arp.hrd(bytes, at) !== arp.ARPHRD_ETHER || ', ''],
  },
  {
    name: 'frames-of-others',
    step: 1,
    inKernel:
      'On a promiscuous interface, as during tcpdump or in a bridge, the host replies to frames for others: arp_rcv drops PACKET_OTHERHOST for that.',
    explainedBy: 'a request for 198.18.0.2 in a frame for 02:00:00:00:00:0a',
    replace: ['  if (!isForHost) return SKB_DROP_REASON_OTHERHOST\n', ''],
  },
  {
    name: 'last-16-bits',
    step: 3,
    inKernel:
      'The host replies for x.x.0.2 of every network: with two networks on one cable it takes away the frames of another host.',
    explainedBy: 'the address is all 32 bits',
    replace: [
      'arp.tpa(bytes, at) !== ADDRESS',
      '(arp.tpa(bytes, at) & 0xffff) !== (ADDRESS & 0xffff)',
    ],
  },
  {
    name: 'last-byte-of-hardware',
    step: 1,
    inKernel:
      'On a promiscuous interface the host replies to what is for others: ether_addr_equal compares 48 bits.',
    explainedBy: 'one of the six bytes differs from HARDWARE',
    replace: ['ethernet.isSameAddress(bytes, data, HARDWARE)', 'bytes[data + 5] === HARDWARE[5]'],
  },
  {
    name: 'first-byte-of-all',
    step: 1,
    inKernel:
      'is_broadcast_ether_addr compares 48 bits: an address that begins with ff is a group, of which this host is no member.',
    explainedBy: 'differs from the address of all stations',
    replace: ['ethernet.isBroadcastAddress(bytes, data)', 'bytes[data] === 0xff'],
  },
  {
    name: 'low-byte-of-op',
    step: 3,
    inKernel:
      'ar_op has 16 bits: 0x0101 is a number that somebody may give a meaning, and not a request.',
    explainedBy: 'op has 16 bits',
    replace: ['arp.op(bytes, at) !== arp.ARPOP_REQUEST', 'bytes[at + 7] !== arp.ARPOP_REQUEST'],
  },
  {
    name: 'low-byte-of-hrd',
    step: 2,
    inKernel:
      'ar_hrd has 16 bits, of which Linux uses more than 8: 0x0301 is ARPHRD_TUNNEL6, not Ethernet.',
    explainedBy: 'hrd and pro have 16 bits each',
    replace: ['arp.hrd(bytes, at) !== arp.ARPHRD_ETHER', 'bytes[at + 1] !== arp.ARPHRD_ETHER'],
  },
  {
    name: 'to-the-source-of-the-frame',
    step: 4,
    inKernel:
      'arp_process sends to sha: behind a bridge that answers for a station, the source of the frame may be another card, which waits for nothing.',
    explainedBy: 'the reply goes to the new tha',
    replace: [
      'ethernet.copyAddress(bytes, ethernet.destinationAt(mac), bytes, arp.thaAt(at))',
      'ethernet.copyAddress(bytes, ethernet.destinationAt(mac), bytes, ethernet.sourceAt(mac))',
    ],
  },
  {
    name: 'no-reason',
    step: 3,
    inKernel:
      'A frame that is freed as delivered is in no counter: a host that does not reply looks like one that got nothing.',
    explainedBy: 'all of them as NOT_SPECIFIED',
    replace: [
      'if (arp.op(bytes, at) !== arp.ARPOP_REQUEST) return SKB_DROP_REASON_NOT_SPECIFIED',
      'if (arp.op(bytes, at) !== arp.ARPOP_REQUEST) return SKB_DROP_REASON_UNHANDLED_PROTO',
    ],
  },
  {
    name: 'length-of-the-fields-read',
    step: 2,
    inKernel:
      'The last bytes of tpa are of another frame: with the old bytes of a request there, a packet that is cut gets a reply.',
    explainedBy: 'PKT_TOO_SMALL',
    replace: ['length < ETH_HLEN + arp.ARP_LEN', 'length < ETH_HLEN + 8'],
  },
  {
    name: 'no-probes',
    step: 3,
    inKernel:
      'A host that does not defend its address (RFC 5227): another one takes it, and both lose packets from then on.',
    explainedBy: 'spa may be 0.0.0.0',
    replace: [
      '  if (arp.tpa(bytes, at) !== ADDRESS) return SKB_DROP_REASON_NOT_SPECIFIED\n',
      '  if (arp.tpa(bytes, at) !== ADDRESS || arp.spa(bytes, at) === 0) return SKB_DROP_REASON_NOT_SPECIFIED\n',
    ],
  },
]
