// @ts-check

import {
  arpRequest,
  counts,
  defineExercise,
  numberOf,
  udpFrame,
  verify,
  verifyNothingLost,
} from '@vnet/learn'
/** 3. A ring: frames that are held for a while. */
import { devClose, devOpen } from 'vnet'

/** @typedef {import('vnet').NetDevice} NetDevice */
/** @typedef {import('vnet').Ring} Ring */
/** @typedef {import('vnet').SkBuff} SkBuff */
/** @typedef {import('@vnet/learn').TestBed} TestBed */

const DELAY = 10
const SLOTS = 4
const PARAMS = { delay: DELAY, slots: SLOTS }

/**
 * Transmits frames that differ in their payload: `first`, `first` + 1 and so on.
 * @param {TestBed} bed
 * @param {number} n
 */
function transmit(bed, n, first = 1) {
  for (let i = 0; i < n; i++) {
    bed.transmit(
      udpFrame({ from: '198.18.0.1', to: '198.18.0.9', payload: Uint8Array.of(first + i) }),
    )
  }
}

/**
 * Takes the device down, and returns whether its queue was stopped when ndoStop had returned.
 * @param {TestBed} bed
 * @returns {Promise<boolean>}
 */
async function isStoppedByNdoStop(bed) {
  const dev = /** @type {NetDevice} */ (bed.dev)
  const ops = dev.netdevOps
  let isStopped = false
  dev.netdevOps = {
    ...ops,
    ndoStop: () => {
      const error = ops.ndoStop?.(dev)
      isStopped = dev.tx[0]?.stopped === true
      return error
    },
  }
  await devClose(dev)
  dev.netdevOps = ops
  return isStopped
}

/**
 * Transmits a frame, and returns the names of its fields that are written after ring.push.
 * @param {TestBed} bed
 * @returns {string[]}
 */
function writtenAfterPush(bed) {
  const { ring } = /** @type {{ ring: Ring }} */ (bed.dev.priv)
  const { push } = ring
  /** @type {{ skb: SkBuff, before: Record<string, unknown> }[]} */
  const pushed = []
  ring.push = skb => {
    const isTaken = push.call(ring, skb)
    // A hold moves the frame, which changes fields.
    skb.hold = () => true
    pushed.push({ skb, before: { ...skb } })
    return isTaken
  }
  transmit(bed, 1)
  ring.push = push
  return pushed.flatMap(({ skb, before }) =>
    Object.entries(skb).flatMap(([name, value]) => (before[name] === value ? [] : [name])),
  )
}

/**
 * The numbers of the returned frames.
 * @param {TestBed} bed
 * @returns {string}
 */
const numbers = bed => bed.received.map(({ bytes }) => bytes[42]).join(', ') || 'none'

export const exercise = defineExercise({
  version: 1,
  driver: 'ring.js',
  title: 'A ring: frames that stay for a while',
  summary: 'a ring that frames wait in, a timer, a queue that is stopped and woken',
  kernelNames: [
    'netif_stop_queue',
    'netif_wake_queue',
    'netif_start_queue',
    'mod_timer',
    'del_timer_sync',
    'ndo_open',
    'ndo_stop',
    'skb_queue_purge',
  ],
  params: PARAMS,
  memory: [
    {
      title: 'keeps a frame for the delay, and then gives it back',
      read: 'Keep a frame',
      async run(bed, { another }) {
        const { armed } = bed.clock
        transmit(bed, 1)
        const isArmed = bed.clock.armed > armed
        bed.advance(DELAY - 1)
        const dropped = counts(bed.drops())
        verify(numbers(bed) === 'none', {
          seen: `with --delay ${DELAY} a frame came back after less than ${DELAY} ms`,
          expected: `it stays in the ring for ${DELAY} ms`,
        })
        bed.advance(1)
        const alarm = !isArmed
          ? 'no alarm was armed'
          : bed.clock.armed > armed
            ? 'the alarm is for later'
            : 'the alarm rang'
        verify(numbers(bed) === '1', {
          seen: `with --delay ${DELAY} a frame had not come back after ${DELAY} ms; dropped: ${dropped}; ${alarm}`,
          expected: `the frame, by netifRx, when the alarm rings: alarm.at of a time of dev.net.clock, ${DELAY} ms from now`,
        })
        transmit(bed, 1, 2)
        bed.advance(DELAY)
        verify(numbers(bed) === '1, 2', {
          seen: `a frame came back, and one that was sent after that had not come back after ${DELAY} ms`,
          expected: 'the frame: the alarm is armed again, because busy ends when it rings',
        })
        const slow = await another({ ...PARAMS, delay: 3 * DELAY })
        transmit(slow, 1)
        slow.advance(3 * DELAY - 1)
        const early = numbers(slow)
        slow.advance(1)
        verify(early === 'none' && numbers(slow) === '1', {
          seen: `with --delay ${3 * DELAY}, after ${3 * DELAY - 1} ms came back: ${early}; after ${3 * DELAY} ms: ${numbers(slow)}`,
          expected: 'none, and then the frame: the delay is dev.priv.params.delay',
        })
        const other = await another()
        const [written] = writtenAfterPush(other)
        verify(written === undefined, {
          seen: `after ring.push(skb), skb.${written} was written`,
          expected:
            'after push nothing but skb.hold(): the ring owns the frame, and another CPU may have sent it already',
        })
        transmit(bed, 1, 3)
        bed.advance(DELAY)
        verify(numbers(bed) === '1, 2, 3', {
          seen: `while another device had a frame in its ring, one of this device did not come back after ${DELAY} ms`,
          expected:
            'the frame: busy is in dev.priv; a variable of the module is shared by all devices',
        })
        other.advance(DELAY)
      },
    },
    {
      title: 'drops what cannot come back, with its reason',
      read: 'What to do',
      run(bed) {
        bed.transmit(arpRequest({ from: '198.18.0.1', to: '198.18.0.9' }))
        const [dropped, { held }] = [counts(bed.drops()), bed.balance()]
        verify(dropped === 'UNHANDLED_PROTO 1' && held === 0, {
          seen: `an ARP request: dropped: ${dropped}; held: ${held}`,
          expected: 'UNHANDLED_PROTO 1, and none held: reflect returns the reason for skb.drop',
        })
      },
    },
    {
      title: 'gives frames back in their order, after the delay of the first',
      read: 'Keep a frame',
      run(bed) {
        transmit(bed, 1)
        bed.advance(6)
        transmit(bed, 2, 2)
        bed.advance(4)
        verify(bed.received.length > 0, {
          seen: `frames were sent at 0 and 6 ms, and none was back at ${DELAY} ms`,
          expected: `all at ${DELAY} ms: the second frame must not put the alarm off`,
        })
        verify(numbers(bed) === '1, 2, 3', {
          seen: `frames 1, 2, 3 were sent; after ${DELAY} ms these were back: ${numbers(bed)}`,
          expected: '1, 2, 3: shift() until the ring is empty',
        })
        bed.advance(4)
        transmit(bed, 1, 4)
        bed.advance(DELAY - 1)
        verify(bed.received.length === 3, {
          seen: `a frame was sent at ${DELAY + 4} ms, and came back before ${2 * DELAY + 4} ms`,
          expected: `${DELAY} ms after the first frame in the ring, which arms the alarm: alarm.at(ns) takes a time of dev.net.clock.now(), as mod_timer does`,
        })
        bed.advance(1)
        verify(numbers(bed) === '1, 2, 3, 4', {
          seen: 'a frame that was sent after the alarm had rung never came back',
          expected: 'the alarm is armed again: busy ends when it rings',
        })
      },
    },
    {
      title: 'stops the queue when the ring is full',
      read: 'Stop and wake',
      async run(bed, { another }) {
        transmit(bed, SLOTS + 2)
        const [queue] = bed.dev.tx
        const all = `after ${SLOTS + 2} frames, with ${SLOTS} places in the ring,`
        const dropped = counts(bed.drops())
        verify(dropped === 'nothing', {
          seen: `${all} dropped: ${dropped}`,
          expected: `nothing: the others wait in the kernel, because the queue is stopped with frame ${SLOTS}`,
        })
        verify(queue?.stopped === true, {
          seen: `${all} the queue is not stopped`,
          expected: `stopped with frame ${SLOTS}, which took the last place`,
        })
        const { held } = bed.balance()
        verify(held === SLOTS, {
          seen: `${all} the driver has ${held} frames`,
          expected: `${SLOTS}: stop the queue with frame ${SLOTS}, which takes the last place, not before it and not with the next`,
        })
        // Another check covers frames that remain in a ring.
        bed.advance(10 * DELAY)
        const longer = await another({ ...PARAMS, slots: 2 * SLOTS })
        transmit(longer, 2 * SLOTS + 2)
        const { held: more } = longer.balance()
        verify(more === 2 * SLOTS, {
          seen: `after ${2 * SLOTS + 2} frames, with --slots ${2 * SLOTS}, the driver has ${more} frames`,
          expected: `${2 * SLOTS}: ring.capacity is the number of places`,
        })
        longer.advance(10 * DELAY)
      },
    },
    {
      title: 'wakes the queue when the ring has room',
      read: 'Stop and wake',
      run(bed) {
        transmit(bed, 2 * SLOTS + 2)
        bed.advance(10 * DELAY)
        const { length } = bed.received
        verify(length === 2 * SLOTS + 2, {
          seen: `of ${2 * SLOTS + 2} frames ${length} came back${bed.dev.tx[0]?.stopped ? '; the queue is still stopped' : ''}`,
          expected: 'all: the queue is woken each time that the ring was emptied',
        })
      },
    },
    {
      title: 'leaves nothing behind when the interface goes down',
      read: 'Take it down',
      async run(bed) {
        const { armed } = bed.clock
        transmit(bed, 3)
        const isStopped = await isStoppedByNdoStop(bed)
        const { held } = bed.balance()
        const all = 'the interface went down with 3 frames in the ring;'
        verify(isStopped, {
          seen: `${all} when ndoStop had returned, the queue was not stopped`,
          expected: 'netifTxStopAllQueues(dev): no frame may come while the rest is taken down',
        })
        verify(held === 0, {
          seen: `${all} ${held} frames are still held after ndoStop`,
          expected: 'none: ring.purge(reason) drops them',
        })
        const { DEV_STOPPED = 0 } = bed.drops()
        verify(DEV_STOPPED === 3, {
          seen: `${all} dropped: ${counts(bed.drops())}`,
          expected: 'DEV_STOPPED 3',
        })
        verify(bed.clock.armed <= armed, {
          seen: `${all} the alarm is still armed after ndoStop`,
          expected: 'alarm.cancel(): a timer that rings later meets a device that is down, or gone',
        })
      },
    },
    {
      title: 'works again when the interface comes up again',
      read: 'Take it down',
      async run(bed) {
        transmit(bed, SLOTS)
        await devClose(bed.dev)
        await devOpen(bed.dev)
        transmit(bed, 1, 9)
        bed.advance(DELAY)
        const stopped = bed.dev.tx[0]?.stopped === true
        verify(numbers(bed) === '9', {
          seen: `down and up again, then a frame: ${stopped ? 'the queue is still stopped' : 'it never came back'}`,
          expected: 'the frame, after the delay: ndoStop resets busy, ndoOpen starts the queues',
        })
      },
    },
  ],
  live: [
    {
      title: 'ping takes the delay twice',
      needs: ['ping'],
      read: 'See it live',
      async run({ vnet, run }) {
        await vnet('--delay', '50')
        const { stdout } = await run('ping', '-c', '1', '-W', '10', '198.18.0.9')
        const fastest = numberOf(/min\/avg\/max\/mdev = ([\d.]+)/, stdout)
        verify(fastest !== undefined && fastest >= 100, {
          seen:
            fastest === undefined
              ? 'ping got no reply'
              : `with --delay 50, ping took ${fastest} ms`,
          expected: '100 ms or more: the request and the reply wait 50 ms each',
        })
      },
    },
    {
      title: 'two hundred pings in a row lose nothing in a ring of two',
      needs: ['ping', 'ip'],
      read: 'Stop and wake',
      run(live) {
        const because = 'what does not fit in the ring waits in the kernel'
        return verifyNothingLost(live, ['--delay', '1', '--slots', '2'], {
          count: 200,
          interval: '0.002',
          because,
        })
      },
    },
  ],
})
