// @ts-check

/**
 * Mistakes that learners make, as changes of the solution: each is found by a check, and the text
 * is in its explanation.
 * @type {import('@vnet/learn').Mistake[]}
 */
export const mistakes = [
  {
    name: 'module-board',
    step: 2,
    inKernel:
      'A static variable of a module belongs to all its devices: with two cards, one changes the state of the other, and nothing in the log says so.',
    explainedBy: 'a variable of the module is shared by all devices',
    replace: [
      ['function devInit(dev) {', 'let board\nfunction devInit(dev) {'],
      ['dev.priv.board = new Board(dev)', 'board = dev.priv.board = new Board(dev)'],
      ['const { board } = dev.priv\n  if', 'if'],
    ],
  },
  {
    name: 'counts-twice',
    step: 3,
    inKernel:
      'kfree_skb counts nothing, so the driver does: an error for the timeout and one more for each frame are more errors than frames.',
    explainedBy: 'tx_errors is 5',
    replace: [
      [
        "} from 'vnet'",
        `  TX_ERRORS,
} from 'vnet'`,
      ],
      [
        'dev.priv.timeouts++',
        `dev.priv.timeouts++
  dev.counters.count(queue, TX_ERRORS)`,
      ],
    ],
  },
  {
    name: 'no-purge',
    step: 3,
    inKernel:
      'The ring is still full when the queue is woken: the next ndo_start_xmit has no descriptor, or overwrites one and leaks its sk_buff.',
    explainedBy: 'the driver still has 4 frames',
    replace: ['board.tx.purge(SKB_DROP_REASON_TX_ABORTED)', ''],
  },
  {
    name: 'no-reason',
    step: 3,
    inKernel:
      'In a kernel the driver adds to tx_errors and tx_aborted_errors itself: without it, ip -s -s link shows no error of the card.',
    explainedBy: 'dropped: DEV_STOPPED 4',
    replace: [
      'board.tx.purge(SKB_DROP_REASON_TX_ABORTED)',
      'board.tx.purge(SKB_DROP_REASON_DEV_STOPPED)',
    ],
  },
  {
    name: 'no-reset',
    step: 2,
    inKernel:
      'The queue is woken, the card still hangs, and the watchdog calls again each watchdog_timeo.',
    explainedBy: 'it still hangs',
    replace: ['  board.reset()', ''],
  },
  {
    name: 'no-wake',
    step: 4,
    inKernel:
      'The queue is still stopped: dev_watchdog calls again and again, and the interface never recovers.',
    explainedBy: 'the queue is still stopped',
    replace: ['dev.tx[queue]?.wake()', ''],
  },
  {
    name: 'no-watchdog',
    step: 1,
    inKernel:
      '__netdev_watchdog_up replaces 0 by 5 seconds if there is an ndo_tx_timeout: the watchdog is there, only later than you need it.',
    explainedBy: 'ndoTxTimeout was called 0 times',
    replace: ['dev.watchdogTimeo = dev.priv.params.timeout', ''],
  },
  {
    name: 'seconds',
    step: 1,
    inKernel:
      'watchdog_timeo is in jiffies: 5000 without a conversion are 5, 20 or 50 seconds, with a HZ of 1000, 250 or 100.',
    explainedBy: 'ndoTxTimeout was called 0 times',
    replace: [
      'dev.watchdogTimeo = dev.priv.params.timeout',
      'dev.watchdogTimeo = dev.priv.params.timeout * 1000',
    ],
  },
  {
    name: 'wakes-first',
    step: 4,
    inKernel:
      'ndo_tx_timeout runs with all queues frozen, so no frame comes in; but most drivers repair the card in a work item, and there another CPU transmits into a ring that is being emptied.',
    explainedBy: '0 of 2 frames came back',
    replace: [
      `board.reset()
  board.tx.purge(SKB_DROP_REASON_TX_ABORTED)
  dev.tx[queue]?.wake()`,
      `dev.tx[queue]?.wake()
  board.reset()
  board.tx.purge(SKB_DROP_REASON_TX_ABORTED)`,
    ],
  },
  {
    name: 'fixed-timeout',
    step: 1,
    inKernel:
      'modinfo and sysfs show a parameter that nothing reads: it can be set, and changes nothing.',
    explainedBy: 'with --timeout 100, dev.watchdogTimeo is 50',
    replace: ['dev.watchdogTimeo = dev.priv.params.timeout', 'dev.watchdogTimeo = 50'],
  },
  {
    name: 'kicks-before-purge',
    step: 2,
    inKernel:
      'The card starts to read descriptors whose buffers are freed a line later: what it sends, or writes by DMA, is memory of another owner.',
    explainedBy: 'no kick before the ring is empty',
    replace: ['  board.reset()\n  board.tx', '  board.reset()\n  board.kick()\n  board.tx'],
  },
  {
    name: 'uncounted',
    step: 2,
    inKernel:
      'ethtool -S shows no timeout of a card that hangs twice an hour: only the log knows, until it is rotated.',
    explainedBy: 'ndoTxTimeout was called 0 times',
    replace: ['  dev.priv.timeouts++\n', ''],
  },
  {
    name: 'drops-without-reason',
    step: 3,
    inKernel:
      'Frames that the card has lost look like frames of a full queue: no error of the card is counted.',
    explainedBy: 'dropped: NOT_SPECIFIED 4',
    replace: [
      'board.tx.purge(SKB_DROP_REASON_TX_ABORTED)',
      'for (let skb = board.tx.shift(); skb !== undefined; skb = board.tx.shift()) skb.drop()',
    ],
  },
  {
    name: 'sends-again',
    step: 3,
    inKernel:
      'The card may have sent some of them before it hung: their receivers get these twice.',
    explainedBy: 'after 50 ms dropped: nothing',
    replace: [
      'board.tx.purge(SKB_DROP_REASON_TX_ABORTED)',
      'for (let skb = board.tx.shift(); skb !== undefined; skb = board.tx.shift()) netifRx(skb)',
    ],
  },
  {
    name: 'repairs-once',
    step: 2,
    inKernel:
      'A card that hung once hangs again: a repair that remembers that it was made leaves the second lockup for ever.',
    explainedBy: '20, with 10',
    replace: [
      '  board.reset()\n  board.tx',
      '  if (dev.priv.timeouts === 1) board.reset()\n  board.tx',
    ],
  },
  {
    name: 'down-without-reset',
    step: 2,
    inKernel:
      'ip link set down and up is what an administrator tries first: a card that still hangs after it needs a reboot.',
    explainedBy: 'down and up again while the board hung',
    replace: ['  dev.priv.board.reset()\n', ''],
  },
]
