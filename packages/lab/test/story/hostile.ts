/** Captures with changed bytes. */
import { CaptureError } from '#src/capture/input.ts'
import { CaptureReader } from '#src/capture/reader.ts'
import { pcapngOf, pcapOf, whole } from '#support/capture-records.ts'
import { StoryReader } from '../../src/story/read-story.ts'
import { storyText } from '../../src/story/story-text.ts'
import {
  datagramPacket,
  dnsMessage,
  ethernetFrame,
  handshake,
  type Segment,
  segmentPacket,
} from '../support/story-captures.ts'

const data = (at: number, seq: number, more: Partial<Segment> = {}): Segment => ({
  at,
  seq,
  length: 100,
  ...more,
})

/** A capture with losses, gaps, SACK, timestamps, TLS and DNS. */
function original(): Uint8Array[] {
  const segments: Segment[] = [
    ...handshake(),
    data(50, 1, { text: '\x16\x03\x01', stamps: [50, 1] }),
    data(51, 101, { stamps: [51, 1] }),
    data(350, 1, { stamps: [350, 1] }),
    { at: 390, back: true, ack: 201, stamps: [2, 350], sacks: [1, 101] },
    data(400, 1, { back: true, ack: 201 }),
    data(401, 201, { back: true, ack: 201, window: 0 }),
    { at: 401, seq: 201, ack: 101, sacks: [201, 301] },
    data(450, 101, { back: true, ack: 201 }),
    { at: 900, seq: 201, flags: 'FA', ack: 301 },
    { at: 940, back: true, flags: 'R' },
  ]
  const frames = segments.map(one => [one.at, ethernetFrame(segmentPacket(one))] as const)
  const dns = [dnsMessage(7), dnsMessage(7), dnsMessage(7, true)]
  const messages = dns.map(
    (one, i) => [950 + i, ethernetFrame(datagramPacket(i === 2, [5000, 53], one))] as const,
  )
  const records = [...frames, ...messages].map(([at, bytes]) =>
    whole(bytes, { nanoseconds: at * 1e6 }),
  )
  return [pcapOf(records), pcapngOf(records)]
}

/** Reads `count` captures of which some bytes are changed. Returns the messages of the errors. */
export function readMutated(count: number, random: () => number): Set<string> {
  const originals = original()
  const errors = new Set<string>()
  for (let i = 0; i < count; i++) {
    const bytes = (originals[i % 2] as Uint8Array).slice()
    for (let changes = 1 + Math.floor(random() * 8); changes > 0; changes--) {
      // The headers of the file are changed in a few.
      const from = i % 16 === 0 ? 0 : 24
      bytes[from + Math.floor(random() * (bytes.length - from))] = Math.floor(random() * 256)
    }
    const length = i % 5 === 0 ? Math.floor(random() * bytes.length) : bytes.length
    const capture = new CaptureReader('capture')
    const reader = new StoryReader()
    let error: string | undefined
    try {
      capture.push(bytes.subarray(0, length))
      capture.end()
      for (let record = capture.next(); record !== undefined; record = capture.next()) {
        reader.take(record)
      }
    } catch (caught) {
      if (!(caught instanceof CaptureError)) throw caught
      error = caught.message
      errors.add(error.replace(/\d+/g, 'N'))
    }
    storyText(reader.end(error), 'capture', true)
  }
  return errors
}

/** Returns random numbers of a seed (xorshift). */
export function randomOf(seed: number): () => number {
  let state = seed
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) / 2 ** 32
  }
}
