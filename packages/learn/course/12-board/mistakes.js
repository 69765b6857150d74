// @ts-check

/**
 * Mistakes that learners make, as changes of the solution: each is found by a check, and the text
 * is in its explanation.
 * @type {import('@vnet/learn').Mistake[]}
 */
export const mistakes = [
  {
    name: 'either-bit',
    step: 1,
    inKernel:
      'With both bits set the received frames remain in the ring, and their interrupt is acknowledged: they wait for the next one.',
    explainedBy: 'look at each bit by itself',
    replace: ['if ((status & SNULL_RX_INTR) !== 0) {', 'if (status === SNULL_RX_INTR) {'],
  },
  {
    name: 'either-interrupt',
    step: 2,
    inKernel:
      'Both bits may be set when the handler reads the status. It has acknowledged the second one, so nothing reports it again: the buffers are never reclaimed, and the queue stops until the watchdog.',
    explainedBy: 'RX_INTR and TX_INTR in one interrupt; reclaim was called for: none',
    replace: [
      'if ((status & SNULL_TX_INTR) !== 0) {',
      'else if ((status & SNULL_TX_INTR) !== 0) {',
    ],
  },
  {
    name: 'first-queue',
    step: 2,
    inKernel: 'Only queue 0 is woken: flows on other queues hang, each until its watchdog.',
    explainedBy: 'queue 1',
    replace: [
      `for (const [queue, txq] of dev.tx.entries()) {
      if (hw.reclaim(queue) && txq.stopped) {
        txq.wake()
      }`,
      `if (hw.reclaim(0)) {
      dev.tx[0]?.wake()`,
    ],
  },
  {
    name: 'handled',
    step: 1,
    inKernel:
      'On a shared line the kernel cannot see that an interrupt of another card is unhandled: a stuck line is neither reported nor disabled.',
    explainedBy: 'IRQ_NONE',
    replace: ['if (status === 0) return IRQ_NONE', ''],
  },
  {
    name: 'looks-up-late',
    step: 2,
    inKernel:
      'The frame may be sent, and freed on another CPU, before skb_get_queue_mapping reads it: a use-after-free, and the wrong queue is stopped.',
    explainedBy: 'before hw.transmit',
    replace: [
      `const txq = dev.txq(skb)
  if (!hw.transmit(skb, peer, peer.priv.hw)) {
    txq.stop()`,
      `if (!hw.transmit(skb, peer, peer.priv.hw)) {
    dev.txq(skb).stop()`,
    ],
  },
  {
    name: 'module-peers',
    step: 1,
    inKernel:
      'A static variable of a module belongs to all its devices: with two cards, one changes the state of the other, and nothing in the log says so.',
    explainedBy: 'a variable of the module is shared by all devices',
    replace: [
      [
        'function join(from, to) {',
        'let ends = []\n\nfunction join(from, to) {\n  ends = [from, to]',
      ],
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
    step: 1,
    inKernel:
      'A frame that could not be translated is sent with its old addresses: no drop is counted, and the receiver discards it.',
    explainedBy: 'the reason that translate returned',
    replace: [
      `const reason = translate(skb, peer)
  if (reason !== 0) return skb.drop(reason)`,
      'translate(skb, peer)',
    ],
  },
  {
    name: 'no-stop',
    step: 2,
    inKernel:
      'ndo_start_xmit is called without a free buffer: it returns NETDEV_TX_BUSY, or loses the frame.',
    explainedBy: 'without a free buffer',
    replace: [
      `if (!hw.transmit(skb, peer, peer.priv.hw)) {
    txq.stop()
  }`,
      `hw.transmit(skb, peer, peer.priv.hw)
  if (txq.stopped) return`,
    ],
  },
  {
    name: 'no-watchdog',
    step: 3,
    inKernel:
      '__netdev_watchdog_up replaces 0 by 5 seconds if there is an ndo_tx_timeout: long for a card that needs 50 ms.',
    explainedBy: 'ndoTxTimeout',
    replace: ['dev.watchdogTimeo = params.timeout', ''],
  },
  {
    name: 'not-acknowledged',
    step: 1,
    inKernel:
      'A level-triggered line interrupts without end, and each call handles the same bits again.',
    explainedBy: 'acknowledge',
    replace: ['const status = hw.irq.acknowledge()', 'const status = hw.irq.status'],
  },
  {
    name: 'not-off',
    step: 1,
    inKernel:
      'The card continues after ndo_stop, and writes by DMA to buffers that are free: it corrupts memory, unless an IOMMU stops it.',
    explainedBy: 'hw.stop()',
    replace: ['dev.priv.hw.stop()', ''],
  },
  {
    name: 'not-started',
    step: 1,
    inKernel:
      'A queue that ndo_stop has stopped is still stopped after the next ndo_open: the interface is up, and sends nothing.',
    explainedBy: 'ndoOpen starts the queues',
    replace: ['netifTxStartAllQueues(dev)', ''],
  },
  {
    name: 'one-frame',
    step: 1,
    inKernel:
      'One interrupt stands for many frames: the rest wait for the next one, and under load the ring overflows.',
    explainedBy: 'until the rx ring is empty',
    replace: [
      'for (let skb = rxRing.shift(); skb !== undefined; skb = rxRing.shift()) {',
      `const skb = rxRing.shift()
  if (skb !== undefined) {`,
    ],
  },
  {
    name: 'peer-gone',
    step: 4,
    inKernel:
      'consume_skb means success: no counter and no trace shows the loss. veth counts frames without a peer as dropped.',
    explainedBy: 'the other device is gone',
    replace: [
      'if (peer === undefined) return skb.drop(SKB_DROP_REASON_DEV_READY)',
      'if (peer === undefined) return skb.free()',
    ],
  },
  {
    name: 'resets-and-wakes',
    step: 3,
    inKernel:
      'The queue sends later frames before the stuck one: TCP takes frames out of order for loss.',
    explainedBy: 'no wake in ndoTxTimeout',
    replace: [
      'hw.reset(queue, peer)',
      `hw.reset(queue, peer)
  dev.tx[queue]?.wake()`,
    ],
  },
  {
    name: 'stops-never-reclaims',
    step: 2,
    inKernel:
      'The sk_buffs of sent frames are never freed, so the send buffers of their sockets fill up; and the queue is woken without a free buffer.',
    explainedBy: 'without a free buffer',
    replace: [
      `for (const [queue, txq] of dev.tx.entries()) {
      if (hw.reclaim(queue) && txq.stopped) {`,
      `for (const txq of dev.tx) {
      if (txq.stopped) {`,
    ],
  },
  {
    name: 'uncounted',
    step: 3,
    inKernel:
      'ip -s link shows no error of a card that hangs: only the log does, and tx_timeout of the queue in sysfs.',
    explainedBy: 'tx_errors',
    replace: ['dev.counters.count(queue, TX_ERRORS)', ''],
  },
  {
    name: 'wakes-all',
    step: 2,
    inKernel:
      'A queue without a free buffer is woken: the next frame is refused with NETDEV_TX_BUSY, or lost.',
    explainedBy: 'without a free buffer',
    replace: ['if (hw.reclaim(queue) && txq.stopped) {', 'if (hw.reclaim(queue) || txq.stopped) {'],
  },
  {
    name: 'wakes-only',
    step: 3,
    inKernel:
      'The card still hangs: the next frames fill the ring, and the watchdog calls again after the same time.',
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
    step: 1,
    inKernel:
      'eth_type_trans sets skb->dev, so the mistake in a kernel is to give it the wrong device: the interface that sent the frame receives it.',
    explainedBy: 'skb.dev = dev',
    replace: ['skb.dev = dev', ''],
  },
  {
    name: 'resets-the-first',
    step: 3,
    inKernel:
      'The queue that hangs remains stopped, and one that works loses its frames; since Linux 5.6 ndo_tx_timeout gets the number for this.',
    explainedBy: 'hw.reset of the queue that ndoTxTimeout names',
    replace: ['hw.reset(queue, peer)', 'hw.reset(0, peer)'],
  },
  {
    name: 'board-off-first',
    step: 1,
    inKernel:
      'ndo_stop itself is safe, because dev_deactivate_many has run before it; a driver that resets a running card by the same function transmits to a card that is off.',
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
    step: 1,
    inKernel:
      'The stack sends nothing before ndo_open has returned, so this works; a restart by the same function transmits to a card that is off.',
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
    step: 1,
    inKernel:
      'skb->data still points to the Ethernet header: ip_rcv takes it for an IP header and drops the frame.',
    explainedBy: 'of 3 frames that arrived 0 had a protocol',
    replace: ['    ethTypeTrans(skb, dev)\n', ''],
  },
  {
    name: 'reclaims-the-stopped',
    step: 2,
    inKernel:
      'A queue that is never full never frees what it has sent: sockets wait for send buffers, and nothing is wrong with the card.',
    explainedBy: 'reclaim was called for: none',
    replace: ['if (hw.reclaim(queue) && txq.stopped) {', 'if (txq.stopped && hw.reclaim(queue)) {'],
  },
  {
    name: 'errors-of-queue-0',
    step: 3,
    inKernel:
      'ethtool -S shows the errors of a queue that works: people look at the wrong interrupt, CPU and flows.',
    explainedBy: 'count it on the queue that was late',
    replace: ['dev.counters.count(queue, TX_ERRORS)', 'dev.counters.count(0, TX_ERRORS)'],
  },
  {
    name: 'fixed-timeout',
    step: 3,
    inKernel:
      'modinfo and sysfs show a parameter that nothing reads: it can be set, and changes nothing.',
    explainedBy: 'with --timeout 100, dev.watchdogTimeo is 50',
    replace: ['dev.watchdogTimeo = params.timeout', 'dev.watchdogTimeo = 50'],
  },
  {
    name: 'handled-with-frames-only',
    step: 1,
    inKernel:
      'Each completion without a frame counts as unhandled: after enough of them the kernel logs "nobody cared" and disables the line of a card that works.',
    explainedBy: 'with TX_INTR alone',
    replace: [
      '  return IRQ_HANDLED',
      '  return (status & SNULL_RX_INTR) !== 0 ? IRQ_HANDLED : IRQ_NONE',
    ],
  },
]
