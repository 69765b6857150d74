// @ts-check

import {
  arpRequest,
  counts,
  defineExercise,
  udpFrame,
  verify,
  verifyNothingLost,
} from '@vnet/learn'
/** 8. Several queues: flows that do not wait for each other. */
import { devClose, devOpen } from 'vnet'

/** @typedef {import('vnet').Ring} Ring */
/** @typedef {import('@vnet/learn').TestBed} TestBed */
/** @typedef {import('@vnet/learn').TestBedOptions} TestBedOptions */

const ENDS = { from: '198.18.0.1', to: '198.18.0.9' }
const DELAY = 5
const SLOTS = 4
const PARAMS = { delay: DELAY, slots: SLOTS }
const QUEUES = [0, 1, 2, 3]
/** Offset of the payload in a UDP frame, and the length of a frame with one byte. */
const PAYLOAD_AT = 42
const UDP_LEN = PAYLOAD_AT + 1

/** @typedef {{ ring: Ring, frames: unknown, bytes: unknown }} Lane */

/**
 * @param {TestBed} bed
 * @returns {Lane[]}
 */
const lanesOf = bed => /** @type {{ lanes: Lane[] }} */ (bed.dev.priv).lanes

/**
 * The kernel transmits frames by a queue, in one batch. Their payload is 1, 2 and so on.
 * @param {TestBed} bed
 * @param {number} queue
 */
function transmit(bed, queue, n = 1) {
  for (let i = 1; i <= n; i++) {
    bed.port().transmit(udpFrame({ ...ENDS, payload: Uint8Array.of(i) }), queue)
  }
  bed.advance(0)
}

/**
 * `1, 2`, or `none`.
 * @param {unknown[]} numbers
 * @returns {string}
 */
const list = numbers => (numbers.length === 0 ? 'none' : numbers.join(', '))

/**
 * @param {TestBed} bed
 * @returns {string}
 */
const stoppedOf = bed => list(QUEUES.filter(queue => bed.dev.tx[queue]?.stopped))

export const exercise = defineExercise({
  version: 1,
  driver: 'multiqueue.js',
  title: 'Several queues: flows that do not wait for each other',
  summary: 'several queues, each with its ring, its alarm, and its own stop and wake',
  kernelNames: [
    'alloc_etherdev_mqs',
    'netdev_queue',
    'skb_get_queue_mapping',
    'netif_tx_stop_queue',
    'netif_tx_wake_queue',
    'skb_record_rx_queue',
    'ndo_select_queue',
  ],
  params: PARAMS,
  memory: [
    {
      title: 'has four queues in each direction, or as many as --txqs says',
      read: 'How many queues',
      async run(_, { another }) {
        /** @type {[string, TestBedOptions, number, number][]} */
        const cases = [
          ['without --txqs', {}, 4, 4],
          ['with --txqs 2', { txqs: 2 }, 2, 2],
          ['with --txqs 3 --rxqs 1', { txqs: 3, rxqs: 1 }, 3, 1],
          ['with --rxqs 2', { rxqs: 2 }, 4, 2],
        ]
        for (const [what, options, txqs, rxqs] of cases) {
          const made = await another(PARAMS, options)
          const { dev } = made
          verify(dev.numTxQueues === txqs && dev.numRxQueues === rxqs, {
            seen: `${what} the device has ${dev.numTxQueues} transmit and ${dev.numRxQueues} receive queues`,
            expected: `${txqs} and ${rxqs}: txqs and rxqs of allocEtherdevMqs`,
          })
          const { length } = lanesOf(made)
          verify(length === txqs, {
            seen: `${what} the device has ${txqs} transmit queues and ${length} lanes`,
            expected: `${txqs}: a lane for each transmit queue`,
          })
        }
      },
    },
    {
      title: 'keeps the frames of each queue in its ring, and gives them back',
      read: 'A lane for each queue',
      async run(_, { another }) {
        for (const txqs of [4, 8]) {
          const bed = await another(PARAMS, { txqs })
          for (let queue = 0; queue < txqs; queue++) {
            transmit(bed, queue)
          }
          const lengths = list(lanesOf(bed).map(({ ring }) => ring.length))
          const expected = list(Array(txqs).fill(1))
          verify(lengths === expected, {
            seen: `a frame came by each of ${txqs} queues; the rings have ${lengths}`,
            expected: `${expected}: dev.priv.lanes[skb.queueMapping]`,
          })
          bed.advance(`${DELAY}ms`)
          const { length } = bed.received
          verify(length === txqs, {
            seen: `of ${txqs} frames, one by each queue, ${length} came back`,
            expected: `${txqs}, after ${DELAY} ms: an alarm for each lane`,
          })
        }
      },
    },
    {
      title: 'stops only the queue with a full ring',
      read: 'Stop and wake one',
      async run(bed, { another }) {
        transmit(bed, 1, SLOTS)
        verify(stoppedOf(bed) === '1', {
          seen: `${SLOTS} frames filled the ring of queue 1; these queues are stopped: ${stoppedOf(bed)}`,
          expected: '1: what goes by the others need not wait',
        })
        transmit(bed, 2)
        bed.advance(`${DELAY}ms`)
        const { length } = bed.received
        verify(length === SLOTS + 1, {
          seen: `then a frame by queue 2; after ${DELAY} ms ${length} of ${SLOTS + 1} were back`,
          expected: 'all',
        })
        await another()
        transmit(bed, 3)
        bed.advance(`${DELAY}ms`)
        verify(bed.received.length === SLOTS + 2, {
          seen: 'another device of this driver was made, and a frame of this one did not come back',
          expected:
            'the frame: the lanes are in dev.priv; a variable of the module is shared by all devices',
        })
      },
    },
    {
      title: 'wakes only the queue with room in its ring',
      read: 'Stop and wake one',
      run(bed) {
        transmit(bed, 1, SLOTS)
        bed.advance(`${DELAY - 2}ms`)
        transmit(bed, 2, SLOTS)
        bed.advance('2ms')
        const stopped = stoppedOf(bed)
        const when = `at ${DELAY} ms, when the ring of queue 1 was emptied,`
        verify(stopped.includes('2') && bed.received.length === SLOTS, {
          seen: `${when} queue 2, whose ring was still full, was woken; ${bed.received.length} frames were back`,
          expected: `dev.tx[queue].wake() for queue 1 only, and its ${SLOTS} frames back`,
        })
        verify(!stopped.includes('1'), {
          seen: `${when} queue 1 is still stopped`,
          expected: 'woken: its ring has room',
        })
        bed.advance(DELAY)
        verify(stoppedOf(bed) === 'none', {
          seen: `later, still stopped: ${stoppedOf(bed)}`,
          expected: 'none',
        })
      },
    },
    {
      title: 'gives each frame back on the queue by which it came',
      read: 'Flows stay where they are',
      run(bed) {
        for (const queue of QUEUES) {
          transmit(bed, queue)
          bed.advance(`${DELAY}ms`)
          const frame = bed.received.at(-1)
          verify(frame?.queue === queue, {
            seen: `a frame that came by queue ${queue} came back on queue ${frame?.queue}`,
            expected: `${queue}: the kernel sends a flow by the queue on which it received it`,
          })
        }
      },
    },
    {
      title: 'keeps the order in each queue, and loses nothing',
      read: 'Stop and wake one',
      options: { txqs: 8 },
      run(bed) {
        const n = 5 * SLOTS
        const queues = [...QUEUES, 4, 5, 6, 7]
        for (const queue of queues) {
          transmit(bed, queue, n)
        }
        bed.advance('1s')
        for (const queue of queues) {
          const numbers = bed.received
            .filter(frame => frame.queue === queue)
            .map(({ bytes }) => bytes[PAYLOAD_AT])
          verify(numbers.length === n && numbers.every((number, i) => number === i + 1), {
            seen: `${n} frames by queue ${queue}; back came: ${list(numbers)}; dropped: ${counts(bed.drops())}`,
            expected: `1 to ${n}, in this order`,
          })
        }
      },
    },
    {
      title: 'counts frames and bytes for each queue',
      read: 'A lane for each queue',
      run(bed) {
        transmit(bed, 1)
        transmit(bed, 3, 2)
        bed.port().transmit(arpRequest(ENDS), 1)
        bed.advance(0)
        const lanes = lanesOf(bed)
        const sent = 'a frame by queue 1, two by queue 3, and one of ARP, which is dropped'
        for (const when of ['in their rings', 'back']) {
          const frames = list(lanes.map(lane => lane.frames))
          verify(frames === '0, 1, 0, 2', {
            seen: `${sent}; with the frames ${when}, frames counted: ${frames}`,
            expected: '0, 1, 0, 2: lane.frames, counted as each goes into the ring',
          })
          bed.advance(`${DELAY}ms`)
        }
        bed.port().transmit(udpFrame({ ...ENDS, payload: 500 }), 2)
        bed.advance(`${DELAY}ms`)
        const bytes = list(lanes.map(lane => lane.bytes))
        const expected = `0, ${UDP_LEN}, ${PAYLOAD_AT + 500}, ${2 * UDP_LEN}`
        verify(bytes === expected, {
          seen: `bytes counted: ${bytes}`,
          expected: `${expected}: lane.bytes`,
        })
      },
    },
    {
      title: 'goes down with frames in all rings, and works again when it is up',
      read: 'A lane for each queue',
      async run(bed) {
        for (const queue of QUEUES) {
          transmit(bed, queue, SLOTS)
        }
        await devClose(bed.dev)
        await devOpen(bed.dev)
        for (const queue of QUEUES) {
          transmit(bed, queue)
        }
        bed.advance(`${DELAY}ms`)
        const { length } = bed.received
        verify(length === 4, {
          seen: `down and up with full rings, then a frame by each of 4 queues: ${length} came back`,
          expected: '4',
        })
      },
    },
  ],
  live: [
    {
      title: 'four simultaneous TCP connections get their data through rings of eight',
      needs: ['iperf3', 'sh'],
      read: 'See it live',
      async run({ vnet, run }) {
        const running = await vnet('--slots', '8')
        // The client starts when the server reports that it listens.
        const both = `iperf3 -s -1 --forceflush | {
          while read line; do case "$line" in *listening*) break; esac; done
          iperf3 -c 198.18.0.9 -P 4 -t 1 -J >&3
          cat >/dev/null
        } 3>&1`
        const { stdout } = await run('sh', '-c', both)
        const { end, error } = JSON.parse(stdout || '{}')
        /** @type {number[]} */
        const streams =
          end?.streams?.map(
            /** @param {{ receiver: { bytes: number } }} each */ each => each.receiver.bytes,
          ) ?? []
        verify(streams.length === 4 && streams.every(bytes => bytes > 0), {
          seen: `iperf3 -c 198.18.0.9 -P 4: ${error ?? `bytes received: ${list(streams)}`}`,
          expected: 'some by each of 4 connections',
        })
        const [statistics] = await running.stop()
        const queues = statistics?.queues.length ?? 0
        verify(queues === 4, {
          seen: `the driver has ${queues} transmit queues`,
          expected: '4',
          read: 'How many queues',
        })
        for (const [
          queue,
          { txPackets = 0, rxPackets = 0, ...row },
        ] of statistics?.queues.entries() ?? []) {
          const dropped = (row.txDropped ?? 0) + (row.rxDropped ?? 0)
          verify(rxPackets + dropped === txPackets, {
            seen: `${txPackets} frames came by queue ${queue}, ${rxPackets} went back on it, ${dropped} were dropped`,
            expected: 'all that were not dropped went back on their queue',
            read: 'Flows stay where they are',
          })
        }
      },
    },
    {
      title: 'simultaneous pings to several addresses lose nothing',
      needs: ['ping', 'ip'],
      read: 'See it live',
      run(live) {
        const targets = ['198.18.0.7', '198.18.0.8', '198.18.0.9', '198.18.0.10']
        return verifyNothingLost(live, ['--slots', '2'], { count: 100, interval: '0.002', targets })
      },
    },
  ],
})
