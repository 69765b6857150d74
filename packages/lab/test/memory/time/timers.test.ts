import { AsyncLocalStorage } from 'node:async_hooks'
import {
  setInterval as every,
  setImmediate as immediate,
  setTimeout as wait,
} from 'node:timers/promises'
import { promisify } from 'node:util'
import { expect, onTestFinished, test, vi } from 'vitest'
import { start } from './started.ts'

/** Collects the times at which it is called. */
function recorder(time: { readonly now: number }) {
  const times: number[] = []
  return { times, record: () => times.push(time.now) }
}

test('a delay is cut to whole ms, at least 1, and one that is too long becomes 1 with a warning', async () => {
  const time = start()
  const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
  onTestFinished(() => warn.mockRestore())
  const rung: [unknown, number][] = []
  const delays: unknown[] = [undefined, 0, -5, Number.NaN, 1.9, '7', 2 ** 31, 2 ** 31 - 1]
  for (const delay of delays) {
    setTimeout(() => rung.push([delay, time.now]), delay as number)
  }
  await time.sleep('600h')
  expect(rung).toEqual([
    ...[undefined, 0, -5, Number.NaN, 1.9, 2 ** 31].map(delay => [delay, 1]),
    ['7', 7],
    [2 ** 31 - 1, 2 ** 31 - 1],
  ])
  expect(warn).toHaveBeenCalledExactlyOnceWith(
    expect.stringContaining('2147483648'),
    'TimeoutOverflowWarning',
  )
})

test('a callback gets its arguments, and the timer as this', async () => {
  const time = start()
  const calls: unknown[][] = []
  const timer = setTimeout(
    function (this: unknown, ...args) {
      calls.push([this, ...args])
    },
    1,
    'a',
    2,
  )
  await time.sleep(2)
  expect(calls).toEqual([[timer, 'a', 2]])
  expect(() => setTimeout('code' as unknown as () => void)).toThrow(
    expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' }),
  )
})

test('setInterval rings until it is cleared, also from its callback', async () => {
  const time = start()
  const { times, record } = recorder(time)
  const timer = setInterval(() => {
    if (record() === 3) {
      clearInterval(timer)
    }
  }, 10)
  await time.sleep(100)
  expect(times).toEqual([10, 20, 30])
})

test('clearTimeout takes timers, their numbers, numbers as texts, and nothing', async () => {
  const time = start()
  const { times, record } = recorder(time)
  clearTimeout(setTimeout(record, 1))
  clearTimeout(+setTimeout(record, 2))
  clearTimeout(`${+setTimeout(record, 3)}`)
  clearInterval(setTimeout(record, 4))
  setTimeout(record, 5).close()
  setTimeout(record, 6)[Symbol.dispose]()
  for (const nothing of [undefined, null, 0, {}, Symbol('x')]) {
    clearTimeout(nothing as undefined)
  }
  await time.sleep(10)
  expect(times).toEqual([])
})

test('clearTimeout clears a timer of Node that was set before the world', async () => {
  const rung: string[] = []
  const before = setTimeout(() => rung.push('cleared'), 1)
  const time = start()
  clearTimeout(before)
  time.close()
  await new Promise(resolve => setTimeout(resolve, 5))
  expect(rung).toEqual([])
})

test('refresh arms a timer again, pending or rung, but not after close', async () => {
  const time = start()
  const { times, record } = recorder(time)
  const timer = setTimeout(record, 10)
  await time.sleep(5)
  timer.refresh()
  await time.sleep(20)
  timer.refresh()
  await time.sleep(20)
  timer.close()
  timer.refresh()
  await time.sleep(20)
  expect(times).toEqual([15, 35])
})

test('a timer that is refreshed after its world continues in the next one, or in real time', async () => {
  const first = start()
  const rung: number[] = []
  let rang = () => {}
  const timer = setTimeout(() => {
    rung.push(Date.now())
    rang()
  }, 5)
  first.close()
  const second = start()
  timer.refresh()
  await second.sleep(10)
  expect(rung).toEqual([Date.UTC(2000, 0, 1) + 5])
  second.close()
  await new Promise<void>(resolve => {
    rang = resolve
    timer.refresh()
  })
  expect(rung[1]).toBeGreaterThan(Date.UTC(2020))
})

test('ref, unref and hasRef work as in Node', () => {
  start()
  const timer = setTimeout(() => {}, 1)
  expect(timer.hasRef()).toBe(true)
  expect(timer.unref().hasRef()).toBe(false)
  expect(timer.ref().hasRef()).toBe(true)
})

test('util.promisify makes a promise of setTimeout', async () => {
  const time = start()
  expect(await promisify(setTimeout)(10, 'value')).toBe('value')
  expect(time.now).toBe(10)
})

test('the promise of a timer is rejected with an AbortError when its signal aborts', async () => {
  const time = start()
  const controller = new AbortController()
  setTimeout(() => controller.abort('because'), 5)
  const timer = wait(10, undefined, { signal: controller.signal })
  await expect(timer).rejects.toMatchObject({
    name: 'AbortError',
    code: 'ABORT_ERR',
    cause: 'because',
  })
  expect(time.now).toBe(5)
  await expect(wait(10, undefined, { signal: controller.signal })).rejects.toMatchObject({
    name: 'AbortError',
  })
  expect(time.now).toBe(5)
})

test('the promise of a timer is rejected if an option has the wrong type', async () => {
  start()
  for (const options of [null, 1, { signal: {} }, { ref: 1 }]) {
    await expect(wait(1, undefined, options as object)).rejects.toMatchObject({
      code: 'ERR_INVALID_ARG_TYPE',
    })
  }
})

test('the iterator of setInterval yields a value for each ring, also for those during its body', async () => {
  const time = start()
  const times: [string, number][] = []
  for await (const value of every(10, 'value')) {
    times.push([value, time.now])
    if (times.length === 1) {
      await time.sleep(25)
    }
    if (times.length === 4) break
  }
  expect(times).toEqual([10, 35, 35, 40].map(at => ['value', at]))
  await time.sleep(100)
  expect(times).toHaveLength(4)
})

test('the iterator of setInterval is rejected when its signal aborts', async () => {
  const time = start()
  const controller = new AbortController()
  setTimeout(() => controller.abort(), 25)
  let rings = 0
  const loop = async () => {
    for await (const _ of every(10, undefined, { signal: controller.signal })) {
      rings++
    }
  }
  await expect(loop()).rejects.toMatchObject({ name: 'AbortError' })
  expect([rings, time.now]).toEqual([2, 25])
})

test('setImmediate of node:timers/promises takes no time', async () => {
  const time = start()
  setTimeout(() => {}, 1)
  await immediate()
  expect(time.now).toBe(0)
})

test('an interval keeps its AsyncLocalStorage context in each ring', async () => {
  const time = start()
  const storage = new AsyncLocalStorage<string>()
  const seen: (string | undefined)[] = []
  const timer = storage.run('program', () => setInterval(() => seen.push(storage.getStore()), 10))
  await time.sleep(25)
  clearInterval(timer)
  expect(seen).toEqual(['program', 'program'])
})
