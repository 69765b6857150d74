/** Sources of messages: one reading for all pages, none without a page. Time is the test's. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { EIO, ENODEV, ETIMEDOUT, VnetError } from '#src/base/errno.ts'
import { type Feed, type Packed, Poll, pack } from '../src/source.ts'
import { problemOf } from '../src/vnets.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

/** A page that keeps the texts of its messages. */
function page() {
  const got: string[] = []
  const send = ({ text }: Packed) => got.push(JSON.parse(text).text) > 0
  return Object.assign({ send } as unknown as Feed, { got })
}
const message = (text: string) => pack({ type: 'problem', text })

test('all pages get one reading, and a later page gets the latest one immediately', async () => {
  let count = 0
  const poll = new Poll(async () => message(`${++count}`), { interval: 250 })
  const [one, two] = [page(), page()]
  poll.add(one)
  await vi.advanceTimersByTimeAsync(0)
  poll.add(two)
  expect([one.got, two.got]).toEqual([['1'], ['1']])
  await vi.advanceTimersByTimeAsync(500)
  expect([one.got, two.got]).toEqual([
    ['1', '2', '3'],
    ['1', '2', '3'],
  ])
})

test('nothing is read before the first page connects, and after the last has left', async () => {
  let count = 0
  const poll = new Poll(async () => message(`${++count}`), { interval: 250 })
  poll.soon()
  await vi.advanceTimersByTimeAsync(1000)
  expect(count).toBe(0)
  const one = page()
  poll.add(one)
  await vi.advanceTimersByTimeAsync(250)
  poll.delete(one)
  expect(vi.getTimerCount()).toBe(0)
  await vi.advanceTimersByTimeAsync(1000)
  expect(one.got).toEqual(['1', '2'])
})

test('a page that goes during a reading gets nothing, and ends the readings', async () => {
  const replies: ((message: Packed) => void)[] = []
  const poll = new Poll(() => new Promise(resolve => void replies.push(resolve)), { interval: 250 })
  const one = page()
  poll.add(one)
  await vi.advanceTimersByTimeAsync(0)
  poll.delete(one)
  replies[0]?.(message('late'))
  await vi.advanceTimersByTimeAsync(1000)
  expect([one.got, vi.getTimerCount()]).toEqual([[], 0])
})

test('a page that comes back during a reading gets it, and the next one soon', async () => {
  const replies: ((message: Packed) => void)[] = []
  const read = () => new Promise<Packed>(resolve => void replies.push(resolve))
  const poll = new Poll(read, { interval: 60_000, isState: true })
  const one = page()
  poll.add(one)
  await vi.advanceTimersByTimeAsync(0)
  poll.delete(one)
  poll.add(one)
  replies[0]?.(message('1'))
  await vi.advanceTimersByTimeAsync(100)
  replies[1]?.(message('2'))
  await vi.advanceTimersByTimeAsync(0)
  expect(one.got).toEqual(['1', '2'])
})

test('sources that start at different times are read at the same moments', async () => {
  const moments: number[][] = [[], []]
  for (const [i, interval] of [250, 1000].entries()) {
    const poll = new Poll(async () => void moments[i]?.push(performance.now()), { interval })
    poll.add(page())
    await vi.advanceTimersByTimeAsync(70)
  }
  await vi.advanceTimersByTimeAsync(2000)
  const [often = [], seldom = []] = moments
  expect(seldom.slice(1)).toHaveLength(2)
  for (const moment of seldom.slice(1)) {
    expect(often).toContain(moment)
  }
})

test('a slow vnet is asked again only when it has replied', async () => {
  const replies: ((message: Packed) => void)[] = []
  const poll = new Poll(() => new Promise(resolve => void replies.push(resolve)), { interval: 250 })
  poll.add(page())
  poll.soon()
  await vi.advanceTimersByTimeAsync(5000)
  expect(replies).toHaveLength(1)
  replies[0]?.(message('at last'))
  await vi.advanceTimersByTimeAsync(0)
  expect(replies).toHaveLength(2)
})

test('a state is sent only when it differs', async () => {
  const texts = ['a', 'a', 'b', 'a', 'a']
  const poll = new Poll(async () => message(texts.shift() ?? 'a'), { interval: 250, isState: true })
  const one = page()
  poll.add(one)
  await vi.advanceTimersByTimeAsync(2000)
  expect(one.got).toEqual(['a', 'b', 'a'])
})

test('a change is read immediately, and many changes at most ten times a second', async () => {
  let count = 0
  const poll = new Poll(async () => message(`${++count}`), { interval: 60_000 })
  const one = page()
  poll.add(one)
  await vi.advanceTimersByTimeAsync(5000)
  poll.soon()
  await vi.advanceTimersByTimeAsync(0)
  expect(one.got).toEqual(['1', '2'])
  for (let ms = 0; ms < 1000; ms++) {
    poll.soon()
    await vi.advanceTimersByTimeAsync(1)
  }
  expect(count).toBeLessThanOrEqual(12)
  expect(count).toBeGreaterThanOrEqual(11)
})

test('a failure is reported once until the next success, a vnet that has ended or waits never', async () => {
  const outcomes = [
    new VnetError(EIO, 'a'),
    new VnetError(ETIMEDOUT, 'late'),
    new VnetError(EIO, 'a'),
    message('well'),
    new VnetError(EIO, 'a'),
  ]
  const read = async () => {
    const next = outcomes.shift() ?? new VnetError(ENODEV, 'gone')
    if (next instanceof VnetError) throw next
    return next
  }
  const poll = new Poll(read, { interval: 250 })
  const one = page()
  poll.add(one)
  await vi.advanceTimersByTimeAsync(2000)
  const failed = expect.stringContaining('EIO')
  expect(one.got).toEqual([failed, 'well', failed])
})

test('a page that connects while readings fail gets the reason', async () => {
  const poll = new Poll(() => Promise.reject(new VnetError(EIO, 'a')), { interval: 250 })
  const [one, two] = [page(), page()]
  poll.add(one)
  await vi.advanceTimersByTimeAsync(1000)
  poll.add(two)
  await vi.advanceTimersByTimeAsync(1000)
  expect(two.got).toEqual([expect.stringContaining('EIO')])
})

test('a vnet that does not reply is named, with a possible reason', () => {
  const call = ['GET_DEVICES', 'vnet 4711 (sn0, sn1)'] as const
  expect(problemOf(new VnetError(ETIMEDOUT, call, 'it has not replied for 2 s'))).toBe(
    'vnet 4711 (sn0, sn1) did not reply in time: it may be stopped, in a debugger, or in a driver that does not return',
  )
  expect(problemOf(new VnetError(EIO, call))).toBe('vnet 4711 (sn0, sn1): input/output error')
})
