// @ts-check

/** 11. Statistics: where did the frames go? */

import { counts, defineExercise, udpFrame, verify } from '@vnet/learn'
import { COLLISIONS, devClose, devOpen, RX_MISSED_ERRORS } from 'vnet'

/** @typedef {import('vnet').NetDevice} NetDevice */
/** @typedef {import('@vnet/learn').TestBed} TestBed */

const COLLISION = 1
const ABORTED = 2
const DAMAGED = 4

/** @typedef {{ fates: number[], register: number }} Card The card of the skeleton. */

/**
 * @param {TestBed} bed
 * @returns {Card}
 */
const cardOf = bed => /** @type {{ card: Card }} */ (bed.dev.priv).card

/** @param {TestBed} bed */
function transmit(bed, fate = 0, queue = 0) {
  cardOf(bed).fates.push(fate)
  bed.transmit(udpFrame({ from: '198.18.0.1', to: '198.18.0.9' }), { queue })
}

/**
 * The counters that are not 0, except for byte counters: `txPackets 1, rxPackets 1`.
 * @param {TestBed} bed
 * @returns {string}
 */
function counted(bed) {
  const all = Object.entries(bed.stats()).filter(([name, n]) => n !== 0 && !name.endsWith('Bytes'))
  return counts(Object.fromEntries(all))
}

/**
 * @param {TestBed} bed
 * @param {string} what
 * @param {string} expected
 * @param {string} why
 */
function verifyCounted(bed, what, expected, why) {
  const seen = counted(bed)
  const drops = counts(bed.drops())
  verify(seen === expected, {
    seen: `after ${what} the counters are: ${seen}; dropped: ${drops}`,
    expected: `${expected}: ${why}`,
  })
}

export const exercise = defineExercise({
  version: 1,
  driver: 'statistics.js',
  title: 'Statistics: where did the frames go?',
  summary: 'a card that loses frames, and a driver that counts each of them once',
  kernelNames: [
    'rtnl_link_stats64',
    'ndo_get_stats64',
    'collisions',
    'tx_aborted_errors',
    'rx_crc_errors',
  ],
  memory: [
    {
      title: 'leaves the count of what passes to the framework',
      read: 'One frame, one count',
      run(bed) {
        for (let i = 0; i < 3; i++) {
          transmit(bed)
        }
        const why = 'the framework counts what it reads and what the kernel took'
        verifyCounted(bed, '3 frames', 'rxPackets 3, txPackets 3', why)
      },
    },
    {
      title: 'counts a frame that was not sent as a transmit error',
      read: 'Errors',
      run(bed) {
        transmit(bed, ABORTED)
        const why = 'the reason TX_ABORTED counts both, once'
        verifyCounted(
          bed,
          'a frame that the card aborted',
          'txPackets 1, txErrors 1, txAbortedErrors 1',
          why,
        )
      },
    },
    {
      title: 'counts a damaged frame as a receive error',
      read: 'Errors',
      run(bed) {
        transmit(bed, DAMAGED)
        const why = 'it was received, so netifRxDrop counts it'
        verifyCounted(bed, 'a damaged frame', 'txPackets 1, rxErrors 1, rxCrcErrors 1', why)
      },
    },
    {
      title: 'counts a collision, and drops nothing for it',
      read: 'Events',
      options: { txqs: 2, rxqs: 2 },
      async run(bed, { another }) {
        transmit(bed, COLLISION, 1)
        const expected = 'rxPackets 1, txPackets 1, collisions 1'
        verifyCounted(
          bed,
          'a frame with a collision',
          expected,
          'the frame was sent at the second try',
        )
        const rows = [0, 1].map(
          queue => /** @type {NetDevice} */ (bed.dev).counters.queue(queue)[COLLISIONS] ?? 0,
        )
        verify(rows.join() === '0,1', {
          seen: `a collision on queue 1: queue 0 has ${rows[0]}, queue 1 has ${rows[1]}`,
          expected: 'queue 1 has it: the queue of a frame is skb.queueMapping',
        })
        transmit(bed, COLLISION, 1)
        const { collisions } = bed.stats()
        verify(collisions === 2, {
          seen: `then a second collision on queue 1; collisions is ${collisions}`,
          expected: '2: dev.counters.count adds to what was counted',
        })
        const other = await another()
        transmit(other, COLLISION | DAMAGED)
        const both = 'txPackets 1, rxErrors 1, collisions 1, rxCrcErrors 1'
        verifyCounted(
          other,
          'a collision and damage to the same frame',
          both,
          'look at each bit by itself',
        )
        const aborted = await another()
        transmit(aborted, COLLISION | ABORTED)
        const all = 'txPackets 1, txErrors 1, collisions 1, txAbortedErrors 1'
        verifyCounted(
          aborted,
          'a collision, and then the card gave up',
          all,
          'look at each bit by itself',
        )
      },
    },
    {
      title: "adds the card's own counter, as often as it is asked",
      read: 'A register that is read once',
      async run(bed, { another }) {
        const other = await another()
        cardOf(other).register += 9
        other.stats()
        /** @type {number[]} */
        const missed = []
        for (const n of [5, 0, 2]) {
          cardOf(bed).register += n
          missed.push(bed.stats().rxMissedErrors)
        }
        verify(missed.join() === '5,5,7', {
          seen: `another device's card missed 9 frames, and this one's 5, then none, then 2; rx_missed_errors was ${missed.join(', then ')}`,
          expected:
            '5, then 5, then 7: a counter never goes back, the register is 0 after each read, and dev.priv is of one device',
        })
      },
    },
    {
      title: 'adds to what the framework counted',
      read: 'A register that is read once',
      run(bed) {
        /** @type {NetDevice} */
        bed.dev.counters.count(0, RX_MISSED_ERRORS, 3)
        cardOf(bed).register += 4
        const { rxMissedErrors } = bed.stats()
        verify(rxMissedErrors === 7, {
          seen: `the framework counted 3 missed frames and the card 4; rx_missed_errors is ${rxMissedErrors}`,
          expected: '7: stats[RX_MISSED_ERRORS] += ...',
        })
      },
    },
    {
      title: 'counts on while the interface is down, and after it',
      read: 'Without power',
      async run(bed) {
        const { dev } = bed
        cardOf(bed).register += 2
        bed.stats()
        cardOf(bed).register += 3
        await devClose(/** @type {NetDevice} */ (dev))
        const down = bed.stats().rxMissedErrors
        verify(down === 5, {
          seen: `the card had missed 2 frames, which were looked at, and 3 more when it was taken down; then rx_missed_errors is ${down}`,
          expected:
            '5: read the register in ndoStop before the power goes; without power it has all bits as 1',
        })
        await devOpen(/** @type {NetDevice} */ (dev))
        const up = bed.stats().rxMissedErrors
        verify(up === 5, {
          seen: `up again, rx_missed_errors is ${up}`,
          expected: '5: a counter never goes back while the device is there',
        })
      },
    },
    {
      title: 'continues to count after a reset',
      read: 'Reset',
      run(bed) {
        transmit(bed, ABORTED)
        cardOf(bed).register += 255
        /** @type {NetDevice} */
        bed.dev.resetStats()
        verifyCounted(bed, 'a reset', 'nothing', 'the framework subtracts what there was')
        cardOf(bed).register += 2
        verifyCounted(
          bed,
          'a reset and 2 missed frames',
          'rxMissedErrors 2',
          'only what came after it',
        )
      },
    },
  ],
  live: [
    {
      title: 'ip counts the same frames as vnet',
      needs: ['ip', 'ping'],
      read: 'One frame, one count',
      async run({ vnet, run }) {
        const started = await vnet('--noise', '4')
        const [name = 'stat0'] = started.interfaces
        await run('ping', '-q', '-c', '20', '-i', '0.02', '-W', '1', '198.18.0.9')
        // The order is kept, so after this reply, or after 10 s, no frame is on its path.
        await run('ping', '-c', '1', '-W', '10', '198.18.0.9')
        const { stdout } = await run('ip', '-s', '-j', 'link', 'show', name)
        const [{ stats64: kernel }] =
          /** @type {[{ stats64: Record<'rx' | 'tx', { packets: number }> }]} */ (
            JSON.parse(stdout)
          )
        const {
          rxPackets = 0,
          txPackets = 0,
          rxCrcErrors = 0,
        } = (await started.stop())[0]?.total ?? {}
        verify(rxPackets === kernel.rx.packets && txPackets === kernel.tx.packets, {
          seen: `vnet: TX ${txPackets}, RX ${rxPackets}; ip -s link: TX ${kernel.tx.packets}, RX ${kernel.rx.packets}`,
          expected: 'the same numbers on both sides',
        })
        verify(rxCrcErrors > 0 && rxPackets + rxCrcErrors === txPackets, {
          seen: `with --noise 4: TX ${txPackets}, RX ${rxPackets}, CRC errors ${rxCrcErrors}`,
          expected: 'each transmitted frame is received or has a CRC error',
          read: 'See it live',
        })
      },
    },
  ],
})
