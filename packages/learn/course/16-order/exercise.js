// @ts-check

import {
  counts,
  defineExercise,
  udpFrame,
  unusualFrames,
  verify,
  verifyUnusualArrive,
} from '@vnet/learn'
/** 16. Frames out of order: read a capture. */
import { devClose, devOpen } from 'vnet'

/** @typedef {import('vnet').NetDevice} NetDevice */
/** @typedef {import('@vnet/learn').TestBed} TestBed */

const DELAY = 10
const SLOTS = 128
const FAR = '198.18.0.2'
const UNUSUAL = unusualFrames('198.18.0.1', FAR)
/** After the headers of Ethernet, IPv4 and UDP. */
const NUMBER_AT = 42

/**
 * The kernel transmits frames with these numbers by the first device.
 * @param {TestBed} bed
 * @param {number} first
 * @param {number} last
 */
function transmit(bed, first, last) {
  for (let n = first; n <= last; n++) {
    // Their lengths differ, and say nothing about their order.
    const length = 18 + ((n * 37) % 101)
    bed.transmit(udpFrame({ from: '198.18.0.1', to: FAR, payload: new Uint8Array(length).fill(n) }))
  }
}

/**
 * The numbers of the frames that the kernel received by the second device.
 * @param {TestBed} bed
 */
const arrived = bed =>
  bed.port(bed.devices[1]?.name).received.map(({ bytes }) => bytes[NUMBER_AT] ?? 0)

/**
 * Shortens a list for a message: `1 2 3 4 ... 100`.
 * @param {readonly number[]} numbers
 */
function listed(numbers) {
  if (numbers.length === 0) return 'none'
  return numbers.length <= 12
    ? numbers.join(' ')
    : `${numbers.slice(0, 4).join(' ')} ... ${numbers.at(-1)}`
}

/** @param {number} n */
const upTo = (n, first = 1) => Array.from({ length: n - first + 1 }, (_, i) => first + i)

/**
 * @param {TestBed} bed
 * @param {string} what
 * @param {number[]} expected
 * @param {string} why
 */
function verifyArrived(bed, what, expected, why) {
  const numbers = arrived(bed)
  const at = numbers.findIndex((n, i) => i > 0 && n !== (numbers[i - 1] ?? 0) + 1)
  const odd = at > 0 && numbers.length > 12 ? `; after ${numbers[at - 1]} came ${numbers[at]}` : ''
  verify(numbers.join() === expected.join(), {
    seen: `${what}: ${numbers.length} arrived: ${listed(numbers)}${odd}`,
    expected: `${listed(expected)}: ${why}`,
  })
}

export const exercise = defineExercise({
  version: 1,
  driver: 'order.js',
  title: 'Frames out of order: read a capture',
  summary: 'a driver that reorders frames: a capture of both ends shows where',
  kernelNames: ['sk_buff_head', 'skb_queue_tail', 'skb_dequeue'],
  params: { delay: DELAY, slots: SLOTS },
  memory: [
    {
      title: 'carries one frame at a time',
      read: 'The driver as it should be',
      run(bed) {
        const { received } = bed.ping({ to: FAR, count: 3, interval: '100ms', timeout: '100ms' })
        verify(received === 3, {
          seen: `${received} of 3 pings of ${FAR}; dropped: ${counts(bed.drops())}`,
          expected: '3, each after the interrupt of both interfaces',
        })
        verifyUnusualArrive(bed, UNUSUAL, DELAY, 'The driver as it should be')
      },
    },
    {
      title: 'hands frames over in the order in which they were sent',
      read: 'Compare the two ends',
      run(bed) {
        transmit(bed, 1, 3)
        bed.advance(DELAY / 2)
        transmit(bed, 4, 5)
        bed.advance(DELAY)
        verifyArrived(
          bed,
          'frames 1 to 5, before one interrupt',
          upTo(5),
          'the frame that has waited longest is first',
        )
      },
    },
    {
      title: 'keeps the order of more frames than one poll takes',
      read: 'Find the queue',
      run(bed) {
        transmit(bed, 1, 100)
        bed.advance(DELAY)
        const why = 'a poll that takes 64 of 100 frames takes the oldest, and leaves 36'
        verifyArrived(bed, 'frames 1 to 100, before one interrupt', upTo(100), why)
      },
    },
    {
      title: 'has an empty queue after it went down',
      read: 'Every place that takes a frame',
      async run(bed) {
        const dev = /** @type {NetDevice} */ (bed.devices[1])
        transmit(bed, 1, 3)
        await devClose(dev)
        const dropped = counts(bed.drops(dev))
        verify(dropped === 'DEV_STOPPED 3' && bed.balance().held === 0, {
          seen: `${dev.name} went down with 3 frames in its queue: dropped: ${dropped}; ${bed.balance().held} still held`,
          expected: 'DEV_STOPPED 3, and none held',
        })
        await devOpen(dev)
        transmit(bed, 4, 6)
        bed.advance(DELAY)
        verifyArrived(
          bed,
          'down and up again, then frames 4 to 6',
          upTo(6, 4),
          'ndoStop leaves an empty queue',
        )
      },
    },
    {
      title: 'drops frames for which its queue has no room',
      read: 'The driver as it should be',
      run(bed) {
        transmit(bed, 1, SLOTS + 2)
        bed.advance(DELAY)
        const dropped = counts(bed.drops(bed.devices[1]))
        verifyArrived(
          bed,
          `frames 1 to ${SLOTS + 2}, with --slots ${SLOTS}`,
          upTo(SLOTS),
          'the first ones have a place',
        )
        verify(dropped === 'FULL_RING 2', {
          seen: `${SLOTS + 2} frames, with --slots ${SLOTS}; dropped: ${dropped}`,
          expected: 'FULL_RING 2',
        })
      },
    },
  ],
  live: [
    {
      title: 'pings that follow each other closely arrive in order',
      needs: ['ping'],
      read: 'Compare the two ends',
      async run({ vnet, run }) {
        const running = await vnet('--delay', '200', '-vv')
        const { interfaces, log } = running
        const { stdout } = await run('ping', '-c', '10', '-i', '0.002', '-W', '5', FAR)
        await running.stop()
        const fastest = Math.min(
          ...[...stdout.matchAll(/time=([\d.]+)/g)].map(([, time]) => Number(time)),
        )
        const requests = log.flatMap(line => {
          const [, name, number] = /^(\w+): rx-0 IP .* echo request, .* seq (\d+)/.exec(line) ?? []
          return name === interfaces[1] ? [Number(number)] : []
        })
        verify(interfaces.length === 2 && requests.length >= 5 && fastest >= 200, {
          seen: `with --delay 200, 10 pings: ${requests.length} requests arrived on ${interfaces[1]}, and the fastest ping took ${fastest} ms`,
          expected: 'all of them, and 200 ms at least',
        })
        const at = requests.findIndex((n, i) => i > 0 && n < (requests[i - 1] ?? 0))
        verify(at < 0, {
          seen: `10 pings in a row: request ${requests[at]} arrived on ${interfaces[1]} after request ${requests[at - 1]}`,
          expected: 'requests in the order in which they were sent',
        })
      },
    },
  ],
})
