// @ts-check

/**
 * Mistakes that learners make, as changes of the solution: each is found by a check, and the text
 * is in its explanation.
 * @type {import('@vnet/learn').Mistake[]}
 */
export const mistakes = [
  {
    name: 'released-twice',
    step: 2,
    inKernel:
      'In a pool like that of snull, pkt->next is then pkt itself, and each frame overwrites the one before it. A second kmem_cache_free corrupts the slab: KASAN reports a double-free.',
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
    step: 2,
    inKernel:
      'The sk_buffs are leaked, and the sender has fewer buffers after each down and up. With none left its queue is stopped for ever, and without ndo_tx_timeout no watchdog logs it.',
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
    step: 2,
    inKernel:
      'The drops are counted, but the buffers never return to the pool of the sender: after some downs it has none left, and its queue is not woken any more.',
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
    step: 2,
    inKernel:
      'The next frame in that buffer overwrites the only pointer to the sk_buff: kmemleak reports it, no drop is counted, and the memory is lost until the machine boots again.',
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
    step: 2,
    inKernel:
      'When netdev_alloc_skb returns NULL, the error path leaves before the release: each shortage of memory costs a buffer, and with the last one the queue of the sender is stopped for ever.',
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
    step: 2,
    inKernel:
      'The driver itself chooses the statistics: tx_dropped of the sender says that the frame never left, and people look for the fault at the wrong end.',
    explainedBy: 'dropped: nothing; 0 still held',
    replace: [
      'netifRxDrop(buffer.skb, dev, SKB_DROP_REASON_DEV_STOPPED)',
      'buffer.skb.drop(SKB_DROP_REASON_DEV_STOPPED)',
    ],
  },
  {
    name: 'to-its-own-pool',
    step: 2,
    inKernel:
      'The sender lacks the buffer until the receiver happens to send with it; and with DMA the card of the receiver must not use it, because the mapping belongs to the other device.',
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
    step: 2,
    inKernel:
      'No frame follows, because a device that is down has noop_qdisc; but the stop that ndo_stop set is undone, and the queue runs after the next ndo_open, whether the driver started it or not.',
    explainedBy: 'rl0 is down, and its queue was woken when rl1 released a buffer',
    replace: [
      'if (netifRunning(owner) && owner.priv.free.length === 1)',
      'if (owner.priv.free.length === 1)',
    ],
  },
  {
    name: 'never-wakes',
    step: 2,
    inKernel:
      'The queue that stopped with the last buffer is not woken when one returns: the qdisc fills up and drops, until the watchdog calls ndo_tx_timeout, or until down and up.',
    explainedBy: 'with 4 buffers: 1 2 3 4 arrived; the queue is still stopped',
    replace: [
      `  if (netifRunning(owner) && owner.priv.free.length === 1) {
    netifTxWakeAllQueues(owner)
  }
`,
      '',
    ],
  },
  {
    name: 'starts-without-a-buffer',
    step: 2,
    inKernel:
      'ndo_start_xmit finds an empty pool: snull_get_tx_buffer of the book follows a NULL pointer there. With NETDEV_TX_BUSY the qdisc tries the same frame again without a pause.',
    explainedBy: 'no buffer is free, and the queue runs',
    replace: [
      `if (free.length > 0) {
    netifTxStartAllQueues(dev)
  }`,
      'netifTxStartAllQueues(dev)',
    ],
  },
  {
    name: 'groups-are-free',
    step: 2,
    inKernel:
      'consume_skb counts nothing: neighbour discovery and DHCP stop working, and no counter says where.',
    explainedBy: 'a frame to a group: nothing arrived',
    replace: [
      '  const buffer = free.pop()\n',
      '  if ((bytes[data] & 1) === 1) return skb.free()\n  const buffer = free.pop()\n',
    ],
  },
  {
    name: 'frees-in-no-memory',
    step: 2,
    inKernel:
      'Memory was short, and nothing says so: rx_dropped and the tracepoint skb:kfree_skb know of no loss.',
    explainedBy: 'dropped: nothing',
    replace: ['return netifRxDrop(skb, dev, SKB_DROP_REASON_NOMEM)', 'return skb.free()'],
  },
  {
    name: 'a-new-buffer',
    step: 2,
    inKernel:
      'The pool grows by a buffer with each frame for which there was no memory: a shortage of memory uses up memory.',
    explainedBy: 'a drop releases the buffer, too, once',
    replace: [
      '    return netifRxDrop(skb, dev, SKB_DROP_REASON_NOMEM)\n',
      '    if (priv.peer) priv.peer.priv.free.push(/** @type {Buffer} */ ({ owner: priv.peer }))\n    return netifRxDrop(skb, dev, SKB_DROP_REASON_NOMEM)\n',
    ],
  },
  {
    name: 'deleted-is-free',
    step: 2,
    inKernel:
      'veth counts a frame without a peer as dropped; consume_skb would make a missing cable look like success.',
    explainedBy: 'DEV_READY 7, and none held',
    replace: [
      'if (peer === undefined) return skb.drop(SKB_DROP_REASON_DEV_READY)',
      'if (peer === undefined) return skb.free()',
    ],
  },
]
