/** Dumps to clients that read, read late, or never do. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Dumps } from '../../src/control/dumps.ts'
import { EAGAIN, ECONNREFUSED } from '../../src/core/errno.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

/** Parts of one octet, 0 to n - 1; `made` counts those asked for. */
function numberedParts(n: number) {
  const asked = { made: 0 }
  function* generate(): Generator<Uint8Array, Uint8Array> {
    for (let i = 0; i < n - 1; i++) {
      asked.made++
      yield Uint8Array.of(i)
    }
    asked.made++
    return Uint8Array.of(n - 1)
  }
  return { asked, parts: generate() }
}

/** A client with room for `room` parts. */
function receiver(room = Number.POSITIVE_INFINITY) {
  const got: number[] = []
  const client = { got, room, error: -EAGAIN }
  const dumps = new Dumps((_, octets) => {
    if (client.room === 0) return client.error
    client.room--
    got.push(octets[0]!)
    return 1
  })
  return { client, dumps }
}

test('every part arrives once and in order, and then the client may ask again', () => {
  for (const n of [1, 3, 4, 5, 100]) {
    const { client, dumps } = receiver()
    expect(dumps.begin(7, numberedParts(n).parts)).toBe(true)
    vi.runAllTimers()
    expect(client.got).toEqual(Array.from({ length: n }, (_, i) => i))
    expect(dumps.begin(7, numberedParts(1).parts)).toBe(true)
  }
})

test('a client that has the last part may ask again at once', () => {
  for (const n of [1, 2, 3, 4]) {
    const { client, dumps } = receiver()
    dumps.begin(7, numberedParts(n).parts)
    expect(client.got).toHaveLength(n)
    expect(dumps.begin(7, numberedParts(n).parts)).toBe(true)
  }
})

test('a client without room gets the rest when it has some, and no part is made before', () => {
  const { client, dumps } = receiver(2)
  const { asked, parts } = numberedParts(9)
  dumps.begin(7, parts)
  vi.advanceTimersByTime(500)
  expect([client.got, asked.made]).toEqual([[0, 1], 3])
  expect(dumps.begin(7, numberedParts(1).parts)).toBe(false)
  client.room = 100
  vi.runAllTimers()
  expect(client.got).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8])
})

test('one that reads slowly gets all of it, however long the whole takes', () => {
  const { client, dumps } = receiver(1)
  dumps.begin(7, numberedParts(9).parts)
  for (let i = 1; i < 9; i++) {
    vi.advanceTimersByTime(500)
    client.room = 1
  }
  vi.advanceTimersByTime(500)
  expect(client.got).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8])
})

test('one that never reads loses the rest, and no timer is left', () => {
  const { client, dumps } = receiver(1)
  const { asked, parts } = numberedParts(9)
  dumps.begin(7, parts)
  vi.runAllTimers()
  expect([client.got, asked.made, vi.getTimerCount()]).toEqual([[0], 2, 0])
  expect(dumps.begin(7, numberedParts(1).parts)).toBe(true)
})

test('one that is gone is forgotten at once', () => {
  const { client, dumps } = receiver(0)
  client.error = -ECONNREFUSED
  dumps.begin(7, numberedParts(9).parts)
  expect(vi.getTimerCount()).toBe(0)
  expect(dumps.begin(7, numberedParts(9).parts)).toBe(true)
})

test('so many clients at once, and no more; after close nothing is sent', () => {
  const { client, dumps } = receiver(0)
  for (let port = 1; port <= 64; port++) expect(dumps.begin(port, numberedParts(1).parts)).toBe(true)
  expect(dumps.begin(65, numberedParts(1).parts)).toBe(false)
  dumps.close()
  client.room = 100
  vi.runAllTimers()
  expect(client.got).toEqual([])
})
