// @ts-check

/**
 * Mistakes that learners make, as changes of the solution: each is found by a check, and the text
 * is in its explanation.
 * @type {import('@vnet/learn').Mistake[]}
 */
export const mistakes = [
  {
    name: 'acknowledges-nothing',
    step: 2,
    inKernel:
      'The bit remains set: on a level-triggered line each unmask interrupts again, and interrupts of other cards are claimed.',
    explainedBy: 'irq.acknowledge(), which clears the bits',
    replace: ['if (irq.acknowledge() === 0) return IRQ_NONE', ''],
  },
  {
    name: 'always-completes',
    step: 4,
    inKernel:
      'A poll that returns its whole budget still belongs to net_rx_action, which moves it on its list; completed before, it may run on another CPU too, and the list is corrupted.',
    explainedBy: 'napi_complete_done with 64 of 64',
    replace: [
      `if (work < budget && napi.completeDone(work)) {
    irq.unmask(MOVED)
  }`,
      `napi.completeDone(work)
  irq.unmask(MOVED)`,
    ],
  },
  {
    name: 'completes-and-schedules',
    step: 4,
    inKernel:
      '__napi_poll finds the poll on a list, does not add it a second time, and logs "Budget exhausted after napi rescheduled".',
    explainedBy: 'returned 64, its whole budget, after napi_complete_done with 0',
    replace: [
      `if (work < budget && napi.completeDone(work)) {
    irq.unmask(MOVED)`,
      `napi.completeDone(0)
  if (work < budget) {
    irq.unmask(MOVED)
  } else {
    napi.schedule()`,
    ],
  },
  {
    name: 'completes-when-empty',
    step: 4,
    inKernel:
      'With exactly 64 frames in the ring it completes and returns 64. napi.rst allows one of two: return 64 and be called again, or complete and return 63.',
    explainedBy: 'napi_complete_done with 64 of 64',
    replace: ['if (work < budget && napi', 'if (board.rx.length === 0 && napi'],
  },
  {
    name: 'no-budget',
    step: 3,
    inKernel:
      'The poll takes the CPU from other devices and from programs, and the kernel logs that it is "exceeding its budget of 64".',
    explainedBy: 'one poll took 150',
    replace: ['while (work < budget && board.rx.length > 0) {', 'while (board.rx.length > 0) {'],
  },
  {
    name: 'no-disable',
    step: 1,
    inKernel:
      'The next napi_enable finds an enabled poll: its BUG_ON kills the process, with rtnl_lock held.',
    explainedBy: 'napi_enable of a poll that is enabled',
    replace: ['dev.priv.napi.disable()', ''],
  },
  {
    name: 'no-enable',
    step: 1,
    inKernel:
      'A poll that was never enabled has its SCHED bit set: napi_schedule does nothing, no frame is received, and napi_disable waits for ever with rtnl_lock held.',
    explainedBy: 'napi_schedule before napi_enable',
    replace: ['dev.priv.napi.enable()', ''],
  },
  {
    name: 'no-mask',
    step: 2,
    inKernel:
      'Each frame interrupts although the poll is scheduled: nothing is lost, but it is the interrupt load that NAPI exists to avoid.',
    explainedBy: 'MOVED could interrupt again',
    replace: ['irq.mask(MOVED)', ''],
  },
  {
    name: 'no-unmask',
    step: 4,
    inKernel:
      'After the first poll the card never interrupts again, and the interface receives nothing until it goes down and up.',
    explainedBy: 'the kernel received 1 of 2',
    replace: [
      `if (work < budget && napi.completeDone(work)) {
    irq.unmask(MOVED)`,
      `if (work < budget) {
    napi.completeDone(work)`,
    ],
  },
  {
    name: 'no-wake',
    step: 3,
    inKernel:
      'A queue that was stopped by a full ring remains stopped until the watchdog calls ndo_tx_timeout.',
    explainedBy: 'the queue is still stopped',
    replace: ['netifTxWakeAllQueues(dev)', ''],
  },
  {
    name: 'returns-budget',
    step: 3,
    inKernel:
      'net_rx_action keeps the poll on its list, although it has completed: an interrupt meanwhile adds it a second time, and the list is corrupted.',
    explainedBy: 'returned 64, its whole budget, after napi_complete_done with 3',
    replace: ['return work', 'return budget'],
  },
  {
    name: 'returns-nothing',
    step: 3,
    inKernel:
      'gcc refuses a missing return (-Werror=return-type); 0 after a whole budget leaves the poll on no list, with SCHED set, for ever.',
    explainedBy: 'napi poll: returned undefined',
    replace: ['return work', ''],
  },
  {
    name: 'unmasks-first',
    step: 4,
    inKernel:
      'Before Linux 4.11 the napi_schedule of that interrupt was lost, and the card was silent for ever; since then NAPI_STATE_MISSED makes napi_complete_done poll again. napi.rst still asks for the unmask after it.',
    explainedBy: 'the poll called irq.unmask, then napi.completeDone',
    replace: [
      `if (work < budget && napi.completeDone(work)) {
    irq.unmask(MOVED)`,
      `if (work < budget) {
    irq.unmask(MOVED)
    napi.completeDone(work)`,
    ],
  },
  {
    name: 'completes-until-true',
    step: 4,
    inKernel:
      'The call that returned false has put the poll on its list again; the next one takes it off, and its frames wait for the next interrupt.',
    explainedBy: 'a frame arrived when the poll completes; the kernel received 1 of 2',
    replace: [
      'if (work < budget && napi.completeDone(work)) {',
      `if (work < budget) {
    while (!napi.completeDone(work)) {}`,
    ],
  },
  {
    name: 'fixed-budget',
    step: 3,
    inKernel:
      'In busy polling it takes more than it was given, and in netpoll it receives frames where only transmissions may be completed: poll_one_napi warns of it.',
    explainedBy: 'with 20 frames in the rx ring and a budget of 8, a poll took 20',
    replace: [
      ['while (work < budget && board', 'while (work < 64 && board'],
      ['if (work < budget && napi', 'if (work < 64 && napi'],
    ],
  },
  {
    name: 'completes-budget-of-0',
    step: 4,
    inKernel:
      'napi_complete_done returns false in netpoll, so little happens today; napi.rst forbids the call with a budget of 0, which leaves received frames in the ring.',
    explainedBy: 'its whole budget of 0 called napi.completeDone',
    replace: ['if (work < budget && napi', 'if (work < Math.max(budget, 1) && napi'],
  },
  {
    name: 'works-in-handler',
    step: 2,
    inKernel:
      'The network stack runs in softirq context: called by a handler, it may wait for a lock of the very code that was interrupted, a deadlock.',
    explainedBy: 'when the handler had returned, the rx ring had 0',
    replace: [
      'return IRQ_HANDLED',
      `poll(dev, 64)
  return IRQ_HANDLED`,
    ],
  },
  {
    name: 'wake-is-work',
    step: 3,
    inKernel:
      'Only received packets are work in napi.rst: the number decides whether interrupts are deferred (napi_defer_hard_irqs), and an idle poll would look busy.',
    explainedBy: 'no poll took more than 63',
    replace: ['let work = 0', 'let work = 1'],
  },
  {
    name: 'schedules-first',
    step: 2,
    inKernel:
      'Interrupts of other cards schedule the poll too; and a poll on another CPU, such as threaded NAPI, may end before the acknowledgement, which then clears the bit of a frame that it did not see.',
    explainedBy: 'napi.schedule, then irq.acknowledge',
    replace: [
      'if (irq.acknowledge() === 0) return IRQ_NONE',
      'napi.schedule()\n  if (irq.acknowledge() === 0) return IRQ_NONE',
    ],
  },
  {
    name: 'requests-first',
    step: 1,
    inKernel:
      'An interrupt between the two is masked and not polled, because napi_schedule does nothing before napi_enable: no interrupt follows, and no frame is received.',
    explainedBy: 'ndoOpen called irq.request, then napi.enable',
    replace: [
      `dev.priv.napi.enable()
  dev.priv.irq.request(interrupt)`,
      `dev.priv.irq.request(interrupt)
  dev.priv.napi.enable()`,
    ],
  },
  {
    name: 'empties-first',
    step: 1,
    inKernel:
      'A poll that runs on another CPU takes frames from rings that are emptied under it: a use-after-free.',
    explainedBy: 'ndoStop called irq.free, then board.reset, then napi.disable',
    replace: [
      `dev.priv.napi.disable()
  dev.priv.board.reset()`,
      `dev.priv.board.reset()
  dev.priv.napi.disable()`,
    ],
  },
  {
    name: 'never-completes',
    step: 4,
    inKernel:
      'The poll is on no list and still has its SCHED bit: napi_schedule does nothing from then on, and napi_disable waits for ever with rtnl_lock held.',
    explainedBy: 'napi.completeDone(work) in a poll that returns less',
    replace: ['if (work < budget && napi.completeDone(work))', 'if (work < budget)'],
  },
  {
    name: 'disables-first',
    step: 1,
    inKernel:
      'An interrupt between the two is acknowledged and masked, and its frames remain in the ring: napi_schedule does nothing after napi_disable.',
    explainedBy: 'ndoStop called napi.disable, then irq.free, then board.reset',
    replace: [
      `dev.priv.irq.free()
  dev.priv.napi.disable()`,
      `dev.priv.napi.disable()
  dev.priv.irq.free()`,
    ],
  },
  {
    name: 'masks-last',
    step: 2,
    inKernel:
      'The softirq of the same CPU follows the handler, but threaded NAPI or a busy poll runs on another one, and may unmask before the mask is written, which then lasts.',
    explainedBy: 'irq.acknowledge, then napi.schedule, then irq.mask',
    replace: [
      `irq.mask(MOVED)
  napi.schedule()`,
      `napi.schedule()
  irq.mask(MOVED)`,
    ],
  },
  {
    name: 'unmasks-always',
    step: 4,
    inKernel:
      'napi_complete_done has not completed the poll, which runs once more with interrupts on: each frame interrupts a poll that is scheduled, or in busy polling the program that polls.',
    explainedBy: 'so completeDone returned false; irq.unmask was called 2 times',
    replace: [
      'if (work < budget && napi.completeDone(work)) {',
      `if (work < budget) {
    napi.completeDone(work)`,
    ],
  },
  {
    name: 'leaves-at-0',
    step: 3,
    inKernel:
      'netpoll calls with 0 to get room in a full ring: without a completion it waits, and the last lines of a crash are not sent.',
    explainedBy: 'a poll with a budget of 0 left the queue stopped',
    replace: [
      '  netifTxWakeAllQueues(dev)\n  let work = 0\n',
      '  if (budget === 0) return 0\n  netifTxWakeAllQueues(dev)\n  let work = 0\n',
    ],
  },
  {
    name: 'always-handled',
    step: 2,
    inKernel:
      'If the line of another card is stuck, the kernel never sees that all handlers returned IRQ_NONE, and the CPU runs handlers without end.',
    explainedBy: 'IRQ_NONE, and no poll',
    replace: ['if (irq.acknowledge() === 0) return IRQ_NONE', 'irq.acknowledge()'],
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
      ['const { irq, napi, board } = dev.priv', 'const { irq, napi } = dev.priv'],
    ],
  },
  {
    name: 'wakes-with-a-budget-only',
    step: 3,
    inKernel:
      'netpoll calls with 0 to get room in a full ring, and finds none: the last lines of a crash are not sent.',
    explainedBy: 'a poll with a budget of 0 left the queue stopped',
    replace: [
      '  netifTxWakeAllQueues(dev)\n  let work = 0\n',
      '  if (budget > 0) netifTxWakeAllQueues(dev)\n  let work = 0\n',
    ],
  },
  {
    name: 'returns-nothing-done',
    step: 3,
    inKernel:
      'BusyPollRxPackets of nstat is the sum of what busy polls returned, and the tracepoint napi:napi_poll shows each: a poll that works looks idle.',
    explainedBy: 'found 3 frames, returned 0',
    replace: ['return work', 'return work < budget ? 0 : work'],
  },
  {
    name: 'unmasks-in-busy-polling',
    step: 4,
    inKernel:
      'A program that polls busily asked for no interrupts: napi_complete_done returns false to keep the card quiet, and each frame interrupts nevertheless.',
    explainedBy: 'returned false, and the poll called irq.unmask',
    replace: [
      'if (work < budget && napi.completeDone(work)) {',
      'if (work < budget && (napi.completeDone(work) || budget < 64)) {',
    ],
  },
  {
    name: 'no-schedule',
    step: 2,
    inKernel:
      'The interrupt is masked and nobody looks at the ring: the interface receives nothing until it goes down and up.',
    explainedBy: 'the board moved 3 frames and interrupted; the kernel received 0',
    replace: ['  napi.schedule()\n', ''],
  },
]
