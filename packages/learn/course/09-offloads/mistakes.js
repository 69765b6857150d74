// @ts-check

/**
 * Mistakes that learners make, as changes of the solution: each is found by a check, and the text
 * is in its explanation.
 * @type {import('@vnet/learn').Mistake[]}
 */
export const mistakes = [
  {
    name: 'adds-one',
    step: 2,
    inKernel:
      'The ports of real flows are odd and even: half of all replies go to a port on which nothing listens.',
    explainedBy: 'ports 40001 and 5201 came back as 40000 and 5202',
    replace: [
      'udp.setDestinationPort(bytes, at, destination ^ 1)',
      'udp.setDestinationPort(bytes, at, destination + 1)',
    ],
  },
  {
    name: 'always-cut',
    step: 3,
    inKernel:
      'Each long frame is cut although its receiver takes it whole: the network stack runs once for each piece, the cost that offloads avoid.',
    explainedBy: 'one frame, as it was sent',
    replace: ['if (dev.priv.params.plain) {', 'if (dev.priv.params.plain || skb.gsoSize !== 0) {'],
  },
  {
    name: 'cut-no-more',
    step: 3,
    inKernel:
      'Without gso_size nothing can cut the frame: a router or bridge sees a packet longer than the MTU, and drops or fragments it.',
    explainedBy: 'each with at most 1000 bytes of payload',
    replace: [
      'const n = skbGsoSegment(skb, segments)',
      `skb.gsoSize = 0
  const n = skbGsoSegment(skb, segments)`,
    ],
  },
  {
    name: 'declared',
    step: 4,
    inKernel:
      'For a received frame CHECKSUM_NONE means not verified: the stack sums it, finds a sum of the pseudo-header only, and drops it (TcpInCsumErrors).',
    explainedBy: 'skbChecksumHelp',
    replace: [
      [
        'udp,',
        `udp,
  CHECKSUM_NONE,`,
      ],
      [
        `if (skbChecksumHelp(skb)) {
      netifRx(skb)
    } else {
      skb.drop(SKB_DROP_REASON_SKB_CSUM)
    }`,
        `skb.ipSummed = CHECKSUM_NONE
    netifRx(skb)`,
      ],
    ],
  },
  {
    name: 'kept',
    step: 3,
    inKernel:
      'skb_gso_segment returns an ERR_PTR, and the frame is still yours: each return without kfree_skb leaks up to 64 KiB.',
    explainedBy: 'SKB_GSO_SEG 1',
    replace: ['if (n < 0) return skb.drop(-n)', 'if (n < 0) return'],
  },
  {
    name: 'no-help',
    step: 4,
    inKernel:
      'The stack trusts a received frame with CHECKSUM_PARTIAL, as if this host, its virtual machine or GRO had made it; a capture sees an unfinished checksum in its bytes.',
    explainedBy: 'skbChecksumHelp',
    replace: [
      `if (skbChecksumHelp(skb)) {
      netifRx(skb)
    } else {
      skb.drop(SKB_DROP_REASON_SKB_CSUM)
    }`,
      'netifRx(skb)',
    ],
  },
  {
    name: 'no-sg',
    step: 1,
    inKernel:
      'netdev_fix_features turns off TSO and GSO for a device without NETIF_F_SG: TCP frames are short.',
    explainedBy: 'no NETIF_F_SG',
    replace: [
      'dev.features = NETIF_F_SG | NETIF_F_HW_CSUM | NETIF_F_TSO | NETIF_F_GSO_UDP_L4',
      'dev.features = NETIF_F_HW_CSUM | NETIF_F_TSO | NETIF_F_GSO_UDP_L4',
    ],
  },
  {
    name: 'no-tso',
    step: 1,
    inKernel:
      'The stack cuts TCP in software before ndo_start_xmit: everything works, and costs more CPU.',
    explainedBy: 'no NETIF_F_TSO',
    replace: [
      'dev.features = NETIF_F_SG | NETIF_F_HW_CSUM | NETIF_F_TSO | NETIF_F_GSO_UDP_L4',
      'dev.features = NETIF_F_SG | NETIF_F_HW_CSUM | NETIF_F_GSO_UDP_L4',
    ],
  },
  {
    name: 'not-partial',
    step: 2,
    inKernel:
      'The mark is lost that the checksum is unfinished: the receiver verifies the sum of the pseudo-header as if it were whole, and drops the packet.',
    explainedBy: 'ipSummed 3',
    replace: [
      [
        "} from 'vnet'",
        `  CHECKSUM_NONE,
} from 'vnet'`,
      ],
      [
        'if (skb.ipSummed === CHECKSUM_PARTIAL) return',
        `if (skb.ipSummed === CHECKSUM_PARTIAL) {
    skb.ipSummed = CHECKSUM_NONE
    return
  }`,
      ],
    ],
  },
  {
    name: 'one-port',
    step: 2,
    inKernel:
      'The checksum is wrong by one word: the receiver drops the packet, TcpInCsumErrors grows, and the connection hangs in retransmissions.',
    explainedBy: 'the checksum of a TCP frame that came back is wrong',
    replace: ['const half = checksum.checksumUpdate(old, source, source ^ 1)', 'const half = old'],
  },
  {
    name: 'partial-updated',
    step: 2,
    inKernel:
      'The code or card that completes the sum adds the new ports itself: with your update the result is wrong, and the receiver drops the packet.',
    explainedBy: 'the sum of the pseudo-header',
    replace: ['if (skb.ipSummed === CHECKSUM_PARTIAL) return', ''],
  },
  {
    name: 'small-ring',
    step: 3,
    inKernel:
      'skb_gso_segment returns a list without a limit, but the ring of a card has one: a driver makes sure of room for all pieces first, or it sends half a frame.',
    explainedBy: 'a ring with room',
    replace: ['const segments = new Ring(128)', 'const segments = new Ring(8)'],
  },
  {
    name: 'stale-checksum',
    step: 2,
    inKernel:
      'The receiver sums the packet with the new ports and drops it: InCsumErrors and the drop reason show it.',
    explainedBy: 'the checksum of a TCP frame that came back is wrong',
    replace: [
      `const half = checksum.checksumUpdate(old, source, source ^ 1)
  const check = checksum.checksumUpdate(half, destination, destination ^ 1)`,
      'const check = old',
    ],
  },
  {
    name: 'still-partial',
    step: 3,
    inKernel:
      'skb_gso_segment leaves the checksums to the device if its features have NETIF_F_HW_CSUM: pass features without it, and the segments are complete.',
    explainedBy: 'complete',
    replace: [
      'const n = skbGsoSegment(skb, segments)',
      'const n = skbGsoSegment(skb, segments, true)',
    ],
  },
  {
    name: 'udp-none',
    step: 2,
    inKernel:
      'A packet that had no checksum gets a wrong one: the receiver, which accepts 0 in UDP over IPv4, drops it.',
    explainedBy: '0 means that the sender made no checksum',
    replace: ['if (!isTcp && old === 0) return', ''],
  },
  {
    name: 'udp-zero',
    step: 2,
    inKernel:
      '0 means no checksum, so the receiver verifies nothing and takes damaged packets; the kernel writes CSUM_MANGLED_0, 0xffff, in its place.',
    explainedBy: '0xffff',
    replace: [
      'udp.setChecksum(bytes, at, check === 0 ? 0xffff : check)',
      'udp.setChecksum(bytes, at, check)',
    ],
  },
  {
    name: 'wrong-reason',
    step: 3,
    inKernel:
      'A trace of drops shows NOT_SPECIFIED where SKB_GSO_SEG would say that the frame could not be cut.',
    explainedBy: 'SKB_GSO_SEG 1',
    replace: ['if (n < 0) return skb.drop(-n)', 'if (n < 0) return skb.drop()'],
  },
  {
    name: 'not-completed',
    step: 4,
    inKernel:
      'skb_checksum_help returns an error, such as -ENOMEM, and the frame goes on with an unfinished checksum.',
    explainedBy: 'skbChecksumHelp returned false',
    replace: [
      `if (skbChecksumHelp(skb)) {
      netifRx(skb)
    } else {
      skb.drop(SKB_DROP_REASON_SKB_CSUM)
    }`,
      `skbChecksumHelp(skb)
    netifRx(skb)`,
    ],
  },
  {
    name: 'helps-long-frames',
    step: 4,
    inKernel:
      'skb_checksum_help of a frame with a gso_size is skb_warn_bad_offload, a warning with a stack, and -EINVAL: each long frame is dropped.',
    explainedBy: 'skb_checksum_help of a frame of 3554 bytes with gsoSize 1000',
    replace: [
      `if (skb.gsoSize === 0) {
    if (skbChecksumHelp(skb)) {
      netifRx(skb)
    } else {
      skb.drop(SKB_DROP_REASON_SKB_CSUM)
    }
    return
  }`,
      `if (!skbChecksumHelp(skb)) return skb.drop(SKB_DROP_REASON_SKB_CSUM)
  if (skb.gsoSize === 0) return netifRx(skb)`,
    ],
  },
  {
    name: 'ring-of-64',
    step: 3,
    inKernel:
      'With timestamps and a small MTU the pieces are more than usual: the list has no limit in a kernel, a ring has, and the frame is dropped.',
    explainedBy: '64 KiB can be so many',
    replace: ['const segments = new Ring(128)', 'const segments = new Ring(64)'],
  },
  {
    name: 'one-reason',
    step: 3,
    inKernel:
      'A trace of drops says that frames could not be cut, and memory was short: people look for a bug in the offloads.',
    explainedBy: 'the reason is -n, whatever it is',
    replace: [
      ['if (n < 0) return skb.drop(-n)', 'if (n < 0) return skb.drop(SKB_DROP_REASON_SKB_GSO_SEG)'],
      [
        '  SKB_DROP_REASON_SKB_CSUM,\n  SKB_DROP_REASON_UNHANDLED',
        '  SKB_DROP_REASON_SKB_CSUM,\n  SKB_DROP_REASON_SKB_GSO_SEG,\n  SKB_DROP_REASON_UNHANDLED',
      ],
    ],
  },
  {
    name: 'cuts-tcp-only',
    step: 3,
    inKernel:
      'QUIC sends by UDP_SEGMENT: such a frame is handed over as one datagram that is longer than the MTU.',
    explainedBy: 'a long frame of UDP',
    replace: [
      '  if (skb.gsoSize === 0) {',
      '  if (skb.gsoSize === 0 || ipv4.protocol(skb.bytes, skb.nh) !== ipv4.IPPROTO_TCP) {',
    ],
  },
  {
    name: 'flips-short-frames-only',
    step: 2,
    inKernel:
      'A long frame is many frames of one connection: its ports belong to the translation, too, and the server resets what it does not know.',
    explainedBy: 'it is changed as if it were one frame',
    replace: [
      '  const at = transportAt(skb)\n  if (at < 0) return\n',
      '  const at = transportAt(skb)\n  if (at < 0 || skb.gsoSize !== 0) return\n',
    ],
  },
  {
    name: 'partial-of-tcp-only',
    step: 2,
    inKernel:
      'Whatever completes the sum of UDP adds the new ports itself: with your update the datagram is dropped.',
    explainedBy: 'a partial checksum of UDP came back',
    replace: [
      'if (skb.ipSummed === CHECKSUM_PARTIAL) return\n',
      'if (skb.ipSummed === CHECKSUM_PARTIAL && ipv4.protocol(bytes, nh) === ipv4.IPPROTO_TCP) return\n',
    ],
  },
]
