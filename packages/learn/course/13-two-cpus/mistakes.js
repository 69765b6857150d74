// @ts-check

/**
 * Mistakes that learners make, as changes of the solution: each is found by a check, and the text
 * is in its explanation.
 * @type {import('@vnet/learn').Mistake[]}
 */
export const mistakes = [
  {
    name: 'module-ring',
    step: 1,
    inKernel:
      'A static variable of a module belongs to all its devices: with two cards, one changes the state of the other, and nothing in the log says so.',
    explainedBy: 'a variable of the module is shared by all devices',
    replace: [
      [
        `* @param {Device} dev
 */
function* transmit(cpu, skb, dev) {`,
        `* @param {Device} dev
 */
let isArmed = false
function* transmit(cpu, skb, dev) {`,
      ],
      [
        `if (ring.length === 0) {
    yield* cpu.armTimer()
  }`,
        `if (!isArmed) {
    yield* cpu.armTimer()
  }
  isArmed = true`,
      ],
      [
        `const ring = yield* cpu.read('ring')
  yield* cpu.write('ring', [])
  yield* cpu.unlock()
  for (const skb of ring) {
    netifRx(skb)`,
        `const ring = yield* cpu.read('ring')
  yield* cpu.write('ring', [])
  yield* cpu.unlock()
  isArmed = false
  for (const skb of ring) {
    netifRx(skb)`,
      ],
    ],
  },
  {
    name: 'no-lock-in-transmit',
    step: 1,
    inKernel:
      'Two CPUs change the list at the same time: a frame is lost, or a pointer leads to freed memory and the kernel crashes.',
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
    step: 2,
    inKernel:
      "A lock that one side takes protects nothing: the timer's function takes frames from a list that another CPU is changing.",
    explainedBy: 'is under the lock, on both CPUs',
    replace: [
      `function* expired(cpu) {
  yield* cpu.lock()
  const ring = yield* cpu.read('ring')
  yield* cpu.write('ring', [])
  yield* cpu.unlock()`,
      `function* expired(cpu) {
  const ring = yield* cpu.read('ring')
  yield* cpu.write('ring', [])`,
    ],
  },
  {
    name: 'reads-before-the-lock',
    step: 1,
    inKernel:
      'Between the read and the lock another CPU changes the value: its update is lost, and KCSAN may report the race.',
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
    step: 2,
    inKernel:
      'The next CPU that wants the lock spins for ever: the kernel logs a soft lockup after about 20 seconds.',
    explainedBy: 'soft lockup: CPU 0 waits for the lock',
    replace: [
      `const ring = yield* cpu.read('ring')
  yield* cpu.write('ring', [])
  yield* cpu.unlock()
  for (const skb of ring) {
    netifRx(skb)`,
      `const ring = yield* cpu.read('ring')
  yield* cpu.write('ring', [])
  for (const skb of ring) {
    netifRx(skb)`,
    ],
  },
  {
    name: 'yield-without-star',
    step: 1,
    inKernel:
      'C has no such trap, but spin_trylock has one like it: without a look at its result the code continues without the lock.',
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
    step: 1,
    inKernel: 'Nothing else looks at the ring: its frames remain there, and nothing is logged.',
    explainedBy: 'at 69 ms: none',
    replace: [
      `  if (ring.length === 0) {
    yield* cpu.armTimer()
  }
`,
      '',
    ],
  },
  {
    name: 'moves-the-timer',
    step: 1,
    inKernel:
      'mod_timer moves a timer that is pending: under a steady stream it does not expire until the ring is full or the stream pauses.',
    explainedBy: 'later ones do not move it',
    replace: [
      `if (ring.length === 0) {
    yield* cpu.armTimer()
  }`,
      'yield* cpu.armTimer()',
    ],
  },
  {
    name: 'takes-one',
    step: 2,
    inKernel:
      'All frames are removed from the ring, and only one is handed over: the others are leaked.',
    explainedBy: 'at 69 ms: 1;',
    replace: [
      `yield* cpu.unlock()
  for (const skb of ring) {
    netifRx(skb)`,
      `yield* cpu.unlock()
  for (const skb of ring.slice(0, 1)) {
    netifRx(skb)`,
    ],
  },
  {
    name: 'no-stop',
    step: 3,
    inKernel:
      'The ring grows without a limit, or overflows: the qdisc, which could keep the frames, is never told to.',
    explainedBy: 'the queue is stopped when the ring has 2',
    replace: ['  yield* cpu.stopQueue()\n', ''],
  },
  {
    name: 'stops-late',
    step: 3,
    inKernel:
      'One frame more than there are slots: in an array it is written past the end, or over the oldest one.',
    explainedBy: '6 frames were sent, and 3 are in the ring',
    replace: [
      "if ((yield* cpu.read('ring')).length < slots) return",
      "if ((yield* cpu.read('ring')).length <= slots) return",
    ],
  },
  {
    name: 'no-wake',
    step: 3,
    inKernel:
      'The queue remains stopped until the watchdog calls ndo_tx_timeout, or for ever without one.',
    explainedBy: 'the queue is stopped, the ring has 0',
    replace: [
      `  if (yield* cpu.read('isStopped')) {
    yield* cpu.wakeQueue()
  }
`,
      '',
    ],
  },
  {
    name: 'no-barrier-in-transmit',
    step: 3,
    inKernel:
      'netif_stop_queue has no barrier after its set_bit: on x86 it is a locked instruction and hides the mistake, on arm64 both sides may read old values, and the queue is stopped for ever.',
    explainedBy: 'the queue is stopped, the ring has 0',
    replace: ['  yield* cpu.stopQueue()\n  yield* cpu.barrier()\n', '  yield* cpu.stopQueue()\n'],
  },
  {
    name: 'no-barrier-in-expired',
    step: 3,
    inKernel:
      'A load may overtake an earlier store on every CPU, x86 too: both sides read old values, and the queue is stopped for ever. smp_mb prevents it.',
    explainedBy: 'the queue is stopped, the ring has 0',
    replace: [
      "  yield* cpu.barrier()\n  if (yield* cpu.read('isStopped'))",
      "  if (yield* cpu.read('isStopped'))",
    ],
  },
  {
    name: 'looks-once',
    step: 3,
    inKernel:
      'The other CPU made room before the stop, saw a running queue, and woke nothing. netif_txq_maybe_stop has the second look built in.',
    explainedBy: 'the queue is stopped, the ring has 0',
    replace: [
      `  if ((yield* cpu.read('ring')).length < slots) {
    yield* cpu.wakeQueue()
  }
`,
      '',
    ],
  },
  {
    name: 'barrier-before-stop',
    step: 3,
    inKernel:
      'A barrier orders what is before it and what is after it: here both the write and the look are after it, so it changes nothing.',
    explainedBy: 'the queue is stopped, the ring has 0',
    replace: [
      '  yield* cpu.stopQueue()\n  yield* cpu.barrier()\n',
      '  yield* cpu.barrier()\n  yield* cpu.stopQueue()\n',
    ],
  },
  {
    name: 'does-not-wait',
    step: 4,
    inKernel:
      'timer_delete returns while the function runs on another CPU: it uses a ring that is being emptied, and after rmmod memory and code that are free.',
    explainedBy: "the timer's function was still running on CPU 1",
    replace: ['cpu.deleteTimerSync()', 'cpu.deleteTimer()'],
  },
  {
    name: 'waits-with-the-lock',
    step: 4,
    inKernel:
      'The function waits for the lock, and its owner for the function: a deadlock, which lockdep reports for timer_delete_sync.',
    explainedBy: "soft lockup: CPU 0 waits for the timer's function, and CPU 1 waits for the lock",
    replace: [
      '  yield* cpu.deleteTimerSync()\n  yield* cpu.lock()\n',
      '  yield* cpu.lock()\n  yield* cpu.deleteTimerSync()\n',
    ],
  },
  {
    name: 'keeps-the-timer',
    step: 4,
    inKernel:
      'The timer expires after ndo_stop, and wakes the queue of an interface that is down; after rmmod it runs in memory that is free.',
    explainedBy: "the timer's function was still running on CPU 1",
    replace: ['  yield* cpu.deleteTimerSync()\n', ''],
  },
  {
    name: 'keeps-the-frames',
    step: 4,
    inKernel:
      'The frames remain in memory while the interface is down, arrive late when it comes up, and are leaked with the device.',
    explainedBy: 'which has 2 now; dropped: nothing',
    replace: [
      `  yield* cpu.lock()
  const ring = yield* cpu.read('ring')
  yield* cpu.write('ring', [])
  yield* cpu.unlock()
  for (const skb of ring) {
    skb.drop(SKB_DROP_REASON_DEV_STOPPED)
  }
`,
      '',
    ],
  },
]
