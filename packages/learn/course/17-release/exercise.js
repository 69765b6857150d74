// @ts-check

import {
  counts,
  defineExercise,
  udpFrame,
  unregisterNetdev,
  unusualFrames,
  verify,
  verifyUnusualArrive,
} from '@vnet/learn'
/** 17. A buffer: released twice, or never. */
import { devClose, devOpen } from 'vnet'

/** @typedef {import('vnet').NetDevice} NetDevice */
/** @typedef {import('@vnet/learn').TestBed} TestBed */

const DELAY = 10
const BUFFERS = 4
const FAR = '198.18.0.2'
const UNUSUAL = unusualFrames('198.18.0.1', FAR)
/** After the headers of Ethernet, IPv4 and UDP. */
const NUMBER_AT = 42

/**
 * @param {TestBed} bed
 * @returns {NetDevice}
 */
const deviceOf = (bed, at = 0) => /** @type {NetDevice} */ (bed.devices[at])

/**
 * The kernel transmits frames with these numbers by the first device.
 * @param {TestBed} bed
 * @param {number} first
 * @param {number} last
 */
function transmit(bed, first, last) {
  for (let n = first; n <= last; n++) {
    bed.transmit(udpFrame({ from: '198.18.0.1', to: FAR, payload: new Uint8Array(18).fill(n) }))
  }
}

/**
 * The numbers of the frames that the kernel received by the second device.
 * @param {TestBed} bed
 */
const arrived = bed => {
  const { received } = bed.port(bed.devices[1]?.name)
  return received.map(({ bytes }) => bytes[NUMBER_AT]).join(' ') || 'none'
}

/** @param {number} n */
const upTo = (n, first = 1) => Array.from({ length: n - first + 1 }, (_, i) => first + i).join(' ')

export const exercise = defineExercise({
  version: 1,
  driver: 'release.js',
  title: 'A buffer: released twice, or never',
  summary: 'a driver that releases buffers twice, or never: --debug names the line',
  kernelNames: ['kmem_cache_free', 'kmemleak', 'KASAN', 'netif_wake_queue'],
  params: { delay: DELAY, buffers: BUFFERS },
  memory: [
    {
      title: 'carries more frames than it has buffers',
      read: 'The life of a buffer',
      run(bed) {
        transmit(bed, 1, 10)
        const { held } = bed.balance()
        verify(held === BUFFERS, {
          seen: `10 frames, with ${BUFFERS} buffers; frames on the cards: ${held}`,
          expected: `${BUFFERS}: the others wait in the kernel, because the queue is stopped`,
        })
        bed.advance(10 * DELAY)
        const stopped = deviceOf(bed).tx[0]?.stopped === true ? '; the queue is still stopped' : ''
        verify(arrived(bed) === upTo(10), {
          seen: `10 frames, with ${BUFFERS} buffers: ${arrived(bed)} arrived${stopped}`,
          expected: `${upTo(10)}: the queue is woken when a buffer was released`,
        })
        verifyUnusualArrive(bed, UNUSUAL, DELAY, 'The life of a buffer')
      },
    },
    {
      title: 'carries one frame in each buffer when memory was short',
      read: 'Released twice',
      params: { delay: DELAY, buffers: BUFFERS, lowmem: 3 },
      run(bed) {
        transmit(bed, 1, 4)
        bed.advance(DELAY)
        transmit(bed, 5, 8)
        bed.advance(DELAY)
        const [seen, dropped] = [arrived(bed), counts(bed.drops(bed.devices[1]))]
        verify(seen === '1 2 4 5 7 8' && dropped === 'NOMEM 2', {
          seen: `no memory for every third frame; of frames 1 to 4, and then 5 to 8, arrived: ${seen}; dropped: ${dropped}`,
          expected:
            '1 2 4 5 7 8, and NOMEM 2: a buffer is released once, and then is free for one frame',
        })
      },
    },
    {
      title: 'has as many buffers as before when memory was short',
      read: 'Released twice',
      params: { delay: DELAY, buffers: BUFFERS, lowmem: 1 },
      run(bed) {
        transmit(bed, 1, 3)
        bed.advance(DELAY)
        transmit(bed, 4, 20)
        const { held } = bed.balance()
        verify(held === BUFFERS, {
          seen: `3 frames were dropped for want of memory; then 17 more, with ${BUFFERS} buffers; frames on the cards: ${held}`,
          expected: `${BUFFERS}: a drop releases the buffer, too, once`,
        })
        bed.advance(100 * DELAY)
      },
    },
    {
      title: 'drops the frames that wait when it goes down',
      read: 'Released never',
      async run(bed) {
        const dev = deviceOf(bed, 1)
        transmit(bed, 1, 3)
        await devClose(dev)
        const [dropped, { held }] = [counts(bed.drops(dev)), bed.balance()]
        verify(dropped === 'DEV_STOPPED 3' && held === 0, {
          seen: `${dev.name} went down when 3 frames had arrived: dropped: ${dropped}; ${held} still held`,
          expected: `DEV_STOPPED 3, by netifRxDrop on ${dev.name}, and none held`,
        })
      },
    },
    {
      title: 'releases the buffers of those frames',
      read: 'Released never',
      async run(bed) {
        const dev = deviceOf(bed, 1)
        for (let round = 0; round < 3; round++) {
          transmit(bed, 1, 3)
          await devClose(dev)
          await devOpen(dev)
        }
        transmit(bed, 1, 10)
        bed.advance(10 * DELAY)
        const stopped =
          deviceOf(bed).tx[0]?.stopped === true ? '; the queue of the sender is stopped' : ''
        verify(arrived(bed) === upTo(10), {
          seen: `${dev.name} went down and up three times, each with 3 frames that had arrived; then ${arrived(bed)} of 10 arrived${stopped}`,
          expected: `${upTo(10)}: the buffers belong to the sender, who needs them back`,
        })
      },
    },
    {
      title: 'returns buffers to a sender that is down, and leaves its queue alone',
      read: 'Whose buffer is it',
      async run(bed, { another }) {
        const dev = deviceOf(bed)
        transmit(bed, 1, BUFFERS)
        await devClose(dev)
        bed.advance(DELAY)
        verify(dev.tx[0]?.stopped === true, {
          seen: `${dev.name} is down, and its queue was woken when ${deviceOf(bed, 1).name} released a buffer`,
          expected: 'a queue that stays stopped until ndoOpen: netifRunning(owner)',
        })
        const other = await another()
        transmit(other, 1, BUFFERS)
        await devClose(deviceOf(other))
        await devOpen(deviceOf(other))
        transmit(other, 5, 10)
        other.advance(10 * DELAY)
        verify(arrived(other) === upTo(10), {
          seen: `${dev.name} went down with all buffers in use, and up before one was released; ${arrived(other)} arrived`,
          expected: `${upTo(10)}: ndoOpen starts the queue if a buffer is free`,
        })
      },
    },
    {
      title: 'continues when its other end was deleted',
      read: 'Whose buffer is it',
      async run(bed) {
        transmit(bed, 1, 3)
        await unregisterNetdev(deviceOf(bed, 1))
        transmit(bed, 4, 10)
        const { DEV_READY = 0 } = bed.drops()
        const { held } = bed.balance()
        verify(DEV_READY === 7 && held === 0, {
          seen: `3 frames had arrived, the other device was deleted, then 7 frames: dropped: ${counts(bed.drops())}; ${held} held`,
          expected: 'DEV_READY 7, and none held',
        })
      },
    },
  ],
  live: [
    {
      title: 'memory that is short loses single frames, and no buffer',
      needs: ['ping'],
      read: 'Released twice',
      async run({ vnet, run }) {
        const running = await vnet('--lowmem', '7', '--buffers', '4', '--delay', '2')
        await run('ping', '-q', '-f', '-c', '200', '-W', '1', FAR)
        const [one, two] = await running.stop()
        const nomem = [one, two].map(each => each?.drops.rx.NOMEM ?? 0)
        const drops = [one?.drops.tx, two?.drops.rx].flatMap(each => Object.values(each ?? {}))
        const [sent, arrived] = [one?.total.txPackets ?? 0, two?.total.rxPackets ?? 0]
        const untold = drops.reduce((rest, n) => rest - n, sent - arrived)
        verify(nomem.every(n => n > 0) && untold === 0, {
          seen: `with --lowmem 7, a flood of 200 pings: NOMEM ${nomem.join(' and ')}; of ${sent} frames sent, ${arrived} arrived, and ${untold} are in no counter`,
          expected: 'each frame arrives once, or is counted as NOMEM',
        })
      },
    },
    {
      title: 'pings come back after the other end went down and up ten times',
      needs: ['ping', 'ip'],
      read: 'Released never',
      async run({ vnet, run }) {
        const [, other = ''] = (await vnet('--buffers', '2', '--delay', '20')).interfaces
        const pings = run('ping', '-q', '-c', '100', '-i', '0.01', '-W', '1', FAR)
        for (let i = 0; i < 10; i++) {
          await run('ip', 'link', 'set', other, 'down')
          await run('ip', 'link', 'set', other, 'up')
        }
        await pings
        const { stdout } = await run('ping', '-c', '5', '-i', '0.2', '-W', '5', FAR)
        const times = [...stdout.matchAll(/time=([\d.]+)/g)].map(([, time]) => Number(time))
        verify(other !== '' && times.some(time => time >= 20), {
          seen: `ip link set ${other} down and up, ten times during pings; then ${times.length} of 5 replies`,
          expected: 'replies, after the delay',
        })
      },
    },
  ],
})
