// @ts-check

/**
 * Mistakes that learners make, as changes of the solution: each is found by a check, and the text
 * is in its explanation.
 * @type {import('@vnet/learn').Mistake[]}
 */
export const mistakes = [
  {
    name: 'adds-one',
    explainedBy: 'ports 40001 and 5201 came back as 40000 and 5202',
    replace: [
      'udp.setDestinationPort(bytes, at, destination ^ 1)',
      'udp.setDestinationPort(bytes, at, destination + 1)',
    ],
  },
  {
    name: 'always-cut',
    explainedBy: 'one frame, as it was sent',
    replace: [
      'if (dev.priv.params.plain) receivePlain(skb, dev)',
      'if (dev.priv.params.plain || skb.gsoSize !== 0) receivePlain(skb, dev)',
    ],
  },
  {
    name: 'cut-no-more',
    explainedBy: 'each with at most 1000 bytes of payload',
    replace: [
      'const n = skbGsoSegment(skb, segments)',
      `skb.gsoSize = 0
  const n = skbGsoSegment(skb, segments)`,
    ],
  },
  {
    name: 'declared',
    explainedBy: 'skbChecksumHelp',
    replace: [
      [
        "} from 'vnet'",
        `  CHECKSUM_NONE,
} from 'vnet'`,
      ],
      [
        `if (skbChecksumHelp(skb)) netifRx(skb)
    else skb.drop(SKB_DROP_REASON_SKB_CSUM)`,
        `skb.ipSummed = CHECKSUM_NONE
    netifRx(skb)`,
      ],
    ],
  },
  {
    name: 'kept',
    explainedBy: 'SKB_GSO_SEG 1',
    replace: ['if (n < 0) return skb.drop(-n)', 'if (n < 0) return'],
  },
  {
    name: 'no-help',
    explainedBy: 'skbChecksumHelp',
    replace: [
      `if (skbChecksumHelp(skb)) netifRx(skb)
    else skb.drop(SKB_DROP_REASON_SKB_CSUM)`,
      'netifRx(skb)',
    ],
  },
  {
    name: 'no-sg',
    explainedBy: 'no NETIF_F_SG',
    replace: [
      'dev.features = NETIF_F_SG | NETIF_F_HW_CSUM | NETIF_F_TSO | NETIF_F_GSO_UDP_L4',
      'dev.features = NETIF_F_HW_CSUM | NETIF_F_TSO | NETIF_F_GSO_UDP_L4',
    ],
  },
  {
    name: 'no-tso',
    explainedBy: 'no NETIF_F_TSO',
    replace: [
      'dev.features = NETIF_F_SG | NETIF_F_HW_CSUM | NETIF_F_TSO | NETIF_F_GSO_UDP_L4',
      'dev.features = NETIF_F_SG | NETIF_F_HW_CSUM | NETIF_F_GSO_UDP_L4',
    ],
  },
  {
    name: 'not-partial',
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
    explainedBy: 'the checksum of a TCP frame that came back is wrong',
    replace: ['const half = checksum.checksumUpdate(old, source, source ^ 1)', 'const half = old'],
  },
  {
    name: 'partial-updated',
    explainedBy: 'the sum of the pseudo-header',
    replace: ['if (skb.ipSummed === CHECKSUM_PARTIAL) return', ''],
  },
  {
    name: 'small-ring',
    explainedBy: 'a ring with room',
    replace: ['const segments = new Ring(128)', 'const segments = new Ring(8)'],
  },
  {
    name: 'stale-checksum',
    explainedBy: 'the checksum of a TCP frame that came back is wrong',
    replace: [
      `const half = checksum.checksumUpdate(old, source, source ^ 1)
  const check = checksum.checksumUpdate(half, destination, destination ^ 1)`,
      'const check = old',
    ],
  },
  {
    name: 'still-partial',
    explainedBy: 'complete',
    replace: ['const n = skbGsoSegment(skb, segments)', 'const n = skbGsoSegment(skb, segments, true)'],
  },
  {
    name: 'udp-none',
    explainedBy: '0 means that the sender made no checksum',
    replace: ['if (!isTcp && old === 0) return', ''],
  },
  {
    name: 'udp-zero',
    explainedBy: '0xffff',
    replace: [
      'else udp.setChecksum(bytes, at, check === 0 ? 0xffff : check)',
      'else udp.setChecksum(bytes, at, check)',
    ],
  },
  {
    name: 'wrong-reason',
    explainedBy: 'SKB_GSO_SEG 1',
    replace: ['if (n < 0) return skb.drop(-n)', 'if (n < 0) return skb.drop()'],
  },
  {
    name: 'not-completed',
    explainedBy: 'skbChecksumHelp returned false',
    replace: [
      `if (skbChecksumHelp(skb)) netifRx(skb)
    else skb.drop(SKB_DROP_REASON_SKB_CSUM)`,
      `skbChecksumHelp(skb)
    netifRx(skb)`,
    ],
  },
]
