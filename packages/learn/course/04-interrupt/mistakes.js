// @ts-check

/**
 * Mistakes that learners make, as changes of the solution: each is found by a check, and the text
 * is in its explanation.
 * @type {import('@vnet/learn').Mistake[]}
 */
export const mistakes = [
  {
    name: 'acknowledges-last',
    explainedBy: 'a new interrupt',
    replace: [
      ['const status = irq.acknowledge()', 'const status = irq.status'],
      [
        'return IRQ_HANDLED',
        `irq.acknowledge()
  return IRQ_HANDLED`,
      ],
    ],
  },
  {
    name: 'always-handled',
    explainedBy: 'returned IRQ_HANDLED for an interrupt without a bit',
    replace: ['if (status === 0) return IRQ_NONE', ''],
  },
  {
    name: 'module-board',
    explainedBy: 'a variable of the module is shared by all devices',
    replace: [
      ['function devInit(dev) {', 'let board\nfunction devInit(dev) {'],
      ['dev.priv.board = new Board(dev)', 'board = dev.priv.board = new Board(dev)'],
      ['  const { board } = dev.priv\n', ''],
    ],
  },
  {
    name: 'no-kick',
    explainedBy: 'interrupts 0',
    replace: ['board.kick()', ''],
  },
  {
    name: 'not-acknowledged',
    explainedBy: 'the status word is still 3',
    replace: ['const status = irq.acknowledge()', 'const status = irq.status'],
  },
  {
    name: 'not-freed',
    explainedBy: 'after the interface had gone down, and the handler ran',
    replace: ['dev.priv.irq.free()', ''],
  },
  {
    name: 'one-frame',
    explainedBy: 'raised 1 interrupt; the kernel received 1',
    replace: [
      'for (let skb = board.rx.shift(); skb !== undefined; skb = board.rx.shift()) netifRx(skb)',
      `const skb = board.rx.shift()
    if (skb !== undefined) netifRx(skb)`,
    ],
  },
  {
    name: 'precedence',
    explainedBy: 'RX_READY alone',
    replace: ['if ((status & RX_READY) !== 0) {', 'if (status & Number(RX_READY !== 0)) {'],
  },
  {
    name: 'requested-once',
    explainedBy: 'went down and up again',
    replace: [
      [
        'dev.priv.board = new Board(dev)',
        `dev.priv.irq.request(interrupt)
  dev.priv.board = new Board(dev)`,
      ],
      ['dev.priv.irq.request(interrupt)', ''],
    ],
  },
  {
    name: 'requested-twice',
    explainedBy: 'request_irq: EBUSY, the line has a handler: free_irq comes first (at open (',
    replace: [
      'dev.priv.irq.request(interrupt)',
      `dev.priv.irq.request(interrupt)
  dev.priv.irq.request(interrupt)`,
    ],
  },
  {
    name: 'returns-nothing',
    explainedBy: 'interrupt handler: returned undefined, not IRQ_HANDLED or IRQ_NONE',
    replace: ['return IRQ_HANDLED', ''],
  },
  {
    name: 'wakes-on-rx',
    explainedBy: 'the queue is still stopped',
    replace: [
      `}
  if ((status & TX_DONE) !== 0) netifTxWakeAllQueues(dev)`,
      `  netifTxWakeAllQueues(dev)
  }`,
    ],
  },
  {
    name: 'wakes-always',
    explainedBy: 'only TX_DONE says that the tx ring has room',
    replace: ['if ((status & TX_DONE) !== 0) netifTxWakeAllQueues(dev)', 'netifTxWakeAllQueues(dev)'],
  },
  {
    name: 'board-hands-over',
    explainedBy: 'with its interrupts masked, the board gave a frame to the kernel',
    replace: ['this.rx.push(skb)', 'netifRx(skb)'],
  },
  {
    name: 'requests-last',
    explainedBy: 'started 1 queue when it called irq.request',
    replace: [
      `dev.priv.irq.request(interrupt)
  netifTxStartAllQueues(dev)`,
      `netifTxStartAllQueues(dev)
  dev.priv.irq.request(interrupt)`,
    ],
  },
  {
    name: 'resets-first',
    explainedBy: 'ndoStop called board.reset, then irq.free',
    replace: [
      `dev.priv.irq.free()
  dev.priv.board.reset()`,
      `dev.priv.board.reset()
  dev.priv.irq.free()`,
    ],
  },
]
