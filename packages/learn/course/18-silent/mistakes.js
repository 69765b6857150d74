// @ts-check

/**
 * The drops of the driver that learners get, each alone, and mistakes that they make, as changes of
 * the solution: each is found by a check, and the text is in its explanation.
 * @type {import('@vnet/learn').Mistake[]}
 */
export const mistakes = [
  {
    name: 'no-room',
    explainedBy: '10 frames for a ring of 4; dropped by sl0: nothing; by sl1: nothing',
    replace: ['return netifRxDrop(skb, dev, SKB_DROP_REASON_FULL_RING)', 'return skb.free()'],
  },
  {
    name: 'not-ready',
    explainedBy: '3 frames for an interface that is down; dropped by sl0: nothing; by sl1: nothing',
    replace: ['return netifRxDrop(skb, dev, SKB_DROP_REASON_DEV_READY)', 'return skb.free()'],
  },
  {
    name: 'not-sent',
    explainedBy: 'a frame of another protocol; dropped by sl0: nothing; by sl1: nothing',
    replace: ['if (reason !== 0) return skb.drop(reason)', 'if (reason !== 0) return skb.free()'],
  },
  {
    name: 'stopped',
    explainedBy: '3 frames in the ring, which went down; dropped by sl0: nothing; by sl1: nothing',
    replace: ['    netifRxDrop(skb, dev, SKB_DROP_REASON_DEV_STOPPED)\n', '    skb.free()\n'],
  },
  {
    name: 'counted-by-the-sender',
    explainedBy: 'dropped by sl0: FULL_RING 6; by sl1: nothing',
    replace: ['return netifRxDrop(skb, dev, SKB_DROP_REASON_FULL_RING)', 'return skb.drop(SKB_DROP_REASON_FULL_RING)'],
  },
  {
    name: 'counted-by-the-receiver',
    explainedBy: 'dropped by sl0: nothing; by sl1: UNHANDLED_PROTO 1, NEIGH 1',
    replace: ['if (reason !== 0) return skb.drop(reason)', 'if (reason !== 0) return netifRxDrop(skb, peer, reason)'],
  },
  {
    name: 'purge',
    explainedBy: 'dropped by sl0: DEV_STOPPED 3; by sl1: nothing',
    replace: [
      `  for (let skb = ring.shift(); skb !== undefined; skb = ring.shift()) {
    netifRxDrop(skb, dev, SKB_DROP_REASON_DEV_STOPPED)
  }
`,
      '  ring.purge(SKB_DROP_REASON_DEV_STOPPED)\n',
    ],
  },
  {
    name: 'no-reason',
    explainedBy: 'dropped by sl0: NOT_SPECIFIED 2; by sl1: nothing',
    replace: ['if (reason !== 0) return skb.drop(reason)', 'if (reason !== 0) return skb.drop()'],
  },
  {
    name: 'wrong-reason',
    explainedBy: 'dropped by sl0: nothing; by sl1: RX_OVER 6',
    replace: [
      [
        'return netifRxDrop(skb, dev, SKB_DROP_REASON_FULL_RING)',
        'return netifRxDrop(skb, dev, SKB_DROP_REASON_RX_OVER)',
      ],
      ['  SKB_DROP_REASON_FULL_RING,\n', '  SKB_DROP_REASON_RX_OVER,\n'],
    ],
  },
  {
    name: 'counts-twice',
    explainedBy: 'FULL_RING 6, and rx_missed_errors is 12',
    replace: [
      [
        'if (!priv.ring.push(skb)) return netifRxDrop(skb, dev, SKB_DROP_REASON_FULL_RING)',
        `if (!priv.ring.push(skb)) {
    dev.counters.count(0, RX_MISSED_ERRORS)
    return netifRxDrop(skb, dev, SKB_DROP_REASON_FULL_RING)
  }`,
      ],
      ['  Ring,\n', '  Ring,\n  RX_MISSED_ERRORS,\n'],
    ],
  },
]
