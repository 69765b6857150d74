// @ts-check

/**
 * Mistakes that learners make, as changes of the solution: each is found by a check, and the text
 * is in its explanation.
 * @type {import('@vnet/learn').Mistake[]}
 */
export const mistakes = [
  {
    name: 'module-missed',
    step: 3,
    inKernel:
      'A static variable of a module belongs to all its devices: with two cards, one changes the state of the other, and nothing in the log says so.',
    explainedBy: 'rx_missed_errors was 14, then 14, then 16',
    replace: [
      ['function collect(dev) {', 'let missed = 0\nfunction collect(dev) {'],
      ['dev.priv.missed += dev.priv.card.readMissed()', 'missed += dev.priv.card.readMissed()'],
      ['+= dev.priv.missed\n', '+= missed\n'],
    ],
  },
  {
    name: 'assigns',
    step: 3,
    inKernel:
      'In a kernel it is right: dev_get_stats zeroes the row before ndo_get_stats64, and adds its own drops after it. Here the row has counts already.',
    explainedBy: 'stats[RX_MISSED_ERRORS] +=',
    replace: [
      'stats[RX_MISSED_ERRORS] += dev.priv.missed',
      'stats[RX_MISSED_ERRORS] = dev.priv.missed',
    ],
  },
  {
    name: 'counted-too',
    step: 1,
    inKernel:
      'kfree_skb counts nothing in the statistics of the device, so the driver counts, in one place: two places make two errors of one frame.',
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
    step: 1,
    inKernel:
      'In a kernel the driver does count tx_packets, but once: counted at transmission and at completion, ip -s link shows twice the traffic.',
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
    step: 1,
    inKernel:
      'ip -s link shows a drop of the host, tx_dropped, where the card had an error: people look for the fault on the wrong side.',
    explainedBy: 'txAbortedErrors 1',
    replace: [
      'if ((bits & ABORTED) !== 0) return skb.drop(SKB_DROP_REASON_TX_ABORTED)',
      'if ((bits & ABORTED) !== 0) return skb.drop()',
    ],
  },
  {
    name: 'drops-collision',
    step: 1,
    inKernel:
      'The card has sent the frame, so it is no error: statistics.rst counts collisions apart from tx_errors.',
    explainedBy: 'the frame was sent',
    replace: [
      'if ((bits & ABORTED) !== 0) return skb.drop(SKB_DROP_REASON_TX_ABORTED)',
      'if ((bits & (ABORTED | COLLISION)) !== 0) return skb.drop(SKB_DROP_REASON_TX_ABORTED)',
    ],
  },
  {
    name: 'first-queue',
    step: 2,
    inKernel:
      'All CPUs write to the counters of queue 0: counts are lost without a lock, and ethtool -S shows them on the wrong queue.',
    explainedBy: 'queue 1',
    replace: [
      'dev.counters.count(skb.queueMapping, COLLISIONS)',
      'dev.counters.count(0, COLLISIONS)',
    ],
  },
  {
    name: 'forgets',
    step: 3,
    inKernel:
      'The first reader gets the number and the second one 0: two tools disagree, and a rate becomes negative.',
    explainedBy: 'a counter never goes back',
    replace: [
      'stats[RX_MISSED_ERRORS] += dev.priv.missed',
      `stats[RX_MISSED_ERRORS] += dev.priv.missed
  dev.priv.missed = 0`,
    ],
  },
  {
    name: 'lost-at-stop',
    step: 4,
    inKernel:
      'What the card missed since the last read is never counted: the register is 0 when it has power again.',
    explainedBy: 'before the power goes',
    replace: [
      `netifTxStopAllQueues(dev)
  collect(dev)`,
      `netifTxStopAllQueues(dev)
`,
    ],
  },
  {
    name: 'new-at-open',
    step: 3,
    inKernel:
      'A counter decreases at ip link set up: a monitoring program may take that for an overflow, and draws a peak of billions.',
    explainedBy: 'a counter never goes back',
    replace: [
      'netifTxStartAllQueues(dev)',
      `dev.priv.missed = 0
  netifTxStartAllQueues(dev)`,
    ],
  },
  {
    name: 'one-bit',
    step: 2,
    inKernel:
      'A status word may have several bits: a frame that collided and came back damaged counts no collision.',
    explainedBy: 'look at each bit by itself',
    replace: ['if ((bits & COLLISION) !== 0) {', 'if (bits === COLLISION) {'],
  },
  {
    name: 'reads-without-power',
    step: 3,
    inKernel:
      'On PCI such a read returns all ones: each look adds 65,535 missed frames, and on other buses the read is an exception.',
    explainedBy: 'all bits as 1',
    replace: [
      `if (netifRunning(dev)) {
    collect(dev)
  }`,
      'collect(dev)',
    ],
  },
  {
    name: 'too-late',
    step: 4,
    inKernel:
      'After the power is off the read returns all ones, which are counted, and the frames missed before are lost.',
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
    step: 1,
    inKernel:
      'An error of reception counts as a drop of transmission: ip -s link blames the direction that works.',
    explainedBy: 'netifRxDrop',
    replace: [
      'if ((bits & DAMAGED) !== 0) return netifRxDrop(skb, dev, SKB_DROP_REASON_RX_CRC)',
      'if ((bits & DAMAGED) !== 0) return skb.drop(SKB_DROP_REASON_RX_CRC)',
    ],
  },
  {
    name: 'one-of-two',
    step: 2,
    inKernel:
      'Each counter counts what it names: a frame that collided and was then given up is in collisions and in tx_aborted_errors.',
    explainedBy: 'txErrors 1, collisions 1, txAbortedErrors 1',
    replace: [
      'if ((bits & COLLISION) !== 0) {',
      'if ((bits & ABORTED) === 0 && (bits & COLLISION) !== 0) {',
    ],
  },
  {
    name: 'only-the-last-read',
    step: 4,
    inKernel:
      'What was missed before the last look is forgotten at ip link set down: the counter decreases.',
    explainedBy: 'then rx_missed_errors is 3',
    replace: [
      '  collect(dev)\n  dev.priv.card',
      '  dev.priv.missed = dev.priv.card.readMissed()\n  dev.priv.card',
    ],
  },
  {
    name: 'one-collision',
    step: 2,
    inKernel:
      'A counter that is 1 after a thousand collisions: a half-duplex link at its limit looks healthy.',
    explainedBy: 'dev.counters.count adds',
    replace: [
      'dev.counters.count(skb.queueMapping, COLLISIONS)',
      'dev.counters.queue(skb.queueMapping)[COLLISIONS] = 1',
    ],
  },
  {
    name: 'eight-bits',
    step: 3,
    inKernel:
      'A counter as wide as the register goes back to 0: a monitoring program takes the difference for a huge number.',
    explainedBy: 'only what came after it',
    replace: [
      'dev.priv.missed += dev.priv.card.readMissed()',
      'dev.priv.missed = (dev.priv.missed + dev.priv.card.readMissed()) & 0xff',
    ],
  },
]
