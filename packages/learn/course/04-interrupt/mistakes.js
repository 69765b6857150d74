// @ts-check

/**
 * Mistakes that learners make, as changes of the solution: each is found by a check, and the text
 * is in its explanation.
 * @type {import('@vnet/learn').Mistake[]}
 */
export const mistakes = [
  {
    name: 'acknowledges-last',
    step: 3,
    inKernel:
      'A bit that the card sets between the read and the acknowledgement is cleared unseen: its frame waits for the next interrupt, or for ever.',
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
    step: 3,
    inKernel:
      'If the line of another card is stuck, the kernel never sees that all handlers returned IRQ_NONE: it does not log "nobody cared", and the CPU runs handlers without end.',
    explainedBy: 'returned IRQ_HANDLED for an interrupt without a bit',
    replace: ['if (status === 0) return IRQ_NONE', ''],
  },
  {
    name: 'module-board',
    step: 2,
    inKernel:
      'A static variable of a module belongs to all its devices: with two cards, one changes the state of the other, and nothing in the log says so.',
    explainedBy: 'a variable of the module is shared by all devices',
    replace: [
      ['function devInit(dev) {', 'let board\nfunction devInit(dev) {'],
      ['dev.priv.board = new Board(dev)', 'board = dev.priv.board = new Board(dev)'],
      ['  const { board } = dev.priv\n', ''],
    ],
  },
  {
    name: 'no-kick',
    step: 2,
    inKernel:
      'A card reads its ring when the driver writes to the doorbell register: without that the ring fills up, and the watchdog reports a timeout.',
    explainedBy: 'interrupts 0',
    replace: ['board.kick()', ''],
  },
  {
    name: 'not-acknowledged',
    step: 3,
    inKernel:
      'A level-triggered line remains asserted: the handler is called again as soon as it has returned, and the CPU does nothing else.',
    explainedBy: 'the status word is still 3',
    replace: ['const status = irq.acknowledge()', 'const status = irq.status'],
  },
  {
    name: 'not-freed',
    step: 1,
    inKernel:
      'The handler is called after the interface went down, for other cards of the line too, and uses rings that are free; the next request_irq adds it a second time.',
    explainedBy: 'after the interface had gone down, and the handler ran',
    replace: ['dev.priv.irq.free()', ''],
  },
  {
    name: 'one-frame',
    step: 4,
    inKernel:
      'The card has raised one interrupt for several frames: the others wait in the ring for the next interrupt.',
    explainedBy: 'raised 1 interrupt; the kernel received 1',
    replace: [
      'for (let skb = board.rx.shift(); skb !== undefined; skb = board.rx.shift()) {',
      `const skb = board.rx.shift()
    if (skb !== undefined) {`,
    ],
  },
  {
    name: 'precedence',
    step: 4,
    inKernel:
      'In C, too, != binds stronger than &: the test looks at bit 0 only. gcc warns with -Wparentheses, which is part of -Wall.',
    explainedBy: 'RX_READY alone',
    replace: ['if ((status & RX_READY) !== 0) {', 'if (status & Number(RX_READY !== 0)) {'],
  },
  {
    name: 'requested-once',
    step: 1,
    inKernel:
      'After the first down and up there is no handler, and the card is silent; the next free_irq logs "Trying to free already-free IRQ".',
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
    step: 1,
    inKernel:
      'Without IRQF_SHARED, request_irq returns -EBUSY. With it, both handlers run, free_irq removes one, and the other is called with a device that is down.',
    explainedBy: 'request_irq: EBUSY, the line has a handler: free_irq comes first (at open (',
    replace: [
      'dev.priv.irq.request(interrupt)',
      `dev.priv.irq.request(interrupt)
  dev.priv.irq.request(interrupt)`,
    ],
  },
  {
    name: 'returns-nothing',
    step: 4,
    inKernel:
      'gcc refuses a missing return (-Werror=return-type); 0 is IRQ_NONE, and after nearly 100,000 of those the kernel logs "nobody cared" and disables the line.',
    explainedBy: 'interrupt handler: returned undefined, not IRQ_HANDLED or IRQ_NONE',
    replace: ['return IRQ_HANDLED', ''],
  },
  {
    name: 'wakes-on-rx',
    step: 4,
    inKernel:
      'A completion without a received frame wakes nothing: the queue is stopped until a frame happens to arrive, or until the watchdog calls.',
    explainedBy: 'the queue is still stopped',
    replace: [
      `  }
  if ((status & TX_DONE) !== 0) {
`,
      '',
    ],
  },
  {
    name: 'wakes-always',
    step: 4,
    inKernel:
      'A queue with a full ring is woken: the next ndo_start_xmit has no descriptor, and must return NETDEV_TX_BUSY or drop the frame.',
    explainedBy: 'only TX_DONE says that the tx ring has room',
    replace: [
      `if ((status & TX_DONE) !== 0) {
    netifTxWakeAllQueues(dev)
  }`,
      'netifTxWakeAllQueues(dev)',
    ],
  },
  {
    name: 'board-hands-over',
    step: 4,
    inKernel:
      'A card cannot call the network stack: it writes to the ring by DMA, and only the handler or the poll of its driver takes frames out.',
    explainedBy: 'with its interrupts masked, the board gave a frame to the kernel',
    replace: ['this.rx.push(skb)', 'netifRx(skb)'],
  },
  {
    name: 'requests-last',
    step: 1,
    inKernel:
      'The stack sends nothing before ndo_open has returned, so this works; where the same function restarts a card that is up, the first completion may find no handler.',
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
    step: 1,
    inKernel:
      'Until free_irq returns, the handler may run on another CPU, and takes frames from rings that are being emptied.',
    explainedBy: 'ndoStop called board.reset, then irq.free',
    replace: [
      `dev.priv.irq.free()
  dev.priv.board.reset()`,
      `dev.priv.board.reset()
  dev.priv.irq.free()`,
    ],
  },
  {
    name: 'handled-with-frames-only',
    step: 4,
    inKernel:
      'Each completion without a frame counts as unhandled: after enough of them the kernel logs "nobody cared" and disables the line of a card that works.',
    explainedBy: 'with TX_DONE alone',
    replace: ['return IRQ_HANDLED', 'return (status & RX_READY) !== 0 ? IRQ_HANDLED : IRQ_NONE'],
  },
  {
    name: 'handled-with-room-only',
    step: 4,
    inKernel:
      'Each received frame without a completion counts as unhandled: under a stream in one direction the kernel disables the line.',
    explainedBy: 'with RX_READY alone',
    replace: ['return IRQ_HANDLED', 'return (status & TX_DONE) !== 0 ? IRQ_HANDLED : IRQ_NONE'],
  },
  {
    name: 'fixed-slots',
    step: 2,
    inKernel:
      'ethtool -G changes the size of a ring: with a constant in its place, half of it is never used.',
    explainedBy: 'board.tx.capacity is the number of places',
    replace: ['board.tx.length === board.tx.capacity', 'board.tx.length === 4'],
  },
  {
    name: 'never-stops',
    step: 2,
    inKernel:
      'The descriptor of a frame that the card has not sent is overwritten, and its sk_buff leaked; NETDEV_TX_BUSY makes the qdisc try again without a pause.',
    explainedBy: 'of 8: the driver has',
    replace: [
      `  if (board.tx.length === board.tx.capacity) {
    dev.txq(skb).stop()
  }
`,
      '',
    ],
  },
]
