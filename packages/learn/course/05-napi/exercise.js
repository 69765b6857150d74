// @ts-check

import {
  counts,
  defineExercise,
  recordCalls,
  udpFrame,
  verify,
  verifyDownAndUp,
  verifyNothingLost,
  verifyUsed,
} from '@vnet/learn'
/** 5. NAPI: a poll in place of interrupts. */
import { devClose, devOpen, Napi } from 'vnet'

/** @typedef {import('vnet').Irq} Irq */
/** @typedef {import('vnet').Ring} Ring */
/** @typedef {import('@vnet/learn').TestBed} TestBed */

const MOVED = 1
const BUDGET = 64
const DELAY = 5
const PARAMS = { delay: DELAY, slots: 256 }

/** @typedef {{ irq: Irq, napi: Napi, board: { tx: Ring; rx: Ring } }} Priv */

/**
 * @param {TestBed} bed
 * @returns {Priv}
 */
const privOf = bed => /** @type {Priv} */ (bed.dev.priv)

/**
 * @param {TestBed} bed
 * @param {number} n
 */
function transmit(bed, n) {
  for (let i = 0; i < n; i++) {
    bed.transmit(udpFrame({ from: '198.18.0.1', to: '198.18.0.9' }))
  }
}

/**
 * Transmits frames, and has the board move them.
 * @param {TestBed} bed
 * @param {number} n
 */
function move(bed, n) {
  transmit(bed, n)
  bed.advance(`${DELAY}ms`)
}

/**
 * Records how many frames each poll takes from the rx ring.
 * @param {TestBed} bed
 * @returns {number[]}
 */
function recordPolls(bed) {
  const { napi, board } = privOf(bed)
  /** @type {number[]} */
  const taken = []
  napi.run = () => {
    const before = board.rx.length
    const again = Napi.prototype.run.call(napi)
    taken.push(before - board.rx.length)
    return again
  }
  return taken
}

export const exercise = defineExercise({
  version: 1,
  driver: 'napi.js',
  title: 'NAPI: a poll in place of interrupts',
  summary: 'a poll with a budget, in place of an interrupt for each batch',
  kernelNames: [
    'napi_struct',
    'netif_napi_add',
    'napi_enable',
    'napi_disable',
    'napi_schedule',
    'napi_complete_done',
    'NAPI_POLL_WEIGHT',
  ],
  params: PARAMS,
  rules: [
    {
      seen: /without napi_complete_done/,
      expected: 'napi.completeDone(work) in a poll that returns less than its budget',
      read: 'Complete, then unmask',
    },
    {
      seen: /interrupt handler .* runs without end/,
      expected: 'irq.acknowledge(), which clears the bits that raised the interrupt',
      read: 'Interrupt',
    },
  ],
  memory: [
    {
      title: 'takes no frame in the interrupt handler',
      read: 'Interrupt',
      run(bed) {
        const { irq, board } = privOf(bed)
        transmit(bed, 3)
        const { handle } = irq
        let left = -1
        irq.handle = () => {
          handle.call(irq)
          left = board.rx.length
        }
        bed.advance(`${DELAY}ms`)
        verify(left === 3, {
          seen: `the board moved 3 frames; when the handler had returned, the rx ring had ${Math.max(left, 0)}`,
          expected: '3: the handler only schedules the poll, which takes them',
        })
      },
    },
    {
      title: 'hands frames over in its poll',
      read: 'Poll',
      run(bed) {
        move(bed, 3)
        const { length } = bed.received
        verify(length === 3, {
          seen: `the board moved 3 frames and interrupted; the kernel received ${length}`,
          expected:
            '3: napi.enable() in ndoOpen, napi.schedule() in the handler, netifRx in the poll',
        })
      },
    },
    {
      title: 'masks the interrupt until the poll has run',
      read: 'Interrupt',
      run(bed) {
        const { irq } = privOf(bed)
        irq.status = MOVED
        irq.handle()
        irq.status = MOVED
        verify(irq.acknowledge() === 0, {
          seen: 'the handler had returned, the poll had not run, and MOVED could interrupt again',
          expected: 'irq.mask(MOVED): under load each frame would interrupt',
        })
        bed.advance(0)
      },
    },
    {
      title: 'acknowledges, then masks, then schedules the poll',
      read: 'Interrupt',
      run(bed) {
        const { irq, napi } = privOf(bed)
        const called = recordCalls({
          'irq.acknowledge': irq,
          'irq.mask': irq,
          'napi.schedule': napi,
        })
        move(bed, 1)
        const explain = /** @param {string} expected */ expected => ({
          seen: `the handler called ${called.join(', then ')}`,
          expected,
        })
        verify(
          called[0] === 'irq.acknowledge',
          explain('irq.acknowledge() first: the interrupt may be that of another card'),
        )
        verify(
          called.join(', ') === 'irq.acknowledge, irq.mask, napi.schedule',
          explain(
            'irq.mask(), then napi.schedule(): a poll on another CPU may unmask before the handler masks',
          ),
        )
      },
    },
    {
      title: 'lets the interrupt come again after the poll',
      read: 'Complete, then unmask',
      async run(bed, { another }) {
        move(bed, 1)
        move(bed, 1)
        const { length } = bed.received
        verify(length === 2, {
          seen: `a frame came back, then the board moved another; the kernel received ${length} of 2`,
          expected: '2: irq.unmask(MOVED) when the poll has found nothing more',
        })
        await another()
        move(bed, 1)
        verify(bed.received.length === 3, {
          seen: 'another device of this driver was made, and a frame of this one did not come back',
          expected:
            'the frame: board, irq and napi are in dev.priv; a variable of the module is shared by all devices',
        })
      },
    },
    {
      title: 'handles at most its budget in one poll',
      read: 'Budget',
      run(bed) {
        const polls = recordPolls(bed)
        move(bed, 150)
        const most = Math.max(...polls)
        verify(most <= BUDGET, {
          seen: `with 150 frames in the rx ring, one poll took ${most}`,
          expected: `${BUDGET} at most, its budget: other devices wait`,
        })
        verify(most === BUDGET, {
          seen: `with 150 frames in the rx ring, no poll took more than ${most}`,
          expected: `${BUDGET}, its budget: waking the queue is not work`,
          read: 'Poll',
        })
      },
    },
    {
      title: 'is polled again for the frames that remain',
      read: 'Budget',
      async run(_, { another }) {
        for (const n of [150, BUDGET]) {
          const bed = await another()
          const polls = recordPolls(bed)
          move(bed, n)
          const { length } = bed.received
          verify(length === n && privOf(bed).irq.count === 1, {
            seen: `of ${n} frames in the rx ring the kernel received ${length}, by polls of ${polls.join(', ')}, with ${privOf(bed).irq.count} interrupts`,
            expected: `${n}, with one interrupt: a poll that returns its whole budget is polled again`,
          })
        }
      },
    },
    {
      title: 'keeps to budgets of 8 and 0',
      read: 'Budget',
      run(bed) {
        const { irq, napi, board } = privOf(bed)
        transmit(bed, 20)
        bed.advance(`${DELAY - 1}ms`)
        while (board.tx.length > 0) {
          board.rx.push(/** @type {import('vnet').SkBuff} */ (board.tx.shift()))
        }
        for (const budget of [8, 0]) {
          const called = recordCalls({ 'napi.completeDone': napi, 'irq.unmask': irq })
          const before = board.rx.length
          const work = napi.busyPoll(budget)
          const taken = before - board.rx.length
          verify(taken === budget && work === budget, {
            seen: `with ${before} frames in the rx ring and a budget of ${budget}, a poll took ${taken} and returned ${work}`,
            expected: `${budget}: the budget is the argument, which is 64, 8 in busy polling, and 0 in netpoll`,
          })
          verify(called.length === 0, {
            seen: `a poll that returned its whole budget of ${budget} called ${called.join(', then ')}`,
            expected: 'neither: it has not completed',
          })
        }
        napi.schedule()
        bed.advance('1s')
      },
    },
    {
      title: 'misses no frame that arrives as the poll ends',
      read: 'Complete, then unmask',
      async run(_, { another }) {
        for (const moment of /** @type {const} */ (['completes', 'has unmasked'])) {
          const bed = await another()
          const { irq, napi, board } = privOf(bed)
          transmit(bed, 2)
          let unmasks = ['irq.unmask']
          // The board keeps one frame, which it moves at that moment.
          const late = board.tx.shift()
          /** @param {() => void} announce */
          const arrive = announce => {
            Reflect.deleteProperty(napi, 'completeDone')
            Reflect.deleteProperty(irq, 'unmask')
            if (late !== undefined) {
              board.rx.push(late)
            }
            announce()
          }
          if (moment === 'completes') {
            napi.completeDone = work => {
              arrive(() => napi.schedule())
              unmasks = recordCalls({ 'irq.unmask': irq })
              return napi.completeDone(work)
            }
          } else {
            irq.unmask = bits => {
              arrive(() => irq.unmask(bits))
              irq.status |= MOVED
              irq.handle()
            }
          }
          bed.advance('1s')
          const { length } = bed.received
          verify(length === 2, {
            seen: `a frame arrived when the poll ${moment}; the kernel received ${length} of 2`,
            expected:
              '2: if completeDone returns false, the poll is called again, and unmasks then; if true, it unmasks now',
          })
          verify(unmasks.length === 1, {
            seen: `a frame arrived when the poll ${moment}, so completeDone returned false; irq.unmask was called ${unmasks.length} times`,
            expected: '1 time, by the poll that follows: this one has not completed',
          })
        }
      },
    },
    {
      title: 'completes before it unmasks',
      read: 'Complete, then unmask',
      run(bed) {
        const { irq, napi } = privOf(bed)
        const called = recordCalls({ 'napi.completeDone': napi, 'irq.unmask': irq })
        move(bed, 1)
        verify(called[0] === 'napi.completeDone' && called.at(-1) === 'irq.unmask', {
          seen: `the poll called ${called.join(', then ') || 'neither completeDone nor unmask'}`,
          expected:
            'if (napi.completeDone(work)) irq.unmask(MOVED): a poll that is still scheduled is not interrupted',
        })
      },
    },
    {
      title: 'loses nothing when the tx ring is full',
      read: 'Poll',
      params: { delay: DELAY, slots: 4 },
      run(bed) {
        transmit(bed, 20)
        bed.advance('1s')
        const { length } = bed.received
        verify(length === 20, {
          seen: `20 frames, with rings of 4: ${length} came back${bed.dev.tx[0]?.stopped ? '; the queue is still stopped' : ''}; dropped: ${counts(bed.drops())}`,
          expected: '20: the poll wakes the queue',
        })
      },
    },
    {
      title: 'completes what was transmitted, with a budget of 0, too',
      read: 'Budget',
      run(bed) {
        const { napi } = privOf(bed)
        const [queue] = bed.dev.tx
        queue?.stop()
        napi.busyPoll(0)
        verify(queue?.stopped === false, {
          seen: 'a poll with a budget of 0 left the queue stopped',
          expected:
            'the queue is woken before anything else: netpoll asks for room to send the log of a kernel',
        })
      },
    },
    {
      title: 'unmasks only if completeDone returned true',
      read: 'Complete, then unmask',
      run(bed) {
        const { irq, napi, board } = privOf(bed)
        transmit(bed, 3)
        bed.advance(`${DELAY - 1}ms`)
        while (board.tx.length > 0) {
          board.rx.push(/** @type {import('vnet').SkBuff} */ (board.tx.shift()))
        }
        const called = recordCalls({ 'napi.completeDone': napi, 'irq.unmask': irq })
        const work = napi.busyPoll(8)
        verify(work === 3 && called[0] === 'napi.completeDone', {
          seen: `a poll with a budget of 8 found 3 frames, returned ${work}, and called ${called.join(', then ') || 'nothing'}`,
          expected: '3, and napi.completeDone(3): it took less than its budget',
        })
        verify(!called.includes('irq.unmask'), {
          seen: 'napi.completeDone(3) returned false, and the poll called irq.unmask',
          expected: 'no unmask: it has not completed, and the poll that follows unmasks',
        })
        bed.advance('1s')
      },
    },
    {
      title: 'leaves the interrupts of other cards to them',
      read: 'Interrupt',
      run(bed) {
        const { irq, napi } = privOf(bed)
        const { polls } = napi
        irq.raise(0)
        bed.advance(0)
        verify(irq.spurious === 1 && napi.polls === polls, {
          seen: `an interrupt without a bit in the status word: the handler returned ${irq.spurious === 1 ? 'IRQ_NONE' : 'IRQ_HANDLED'}, and ${napi.polls - polls} polls ran`,
          expected: 'IRQ_NONE, and no poll: it was another card',
        })
      },
    },
    {
      title: 'goes down with a poll scheduled, and works again when it is up',
      read: 'Enable and disable',
      async run(bed) {
        const { irq } = privOf(bed)
        transmit(bed, 1)
        irq.status = MOVED
        irq.handle()
        await devClose(bed.dev)
        bed.advance('1s')
        await devOpen(bed.dev)
        move(bed, 1)
        const { length } = bed.received
        verify(length === 1, {
          seen: `the interface went down and up again, then a frame: the kernel received ${length}`,
          expected: '1: napi.enable() in ndoOpen, each time',
        })
      },
    },
    {
      title:
        'enables the poll before the interrupt, and disables it between the interrupt and the rings',
      read: 'Enable and disable',
      async run(bed) {
        const { irq, napi, board } = privOf(bed)
        const called = recordCalls({
          'irq.free': irq,
          'napi.disable': napi,
          'board.reset': board,
          'napi.enable': napi,
          'irq.request': irq,
        })
        await devClose(bed.dev)
        verify(called.join(', ') === 'irq.free, napi.disable, board.reset', {
          seen: `ndoStop called ${called.join(', then ')}`,
          expected:
            'irq.free(), whose handler schedules the poll; napi.disable(); then board.reset(), which empties the rings',
        })
        called.length = 0
        await devOpen(bed.dev)
        verify(called.join(', ') === 'napi.enable, irq.request', {
          seen: `ndoOpen called ${called.join(', then ')}`,
          expected:
            'napi.enable(), then irq.request(): an interrupt may come at once, and schedules the poll',
        })
      },
    },
  ],
  live: [
    {
      title: 'a flood of pings loses nothing, with rings of four',
      needs: ['ping', 'ip'],
      read: 'See it live',
      run: live => verifyNothingLost(live, ['--slots', '4'], { count: 2000 }),
    },
    {
      title: 'frames are received by polls',
      notInKernel: 'no virtual machine runs vnet show',
      needs: ['ping'],
      read: 'Enable and disable',
      run: live => verifyUsed(live, [], 'napi'),
    },
    {
      title: 'pings come back after the interface was taken down and up',
      needs: ['ping', 'ip'],
      read: 'Enable and disable',
      run: live => verifyDownAndUp(live),
    },
  ],
})
