// @ts-check

/**
 * Mistakes that learners make, as changes of the solution: each is found by a check, and the text
 * is in its explanation.
 * @type {import('@vnet/learn').Mistake[]}
 */
export const mistakes = [
  {
    name: 'released-twice',
    explainedBy: 'of frames 1 to 4, and then 5 to 8, arrived: 1 2 4',
    replace: [
      [
        `function receive({ skb }, dev) {
  const { priv } = dev
`,
        `function receive(buffer, dev) {
  const { priv } = dev
  const { skb } = buffer
`,
      ],
      [
        '    return netifRxDrop(skb, dev, SKB_DROP_REASON_NOMEM)\n',
        '    netifRxDrop(skb, dev, SKB_DROP_REASON_NOMEM)\n    return release(buffer)\n',
      ],
    ],
  },
  {
    name: 'forgotten',
    explainedBy: 'rl1 went down when 3 frames had arrived: dropped: nothing; 3 still held',
    replace: [
      `  for (let buffer = priv.arrived.shift(); buffer !== undefined; buffer = priv.arrived.shift()) {
    netifRxDrop(buffer.skb, dev, SKB_DROP_REASON_DEV_STOPPED)
    release(buffer)
  }
`,
      '  priv.arrived.length = 0\n',
    ],
  },
  {
    name: 'drops-without-release',
    explainedBy: 'the queue of the sender is stopped',
    replace: [
      `    netifRxDrop(buffer.skb, dev, SKB_DROP_REASON_DEV_STOPPED)
    release(buffer)
`,
      '    netifRxDrop(buffer.skb, dev, SKB_DROP_REASON_DEV_STOPPED)\n',
    ],
  },
  {
    name: 'releases-without-drop',
    explainedBy: '3 still held',
    replace: [
      `    netifRxDrop(buffer.skb, dev, SKB_DROP_REASON_DEV_STOPPED)
    release(buffer)
`,
      '    release(buffer)\n',
    ],
  },
  {
    name: 'released-only-if-received',
    explainedBy: 'arrived: 1 2 4 5 7; dropped: NOMEM 2',
    replace: [
      [
        `    receive(buffer, dev)
    release(buffer)
`,
        '    receive(buffer, dev)\n',
      ],
      [
        `function receive({ skb }, dev) {
  const { priv } = dev
`,
        `function receive(buffer, dev) {
  const { priv } = dev
  const { skb } = buffer
`,
      ],
      ['  netifRx(skb)\n', '  netifRx(skb)\n  release(buffer)\n'],
    ],
  },
  {
    name: 'counted-by-the-sender',
    explainedBy: 'dropped: nothing; 0 still held',
    replace: [
      'netifRxDrop(buffer.skb, dev, SKB_DROP_REASON_DEV_STOPPED)',
      'buffer.skb.drop(SKB_DROP_REASON_DEV_STOPPED)',
    ],
  },
  {
    name: 'to-its-own-pool',
    explainedBy: '',
    replace: [
      `    netifRxDrop(buffer.skb, dev, SKB_DROP_REASON_DEV_STOPPED)
    release(buffer)
`,
      `    netifRxDrop(buffer.skb, dev, SKB_DROP_REASON_DEV_STOPPED)
    priv.free.push(buffer)
`,
    ],
  },
  {
    name: 'wakes-a-device-that-is-down',
    explainedBy: 'rl0 is down, and its queue was woken when rl1 released a buffer',
    replace: ['if (netifRunning(owner) && owner.priv.free.length === 1)', 'if (owner.priv.free.length === 1)'],
  },
  {
    name: 'never-wakes',
    explainedBy: 'with 4 buffers: 1 2 3 4 arrived; the queue is still stopped',
    replace: ['  if (netifRunning(owner) && owner.priv.free.length === 1) netifTxWakeAllQueues(owner)\n', ''],
  },
  {
    name: 'starts-without-a-buffer',
    explainedBy: 'no buffer is free, and the queue runs',
    replace: ['if (free.length > 0) netifTxStartAllQueues(dev)', 'netifTxStartAllQueues(dev)'],
  },
]
