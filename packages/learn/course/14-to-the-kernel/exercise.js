// @ts-check

import {
  beforeCall,
  counts,
  defineExercise,
  numberOf,
  udpFrame,
  verify,
  verifyDownAndUp,
  verifyNothingLost,
} from '@vnet/learn'
/** 14. To the kernel: what a module must do by itself. */
import { devClose, devOpen } from 'vnet'

/** @typedef {import('vnet').NetDevice} NetDevice */
/** @typedef {import('@vnet/learn').TestBed} TestBed */
/**
 * @typedef {object} Kernel
 * @property {string[]} calls
 * @property {string} fails
 * @property {() => void} reset
 * @property {(handler: () => void) => number} requestIrq
 * @property {() => void} kick
 * @property {{ cache: boolean, objects: number, arrays: number, handler: boolean }} taken
 */

const DELAY = 5
const SLOTS = 4

/**
 * @param {TestBed} bed
 * @returns {Kernel}
 */
const kernelOf = bed => /** @type {{ kernel: Kernel }} */ (bed.dev.priv).kernel

/**
 * The names of the driver's resources.
 * @param {TestBed} bed
 * @returns {string}
 */
function takenIn(bed) {
  const { cache, objects, arrays, handler } = kernelOf(bed).taken
  const all = {
    'the cache': cache,
    [`${objects} descriptors`]: objects,
    'the slots': arrays,
    'the interrupt': handler,
  }
  const names = Object.entries(all).filter(([, has]) => has)
  return names.map(([name]) => name).join(', ') || 'nothing'
}

/** @param {readonly string[]} calls */
const list = calls => calls.join(', ') || 'nothing'

/**
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
 * The numbers of the returned frames.
 * @param {TestBed} bed
 * @returns {string}
 */
const numbers = bed => bed.received.map(({ bytes }) => bytes[42]).join(', ') || 'none'

/**
 * Brings the device up, and returns the result of ndoOpen.
 * @param {TestBed} bed
 * @returns {Promise<unknown>}
 */
async function openResult(bed) {
  const dev = /** @type {NetDevice} */ (bed.dev)
  const ops = dev.netdevOps
  /** @type {unknown} */
  let result
  dev.netdevOps = {
    ...ops,
    ndoOpen: () => {
      result = ops.ndoOpen?.(dev)
      return /** @type {number} */ (result)
    },
  }
  await devOpen(dev).catch(() => {})
  dev.netdevOps = ops
  return result
}

/** The functions that may fail in ndoOpen, and the error to return. */
const STEPS = { kmem_cache_create: -12, kcalloc: -12, request_irq: -16 }
/** @type {Record<string, string>} */
const UNDONE_BY = {
  kmem_cache_create: 'kmem_cache_destroy',
  kcalloc: 'kfree',
  request_irq: 'free_irq',
}
/** @type {Record<number, string>} */
const NAMES = { [-12]: '-ENOMEM', [-16]: '-EBUSY' }

export const exercise = defineExercise({
  version: 1,
  driver: 'ported.js',
  title: 'To the kernel: release what you acquire',
  summary: 'from a driver to a module: what may fail or sleep, and what must be released',
  kernelNames: [
    'kmem_cache_create',
    'kmem_cache_destroy',
    'kmem_cache_alloc',
    'kmem_cache_free',
    'kcalloc',
    'kfree',
    'request_irq',
    'free_irq',
    'GFP_KERNEL',
    'GFP_ATOMIC',
  ],
  params: { delay: DELAY, slots: SLOTS },
  rules: [
    {
      seen: /sleeping function called/,
      expected: 'GFP_ATOMIC where nothing may sleep: ndoStartXmit is called with a lock',
      read: 'What may sleep',
    },
    {
      seen: /objects remaining/,
      expected: 'each descriptor is freed before the cache is destroyed',
      read: 'Give it back',
    },
  ],
  memory: [
    {
      title: 'takes a cache, the slots and the interrupt when it comes up',
      read: 'What may fail',
      async run(bed) {
        const { calls } = kernelOf(bed)
        verify(takenIn(bed) === 'the cache, the slots, the interrupt', {
          seen: `the interface is up, and the driver has: ${takenIn(bed)}`,
          expected: 'the cache, the slots, the interrupt',
        })
        verify(calls.at(-1) === 'request_irq', {
          seen: `ndoOpen called ${list(calls)}`,
          expected: 'request_irq last: from then on the handler runs, and needs the others',
        })
        await devClose(bed.dev)
        const priv = /** @type {{ slots: unknown[] | undefined }} */ (bed.dev.priv)
        verify(priv.slots?.length === SLOTS, {
          seen: `with --slots ${SLOTS}, kcalloc was called for ${priv.slots?.length} slots`,
          expected: `${SLOTS}: params.slots; in C, more frames than that are written past the end`,
        })
        priv.slots = undefined
        let hasSlots = false
        beforeCall(kernelOf(bed), 'requestIrq', () => {
          hasSlots = priv.slots !== undefined
        })
        await devOpen(bed.dev)
        verify(hasSlots, {
          seen: 'when ndoOpen called request_irq, dev.priv.slots was undefined',
          expected: 'the slots: on another CPU the handler may run before request_irq returns',
        })
      },
    },
    {
      title: 'gives each frame back, with a descriptor while it is in the card',
      read: 'What to do',
      async run(bed, { another }) {
        transmit(bed, 3)
        const { objects } = kernelOf(bed).taken
        verify(objects === 3, {
          seen: `3 frames were sent, and the driver has ${objects} descriptors; dropped: ${counts(bed.drops())}`,
          expected: '3: kmemCacheAlloc(GFP_ATOMIC) for each',
        })
        bed.advance(DELAY)
        verify(numbers(bed) === '1, 2, 3', {
          seen: `frames 1, 2, 3 were sent; after ${DELAY} ms these were back: ${numbers(bed)}`,
          expected:
            '1, 2, 3: the first frame kicks the card, and each is in the slot of its number',
        })
        verify(kernelOf(bed).taken.objects === 0, {
          seen: `all frames are back, and the driver has ${kernelOf(bed).taken.objects} descriptors`,
          expected: 'none',
        })
        transmit(bed, 1, 4)
        bed.advance(DELAY - 1)
        transmit(bed, 1, 5)
        bed.advance(1)
        verify(numbers(bed) === '1, 2, 3, 4, 5', {
          seen: `then frames 4 and 5, at 0 and ${DELAY - 1} ms; after ${DELAY} ms these were back: ${numbers(bed)}`,
          expected:
            '1, 2, 3, 4, 5: each time the first frame of an empty ring kicks the card, and no other',
        })
        const other = await another()
        transmit(other, 1)
        transmit(bed, 1, 6)
        bed.advance(DELAY)
        verify(numbers(bed) === '1, 2, 3, 4, 5, 6', {
          seen: 'while another device had a frame in its card, one of this device did not come back',
          expected:
            'the frame: head and tail are in dev.priv; a variable of the module is shared by all devices',
        })
        other.advance(DELAY)
      },
    },
    {
      title: 'stops the queue when all slots are in use, and loses nothing',
      read: 'What to do',
      run(bed) {
        const n = 2 * SLOTS + 1
        transmit(bed, n)
        const { objects } = kernelOf(bed).taken
        verify(objects === SLOTS, {
          seen: `${n} frames for ${SLOTS} slots; the driver has ${objects} descriptors`,
          expected: `${SLOTS}, and a queue that is stopped`,
        })
        bed.advance(10 * DELAY)
        const { length } = bed.received
        verify(length === n, { seen: `of ${n} frames ${length} came back`, expected: 'all' })
      },
    },
    {
      title: 'drops a frame when there is no memory for its descriptor, and continues',
      read: 'What may fail',
      run(bed) {
        // The first finds an empty ring, the third a frame in it.
        for (const number of [1, 2, 3, 4]) {
          kernelOf(bed).fails = number % 2 === 1 ? 'kmem_cache_alloc' : ''
          transmit(bed, 1, number)
        }
        kernelOf(bed).fails = ''
        bed.advance(4 * DELAY)
        const { NOMEM = 0 } = bed.drops()
        const stopped = bed.dev.tx[0]?.stopped === true ? '; the queue is still stopped' : ''
        verify(NOMEM === 2 && numbers(bed) === '2, 4', {
          seen: `of frames 1 to 4 there was no memory for 1 and 3; dropped: ${counts(bed.drops())}; back came: ${numbers(bed)}${stopped}`,
          expected:
            'NOMEM 2, and 2, 4 back: the queue runs, because no interrupt follows that would wake it',
        })
      },
    },
    {
      title: 'gives everything back when it goes down, the last first',
      read: 'Give it back',
      async run(bed) {
        const { calls } = kernelOf(bed)
        transmit(bed, 2)
        const before = calls.length
        beforeCall(kernelOf(bed), 'reset', () => calls.push('reset'))
        const expected = calls.flatMap(call => UNDONE_BY[call] ?? []).reverse()
        await devClose(bed.dev)
        const made = calls.slice(before)
        verify(takenIn(bed) === 'nothing', {
          seen: `the interface went down with 2 frames in the card; the driver still has: ${takenIn(bed)}`,
          expected: 'nothing: 2 descriptors freed, the interrupt, the slots, the cache',
        })
        verify(made.includes('reset'), {
          seen: `ndoStop called ${list(made)}`,
          expected: 'reset too: the card has 2 frames, and would interrupt a device that is down',
        })
        verify(made.find(call => call !== 'reset') === 'free_irq', {
          seen: `ndoStop called ${list(made)}`,
          expected: 'free_irq first: the handler uses all the others',
        })
        const order = made.filter(call => expected.includes(call))
        verify(list(order) === list(expected), {
          seen: `ndoStop called ${list(made)}`,
          expected: `${list(expected)}: the last first`,
        })
        const { DEV_STOPPED = 0 } = bed.drops()
        verify(DEV_STOPPED === 2, {
          seen: `dropped: ${counts(bed.drops())}`,
          expected: 'DEV_STOPPED 2',
        })
      },
    },
    {
      title: 'undoes what it did when a step of ndoOpen fails, and returns the error',
      read: 'What may fail',
      allow: /ndoOpen|ENOMEM|EBUSY|EINVAL/,
      async run(bed) {
        for (const [step, error] of Object.entries(STEPS)) {
          await devClose(bed.dev)
          kernelOf(bed).fails = step
          const result = await openResult(bed)
          kernelOf(bed).fails = ''
          const name = NAMES[error]
          verify(result === error, {
            seen: `${step} failed, and ndoOpen returned ${result}`,
            expected: `${name}: an interface that does not work does not come up`,
          })
          verify(takenIn(bed) === 'nothing', {
            seen: `${step} failed, ndoOpen returned ${name}, and the driver still has: ${takenIn(bed)}`,
            expected: 'nothing: no ndoStop follows an ndoOpen that failed',
          })
          await devOpen(bed.dev)
        }
        await devClose(bed.dev)
        const kernel = kernelOf(bed)
        const { requestIrq } = kernel
        kernel.requestIrq = () => -22
        const result = await openResult(bed)
        kernel.requestIrq = requestIrq
        verify(result === -22 && takenIn(bed) === 'nothing', {
          seen: `request_irq returned -22, -EINVAL, and ndoOpen returned ${result}; the driver has: ${takenIn(bed)}`,
          expected: "-EINVAL, the step's own error, and nothing",
        })
        await devOpen(bed.dev)
        transmit(bed, 1)
        bed.advance(DELAY)
        verify(numbers(bed) === '1', {
          seen: `then it came up, and of a frame came back: ${numbers(bed)}`,
          expected: '1',
        })
      },
    },
  ],
  live: [
    {
      title: 'two hundred pings in a row lose nothing with four slots',
      needs: ['ping', 'ip'],
      read: 'See it live',
      run: live =>
        verifyNothingLost(live, ['--delay', '1', '--slots', '4'], {
          count: 200,
          interval: '0.002',
        }),
    },
    {
      title: 'a frame without a descriptor is dropped, and later ones pass',
      notInKernel: 'the kernel has memory for a descriptor',
      needs: ['ping'],
      read: 'What may fail',
      async run({ vnet, run }) {
        const running = await vnet()
        const [name = ''] = running.interfaces
        const ping = (/** @type {string[]} */ ...until) =>
          run('ping', '-q', '-c', '3', '-i', '0.1', ...until, '198.18.0.9')
        await run('vnet', 'param', name, 'fails=kmem_cache_alloc')
        await ping('-W', '1')
        // When vnet has replied to this, it has read the frames.
        await run('vnet', 'stats', name)
        await run('vnet', 'param', name, 'fails=')
        const received = numberOf(/ (\d+) received/, (await ping('-w', '10')).stdout)
        const dropped = (await running.stop())[0]?.drops.tx.NOMEM ?? 0
        verify(dropped === 3 && received === 3, {
          seen: `3 pings with fails=kmem_cache_alloc: ${dropped} frames dropped as NOMEM; 3 more: ${received} replies`,
          expected: '3 frames, and then 3 replies',
        })
      },
    },
    {
      title: 'goes down and up under pings, ten times, and replies afterwards',
      needs: ['ping', 'ip'],
      read: 'Give it back',
      run: live => verifyDownAndUp(live, ['--delay', '10'], 10),
    },
  ],
})
