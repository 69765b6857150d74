// @ts-check

/**
 * Mistakes that learners make, as changes of the solution: each is found by a check, and the text
 * is in its explanation.
 * @type {import('@vnet/learn').Mistake[]}
 */
export const mistakes = [
  {
    name: 'either-bit',
    explainedBy: 'look at each bit by itself',
    replace: ['if ((status & SNULL_RX_INTR) !== 0) receive(dev)', 'if (status === SNULL_RX_INTR) receive(dev)'],
  },
  {
    name: 'either-interrupt',
    explainedBy: 'RX_INTR and TX_INTR in one interrupt; reclaim was called for: none',
    replace: ['if ((status & SNULL_TX_INTR) !== 0) {', 'else if ((status & SNULL_TX_INTR) !== 0) {'],
  },
  {
    name: 'first-queue',
    explainedBy: 'queue 1',
    replace: [
      'for (const [queue, txq] of dev.tx.entries()) if (hw.reclaim(queue) && txq.stopped) txq.wake()',
      'if (hw.reclaim(0)) dev.tx[0]?.wake()',
    ],
  },
  {
    name: 'handled',
    explainedBy: 'IRQ_NONE',
    replace: ['if (status === 0) return IRQ_NONE', ''],
  },
  {
    name: 'looks-up-late',
    explainedBy: 'before hw.transmit',
    replace: [
      `const txq = dev.txq(skb)
  if (!hw.transmit(skb, peer, peer.priv.hw)) txq.stop()`,
      'if (!hw.transmit(skb, peer, peer.priv.hw)) dev.txq(skb).stop()',
    ],
  },
  {
    name: 'module-peers',
    explainedBy: 'a variable of the module is shared by all devices',
    replace: [
      ['function join(from, to) {', 'let ends = []\n\nfunction join(from, to) {\n  ends = [from, to]'],
      [
        `const { hw, peer } = dev.priv
  if (peer === undefined)`,
        `const { hw } = dev.priv
  const peer = ends.find(end => end !== dev)
  if (dev.priv.peer === undefined)`,
      ],
    ],
  },
  {
    name: 'no-reason',
    explainedBy: 'the reason that translate returned',
    replace: [
      `const reason = translate(skb, peer)
  if (reason !== 0) return skb.drop(reason)`,
      'translate(skb, peer)',
    ],
  },
  {
    name: 'no-stop',
    explainedBy: 'without a free buffer',
    replace: [
      'if (!hw.transmit(skb, peer, peer.priv.hw)) txq.stop()',
      `hw.transmit(skb, peer, peer.priv.hw)
  if (txq.stopped) return`,
    ],
  },
  {
    name: 'no-watchdog',
    explainedBy: 'ndoTxTimeout',
    replace: ['dev.watchdogTimeo = params.timeout', ''],
  },
  {
    name: 'not-acknowledged',
    explainedBy: 'acknowledge',
    replace: ['const status = hw.irq.acknowledge()', 'const status = hw.irq.status'],
  },
  {
    name: 'not-off',
    explainedBy: 'hw.stop()',
    replace: ['dev.priv.hw.stop()', ''],
  },
  {
    name: 'not-started',
    explainedBy: 'ndoOpen starts the queues',
    replace: ['netifTxStartAllQueues(dev)', ''],
  },
  {
    name: 'one-frame',
    explainedBy: 'until the rx ring is empty',
    replace: [
      'for (let skb = rxRing.shift(); skb !== undefined; skb = rxRing.shift()) {',
      `const skb = rxRing.shift()
  if (skb !== undefined) {`,
    ],
  },
  {
    name: 'peer-gone',
    explainedBy: 'the other device is gone',
    replace: [
      'if (peer === undefined) return skb.drop(SKB_DROP_REASON_DEV_READY)',
      'if (peer === undefined) return skb.free()',
    ],
  },
  {
    name: 'resets-and-wakes',
    explainedBy: 'no wake in ndoTxTimeout',
    replace: [
      'hw.reset(queue, peer)',
      `hw.reset(queue, peer)
  dev.tx[queue]?.wake()`,
    ],
  },
  {
    name: 'stops-never-reclaims',
    explainedBy: 'without a free buffer',
    replace: [
      'for (const [queue, txq] of dev.tx.entries()) if (hw.reclaim(queue) && txq.stopped) txq.wake()',
      'for (const txq of dev.tx) if (txq.stopped) txq.wake()',
    ],
  },
  {
    name: 'uncounted',
    explainedBy: 'tx_errors',
    replace: ['dev.counters.count(queue, TX_ERRORS)', ''],
  },
  {
    name: 'wakes-all',
    explainedBy: 'without a free buffer',
    replace: [
      'for (const [queue, txq] of dev.tx.entries()) if (hw.reclaim(queue) && txq.stopped) txq.wake()',
      'for (const [queue, txq] of dev.tx.entries()) if (hw.reclaim(queue) || txq.stopped) txq.wake()',
    ],
  },
  {
    name: 'wakes-only',
    explainedBy: 'hw.reset sends it',
    replace: [
      `const { hw, peer } = dev.priv
  dev.counters.count(queue, TX_ERRORS)
  hw.reset(queue, peer)`,
      `dev.counters.count(queue, TX_ERRORS)
  dev.tx[queue]?.wake()`,
    ],
  },
  {
    name: 'wrong-device',
    explainedBy: 'skb.dev = dev',
    replace: ['skb.dev = dev', ''],
  },
  {
    name: 'resets-the-first',
    explainedBy: 'hw.reset of the queue that ndoTxTimeout names',
    replace: ['hw.reset(queue, peer)', 'hw.reset(0, peer)'],
  },
  {
    name: 'board-off-first',
    explainedBy: 'the queues are stopped before the board',
    replace: [
      `netifTxStopAllQueues(dev)
  dev.priv.hw.stop()`,
      `dev.priv.hw.stop()
  netifTxStopAllQueues(dev)`,
    ],
  },
  {
    name: 'board-on-last',
    explainedBy: 'the queues are started after the board',
    replace: [
      `dev.priv.hw.start(interrupt)
  netifTxStartAllQueues(dev)`,
      `netifTxStartAllQueues(dev)
  dev.priv.hw.start(interrupt)`,
    ],
  },
  {
    name: 'no-protocol',
    explainedBy: 'of 3 frames that arrived 0 had a protocol',
    replace: ['    ethTypeTrans(skb, dev)\n', ''],
  },
  {
    name: 'reclaims-the-stopped',
    explainedBy: 'reclaim was called for: none',
    replace: ['if (hw.reclaim(queue) && txq.stopped) txq.wake()', 'if (txq.stopped && hw.reclaim(queue)) txq.wake()'],
  },
]
