// @ts-check

import {
  arpRequest,
  beforeCall,
  counts,
  defineExercise,
  recordCalls,
  udpFrame,
  verify,
  verifyDownAndUp,
  verifyNothingLost,
  verifyUsed,
} from '@vnet/learn'
/** 4. An interrupt: the card reports an event. */
import { devClose, devOpen } from 'vnet'

/** @typedef {import('vnet').Irq} Irq */
/** @typedef {import('vnet').Ring} Ring */
/** @typedef {import('@vnet/learn').TestBed} TestBed */

const TX_DONE = 1
const RX_READY = 2
const DELAY = 5
const SLOTS = 4
const PARAMS = { delay: DELAY, slots: SLOTS }

/** @typedef {{ irq: Irq, board: { tx: Ring; rx: Ring } }} Priv */

/**
 * @param {TestBed} bed
 * @returns {Irq}
 */
const irqOf = bed => /** @type {Priv} */ (bed.dev.priv).irq

/**
 * Raises an interrupt, which is taken.
 * @param {TestBed} bed
 * @param {number} bits
 */
function raise(bed, bits) {
  irqOf(bed).raise(bits)
  bed.advance(0)
}

/**
 * @param {TestBed} bed
 * @param {number} n
 */
function transmit(bed, n) {
  for (let i = 0; i < n; i++) {
    bed.transmit(udpFrame({ from: '198.18.0.1', to: '198.18.0.9' }))
  }
}

export const exercise = defineExercise({
  version: 1,
  driver: 'interrupt.js',
  title: 'An interrupt: the card has something to say',
  summary: 'a card that interrupts: a handler, a status word, a line that is shared',
  kernelNames: ['request_irq', 'free_irq', 'irqreturn_t', 'IRQ_HANDLED', 'IRQ_NONE', 'IRQF_SHARED'],
  params: PARAMS,
  memory: [
    {
      title: 'has a handler while the interface is up, and only then',
      read: 'Request and free',
      async run(bed) {
        /** @returns {number} */
        const taken = () => irqOf(bed).count
        raise(bed, 0)
        verify(taken() === 1, {
          seen: 'an interrupt was raised while the interface was up, and no handler ran',
          expected: 'a handler, requested in ndoOpen',
        })
        await devClose(bed.dev)
        raise(bed, 0)
        verify(taken() === 1, {
          seen: 'an interrupt was raised after the interface had gone down, and the handler ran',
          expected: 'no handler: irq.free() in ndoStop',
        })
        await devOpen(bed.dev)
        raise(bed, 0)
        verify(taken() === 2, {
          seen: 'the interface went down and up again, an interrupt was raised, and no handler ran',
          expected: 'a handler: ndoOpen requests it each time',
        })
      },
    },
    {
      title: 'has the handler before the queue runs, and until the board is reset',
      read: 'Request and free',
      async run(bed) {
        const { irq, board } = /** @type {Priv} */ (bed.dev.priv)
        const called = recordCalls({ 'irq.free': irq, 'board.reset': board })
        await devClose(bed.dev)
        verify(called.join(', ') === 'irq.free, board.reset', {
          seen: `ndoStop called ${called.join(', then ')}`,
          expected:
            'irq.free(), then board.reset(): on another CPU the handler may still use the rings',
        })
        let isStopped = false
        beforeCall(irq, 'request', () => {
          isStopped = bed.dev.tx[0]?.stopped === true
        })
        await devOpen(bed.dev)
        verify(isStopped, {
          seen: 'ndoOpen had started 1 queue when it called irq.request',
          expected:
            '0: on another CPU a frame is sent as soon as the queue runs, and its interrupt needs a handler',
        })
      },
    },
    {
      title: 'gives the board each frame, and the kernel what the board received',
      read: 'What to do',
      async run(bed, { another }) {
        transmit(bed, 1)
        bed.advance(`${DELAY}ms`)
        const { irq, board } = /** @type {Priv} */ (bed.dev.priv)
        const there = `tx ring ${board.tx.length}, rx ring ${board.rx.length}, interrupts ${irq.count}`
        verify(bed.received.length === 1, {
          seen: `a frame was transmitted, and the kernel received none; ${there}; dropped: ${counts(bed.drops())}`,
          expected: `the frame, after ${DELAY} ms: tx ring, kick, interrupt, rx ring, netifRx`,
        })
        irq.mask(TX_DONE | RX_READY)
        transmit(bed, 1)
        bed.advance(`${DELAY}ms`)
        verify(bed.received.length === 1 && board.rx.length === 1, {
          seen: 'with its interrupts masked, the board gave a frame to the kernel',
          expected:
            'the frame in the rx ring: the handler hands it over, and nothing in Board changes',
        })
        irq.unmask(TX_DONE | RX_READY)
        bed.advance(0)
        await another()
        transmit(bed, 1)
        bed.advance(`${DELAY}ms`)
        verify(bed.received.at(2) !== undefined, {
          seen: 'another device of this driver was made, and a frame of this one did not come back',
          expected:
            'the frame: the board is in dev.priv; a variable of the module is shared by all devices',
        })
      },
    },
    {
      title: 'takes all frames of one interrupt',
      read: 'Many frames, one interrupt',
      run(bed) {
        transmit(bed, 3)
        bed.advance(`${DELAY}ms`)
        verify(bed.received.length === 3, {
          seen: `the board moved 3 frames and raised ${irqOf(bed).count} interrupt; the kernel received ${bed.received.length}`,
          expected: '3: until the rx ring is empty',
        })
      },
    },
    {
      title: 'returns IRQ_NONE for the interrupt of another card, and IRQ_HANDLED for its own',
      read: 'Whose interrupt is it',
      run(bed) {
        /** @returns {number} */
        const spurious = () => irqOf(bed).spurious
        raise(bed, 0)
        verify(spurious() === 1, {
          seen: 'the handler returned IRQ_HANDLED for an interrupt without a bit in the status word',
          expected: 'IRQ_NONE: it was another card',
        })
        transmit(bed, 1)
        bed.advance(`${DELAY}ms`)
        verify(spurious() === 1, {
          seen: "the handler returned IRQ_NONE for an interrupt of its own board's",
          expected: 'IRQ_HANDLED',
        })
        for (const [name, bit] of Object.entries({ TX_DONE, RX_READY })) {
          raise(bed, bit)
          verify(spurious() === 1, {
            seen: `the handler returned IRQ_NONE for an interrupt with ${name} alone`,
            expected: 'IRQ_HANDLED: each of the two bits is of its own board',
          })
        }
      },
    },
    {
      title: 'acknowledges each interrupt',
      read: 'Acknowledge',
      run(bed) {
        transmit(bed, 1)
        bed.advance(`${DELAY}ms`)
        const { status } = irqOf(bed)
        verify(status === 0, {
          seen: `after the interrupt the status word is still ${status}`,
          expected: '0: irq.acknowledge() clears what it returns',
        })
      },
    },
    {
      title: 'stops the queue when the tx ring is full, and loses nothing',
      read: 'What to do',
      async run(bed, { another }) {
        bed.transmit(arpRequest({ from: '198.18.0.1', to: '198.18.0.9' }))
        const dropped = counts(bed.drops())
        verify(dropped === 'UNHANDLED_PROTO 1', {
          seen: `an ARP request: dropped: ${dropped}; held: ${bed.balance().held}`,
          expected: 'UNHANDLED_PROTO 1, and no place in the ring',
        })
        const longer = await another({ ...PARAMS, slots: 2 * SLOTS })
        transmit(longer, 2 * SLOTS + 2)
        const { held: most } = longer.balance()
        verify(most === 2 * SLOTS, {
          seen: `${2 * SLOTS + 2} frames for a tx ring of ${2 * SLOTS}: the driver has ${most}`,
          expected: `${2 * SLOTS}: board.tx.capacity is the number of places`,
        })
        longer.advance('1s')
        const n = 2 * SLOTS + 2
        transmit(bed, n)
        const { held } = bed.balance()
        verify(bed.dev.tx[0]?.stopped === true && held === SLOTS, {
          seen: `${n} frames for a tx ring of ${SLOTS}: the driver has ${held}; dropped: ${counts(bed.drops())}`,
          expected: `${SLOTS}, and a queue that is stopped: the others wait in the kernel`,
        })
        bed.advance('1s')
        verify(bed.received.length === n, {
          seen: `${bed.received.length} of ${n} frames came back`,
          expected: 'all: TX_DONE wakes the queue',
          read: 'Many frames, one interrupt',
        })
      },
    },
    {
      title: 'wakes the queue on TX_DONE alone',
      read: 'Many frames, one interrupt',
      run(bed) {
        bed.dev.tx[0]?.stop()
        raise(bed, TX_DONE)
        verify(bed.dev.tx[0]?.stopped === false, {
          seen: 'the queue was stopped, an interrupt said TX_DONE alone, and the queue is still stopped',
          expected: 'the queue is woken: each bit has a meaning of its own',
        })
        bed.dev.tx[0]?.stop()
        raise(bed, RX_READY)
        const [queue] = bed.dev.tx
        verify(queue?.stopped === true, {
          seen: 'the queue was stopped, an interrupt said RX_READY alone, and the queue was woken',
          expected: 'the queue stays stopped: only TX_DONE says that the tx ring has room',
        })
        queue.wake()
      },
    },
    {
      title: 'misses nothing that the board raises while the handler works',
      read: 'Acknowledge',
      run(bed) {
        const { irq, board } = /** @type {Priv} */ (bed.dev.priv)
        transmit(bed, 1)
        bed.dev.tx[0]?.stop()
        const skb = board.tx.shift()
        if (skb !== undefined) {
          board.rx.push(skb)
        }
        // The handler takes the frame, and meanwhile the board finishes another one.
        const { shift } = board.rx
        board.rx.shift = () => {
          board.rx.shift = shift
          irq.raise(TX_DONE)
          return board.rx.shift()
        }
        raise(bed, RX_READY)
        verify(bed.received.length === 1, {
          seen: 'an interrupt said RX_READY alone, with a frame in the rx ring, and the kernel did not receive it',
          expected: 'the frame: look at each bit by itself',
          read: 'Many frames, one interrupt',
        })
        verify(bed.dev.tx[0]?.stopped === false, {
          seen: `the board raised TX_DONE while the handler took a frame; the status word is ${irq.status}, and the queue is still stopped`,
          expected:
            'a new interrupt, which wakes it: acknowledge first, or you clear what you have not looked at',
        })
      },
    },
  ],
  live: [
    {
      title: 'ping loses nothing while another card interrupts',
      needs: ['ping', 'ip'],
      read: 'See it live',
      run: live => verifyNothingLost(live, ['--spurious', '2'], { count: 20, interval: '0.02' }),
    },
    {
      title: 'frames are received by interrupts',
      notInKernel: 'no virtual machine runs vnet show',
      needs: ['ping'],
      read: 'Request and free',
      run: live => verifyUsed(live, [], 'irq'),
    },
    {
      title: 'pings come back after the interface was taken down and up',
      needs: ['ping', 'ip'],
      read: 'Request and free',
      run: live => verifyDownAndUp(live),
    },
  ],
})
