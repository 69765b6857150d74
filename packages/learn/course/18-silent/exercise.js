// @ts-check

import {
  arpRequest,
  counts,
  defineExercise,
  ethernetFrame,
  udpFrame,
  unregisterNetdev,
  unusualFrames,
  verify,
  verifyUnusualArrive,
} from '@vnet/learn'
/** 18. Silent drops: frames that no counter has. */
import { devClose } from 'vnet'

/** @typedef {import('vnet').NetDevice} NetDevice */
/** @typedef {import('@vnet/learn').TestBed} TestBed */

const DELAY = 10
const PLACES = 4
const FAR = '198.18.0.2'
/** After the headers of Ethernet, IPv4 and UDP. */
const NUMBER_AT = 42
const UNUSUAL = unusualFrames('198.18.0.1', FAR)
/** An EtherType for experiments (RFC 9542). */
const ETH_P_EXPERIMENT = 0x88b5

/**
 * @param {TestBed} bed
 * @returns {NetDevice}
 */
const deviceOf = (bed, at = 0) => /** @type {NetDevice} */ (bed.devices[at])

/**
 * The kernel transmits frames by the first device.
 * @param {TestBed} bed
 * @param {number} n
 */
function transmit(bed, n) {
  for (let i = 1; i <= n; i++) {
    bed.transmit(udpFrame({ from: '198.18.0.1', to: FAR, payload: new Uint8Array(18).fill(i) }))
  }
}

/**
 * Fails unless the drops of the sender and of the receiver are these.
 * @param {TestBed} bed
 * @param {string} what
 * @param {readonly [sender: string, receiver: string]} expected
 * @param {string} why
 */
function verifyDropped(bed, what, expected, why) {
  const [one, two] = [deviceOf(bed), deviceOf(bed, 1)]
  const [sender, receiver] = [counts(bed.drops(one)), counts(bed.drops(two))]
  verify(sender === expected[0] && receiver === expected[1], {
    seen: `${what}; dropped by ${one.name}: ${sender}; by ${two.name}: ${receiver}`,
    expected: `by ${one.name}: ${expected[0]}; by ${two.name}: ${expected[1]}: ${why}`,
  })
}

export const exercise = defineExercise({
  version: 1,
  driver: 'silent.js',
  title: 'Silent drops: frames that no counter has',
  summary: 'a driver that loses frames without a count: vnet stats beside a capture',
  kernelNames: [
    'kfree_skb_reason',
    'consume_skb',
    'rx_missed_errors',
    'dev_core_stats_rx_dropped_inc',
  ],
  params: { delay: DELAY, places: PLACES },
  memory: [
    {
      title: 'carries pings, and counts none of them as dropped',
      read: 'The driver as it should be',
      run(bed) {
        const { received } = bed.ping({ to: FAR, count: 3, interval: '100ms', timeout: '100ms' })
        verifyDropped(
          bed,
          `${received} of 3 pings of ${FAR}`,
          ['nothing', 'nothing'],
          'each of them arrives',
        )
        verify(received === 3, {
          seen: `${received} of 3 pings of ${FAR}, and no drop`,
          expected: '3',
        })
        verifyUnusualArrive(bed, UNUSUAL, DELAY, 'The driver as it should be')
      },
    },
    {
      title: 'counts frames for which the ring has no room, where they arrived',
      read: 'Which frames are missing',
      run(bed) {
        transmit(bed, PLACES + 6)
        bed.advance(DELAY)
        const why = 'the receiver had no room, and netifRxDrop counts there'
        verifyDropped(
          bed,
          `${PLACES + 6} frames for a ring of ${PLACES}`,
          ['nothing', 'FULL_RING 6'],
          why,
        )
        const { rxMissedErrors } = bed.stats(deviceOf(bed, 1))
        verify(rxMissedErrors === 6, {
          seen: `FULL_RING 6, and rx_missed_errors is ${rxMissedErrors}`,
          expected: '6: the reason decides the counter',
        })
        const numbers = bed
          .port(bed.devices[1]?.name)
          .received.map(({ bytes }) => bytes[NUMBER_AT])
          .join(', ')
        verify(numbers === '1, 2, 3, 4', {
          seen: `frames 1 to ${PLACES + 6} for a ring of ${PLACES}: ${numbers || 'none'} arrived`,
          expected:
            '1, 2, 3, 4: a frame that has a place keeps it, and one that finds none is dropped',
          read: 'The driver as it should be',
        })
      },
    },
    {
      title: 'counts frames for an end that is down, where they arrived',
      read: 'Which frames are missing',
      async run(bed) {
        await devClose(deviceOf(bed, 1))
        transmit(bed, 3)
        verifyDropped(
          bed,
          '3 frames for an interface that is down',
          ['nothing', 'DEV_READY 3'],
          'it was not ready',
        )
      },
    },
    {
      title: 'counts frames that it cannot send, by the reason, where they were sent',
      read: 'Which frames are missing',
      run(bed) {
        bed.transmit(arpRequest({ from: '198.18.0.1', to: FAR }))
        bed.transmit(ethernetFrame({ type: ETH_P_EXPERIMENT }))
        const why = 'what flipNetwork returned: they never left the sender'
        verifyDropped(
          bed,
          'an ARP request and a frame of another protocol',
          ['UNHANDLED_PROTO 1, NEIGH 1', 'nothing'],
          why,
        )
      },
    },
    {
      title: 'counts frames that wait in the ring of an end that goes down',
      read: 'Lost on the way down',
      async run(bed) {
        transmit(bed, 3)
        await devClose(deviceOf(bed, 1))
        const why =
          'they had arrived: ring.purge() counts frames on skb.dev, which is still the sender'
        verifyDropped(
          bed,
          '3 frames in the ring, which went down',
          ['nothing', 'DEV_STOPPED 3'],
          why,
        )
      },
    },
    {
      title: 'counts frames for an end that was deleted',
      read: 'The driver as it should be',
      async run(bed) {
        await unregisterNetdev(deviceOf(bed, 1))
        transmit(bed, 3)
        const { DEV_READY = 0 } = bed.drops()
        verify(DEV_READY === 3, {
          seen: `the other device was deleted, then 3 frames; dropped: ${counts(bed.drops())}`,
          expected: 'DEV_READY 3, by the sender: there is no other end',
        })
      },
    },
    {
      title: 'has every frame in one counter',
      read: 'Count, and compare',
      async run(bed) {
        for (const n of [3, 9, 4, 6]) {
          transmit(bed, n)
          bed.transmit(arpRequest({ from: '198.18.0.1', to: FAR }))
          for (const frame of Object.values(UNUSUAL)) {
            bed.transmit(frame)
          }
          bed.advance(DELAY)
        }
        transmit(bed, 2)
        await devClose(deviceOf(bed, 1))
        transmit(bed, 5)
        for (const frame of Object.values(UNUSUAL)) {
          bed.transmit(frame)
        }
        const { in: sent, out, dropped, held } = bed.balance()
        verify(sent === out + dropped + held, {
          seen: `${sent} frames were sent; ${out} arrived, ${dropped} are counted as dropped, ${held} are held`,
          expected: `${sent}, once each`,
        })
      },
    },
  ],
  live: [
    {
      title: 'the counters of both ends have every frame',
      needs: ['ping', 'ip'],
      read: 'Count, and compare',
      async run({ vnet, run }) {
        const running = await vnet('--places', '2', '--delay', '50')
        const [, other = ''] = running.interfaces
        await run('ping', '-q', '-c', '50', '-i', '0.01', '-W', '1', FAR)
        await run('ip', 'link', 'set', other, 'down')
        await run('ping', '-q', '-c', '3', '-i', '0.01', '-W', '1', FAR)
        const [one, two] = await running.stop()
        const drops = two?.drops.rx ?? {}
        const { FULL_RING = 0, DEV_READY = 0 } = drops
        const sum = (/** @type {Readonly<Record<string, number>>} */ all) =>
          Object.values(all).reduce((total, n) => total + n, 0)
        const sent = (one?.total.txPackets ?? 0) - sum(one?.drops.tx ?? {})
        const arrived = two?.total.rxPackets ?? 0
        verify(sent === arrived + sum(drops) && FULL_RING > 0 && DEV_READY > 0, {
          seen: `53 pings with a ring of 2, the last 3 with ${other} down: ${sent} frames left ${running.interfaces[0]}; ${other}: ${arrived} arrived, dropped: ${counts(drops)}`,
          expected: 'FULL_RING, DEV_READY and the frames that arrived are all frames that left',
        })
      },
    },
  ],
})
