// @ts-check

/**
 * Mistakes that learners make, as changes of the solution: each is found by a check, and the text
 * is in its explanation.
 * @type {import('@vnet/learn').Mistake[]}
 */
export const mistakes = [
  {
    name: 'module-board',
    explainedBy: 'a variable of the module is shared by all devices',
    replace: [
      ['function devInit(dev) {', 'let board\nfunction devInit(dev) {'],
      ['dev.priv.board = new Board(dev)', 'board = dev.priv.board = new Board(dev)'],
      ['const { board } = dev.priv\n  if', 'if'],
    ],
  },
  {
    name: 'counts-twice',
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
    explainedBy: 'the driver still has 4 frames',
    replace: ['board.tx.purge(SKB_DROP_REASON_TX_ABORTED)', ''],
  },
  {
    name: 'no-reason',
    explainedBy: 'dropped: DEV_STOPPED 4',
    replace: ['board.tx.purge(SKB_DROP_REASON_TX_ABORTED)', 'board.tx.purge(SKB_DROP_REASON_DEV_STOPPED)'],
  },
  {
    name: 'no-reset',
    explainedBy: 'it still hangs',
    replace: ['  board.reset()', ''],
  },
  {
    name: 'no-wake',
    explainedBy: 'the queue is still stopped',
    replace: ['dev.tx[queue]?.wake()', ''],
  },
  {
    name: 'no-watchdog',
    explainedBy: 'ndoTxTimeout was called 0 times',
    replace: ['dev.watchdogTimeo = dev.priv.params.timeout', ''],
  },
  {
    name: 'seconds',
    explainedBy: 'ndoTxTimeout was called 0 times',
    replace: ['dev.watchdogTimeo = dev.priv.params.timeout', 'dev.watchdogTimeo = dev.priv.params.timeout * 1000'],
  },
  {
    name: 'wakes-first',
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
    explainedBy: 'with --timeout 100, dev.watchdogTimeo is 50',
    replace: ['dev.watchdogTimeo = dev.priv.params.timeout', 'dev.watchdogTimeo = 50'],
  },
]
