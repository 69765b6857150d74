// @ts-check
/** @type {import('@vnet/learn').Mistake[]} */
export const mistakes = [
  {
    name: 'still-a-request',
    inKernel:
      'arp_process of the asker takes it for a request of a host that looks for the asker, learns its address from it and replies once more; stacks that learn from replies only never send.',
    explainedBy: 'op of arp is 0x0001, not 2',
    replace: ['  arp.setOp(bytes, at, arp.ARPOP_REPLY)\n', ''],
  },
  {
    name: 'little-endian',
    inKernel:
      'ar_op without htons: on x86 the reply has op 512, arp_process drops it, and the neighbour stays INCOMPLETE. sparse reports the __be16.',
    explainedBy: 'op of arp is 0x0200, not 2',
    replace: ['arp.setOp(bytes, at, arp.ARPOP_REPLY)', 'bytes[at + 6] = arp.ARPOP_REPLY\n  bytes[at + 7] = 0'],
  },
  {
    name: 'replies-for-all',
    inKernel:
      'The host takes every address of the network: traffic of all other hosts arrives here, as with proxy_arp or an attack by ARP spoofing.',
    explainedBy: "To 'ARP, Request who-has 198.18.0.87 tell 198.18.0.7, length 28': the host has replied",
    replace: ['  if (arp.tpa(bytes, at) !== ADDRESS) return SKB_DROP_REASON_NOT_SPECIFIED\n', ''],
  },
  {
    name: 'replies-to-replies',
    inKernel:
      'Two such hosts send each other replies for ever, as fast as the cable carries them: a storm that begins with one reply.',
    explainedBy: 'a reply that nothing asked for gets no reply',
    replace: ['  if (arp.op(bytes, at) !== arp.ARPOP_REQUEST) return SKB_DROP_REASON_NOT_SPECIFIED\n', ''],
  },
  {
    name: 'overwrites-the-asker',
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
    inKernel:
      'Each reply interrupts every host of the network; with some thousand hosts, ARP alone is a load, and switches learn nothing new from it.',
    explainedBy: "'ARP, Reply 198.18.0.2 is-at 02:00:00:00:00:09, length 28' for ff:ff:ff:ff:ff:ff",
    replace: ['  ethernet.copyAddress(bytes, ethernet.destinationAt(mac), bytes, arp.thaAt(at))\n', ''],
  },
  {
    name: 'sender-of-the-frame',
    inKernel:
      'The frame seems to come from the asker: a switch then believes that the asker is at this port, and sends its frames here until it speaks again.',
    explainedBy: 'from of ether is 0x02005e005307, not host',
    replace: ['  ethernet.copyAddress(bytes, ethernet.sourceAt(mac), HARDWARE)\n', ''],
  },
  {
    name: 'exactly-42-bytes',
    inKernel:
      'Every frame of a real cable has 60 bytes at least: the driver works on a veth or a TAP, where nobody pads, and on no NIC.',
    explainedBy: 'bytes after a request, which make the frame long enough, are ignored',
    replace: ['length < ETH_HLEN + arp.ARP_LEN', 'length !== ETH_HLEN + arp.ARP_LEN'],
  },
  {
    name: 'no-length',
    inKernel:
      'Without pskb_may_pull, arp_process reads past the end of the data, and the reply carries bytes of other memory to the asker; KASAN reports the read.',
    explainedBy: 'a request without its last byte',
    replace: ['  if (length < ETH_HLEN + arp.ARP_LEN) return SKB_DROP_REASON_PKT_TOO_SMALL\n', ''],
  },
  {
    name: 'any-hardware',
    inKernel:
      'A request of another hardware, with addresses of another length, has other fields at these places: the reply joins an address to bytes that mean something else.',
    explainedBy: 'a request for addresses of another hardware gets no reply',
    replace: ['arp.hrd(bytes, at) !== arp.ARPHRD_ETHER || ', ''],
  },
  {
    name: 'frames-of-others',
    inKernel:
      'On a promiscuous interface, as during tcpdump or in a bridge, the host replies to frames for others: arp_rcv drops PACKET_OTHERHOST for that.',
    explainedBy: 'a request for 198.18.0.2 in a frame for 02:00:00:00:00:0a',
    replace: ['  if (!isForHost) return SKB_DROP_REASON_OTHERHOST\n', ''],
  },
]
