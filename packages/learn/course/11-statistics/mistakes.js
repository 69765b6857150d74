// @ts-check

/**
 * Mistakes that learners make, as changes of the solution: each is found by a check, and the text
 * is in its explanation.
 * @type {import('@vnet/learn').Mistake[]}
 */
export const mistakes = [
  {
    name: 'module-missed',
    explainedBy: 'rx_missed_errors was 14, then 14, then 16',
    replace: [
      ['function collect(dev) {', 'let missed = 0\nfunction collect(dev) {'],
      ['dev.priv.missed += dev.priv.card.readMissed()', 'missed += dev.priv.card.readMissed()'],
      ['+= dev.priv.missed\n', '+= missed\n'],
    ],
  },
  {
    name: 'assigns',
    explainedBy: 'stats[RX_MISSED_ERRORS] +=',
    replace: ['stats[RX_MISSED_ERRORS] += dev.priv.missed', 'stats[RX_MISSED_ERRORS] = dev.priv.missed'],
  },
  {
    name: 'counted-too',
    explainedBy: 'txErrors 1',
    replace: [
      [
        "} from 'vnet'",
        `  TX_ERRORS,
} from 'vnet'`,
      ],
      [
        'if ((bits & ABORTED) !== 0) return skb.drop(SKB_DROP_REASON_TX_ABORTED)',
        `if ((bits & ABORTED) !== 0) {
    dev.counters.count(skb.queueMapping, TX_ERRORS)
    return skb.drop(SKB_DROP_REASON_TX_ABORTED)
  }`,
      ],
    ],
  },
  {
    name: 'counts-itself',
    explainedBy: 'the framework counts',
    replace: [
      [
        "} from 'vnet'",
        `  TX_PACKETS,
} from 'vnet'`,
      ],
      [
        'netifRx(skb)',
        `dev.counters.count(skb.queueMapping, TX_PACKETS)
  netifRx(skb)`,
      ],
    ],
  },
  {
    name: 'dropped',
    explainedBy: 'txAbortedErrors 1',
    replace: [
      'if ((bits & ABORTED) !== 0) return skb.drop(SKB_DROP_REASON_TX_ABORTED)',
      'if ((bits & ABORTED) !== 0) return skb.drop()',
    ],
  },
  {
    name: 'drops-collision',
    explainedBy: 'the frame was sent',
    replace: [
      'if ((bits & ABORTED) !== 0) return skb.drop(SKB_DROP_REASON_TX_ABORTED)',
      'if ((bits & (ABORTED | COLLISION)) !== 0) return skb.drop(SKB_DROP_REASON_TX_ABORTED)',
    ],
  },
  {
    name: 'first-queue',
    explainedBy: 'queue 1',
    replace: [
      'if ((bits & COLLISION) !== 0) dev.counters.count(skb.queueMapping, COLLISIONS)',
      'if ((bits & COLLISION) !== 0) dev.counters.count(0, COLLISIONS)',
    ],
  },
  {
    name: 'forgets',
    explainedBy: 'a counter never goes back',
    replace: [
      'stats[RX_MISSED_ERRORS] += dev.priv.missed',
      `stats[RX_MISSED_ERRORS] += dev.priv.missed
  dev.priv.missed = 0`,
    ],
  },
  {
    name: 'lost-at-stop',
    explainedBy: 'before the power goes',
    replace: ['  collect(dev)', ''],
  },
  {
    name: 'new-at-open',
    explainedBy: 'a counter never goes back',
    replace: [
      'netifTxStartAllQueues(dev)',
      `dev.priv.missed = 0
  netifTxStartAllQueues(dev)`,
    ],
  },
  {
    name: 'one-bit',
    explainedBy: 'look at each bit by itself',
    replace: [
      'if ((bits & COLLISION) !== 0) dev.counters.count(skb.queueMapping, COLLISIONS)',
      'if (bits === COLLISION) dev.counters.count(skb.queueMapping, COLLISIONS)',
    ],
  },
  {
    name: 'reads-without-power',
    explainedBy: 'all bits as 1',
    replace: ['if (netifRunning(dev)) collect(dev)', 'collect(dev)'],
  },
  {
    name: 'too-late',
    explainedBy: 'before the power goes',
    replace: [
      `collect(dev)
  dev.priv.card.powerDown()`,
      `dev.priv.card.powerDown()
  collect(dev)`,
    ],
  },
  {
    name: 'wrong-side',
    explainedBy: 'netifRxDrop',
    replace: [
      'if ((bits & DAMAGED) !== 0) return netifRxDrop(skb, dev, SKB_DROP_REASON_RX_CRC)',
      'if ((bits & DAMAGED) !== 0) return skb.drop(SKB_DROP_REASON_RX_CRC)',
    ],
  },
  {
    name: 'one-of-two',
    explainedBy: 'txErrors 1, collisions 1, txAbortedErrors 1',
    replace: [
      'if ((bits & COLLISION) !== 0) dev.counters',
      'if ((bits & ABORTED) === 0 && (bits & COLLISION) !== 0) dev.counters',
    ],
  },
]
