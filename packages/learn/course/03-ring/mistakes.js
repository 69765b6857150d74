// @ts-check

/**
 * Mistakes that learners make, as changes of the solution: each is found by a check, and the text
 * is in its explanation.
 * @type {import('@vnet/learn').Mistake[]}
 */
export const mistakes = [
  {
    name: 'drops-too',
    explainedBy: 'use-after-free: shift() of a frame that was freed',
    replace: [
      'if (ring.length === ring.capacity) dev.txq(skb).stop()',
      `skb.drop()
  if (ring.length === ring.capacity) dev.txq(skb).stop()`,
    ],
  },
  {
    name: 'drops-when-full',
    explainedBy: 'dropped: NOT_SPECIFIED 2',
    replace: [
      `ring.push(skb)
  skb.hold()
  if (ring.length === ring.capacity) dev.txq(skb).stop()`,
      `if (!ring.push(skb)) return skb.drop()
  skb.hold()`,
    ],
  },
  {
    name: 'nanoseconds',
    explainedBy: 'came back after less than 10 ms',
    replace: [
      'alarm.at(dev.net.clock.now() + params.delay * NSEC_PER_MSEC)',
      'alarm.at(dev.net.clock.now() + params.delay)',
    ],
  },
  {
    name: 'no-cancel',
    explainedBy: 'the alarm is still armed after ndoStop',
    replace: [
      `const { alarm, ring } = dev.priv
  netifTxStopAllQueues(dev)
  alarm.cancel()`,
      `const { ring } = dev.priv
  netifTxStopAllQueues(dev)`,
    ],
  },
  {
    name: 'no-purge',
    explainedBy: '3 frames are still held after ndoStop',
    replace: ['ring.purge(SKB_DROP_REASON_DEV_STOPPED)', ''],
  },
  {
    name: 'no-stop',
    explainedBy: 'the queue is not stopped',
    replace: ['if (ring.length === ring.capacity) dev.txq(skb).stop()', ''],
  },
  {
    name: 'no-wake',
    explainedBy: 'of 10 frames 4 came back; the queue is still stopped',
    replace: ['netifTxWakeAllQueues(dev)', ''],
  },
  {
    name: 'one-at-a-time',
    explainedBy: 'these were back: 1',
    replace: [
      'for (let skb = ring.shift(); skb !== undefined; skb = ring.shift()) netifRx(skb)',
      `const skb = ring.shift()
  if (skb !== undefined) netifRx(skb)`,
    ],
  },
  {
    name: 'puts-off',
    explainedBy: 'the second frame must not put the alarm off',
    replace: [
      `if (priv.busy) return
  priv.busy = true`,
      '',
    ],
  },
  {
    name: 'module-busy',
    explainedBy: 'a variable of the module is shared by all devices',
    replace: [
      ['function open(dev) {', 'let busy = false\nfunction open(dev) {'],
      [
        `dev.priv.busy = false
  ring.purge`,
        `busy = false
  ring.purge`,
      ],
      [
        `if (priv.busy) return
  priv.busy = true`,
        `if (busy) return
  busy = true`,
      ],
      [
        `dev.priv.busy = false
  for`,
        `busy = false
  for`,
      ],
    ],
  },
  {
    name: 'periodic',
    explainedBy: 'the first frame in the ring, which arms the alarm',
    replace: [
      'netifTxWakeAllQueues(dev)',
      `netifTxWakeAllQueues(dev)
  dev.priv.busy = true
  dev.priv.alarm.at(dev.net.clock.now() + dev.priv.params.delay * NSEC_PER_MSEC)`,
    ],
  },
  {
    name: 'relative',
    explainedBy: 'came back before 24 ms',
    replace: ['alarm.at(dev.net.clock.now() + params.delay * NSEC_PER_MSEC)', 'alarm.at(params.delay * NSEC_PER_MSEC)'],
  },
  {
    name: 'set-timeout',
    explainedBy: 'no alarm was armed',
    replace: [
      'alarm.at(dev.net.clock.now() + params.delay * NSEC_PER_MSEC)',
      'setTimeout(() => arrived(dev), params.delay)',
    ],
  },
  {
    name: 'starts',
    explainedBy: 'started by arrived',
    replace: ['netifTxWakeAllQueues(dev)', 'netifTxStartAllQueues(dev)'],
  },
  {
    name: 'stays-busy',
    explainedBy: 'it never came back',
    replace: [
      `alarm.cancel()
  dev.priv.busy = false`,
      'alarm.cancel()',
    ],
  },
  {
    name: 'stops-late',
    explainedBy: 'stop the queue with frame 4',
    replace: [
      [
        "} from 'vnet'",
        `  NETDEV_TX_BUSY,
} from 'vnet'`,
      ],
      [
        `ring.push(skb)
  skb.hold()
  if (ring.length === ring.capacity) dev.txq(skb).stop()`,
        `if (!ring.push(skb)) {
    dev.txq(skb).stop()
    return NETDEV_TX_BUSY
  }
  skb.hold()`,
      ],
    ],
  },
  {
    name: 'stops-early',
    explainedBy: 'the driver has 3 frames',
    replace: ['ring.length === ring.capacity', 'ring.length === ring.capacity - 1'],
  },
  {
    name: 'writes-after-push',
    explainedBy: 'after ring.push(skb), skb.priority was written',
    replace: ['  skb.hold()\n', '  skb.hold()\n  skb.priority = 7\n'],
  },
  {
    name: 'queue-runs-on',
    explainedBy: 'when ndoStop had returned, the queue was not stopped',
    replace: ['netifTxStopAllQueues(dev)\n', ''],
  },
]
