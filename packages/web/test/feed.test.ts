/**
 * Feeds of pages that do not read in time: waiting messages are bounded, and losses are reported.
 */
import { EventEmitter } from 'node:events'
import type { ServerResponse } from 'node:http'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { FeedMessage } from '../src/feed-types.ts'
import { Feed, pack, WAITING_MAX } from '../src/source.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

/** A response without a reader, until the test reads it. */
class Stuck extends EventEmitter {
  writableLength = 0
  destroyed = false
  readonly written: string[] = []
  writeHead() {}
  write(text: string) {
    this.written.push(text)
    this.writableLength += text.length
  }
  destroy() {
    this.destroyed = true
    this.emit('close')
  }
  /** The page reads all that waits. Returns the messages. */
  read(): FeedMessage[] {
    const texts = this.written.splice(0).flatMap(text => text.split('\n\n'))
    this.writableLength = 0
    this.emit('drain')
    return texts.filter(text => text.startsWith('data: ')).map(text => JSON.parse(text.slice(6)))
  }
}

function open(hasToken = true) {
  const response = new Stuck()
  return { response, feed: new Feed(response as unknown as ServerResponse, hasToken) }
}
const stats = (time: number) => pack({ type: 'stats', time, devices: [] })
const parts = (id: string, time: number) => pack({ type: 'parts', id, time, parts: [] })
const event = pack({
  type: 'event',
  id: 'x',
  time: 1,
  event: { event: 'up', name: 'x', ifindex: 1 } as never,
})
const frames = pack({ type: 'frames', id: 'x', frames: [], skipped: 1 })
const big = pack({ type: 'problem', text: 'x'.repeat(64 * 1024) })

test('a page that reads gets each message, in order', () => {
  const { response, feed } = open()
  for (const message of [stats(1), event, frames, stats(2)]) {
    expect(feed.send(message)).toBe(true)
  }
  expect(response.read().map(({ type }) => type)).toEqual(['stats', 'event', 'frames', 'stats'])
})

test('a page that reads nothing costs a bounded memory, however long', () => {
  const { response, feed } = open()
  for (let i = 0; i < 10_000; i++) {
    for (const message of [big, stats(i), event, frames]) {
      feed.send(message)
    }
  }
  expect(response.writableLength).toBeLessThan(WAITING_MAX + 2 * big.text.length)
})

test('a page that reads again gets the latest of each state, and how many events it missed', () => {
  const { response, feed } = open()
  while (response.writableLength <= WAITING_MAX) {
    feed.send(big)
  }
  for (let i = 0; i < 100; i++) {
    for (const message of [stats(i), parts('x', i), parts('y', i)]) {
      feed.send(message)
    }
  }
  for (let i = 0; i < 7; i++) {
    expect(feed.send(event)).toBe(false)
  }
  expect(feed.send(frames)).toBe(false)
  response.read()
  expect(response.read()).toEqual([
    { type: 'problem', text: '7 events were lost: not read in time' },
    { type: 'stats', time: 99, devices: [] },
    { type: 'parts', time: 99, id: 'x', parts: [] },
    { type: 'parts', time: 99, id: 'y', parts: [] },
  ])
  feed.send(stats(100))
  expect(response.read()).toHaveLength(1)
})

test('a long replay takes no room from the messages after it', () => {
  const { response, feed } = open()
  feed.replay(Array.from({ length: 30 }, () => big))
  expect(response.writableLength).toBeGreaterThan(WAITING_MAX)
  expect(feed.send(event)).toBe(true)
  response.read()
  while (response.writableLength <= WAITING_MAX) {
    feed.send(big)
  }
  expect(feed.send(event)).toBe(false)
})

test('a page that reads nothing for a minute is cut off, one that reads again is not', () => {
  const { response, feed } = open()
  const stuff = () => {
    while (response.writableLength <= WAITING_MAX) {
      feed.send(big)
    }
    feed.send(big)
  }
  stuff()
  vi.advanceTimersByTime(59_000)
  response.read()
  vi.advanceTimersByTime(59_000)
  expect(response.destroyed).toBe(false)
  stuff()
  vi.advanceTimersByTime(60_000)
  expect(response.destroyed).toBe(true)
  expect(vi.getTimerCount()).toBe(0)
})

test('a page with the token gets the other text of a message that has one', () => {
  const message = pack({ type: 'problem', text: 'open' }, { type: 'problem', text: 'secret' })
  for (const [hasToken, text] of [[true, 'secret'] as const, [false, 'open'] as const]) {
    const { response, feed } = open(hasToken)
    feed.send(message)
    expect(response.read()).toEqual([{ type: 'problem', text }])
  }
})
