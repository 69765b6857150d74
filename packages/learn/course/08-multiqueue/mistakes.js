// @ts-check

/**
 * Mistakes that learners make, as changes of the solution: each is found by a check, and the text
 * is in its explanation.
 * @type {import('@vnet/learn').Mistake[]}
 */
export const mistakes = [
  {
    name: 'module-lanes',
    step: 2,
    inKernel:
      'A static variable of a module belongs to all its devices: with two cards, one changes the state of the other, and nothing in the log says so.',
    explainedBy: 'a variable of the module is shared by all devices',
    replace: [
      ['function newLane(slots) {', 'let lanes = []\nfunction newLane(slots) {'],
      ['const { params, lanes } = dev.priv', 'const { params } = dev.priv'],
      ['const lanes = Array.from', 'lanes = Array.from'],
    ],
  },
  {
    name: 'counts-in-one',
    step: 3,
    inKernel:
      'All CPUs write one counter: without a lock counts are lost, and with one the CPUs wait for each other, which several queues exist to avoid.',
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
    step: 1,
    inKernel:
      'With eight queues, lanes[queue] is past the end of the array: the driver reads and writes memory of another owner.',
    explainedBy: 'a lane for each transmit queue',
    replace: [
      'const lanes = Array.from({ length: txqs }, () => newLane(params.slots))',
      'const lanes = Array.from({ length: 4 }, () => newLane(params.slots))',
    ],
  },
  {
    name: 'ignores-txqs',
    step: 1,
    inKernel:
      'A fixed number leaves CPUs to share queues, or is more than the card has: drivers take the number from the card and the CPUs, and ethtool -L changes it.',
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
    step: 4,
    inKernel:
      'The ring overflows: ndo_start_xmit must drop frames or return NETDEV_TX_BUSY, although the qdisc could have kept them.',
    explainedBy: 'these queues are stopped: none',
    replace: [
      `  if (lane.ring.length === lane.ring.capacity) {
    dev.tx[skb.queueMapping].stop()
  }`,
      '',
    ],
  },
  {
    name: 'no-wake',
    step: 4,
    inKernel:
      'This queue is stopped for ever, and with it the flows that hash to it; the others work, so the interface looks healthy.',
    explainedBy: 'queue 1 is still stopped',
    replace: ['dev.tx[queue].wake()', ''],
  },
  {
    name: 'one-alarm',
    step: 2,
    inKernel:
      'Four timers empty ring 0, and nothing empties the others: the flows on three of four queues hang.',
    explainedBy: 'of 4 frames, one by each queue, 1 came back',
    replace: [
      `for (const [queue, lane] of dev.priv.lanes.entries()) {
    lane.alarm = dev.net.clock.alarm(() => arrived(dev, queue))`,
      `for (const lane of dev.priv.lanes) {
    lane.alarm = dev.net.clock.alarm(() => arrived(dev, 0))`,
    ],
  },
  {
    name: 'one-ring',
    step: 2,
    inKernel:
      'ndo_start_xmit holds the lock of its own queue only: without another lock, two CPUs write to the same slot of the shared ring.',
    explainedBy: 'the rings have 4, 0, 0, 0',
    replace: ['const lane = lanes[skb.queueMapping]', 'const lane = lanes[0]'],
  },
  {
    name: 'one-rxq',
    step: 1,
    inKernel:
      'With one receive queue, and so one interrupt, all frames are received on one CPU, unless RPS distributes them in software.',
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
    step: 2,
    inKernel:
      'skb_tx_hash (forwarded frames) and XPS by receive queues use the recorded queue: such flows move to queue 0.',
    explainedBy: 'came back on queue 0',
    replace: [
      'for (let skb = lane.ring.shift(); skb !== undefined; skb = lane.ring.shift()) {',
      `for (let skb = lane.ring.shift(); skb !== undefined; skb = lane.ring.shift()) {
    skb.queueMapping = 0`,
    ],
  },
  {
    name: 'stops-all',
    step: 4,
    inKernel:
      'One flow that sends too much stops all CPUs: the head-of-line blocking that several queues exist to avoid.',
    explainedBy: 'these queues are stopped: 0, 1, 2, 3',
    replace: ['dev.tx[skb.queueMapping].stop()', 'netifTxStopAllQueues(dev)'],
  },
  {
    name: 'wakes-all',
    step: 4,
    inKernel:
      'A queue with a full ring is woken, and its next ndo_start_xmit has no room: NETDEV_TX_BUSY, or a lost frame.',
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
    step: 3,
    inKernel:
      'Frames that were dropped count as sent: sent and dropped together are more than the stack handed over.',
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
    step: 2,
    inKernel:
      'Two queues share a ring, each under its own lock only, so two CPUs change it at the same time; and the upper four queues are never woken.',
    explainedBy: 'the rings have 2, 2, 2, 2, 0, 0, 0, 0',
    replace: ['const lane = lanes[skb.queueMapping]', 'const lane = lanes[skb.queueMapping & 3]'],
  },
  {
    name: 'counts-late',
    step: 3,
    inKernel:
      'Many drivers count a frame when the card reports it as sent, which is right for tx_packets; frames that ndo_stop purges must then be counted as drops.',
    explainedBy: 'with the frames in their rings, frames counted: 0, 0, 0, 0',
    replace: [
      [
        `  lane.frames++
  lane.bytes += skb.len
`,
        '',
      ],
      [
        'for (let skb = lane.ring.shift(); skb !== undefined; skb = lane.ring.shift()) {',
        `for (let skb = lane.ring.shift(); skb !== undefined; skb = lane.ring.shift()) {
    lane.frames++
    lane.bytes += skb.len`,
      ],
    ],
  },
  {
    name: 'frames-of-43-bytes',
    step: 3,
    inKernel:
      'tx_bytes of a queue is what BQL and every graph of traffic use: with a constant, both are wrong.',
    explainedBy: '0, 43, 542, 86: lane.bytes',
    replace: ['lane.bytes += skb.len', 'lane.bytes += 43'],
  },
  {
    name: 'rxqs-as-txqs',
    step: 1,
    inKernel:
      'ethtool -L rx 2 has no effect, and the card interrupts CPUs that were meant for programs.',
    explainedBy: 'with --txqs 3 --rxqs 1 the device has 3 transmit and 3 receive queues',
    replace: [
      "allocEtherdevMqs({ name: 'mq%d', setup, txqs, rxqs, priv",
      "allocEtherdevMqs({ name: 'mq%d', setup, txqs, rxqs: rxqs && txqs, priv",
    ],
  },
  {
    name: 'stops-four-queues',
    step: 4,
    inKernel:
      'With eight queues a full ring stops the queue of another: that one hangs, and the full one overflows.',
    explainedBy: '20 frames by queue 4; back came: 1, 2, 3, 4',
    replace: ['dev.tx[skb.queueMapping].stop()', 'dev.tx[skb.queueMapping & 3].stop()'],
  },
  {
    name: 'stays-busy',
    step: 2,
    inKernel:
      'After down and up the driver takes the timer of a lane for pending and never arms it: frames go in, none comes out, and nothing is logged.',
    explainedBy: 'down and up with full rings',
    replace: ['    lane.alarm?.cancel()\n    lane.busy = false\n', '    lane.alarm?.cancel()\n'],
  },
]
