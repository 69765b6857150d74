/** The server's history for later pages is bounded by time and by size. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { pack, RECENT_MAX, RECENT_MS, Recent } from '../src/source.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

const stats = (time: number) => pack({ type: 'stats', time, devices: [] })
const times = (recent: Recent, number = 0) =>
  [...recent.after(number, 'x', 0)].map(({ text }) => (JSON.parse(text) as { time: number }).time)

test('messages of the last ten minutes are kept, in order', () => {
  const recent = new Recent()
  for (let time = 0; time < 700; time++) {
    recent.add(stats(time))
    vi.advanceTimersByTime(1000)
  }
  expect(times(recent)).toEqual(Array.from({ length: RECENT_MS / 1000 + 1 }, (_, i) => 99 + i))
})

test('messages after a number were added later', () => {
  const recent = new Recent()
  const numbers = [1, 2, 3].map(time => recent.add(stats(time)).number!)
  expect(numbers.map(number => times(recent, number))).toEqual([[2, 3], [3], []])
  recent.clear()
  expect(times(recent)).toEqual([])
})

test('messages about the wire of a device have a number of their own', () => {
  const recent = new Recent()
  const wire = (id: string, time: number) => pack({ type: 'wire', id, time, wire: undefined })
  const [first, second] = [wire('x', 1), wire('y', 2), wire('x', 3), stats(4)].map(
    each => recent.add(each).number!,
  )
  expect([...recent.after(second! + 2, 'x', 0)].map(({ id }) => id)).toEqual(['x', 'x'])
  expect([...recent.after(second! + 1, 'x', first!)].map(({ type }) => type)).toEqual([
    'wire',
    'stats',
  ])
})

test('a later server continues the message numbers of an earlier one', () => {
  const before = new Recent().add(stats(1)).number!
  vi.advanceTimersByTime(1000)
  expect(new Recent().add(stats(2)).number).toBeGreaterThan(before)
})

test('long messages push out older ones, so that the memory is bounded', () => {
  const recent = new Recent()
  const text = 'x'.repeat(RECENT_MAX / 4)
  for (let i = 0; i < 5; i++) {
    recent.add(pack({ type: 'problem', text }))
  }
  expect([...recent.after(0, '', 0)]).toHaveLength(3)
})

test('a message that is longer than all that may be kept pushes out none', () => {
  const recent = new Recent()
  recent.add(stats(1))
  const long = recent.add(pack({ type: 'problem', text: 'x'.repeat(RECENT_MAX) }))
  expect(long.number).toBeGreaterThan(0)
  expect(times(recent)).toEqual([1])
})

test('each message is read as it was kept, in a ring that grows and is full', () => {
  const recent = new Recent(1 << 19)
  const messageOf = (i: number) => {
    const text = `${i} ä€`.repeat(1000 * ((i % 5) + 1))
    const secret = i % 2 === 0 ? ({ type: 'problem', text: `s${i}` } as const) : undefined
    return pack({ type: 'problem', text }, secret)
  }
  let most = 0
  for (let i = 0; i < 80; i++) {
    recent.add(messageOf(i))
    const kept = [...recent.after(0, '', 0)]
    expect(kept.map(({ number: _, ...rest }) => rest)).toEqual(
      kept.map((_, k) => messageOf(i + 1 - kept.length + k)),
    )
    most = Math.max(most, kept.length)
  }
  expect(most).toBeGreaterThan(15)
})

test('what is forgotten makes room, so that the bytes do not grow with time', () => {
  const recent = new Recent()
  const before = process.memoryUsage().arrayBuffers
  const text = 'x'.repeat(1000)
  for (let time = 0; time < 6000; time++) {
    recent.add(pack({ type: 'problem', text }))
    vi.advanceTimersByTime(10_000)
  }
  expect([...recent.after(0, '', 0)]).toHaveLength(RECENT_MS / 10_000 + 1)
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1 << 20)
})
