import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  PACKET_OVERHEAD,
  writeInterface,
  writePacket,
  writeSection,
} from '#src/capture/pcapng-writer.ts'
import { CaptureReader } from '#src/capture/reader.ts'
import { plain, readAll } from '#support/capture-bytes.ts'
import { pcapOf } from '#support/capture-records.ts'
import { forAll } from '#support/for-all.ts'
import { SEED, scaled } from '#support/scale.ts'
import { packet, read } from './random-packets.ts'

const parameters = { numRuns: scaled(20_000), seed: SEED }

test('packets of a pcap file are read without options, in chunks of any size', () => {
  forAll(
    parameters,
    [fc.array(packet, { maxLength: 8 }), fc.integer({ min: 1, max: 300 })],
    (packets, size) => {
      const expected = packets.map(
        ({ seconds, nanoseconds, bytes, at, capturedLength, originalLength }) =>
          read(
            { seconds, nanoseconds, interfaceIndex: 0, bytes, at, capturedLength, originalLength },
            101,
          ),
      )
      expect(readAll(pcapOf(packets, 101), size)).toEqual({ packets: expected })
    },
  )
})

test('a record that was read can be written again, and gives the same bytes', () => {
  forAll(parameters, [packet], one => {
    const [first, second] = [new Uint8Array(2000), new Uint8Array(2000)]
    const begin = [0, 1, 2].reduce(at => writeInterface(first, at), writeSection(first, 0))
    const end = writePacket(first, begin, one)
    const reader = new CaptureReader('FILE')
    reader.push(first.subarray(0, end))
    const record = reader.next()
    expect(record && writePacket(second, begin, record)).toBe(end)
    expect(second.subarray(begin, end)).toEqual(first.subarray(begin, end))
  })
})

describe('the memory of a reader', () => {
  /** Reads `count` packets of `length` bytes in chunks; returns the largest buffer that it had. */
  function buffer(count: number, length: number, chunk: number): number {
    const to = new Uint8Array(1000 + count * (length + PACKET_OVERHEAD))
    const moment = { seconds: 0, nanoseconds: 0, interfaceIndex: 0 }
    const one = {
      ...moment,
      bytes: new Uint8Array(length),
      at: 0,
      capturedLength: length,
      originalLength: length,
    }
    let end = writeInterface(to, writeSection(to, 0))
    for (let i = 0; i < count; i++) {
      end = writePacket(to, end, one)
    }
    const reader = new CaptureReader('FILE')
    let [largest, found] = [0, 0]
    for (let at = 0; at < end; at += chunk) {
      reader.push(to.subarray(at, Math.min(at + chunk, end)))
      for (let record = reader.next(); record !== undefined; record = reader.next()) {
        largest = Math.max(largest, record.bytes.length)
        found++
      }
    }
    expect(found).toBe(count)
    return largest
  }

  test('a reader’s memory does not grow with the file, whatever the size of its chunks', () => {
    expect(buffer(10_000, 100, 64 * 1024)).toBeLessThanOrEqual(256 * 1024)
    expect(buffer(10_000, 100, 101)).toBeLessThanOrEqual(4096)
  })

  test('a reader’s memory grows to twice the longest packet and a chunk', () => {
    expect(buffer(10, 300_000, 1000)).toBeLessThanOrEqual(2 * 301_100)
  })
})

test('a record is overwritten by the next packet', () => {
  const reader = new CaptureReader('FILE')
  const to = new Uint8Array(1000)
  const fields = {
    seconds: 1,
    nanoseconds: 0,
    interfaceIndex: 0,
    at: 0,
    capturedLength: 1,
    originalLength: 1,
  }
  let at = writeInterface(to, writeSection(to, 0))
  for (const byte of [1, 2]) {
    at = writePacket(to, at, { ...fields, bytes: Uint8Array.of(byte) })
  }
  reader.push(to.subarray(0, at))
  const [first, copy] = [reader.next(), reader.next()]
  expect(first).toBe(copy)
  expect(first && plain(first)).toMatchObject({ frame: [2] })
})
