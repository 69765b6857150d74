// @ts-check

import {
  arpRequest,
  beforeCall,
  counts,
  defineExercise,
  udpFrame,
  unregisterNetdev,
  verify,
  verifyNothingLost,
} from '@vnet/learn'
/** 12. The board: a driver of your own. */
import { devClose, devOpen, TX_ERRORS } from 'vnet'

/** @typedef {import('vnet').Irq} Irq */
/** @typedef {import('vnet').NetDevice} NetDevice */
/** @typedef {import('vnet').Ring} Ring */
/** @typedef {import('vnet').SkBuff} SkBuff */
/** @typedef {import('@vnet/learn').TestBed} TestBed */

const RX_INTR = 1
const TX_INTR = 2
const TIMEOUT = 50
/** The framework warns each time that the watchdog finds a queue. */
const WATCHDOG = /NETDEV WATCHDOG/
const FAR = '198.18.0.2'
/** Behind the headers of Ethernet, IPv4 and UDP. */
const NUMBER_AT = 42

/**
 * The parts of SnullHw that the checks use.
 * @typedef {object} Board
 * @property {Irq} irq
 * @property {Ring} rxRing
 * @property {(skb: SkBuff, peer: NetDevice, receiver: Board) => boolean} transmit
 * @property {(queue: number) => boolean} reclaim
 * @property {(fault: string, queue: number) => void} trigger
 */

/**
 * @param {TestBed} arg
 * @returns {Board}
 */
const hwOf = ({ devices }, at = 0) =>
  /** @type {import('vnet').NetDevice<{ hw: Board }>} */ (devices[at]).priv.hw
/**
 * @param {TestBed} bed
 * @returns {NetDevice}
 */
const deviceOf = (bed, at = 0) => /** @type {NetDevice} */ (bed.devices[at])

/**
 * The kernel transmits frames with these numbers by the first device, in one batch.
 * @param {TestBed} bed
 * @param {number} first
 * @param {number} last
 */
function transmit(bed, first, last, queue = 0) {
  for (let n = first; n <= last; n++) {
    bed
      .port()
      .transmit(
        udpFrame({ from: '198.18.0.1', to: FAR, payload: new Uint8Array(18).fill(n) }),
        queue,
      )
  }
  bed.advance(0)
}

/**
 * The numbers that the kernel received by the second device.
 * @param {TestBed} bed
 * @returns {string}
 */
function arrived(bed) {
  const { received } = bed.port(bed.devices[1]?.name)
  return received.map(({ bytes }) => bytes[NUMBER_AT]).join(' ')
}

/**
 * @param {number} n
 * @returns {string}
 */
const upTo = n => Array.from({ length: n }, (_, i) => i + 1).join(' ')

/**
 * @param {TestBed} bed
 * @param {string} fault
 */
function trigger(bed, fault, queue = 0) {
  hwOf(bed).trigger(fault, queue)
}

/**
 * Returns the queues on which the board got a frame although it had reported that it was full.
 * @param {TestBed} bed
 * @returns {number[]}
 */
function overruns(bed) {
  const hw = hwOf(bed)
  const full = new Set()
  /** @type {number[]} */
  const found = []
  const [transmit, reclaim] = [hw.transmit.bind(hw), hw.reclaim.bind(hw)]
  hw.transmit = (skb, peer, receiver) => {
    const { queueMapping } = skb
    if (full.has(queueMapping)) {
      found.push(queueMapping)
    }
    const isFree = transmit(skb, peer, receiver)
    if (!isFree) {
      full.add(queueMapping)
    }
    return isFree
  }
  hw.reclaim = queue => {
    const isFree = reclaim(queue)
    if (isFree) {
      full.delete(queue)
    }
    return isFree
  }
  return found
}

/** @param {number[]} found */
function verifyNoOverrun(
  found,
  why = 'transmit returned false, so the queue is stopped, and woken when reclaim returns true',
) {
  verify(found.length === 0, {
    seen: `${found.length} frames were given to the board on queue ${found[0]} without a free buffer`,
    expected: `none: ${why}`,
  })
}

/**
 * @param {TestBed} bed
 * @param {string} what
 * @param {string} expected
 * @param {string} why
 */
function verifyArrived(bed, what, expected, why) {
  const seen = arrived(bed)
  verify(seen === expected, {
    seen: `${what}: frames ${seen || 'none'} arrived; dropped: ${counts(bed.drops())}`,
    expected: `${expected || 'none'}: ${why}`,
  })
}

export const exercise = defineExercise({
  version: 1,
  driver: 'board.js',
  title: 'The board: a driver of your own',
  summary: 'without a skeleton: a whole driver for the board of snull, with all its faults',
  addresses: ['198.18.0.1/24', '198.18.1.2/24'],
  kernelNames: [
    'ndo_open',
    'ndo_stop',
    'ndo_start_xmit',
    'ndo_tx_timeout',
    'watchdog_timeo',
    'eth_type_trans',
    'netif_tx_wake_queue',
  ],
  memory: [
    {
      title: 'carries a ping over both boards',
      read: 'What to do',
      async run(bed, { another }) {
        const { received } = bed.ping({ to: FAR, count: 3, interval: '1ms', timeout: '10ms' })
        const interrupts = [0, 1].map(at => hwOf(bed, at).irq.count)
        verify(received === 3, {
          seen: `${received} of 3 pings of ${FAR}; the boards interrupted ${interrupts.join(' and ')} times; dropped: ${counts(bed.drops())}`,
          expected:
            '3: transmit on one board; on the other an interrupt, skb.dev = dev and netifRx; and back, for both boards',
          read: interrupts[1] === 0 ? 'What to do' : 'The interrupt',
        })
        await another()
        const { received: more } = bed.ping({ to: FAR, timeout: '10ms' })
        verify(more === 1, {
          seen: `two more boards were made, and ${more} of 1 ping crossed the first two`,
          expected:
            '1: the state of a device is in dev.priv; a variable of the module is shared by all devices',
        })
      },
    },
    {
      title: 'drops what it cannot translate',
      read: 'What to do',
      run(bed) {
        bed.transmit(arpRequest({ from: '198.18.0.1', to: FAR }))
        const [dropped, seen] = [counts(bed.drops()), arrived(bed)]
        verify(dropped === 'NEIGH 1' && seen === '', {
          seen: `an ARP request; dropped: ${dropped}; ${seen === '' ? 'none' : 'one'} arrived`,
          expected: 'NEIGH 1, the reason that translate returned, and none',
        })
      },
    },
    {
      title: 'takes all frames of one interrupt',
      read: 'The interrupt',
      run(bed) {
        transmit(bed, 1, 5)
        verifyArrived(
          bed,
          'frames 1 to 5 with one interrupt',
          upTo(5),
          'until the rx ring is empty',
        )
        const { irq } = hwOf(bed, 1)
        irq.mask(RX_INTR | TX_INTR)
        transmit(bed, 6, 7)
        irq.raise(TX_INTR)
        irq.unmask(RX_INTR | TX_INTR)
        bed.advance(0)
        const both = 'frames 6 and 7, with RX_INTR and TX_INTR set at once'
        verifyArrived(bed, both, upTo(7), 'look at each bit by itself: status & SNULL_RX_INTR')
      },
    },
    {
      title: 'calls ethTypeTrans for each frame that arrived',
      read: 'The interrupt',
      run(bed) {
        const { rxRing } = hwOf(bed, 1)
        const shift = rxRing.shift.bind(rxRing)
        /** @type {SkBuff[]} */
        const frames = []
        rxRing.shift = () => {
          const skb = shift()
          // A card does not know the protocol. The sender's driver set it here.
          if (skb !== undefined) {
            frames.push(Object.assign(skb, { protocol: 0 }))
          }
          return skb
        }
        transmit(bed, 1, 3)
        const known = frames.filter(({ protocol }) => protocol !== 0).length
        verify(known === 3, {
          seen: `of 3 frames that arrived ${known} had a protocol in netifRx`,
          expected: '3: ethTypeTrans(skb, dev), without which a kernel passes a frame to nobody',
        })
      },
    },
    {
      title: 'acknowledges its interrupts, and returns IRQ_NONE for those of others',
      read: 'The interrupt',
      run(bed) {
        const { irq } = hwOf(bed, 1)
        /** @returns {number} */
        const spurious = () => irq.spurious
        transmit(bed, 1, 1)
        verify(irq.status === 0 && spurious() === 0, {
          seen: `after an interrupt of the board the status word is ${irq.status}, and ${spurious()} were spurious`,
          expected: '0 and 0: irq.acknowledge() returns the bits and clears them; then IRQ_HANDLED',
        })
        irq.raise(0)
        bed.advance(0)
        verify(spurious() === 1, {
          seen: 'the handler returned IRQ_HANDLED for an interrupt without a bit',
          expected: 'IRQ_NONE: it was another card',
        })
        const { irq: sender } = hwOf(bed)
        verify(sender.count > 0 && sender.spurious === 0, {
          seen: `the board that sent the frame interrupted ${sender.count} times, with TX_INTR alone; ${sender.spurious} were spurious`,
          expected: '1 and 0: each of the two bits is of its own board',
        })
      },
    },
    {
      title: 'stops a queue whose buffers are all in use, and loses nothing',
      read: 'Transmit and reclaim',
      params: { poolSize: 4 },
      run(bed) {
        const found = overruns(bed)
        transmit(bed, 1, 20)
        verifyNoOverrun(found)
        const why = 'the others wait in the kernel until TX_INTR'
        verifyArrived(bed, '20 frames for 4 buffers', upTo(20), why)
      },
    },
    {
      title: 'looks after each queue',
      allow: WATCHDOG,
      read: 'Transmit and reclaim',
      params: { poolSize: 4, timeout: TIMEOUT },
      options: { txqs: 2, rxqs: 2 },
      run(bed) {
        transmit(bed, 1, 12, 1)
        const why = 'each queue has buffers of its own'
        verifyArrived(bed, '12 frames on queue 1, with 4 buffers', upTo(12), why)
        const found = overruns(bed)
        trigger(bed, 'lockup', 0)
        transmit(bed, 13, 13, 0)
        transmit(bed, 14, 14, 0)
        transmit(bed, 15, 18, 1)
        verifyNoOverrun(found)
        const [locked, other] = bed.devices[0]?.tx.map(txq => txq.stopped) ?? []
        verify(locked === true && other === false, {
          seen: `the completion of queue 0 was lost: queue 0 is ${locked ? 'stopped' : 'running'}, queue 1 is ${other ? 'stopped' : 'running'}`,
          expected: 'queue 0 stopped until its timeout, queue 1 running',
        })
      },
    },
    {
      title: 'asks reclaim for each queue on TX_INTR, whether it is stopped or not',
      read: 'Transmit and reclaim',
      options: { txqs: 2, rxqs: 2 },
      run(bed) {
        const hw = hwOf(bed)
        const reclaim = hw.reclaim.bind(hw)
        /** @type {number[]} */
        const asked = []
        hw.reclaim = queue => {
          asked.push(queue)
          return reclaim(queue)
        }
        hw.irq.raise(TX_INTR)
        bed.advance(0)
        verify(asked.join() === '0,1', {
          seen: `TX_INTR, with 2 queues that run; reclaim was called for: ${asked.join(', ') || 'none'}`,
          expected: '0, 1: a queue that never stops has buffers to free, too',
        })
        asked.length = 0
        hw.irq.raise(RX_INTR | TX_INTR)
        bed.advance(0)
        verify(asked.join() === '0,1', {
          seen: `RX_INTR and TX_INTR in one interrupt; reclaim was called for: ${asked.join(', ') || 'none'}`,
          expected: '0, 1: look at each bit by itself, without else',
        })
      },
    },
    {
      title: 'stops the queue that the frame came by',
      allow: WATCHDOG,
      read: 'Transmit and reclaim',
      params: { timeout: TIMEOUT },
      options: { txqs: 2, rxqs: 2 },
      run(bed) {
        const hw = hwOf(bed)
        const handOver = hw.transmit.bind(hw)
        hw.transmit = (skb, peer, receiver) => {
          const isFree = handOver(skb, peer, receiver)
          // The receiver owns the frame from now on, and may do this.
          skb.queueMapping = 0
          return isFree
        }
        trigger(bed, 'lockup', 1)
        transmit(bed, 1, 1, 1)
        const [first, second] =
          bed.devices[0]?.tx.map(txq => (txq.stopped ? 'stopped' : 'running')) ?? []
        verify(first === 'running' && second === 'stopped', {
          seen: `transmit returned false for a frame of queue 1, and its receiver put it on queue 0: queue 0 is ${first}, queue 1 is ${second}`,
          expected: 'queue 1 stopped: dev.txq(skb) before hw.transmit, which hands the frame over',
        })
      },
    },
    {
      title: 'repairs a board that lost an interrupt',
      allow: WATCHDOG,
      read: 'The timeout',
      params: { timeout: TIMEOUT },
      async run(bed, { another }) {
        trigger(bed, 'lockup')
        transmit(bed, 1, 5)
        bed.advance(`${TIMEOUT - 1}ms`)
        verifyArrived(
          bed,
          `the interrupt of frame 1 was lost; after ${TIMEOUT - 1} ms`,
          '1',
          'the queue is stopped until the timeout, dev.watchdogTimeo in ms',
        )
        bed.advance('2ms')
        const after = `the interrupt of frame 1 was lost; after ${TIMEOUT + 1} ms`
        verifyArrived(bed, after, upTo(5), 'ndoTxTimeout resets the board, which interrupts')
        const { txErrors } = bed.stats()
        verify(txErrors === 1, {
          seen: `after a timeout tx_errors is ${txErrors}`,
          expected: '1: each timeout is one, TX_ERRORS',
        })
        const { dev: slow } = await another({ timeout: 2 * TIMEOUT })
        verify(slow.watchdogTimeo === 2 * TIMEOUT, {
          seen: `with --timeout ${2 * TIMEOUT}, dev.watchdogTimeo is ${slow.watchdogTimeo}`,
          expected: `${2 * TIMEOUT}: params.timeout`,
        })
      },
    },
    {
      title: 'sends a frame that was stuck before those behind it',
      allow: WATCHDOG,
      read: 'The timeout',
      params: { timeout: TIMEOUT },
      run(bed) {
        const found = overruns(bed)
        trigger(bed, 'stuck')
        transmit(bed, 1, 5)
        hwOf(bed).irq.raise(0)
        bed.advance(`${TIMEOUT + 1}ms`)
        verifyArrived(bed, 'frame 1 was stuck', upTo(5), 'hw.reset sends it, and the order stays')
        const why =
          'no wake in ndoTxTimeout: hw.reset raises TX_INTR, and its handler wakes when reclaim returns true'
        verifyNoOverrun(found, why)
      },
    },
    {
      title: 'leaves nothing behind when it is taken down, and starts as new',
      allow: WATCHDOG,
      read: 'Power',
      params: { timeout: TIMEOUT },
      async run(bed) {
        trigger(bed, 'stuck')
        transmit(bed, 1, 3)
        await devClose(deviceOf(bed))
        const { irq } = hwOf(bed)
        const { count } = irq
        irq.raise(RX_INTR)
        bed.advance(0)
        const { held } = bed.balance()
        // The frames that wait in the kernel's own queue are lost with the interface.
        verify(irq.count === count && held === 0, {
          seen: `taken down with a frame that is stuck: ${held} frames held, ${irq.count - count} interrupts taken`,
          expected: 'none: hw.stop() drops the frames and frees the interrupt',
        })
        await devOpen(deviceOf(bed))
        const { received } = bed.ping({ to: FAR, timeout: '10ms' })
        verify(received === 1, {
          seen: `down and up again: ${received} of 1 ping`,
          expected: '1: ndoOpen starts the queues and the board',
        })
      },
    },
    {
      title: 'repairs the queue that was late',
      allow: WATCHDOG,
      read: 'The timeout',
      params: { timeout: TIMEOUT },
      options: { txqs: 2, rxqs: 2 },
      run(bed) {
        trigger(bed, 'lockup', 1)
        transmit(bed, 1, 3, 1)
        bed.advance(`${TIMEOUT + 1}ms`)
        verifyArrived(
          bed,
          'the completion of queue 1 was lost',
          upTo(3),
          'hw.reset of the queue that ndoTxTimeout names',
        )
        const errors = [0, 1].map(queue => deviceOf(bed).counters.queue(queue)[TX_ERRORS] ?? 0)
        verify(errors.join() === '0,1', {
          seen: `after a timeout of queue 1, TX_ERRORS of queue 0 is ${errors[0]}, of queue 1 ${errors[1]}`,
          expected: '0 and 1: count it on the queue that was late',
        })
      },
    },
    {
      title: 'has the board on while the queues run, and longer',
      read: 'Power',
      async run(bed) {
        const dev = deviceOf(bed)
        /** @type {boolean[]} */
        const stopped = []
        const look = () => stopped.push(dev.tx[0]?.stopped === true)
        beforeCall(hwOf(bed), 'stop', look)
        await devClose(dev)
        verify(stopped.join() === 'true', {
          seen: 'hw.stop() was called while the queue ran',
          expected: 'the queues are stopped before the board',
        })
        beforeCall(hwOf(bed), 'start', look)
        await devOpen(dev)
        verify(stopped.join() === 'true,true', {
          seen: 'hw.start() was called when the queue ran already',
          expected: 'the queues are started after the board',
        })
      },
    },
    {
      title: 'continues after the link flapped',
      read: 'Power',
      run(bed) {
        trigger(bed, 'flap')
        bed.advance('2s')
        const { received } = bed.ping({ to: FAR, timeout: '10ms' })
        verify(bed.dev.carrier && received === 1, {
          seen: `2 s after the carrier was lost: ${bed.dev.carrier ? 'a carrier' : 'no carrier'}, ${received} of 1 ping`,
          expected: 'a carrier, which the board handles, and 1 ping',
        })
      },
    },
    {
      title: 'has a plan for the end of its peer',
      allow: WATCHDOG,
      read: 'Power',
      params: { timeout: TIMEOUT },
      async run(bed) {
        trigger(bed, 'stuck')
        transmit(bed, 1, 1)
        await unregisterNetdev(deviceOf(bed, 1))
        bed.advance(`${TIMEOUT + 1}ms`)
        transmit(bed, 2, 3)
        const { DEV_READY = 0 } = bed.drops()
        verify(DEV_READY === 3 && bed.balance().held === 0, {
          seen: `frame 1 was stuck, the other device is gone, then frames 2 and 3: dropped: ${counts(bed.drops())}`,
          expected:
            'DEV_READY 3: the first by hw.reset, the others by you, for the other device is gone',
        })
      },
    },
  ],
  live: [
    {
      title: 'ping loses nothing while the board fails',
      notInKernel: "the kernel's watchdog looks once a second, later than ping waits",
      allow: WATCHDOG,
      needs: ['ping', 'ip'],
      read: 'The timeout',
      async run(live) {
        const faults = ['--timeout', '20', '--lockup', '7', '--stuck', '5', '--spurious', '3']
        const because = 'a frame that is stuck is late, not lost'
        const statistics = await verifyNothingLost(live, faults, {
          count: 40,
          interval: '0.01',
          targets: [FAR],
          because,
        })
        const timeouts = statistics.reduce((sum, { total }) => sum + (total.txTimeouts ?? 0), 0)
        verify(timeouts > 0, {
          seen: 'tx_timeouts 0 on both interfaces',
          expected: 'some: ndoStartXmit hands each frame to the board, which fails as asked',
        })
      },
    },
    {
      title: 'TCP gets through while the board fails',
      allow: WATCHDOG,
      needs: ['iperf3', 'sh', 'ss', 'timeout'],
      read: 'The timeout',
      async run({ vnet, run }) {
        await vnet('--timeout', '10', '--lockup', '500', '--pool-size', '8')
        const server =
          'timeout 28 iperf3 -s -1 > /dev/null & until ss -ltn | grep -q :5201; do sleep 0.05; done'
        const client = `exec timeout 20 iperf3 -c ${FAR} -n 2M --connect-timeout 10000`
        const { status, stdout, stderr } = await run('sh', '-c', `${server}; ${client}`)
        verify(status === 0, {
          seen: `iperf3 -c ${FAR} ended with status ${status}: ${`${stdout}${stderr}`.trim().split('\n').at(-1)}`,
          expected: 'status 0: 2 MB arrive, with a timeout now and then',
        })
      },
    },
  ],
})
