// @ts-check

/**
 * Mistakes that learners make, as changes of the solution: each is found by a check, and the text
 * is in its explanation.
 * @type {import('@vnet/learn').Mistake[]}
 */
export const mistakes = [
  {
    name: 'acknowledges-nothing',
    explainedBy: 'irq.acknowledge(), which clears the bits',
    replace: ['if (irq.acknowledge() === 0) return IRQ_NONE', ''],
  },
  {
    name: 'always-completes',
    explainedBy: 'napi_complete_done with 64 of 64',
    replace: [
      'if (work < budget && napi.completeDone(work)) irq.unmask(MOVED)',
      `napi.completeDone(work)
  irq.unmask(MOVED)`,
    ],
  },
  {
    name: 'completes-and-schedules',
    explainedBy: 'returned 64, its whole budget, after napi_complete_done with 0',
    replace: [
      'if (work < budget && napi.completeDone(work)) irq.unmask(MOVED)',
      `napi.completeDone(0)
  if (work < budget) irq.unmask(MOVED)
  else napi.schedule()`,
    ],
  },
  {
    name: 'completes-when-empty',
    explainedBy: 'napi_complete_done with 64 of 64',
    replace: ['if (work < budget && napi', 'if (board.rx.length === 0 && napi'],
  },
  {
    name: 'no-budget',
    explainedBy: 'one poll took 150',
    replace: ['while (work < budget && board.rx.length > 0) {', 'while (board.rx.length > 0) {'],
  },
  {
    name: 'no-disable',
    explainedBy: 'napi_enable of a poll that is enabled',
    replace: ['dev.priv.napi.disable()', ''],
  },
  {
    name: 'no-enable',
    explainedBy: 'napi_schedule before napi_enable',
    replace: ['dev.priv.napi.enable()', ''],
  },
  {
    name: 'no-mask',
    explainedBy: 'MOVED could interrupt again',
    replace: ['irq.mask(MOVED)', ''],
  },
  {
    name: 'no-unmask',
    explainedBy: 'the kernel received 1 of 2',
    replace: [
      'if (work < budget && napi.completeDone(work)) irq.unmask(MOVED)',
      'if (work < budget) napi.completeDone(work)',
    ],
  },
  {
    name: 'no-wake',
    explainedBy: 'the queue is still stopped',
    replace: ['netifTxWakeAllQueues(dev)', ''],
  },
  {
    name: 'returns-budget',
    explainedBy: 'returned 64, its whole budget, after napi_complete_done with 3',
    replace: ['return work', 'return budget'],
  },
  {
    name: 'returns-nothing',
    explainedBy: 'napi poll: returned undefined',
    replace: ['return work', ''],
  },
  {
    name: 'unmasks-first',
    explainedBy: 'the poll called irq.unmask, then napi.completeDone',
    replace: [
      'if (work < budget && napi.completeDone(work)) irq.unmask(MOVED)',
      `if (work < budget) {
    irq.unmask(MOVED)
    napi.completeDone(work)
  }`,
    ],
  },
  {
    name: 'completes-until-true',
    explainedBy: 'a frame arrived when the poll completes; the kernel received 1 of 2',
    replace: [
      'if (work < budget && napi.completeDone(work)) irq.unmask(MOVED)',
      `if (work < budget) {
    while (!napi.completeDone(work));
    irq.unmask(MOVED)
  }`,
    ],
  },
  {
    name: 'fixed-budget',
    explainedBy: 'with 20 frames in the rx ring and a budget of 8, a poll took 20',
    replace: [
      ['while (work < budget && board', 'while (work < 64 && board'],
      ['if (work < budget && napi', 'if (work < 64 && napi'],
    ],
  },
  {
    name: 'completes-budget-of-0',
    explainedBy: 'its whole budget of 0 called napi.completeDone',
    replace: ['if (work < budget && napi', 'if (work < Math.max(budget, 1) && napi'],
  },
  {
    name: 'works-in-handler',
    explainedBy: 'when the handler had returned, the rx ring had 0',
    replace: [
      'return IRQ_HANDLED',
      `poll(dev, 64)
  return IRQ_HANDLED`,
    ],
  },
  {
    name: 'wake-is-work',
    explainedBy: 'no poll took more than 63',
    replace: ['let work = 0', 'let work = 1'],
  },
  {
    name: 'schedules-first',
    explainedBy: 'napi.schedule, then irq.acknowledge',
    replace: [
      'if (irq.acknowledge() === 0) return IRQ_NONE',
      'napi.schedule()\n  if (irq.acknowledge() === 0) return IRQ_NONE',
    ],
  },
  {
    name: 'requests-first',
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
    explainedBy: 'napi.completeDone(work) in a poll that returns less',
    replace: ['if (work < budget && napi.completeDone(work))', 'if (work < budget)'],
  },
  {
    name: 'disables-first',
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
    explainedBy: 'irq.acknowledge, then napi.schedule, then irq.mask',
    replace: [
      `irq.mask(MOVED)
  napi.schedule()`,
      `napi.schedule()
  irq.mask(MOVED)`,
    ],
  },
]
