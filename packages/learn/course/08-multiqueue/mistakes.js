// @ts-check

/**
 * Mistakes that learners make, as changes of the solution: each is found by a check, and the text
 * is in its explanation.
 * @type {import('@vnet/learn').Mistake[]}
 */
export const mistakes = [
  {
    name: 'module-lanes',
    explainedBy: 'a variable of the module is shared by all devices',
    replace: [
      ['function newLane(slots) {', 'let lanes = []\nfunction newLane(slots) {'],
      ['const { params, lanes } = dev.priv', 'const { params } = dev.priv'],
      ['const lanes = Array.from', 'lanes = Array.from'],
    ],
  },
  {
    name: 'counts-in-one',
    explainedBy: 'frames counted: 3, 0, 0, 0',
    replace: [
      `lane.frames++
  lane.bytes += skb.len`,
      `lanes[0].frames++
  lanes[0].bytes += skb.len`,
    ],
  },
  {
    name: 'four-lanes',
    explainedBy: 'a lane for each transmit queue',
    replace: [
      'const lanes = Array.from({ length: txqs }, () => newLane(params.slots))',
      'const lanes = Array.from({ length: 4 }, () => newLane(params.slots))',
    ],
  },
  {
    name: 'ignores-txqs',
    explainedBy: 'with --txqs 2 the device has 4 transmit',
    replace: [
      `* @param {import('vnet').DriverContext} context
 */
function init(params, { txqs = 4, rxqs = txqs }) {`,
      `*/
function init(params) {
  const txqs = 4
  const rxqs = txqs`,
    ],
  },
  {
    name: 'no-stop',
    explainedBy: 'these queues are stopped: none',
    replace: ['if (lane.ring.length === lane.ring.capacity) dev.tx[skb.queueMapping].stop()', ''],
  },
  {
    name: 'no-wake',
    explainedBy: 'queue 1 is still stopped',
    replace: ['dev.tx[queue].wake()', ''],
  },
  {
    name: 'one-alarm',
    explainedBy: 'of 4 frames, one by each queue, 1 came back',
    replace: [
      'for (const [queue, lane] of dev.priv.lanes.entries()) lane.alarm = dev.net.clock.alarm(() => arrived(dev, queue))',
      'for (const lane of dev.priv.lanes) lane.alarm = dev.net.clock.alarm(() => arrived(dev, 0))',
    ],
  },
  {
    name: 'one-ring',
    explainedBy: 'the rings have 4, 0, 0, 0',
    replace: ['const lane = lanes[skb.queueMapping]', 'const lane = lanes[0]'],
  },
  {
    name: 'one-rxq',
    explainedBy: '4 transmit and 1 receive queues',
    replace: [
      `function init(params, { txqs = 4, rxqs = txqs }) {
  const lanes = Array.from({ length: txqs }, () => newLane(params.slots))
  const dev = allocEtherdevMqs({ name: 'mq%d', setup, txqs, rxqs, priv: { params, lanes } })`,
      `function init(params, { txqs = 4 }) {
  const lanes = Array.from({ length: txqs }, () => newLane(params.slots))
  const dev = allocEtherdevMqs({ name: 'mq%d', setup, txqs, priv: { params, lanes } })`,
    ],
  },
  {
    name: 'queue-zero',
    explainedBy: 'came back on queue 0',
    replace: [
      'for (let skb = lane.ring.shift(); skb !== undefined; skb = lane.ring.shift()) netifRx(skb)',
      `for (let skb = lane.ring.shift(); skb !== undefined; skb = lane.ring.shift()) {
    skb.queueMapping = 0
    netifRx(skb)
  }`,
    ],
  },
  {
    name: 'stops-all',
    explainedBy: 'these queues are stopped: 0, 1, 2, 3',
    replace: [
      'if (lane.ring.length === lane.ring.capacity) dev.tx[skb.queueMapping].stop()',
      'if (lane.ring.length === lane.ring.capacity) netifTxStopAllQueues(dev)',
    ],
  },
  {
    name: 'wakes-all',
    explainedBy: 'queue 2, whose ring was still full, was woken',
    replace: [
      [
        "} from 'vnet'",
        `  netifTxWakeAllQueues,
} from 'vnet'`,
      ],
      ['dev.tx[queue].wake()', 'netifTxWakeAllQueues(dev)'],
    ],
  },
  {
    name: 'counts-dropped',
    explainedBy: 'frames counted: 0, 2, 0, 2',
    replace: [
      `const reason = reflect(skb, dev)
  if (reason !== 0) return skb.drop(reason)
  const lane = lanes[skb.queueMapping]
  lane.frames++`,
      `const lane = lanes[skb.queueMapping]
  lane.frames++
  const reason = reflect(skb, dev)
  if (reason !== 0) return skb.drop(reason)`,
    ],
  },
  {
    name: 'four-queues',
    explainedBy: 'the rings have 2, 2, 2, 2, 0, 0, 0, 0',
    replace: ['const lane = lanes[skb.queueMapping]', 'const lane = lanes[skb.queueMapping & 3]'],
  },
  {
    name: 'counts-late',
    explainedBy: 'with the frames in their rings, frames counted: 0, 0, 0, 0',
    replace: [
      [
        `lane.frames++
  lane.bytes += skb.len
`,
        '',
      ],
      [
        'for (let skb = lane.ring.shift(); skb !== undefined; skb = lane.ring.shift()) netifRx(skb)',
        `for (let skb = lane.ring.shift(); skb !== undefined; skb = lane.ring.shift()) {
    lane.frames++
    lane.bytes += skb.len
    netifRx(skb)
  }`,
      ],
    ],
  },
]
