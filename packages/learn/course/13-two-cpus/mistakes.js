// @ts-check

/**
 * Mistakes that learners make, as changes of the solution: each is found by a check, and the text
 * is in its explanation.
 * @type {import('@vnet/learn').Mistake[]}
 */
export const mistakes = [
  {
    name: 'module-ring',
    explainedBy: 'a variable of the module is shared by all devices',
    replace: [
      ['function* transmit(cpu', 'let isArmed = false\nfunction* transmit(cpu'],
      ['if (ring.length === 0) yield* cpu.armTimer()', 'if (!isArmed) yield* cpu.armTimer()\n  isArmed = true'],
      ['for (const skb of ring) netifRx(skb)', 'isArmed = false\n  for (const skb of ring) netifRx(skb)'],
    ],
  },
  {
    name: 'no-lock-in-transmit',
    explainedBy: 'is under the lock, on both CPUs',
    replace: [
      `  yield* cpu.lock()
  const ring = yield* cpu.read('ring')
  yield* cpu.write('ring', [...ring, skb])
  yield* cpu.unlock()`,
      `  const ring = yield* cpu.read('ring')
  yield* cpu.write('ring', [...ring, skb])`,
    ],
  },
  {
    name: 'no-lock-in-expired',
    explainedBy: 'is under the lock, on both CPUs',
    replace: [
      `  yield* cpu.lock()
  const ring = yield* cpu.read('ring')
  yield* cpu.write('ring', [])
  yield* cpu.unlock()
  for (const skb of ring) netifRx(skb)`,
      `  const ring = yield* cpu.read('ring')
  yield* cpu.write('ring', [])
  for (const skb of ring) netifRx(skb)`,
    ],
  },
  {
    name: 'reads-before-the-lock',
    explainedBy: 'is under the lock, on both CPUs',
    replace: [
      `  yield* cpu.lock()
  const ring = yield* cpu.read('ring')
  yield* cpu.write('ring', [...ring, skb])`,
      `  const ring = yield* cpu.read('ring')
  yield* cpu.lock()
  yield* cpu.write('ring', [...ring, skb])`,
    ],
  },
  {
    name: 'never-unlocks',
    explainedBy: 'soft lockup: CPU 0 waits for the lock',
    replace: [
      `  yield* cpu.unlock()
  for (const skb of ring) netifRx(skb)`,
      '  for (const skb of ring) netifRx(skb)',
    ],
  },
  {
    name: 'yield-without-star',
    explainedBy: 'yield without *: yield* cpu.lock()',
    replace: [
      `  yield* cpu.lock()
  const ring = yield* cpu.read('ring')
  yield* cpu.write('ring', [...ring, skb])`,
      `  yield cpu.lock()
  const ring = yield* cpu.read('ring')
  yield* cpu.write('ring', [...ring, skb])`,
    ],
  },
  {
    name: 'no-timer',
    explainedBy: 'at 69 ms: none',
    replace: ['  if (ring.length === 0) yield* cpu.armTimer()\n', ''],
  },
  {
    name: 'moves-the-timer',
    explainedBy: 'later ones do not move it',
    replace: ['if (ring.length === 0) yield* cpu.armTimer()', 'yield* cpu.armTimer()'],
  },
  {
    name: 'takes-one',
    explainedBy: 'at 69 ms: 1;',
    replace: ['for (const skb of ring) netifRx(skb)', 'for (const skb of ring.slice(0, 1)) netifRx(skb)'],
  },
  {
    name: 'no-stop',
    explainedBy: 'the queue is stopped when the ring has 2',
    replace: ['  yield* cpu.stopQueue()\n', ''],
  },
  {
    name: 'stops-late',
    explainedBy: '6 frames were sent, and 3 are in the ring',
    replace: [
      "if ((yield* cpu.read('ring')).length < slots) return",
      "if ((yield* cpu.read('ring')).length <= slots) return",
    ],
  },
  {
    name: 'no-wake',
    explainedBy: 'the queue is stopped, the ring has 0',
    replace: ["  if (yield* cpu.read('isStopped')) yield* cpu.wakeQueue()\n", ''],
  },
  {
    name: 'no-barrier-in-transmit',
    explainedBy: 'the queue is stopped, the ring has 0',
    replace: ['  yield* cpu.stopQueue()\n  yield* cpu.barrier()\n', '  yield* cpu.stopQueue()\n'],
  },
  {
    name: 'no-barrier-in-expired',
    explainedBy: 'the queue is stopped, the ring has 0',
    replace: ["  yield* cpu.barrier()\n  if (yield* cpu.read('isStopped'))", "  if (yield* cpu.read('isStopped'))"],
  },
  {
    name: 'looks-once',
    explainedBy: 'the queue is stopped, the ring has 0',
    replace: [
      "  yield* cpu.barrier()\n  if ((yield* cpu.read('ring')).length < slots) yield* cpu.wakeQueue()\n",
      '  yield* cpu.barrier()\n',
    ],
  },
  {
    name: 'barrier-before-stop',
    explainedBy: 'the queue is stopped, the ring has 0',
    replace: [
      '  yield* cpu.stopQueue()\n  yield* cpu.barrier()\n',
      '  yield* cpu.barrier()\n  yield* cpu.stopQueue()\n',
    ],
  },
  {
    name: 'does-not-wait',
    explainedBy: "the timer's function was still running on CPU 1",
    replace: ['cpu.deleteTimerSync()', 'cpu.deleteTimer()'],
  },
  {
    name: 'waits-with-the-lock',
    explainedBy: "soft lockup: CPU 0 waits for the timer's function, and CPU 1 waits for the lock",
    replace: [
      '  yield* cpu.deleteTimerSync()\n  yield* cpu.lock()\n',
      '  yield* cpu.lock()\n  yield* cpu.deleteTimerSync()\n',
    ],
  },
  {
    name: 'keeps-the-timer',
    explainedBy: "the timer's function was still running on CPU 1",
    replace: ['  yield* cpu.deleteTimerSync()\n', ''],
  },
  {
    name: 'keeps-the-frames',
    explainedBy: 'which has 2 now; dropped: nothing',
    replace: [
      `  yield* cpu.lock()
  const ring = yield* cpu.read('ring')
  yield* cpu.write('ring', [])
  yield* cpu.unlock()
  for (const skb of ring) skb.drop(SKB_DROP_REASON_DEV_STOPPED)
`,
      '',
    ],
  },
]
