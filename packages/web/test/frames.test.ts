/** The frames that pages see, from captures that the test makes. Time is the test's. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { EPERM, VnetError } from '#src/base/errno.ts'
import { UsageError } from '#src/base/usage-error.ts'
import { type CapturedPacket, FLAG_INBOUND, FLAG_OUTBOUND } from '#src/capture/packet.ts'
import { writeInterface, writePacket, writeSection } from '#src/capture/pcapng-writer.ts'
import type { CaptureStream } from '#src/control/index.ts'
import { buildFrame, plain } from '../../../test/packet/frames.ts'
import type { FeedMessage } from '../src/feed-types.ts'
import { FlightSource, FrameSource, READ_MAX, ROWS_MAX } from '../src/frames.ts'
import type { Feed, Packed } from '../src/source.ts'

const id = '1//sn0'
const frame = buildFrame({ packet: plain, tags: [], padding: [] })

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

/** A capture that the test feeds. */
class Capture implements CaptureStream {
  isClosed = false
  /** Bytes that were taken from it. */
  taken = 0
  readonly #queue: Uint8Array[] = []
  #wanted: ((next: IteratorResult<Uint8Array, undefined>) => void) | undefined

  constructor() {
    const to = new Uint8Array(1000)
    const end = writeInterface(to, writeSection(to, 0), { name: 'sn0' })
    this.push(to.subarray(0, end))
  }

  push(bytes: Uint8Array): void {
    this.#queue.push(bytes)
    this.#serve()
  }

  /** Adds frames, and returns their bytes, which may be pushed again. */
  frames(count: number, rest: Partial<CapturedPacket> = {}): Uint8Array {
    const to = new Uint8Array(count * (frame.length + 400))
    const lengths = { at: 0, capturedLength: frame.length, originalLength: frame.length }
    const packet = {
      interfaceIndex: 0,
      seconds: 7,
      nanoseconds: 500_000,
      bytes: frame,
      ...lengths,
      ...rest,
    }
    let end = 0
    for (let i = 0; i < count; i++) {
      end = writePacket(to, end, packet)
    }
    const bytes = to.subarray(0, end)
    this.push(bytes)
    return bytes
  }

  #serve(): void {
    if (this.#wanted === undefined) return
    const bytes = this.#queue.shift()
    if (bytes === undefined && !this.isClosed) return
    this.taken += bytes?.length ?? 0
    this.#wanted(bytes === undefined ? { value: undefined, done: true } : { value: bytes })
    this.#wanted = undefined
  }

  [Symbol.asyncIterator]() {
    const next = () =>
      new Promise<IteratorResult<Uint8Array, undefined>>(resolve => {
        this.#wanted = resolve
        this.#serve()
      })
    return { next }
  }

  stop(): void {}

  async [Symbol.asyncDispose](): Promise<void> {
    this.isClosed = true
    this.#serve()
  }
}

/** A page; `isSlow` is whether it has no room for messages. */
class Page {
  isSlow = false
  readonly messages: FeedMessage[] = []
  send({ text }: Packed): boolean {
    if (!this.isSlow) {
      this.messages.push(JSON.parse(text))
    }
    return !this.isSlow
  }
  /** What came in messages of frames. */
  get frames() {
    return this.messages.flatMap(message => (message.type === 'frames' ? [message] : []))
  }
}

function looking(...pages: Page[]) {
  const captures: Capture[] = []
  const frames = new FrameSource(id, async () => {
    captures.push(new Capture())
    return captures.at(-1)
  })
  for (const page of pages) {
    frames.add(page as unknown as Feed)
  }
  const leave = (page: Page) => frames.delete(page as unknown as Feed)
  return { captures, frames, leave, tick: (ms = 200) => vi.advanceTimersByTimeAsync(ms) }
}

test('a page gets frames with their direction, queue, headers and why they were dropped', async () => {
  const page = new Page()
  const { captures, tick } = looking(page)
  await tick(0)
  captures[0]?.frames(1, { flags: FLAG_OUTBOUND, queue: 3 })
  captures[0]?.frames(1, {
    flags: FLAG_INBOUND,
    verdict: 2,
    comments: ['dropped: wire ab, \x1b[2J'],
  })
  await tick()
  const [{ frames, skipped } = { frames: [], skipped: -1 }] = page.frames
  expect(skipped).toBe(0)
  expect(frames).toEqual([
    {
      number: 1,
      time: 7000.5,
      id,
      direction: 'tx',
      queue: 3,
      length: frame.length,
      text: 'IP 198.18.0.1.12345 > 198.18.0.2.53: UDP, length 5',
      headers: ['Ethernet', 'IPv4', 'UDP', 'DNS'].map(name => expect.objectContaining({ name })),
      bytes: Buffer.from(frame).toString('hex'),
    },
    expect.objectContaining({ number: 2, direction: 'rx', queue: 0, dropped: 'wire ab, \\x1b[2J' }),
  ])
})

test('a page gets at most 128 bytes of a frame', async () => {
  const page = new Page()
  const { captures, tick } = looking(page)
  await tick(0)
  const long = buildFrame({
    packet: { ...plain, payload: new Array<number>(300).fill(7) },
    tags: [],
    padding: [],
  })
  captures[0]?.frames(1, { bytes: long, capturedLength: long.length, originalLength: long.length })
  await tick()
  expect(page.frames[0]?.frames[0]?.bytes).toHaveLength(256)
})

test('one capture serves all pages, and ends with the last', async () => {
  const [one, two] = [new Page(), new Page()]
  const { captures, leave, tick } = looking(one, two)
  await tick(0)
  captures[0]?.frames(1)
  await tick()
  expect(captures).toHaveLength(1)
  expect(two.messages).toEqual(one.messages)
  leave(one)
  expect(captures[0]?.isClosed).toBe(false)
  leave(two)
  await tick()
  expect([captures[0]?.isClosed, vi.getTimerCount()]).toEqual([true, 0])
})

test('frames continue when the device is back after its capture has ended', async () => {
  const page = new Page()
  const { captures, frames, tick } = looking(page)
  await tick(0)
  await captures[0]?.[Symbol.asyncDispose]()
  await tick()
  expect(captures).toHaveLength(1)
  frames.soon()
  await tick(0)
  captures[1]?.frames(2)
  await tick()
  expect(page.frames.flatMap(({ frames }) => frames)).toHaveLength(2)
})

test('frames continue when the device is back before its capture has ended', async () => {
  const page = new Page()
  const { captures, frames, tick } = looking(page)
  await tick(0)
  frames.soon()
  await tick()
  expect(captures).toHaveLength(1)
  await captures[0]?.[Symbol.asyncDispose]()
  await tick()
  expect(captures).toHaveLength(2)
})

test('frames beyond the room of a message are counted, with the vnet’s lost frames', async () => {
  const page = new Page()
  const { captures, tick } = looking(page)
  await tick(0)
  captures[0]?.frames(ROWS_MAX + 50)
  captures[0]?.frames(1, { dropCount: 1000 })
  await tick()
  captures[0]?.frames(1)
  await tick()
  expect(page.frames.map(({ frames, skipped }) => [frames.length, skipped])).toEqual([
    [ROWS_MAX, 1051],
    [1, 0],
  ])
  expect(page.frames[1]?.frames[0]?.number).toBe(ROWS_MAX + 52)
})

test('a bounded part of a flood is read in each interval, so the rest waits in the vnet', async () => {
  const page = new Page()
  const { captures, tick } = looking(page)
  await tick(0)
  const part = 256 * 1024
  const bytes = captures[0]?.frames(Math.floor(part / (frame.length + 32)))
  for (let i = 1; i < 40; i++) {
    captures[0]?.push(bytes!)
  }
  await tick(190)
  const first = captures[0]?.taken ?? 0
  expect(first).toBeGreaterThanOrEqual(READ_MAX)
  expect(first).toBeLessThan(READ_MAX + 2 * part)
  await tick(200)
  expect((captures[0]?.taken ?? 0) - first).toBeLessThan(READ_MAX + 2 * part)
  expect(page.frames[0]?.frames).toHaveLength(ROWS_MAX)
})

test('a page that leaves during a flood ends the capture, and the next page starts another', async () => {
  const page = new Page()
  const { captures, frames, leave, tick } = looking(page)
  await tick(0)
  const bytes = captures[0]?.frames(1000)
  await tick(0)
  while ((captures[0]?.taken ?? 0) < READ_MAX) {
    captures[0]?.push(bytes!)
    await tick(0)
  }
  leave(page)
  await tick(0)
  frames.add(page as unknown as Feed)
  await tick(0)
  expect(captures.map(({ isClosed }) => isClosed)).toEqual([true, false])
})

test('a page that has no room learns later how many frames it missed', async () => {
  const [slow, other] = [new Page(), new Page()]
  const { captures, tick } = looking(slow, other)
  await tick(0)
  slow.isSlow = true
  for (let i = 0; i < 3; i++) {
    captures[0]?.frames(10)
    await tick()
  }
  slow.isSlow = false
  captures[0]?.frames(2)
  await tick()
  expect(slow.frames.map(({ frames, skipped }) => [frames.length, skipped])).toEqual([[2, 30]])
  expect(other.frames.map(({ skipped }) => skipped)).toEqual([0, 0, 0, 0])
})

test('a refusal and a malformed capture are problems reported to each page, and the server continues', async () => {
  const page = new Page()
  const refusing = new FrameSource(id, () => Promise.reject(new VnetError(EPERM, 'CAPTURE')))
  refusing.add(page as unknown as Feed)
  await vi.advanceTimersByTimeAsync(0)
  expect(page.messages).toEqual([
    { type: 'problem', text: expect.stringContaining('operation not permitted') },
  ])
  page.messages.pop()
  const lacking = new FrameSource(
    id,
    () => Promise.reject(new UsageError('filter needs libpcap')),
    'dhcp',
  )
  lacking.add(page as unknown as Feed)
  await vi.advanceTimersByTimeAsync(0)
  expect(page.messages).toEqual([{ type: 'problem', text: 'filter needs libpcap' }])
  const later = new Page()
  lacking.add(later as unknown as Feed)
  await vi.advanceTimersByTimeAsync(0)
  expect(later.messages).toEqual([{ type: 'problem', text: 'filter needs libpcap' }])
  lacking.soon()
  await vi.advanceTimersByTimeAsync(0)
  expect(later.messages).toHaveLength(1)
  expect(page.messages.splice(1)).toEqual(later.messages)
  const { captures, tick } = looking(page)
  await tick(0)
  captures[0]?.push(new Uint8Array(100).fill(0xff))
  await tick()
  expect(page.messages[1]).toMatchObject({ type: 'problem' })
  expect([captures[0]?.isClosed, vi.getTimerCount()]).toEqual([true, 0])
})

test('a page that goes before the capture has begun ends it', async () => {
  const page = new Page()
  const { captures, leave, tick } = looking(page)
  leave(page)
  await tick()
  expect([captures[0]?.isClosed, vi.getTimerCount()]).toEqual([true, 0])
})

/** Frames of sn0 and its peer sn1, for one page. */
function flying() {
  const [page, captures, state] = [new Page(), [] as Capture[], { isBusy: false }]
  const open = async () => {
    captures.push(new Capture())
    return captures.at(-1)
  }
  const flights = new FlightSource({ id, open, peer: () => 'sn1', isBusy: () => state.isBusy })
  flights.add(page as unknown as Feed)
  return { page, captures, state, flights, tick: (ms = 200) => vi.advanceTimersByTimeAsync(ms) }
}

test('few frames are sent one by one, with their packet id, their end and why they were dropped', async () => {
  const { page, captures, flights, tick } = flying()
  await tick(0)
  const stage = { kind: 'match', text: 'match \x1b', why: 'limit' }
  const wire = { direction: 'ba', side: 'out', place: 2, ...stage, seed: 3, packet: 13 } as const
  const shot = { flags: FLAG_OUTBOUND, packetId: 7, verdict: 2 }
  captures[0]?.frames(1, { flags: FLAG_OUTBOUND, packetId: 7 })
  captures[0]?.frames(1, { ...shot, comments: ['dropped: NOMEM \x1b'] })
  captures[0]?.frames(1, { ...shot, drop: { reason: 'WIRE_LOSS', wire } })
  const to = new Uint8Array(1000)
  captures[0]?.push(to.subarray(0, writeInterface(to, 0, { name: 'sn1' })))
  captures[0]?.frames(1, { flags: FLAG_INBOUND, packetId: 7, interfaceIndex: 1 })
  await tick()
  const sent = { packet: 7, time: 7000.5, direction: 'tx', isFar: false }
  const dropped = { ...sent, dropped: { text: 'NOMEM \\x1b' } }
  const words = 'match \\x1b: limit'
  const lost = {
    ...sent,
    dropped: { text: `wire out (ba), stage 2 ${words}`, stage: { place: 2, text: words } },
  }
  expect(page.messages).toEqual([
    { type: 'flights', id, time: expect.any(Number), frames: [], isStart: true },
    {
      type: 'flights',
      id,
      time: expect.any(Number),
      frames: [sent, dropped, lost, { ...sent, direction: 'rx', isFar: true }],
    },
  ])
  flights.delete(page as unknown as Feed)
  await tick()
  expect([captures[0]?.isClosed, vi.getTimerCount()]).toEqual([true, 0])
})

test('frames are not captured one by one while they are many, but again when they are few', async () => {
  const { page, captures, state, tick } = flying()
  await tick(0)
  captures[0]?.frames(41)
  await tick(0)
  expect([captures.length, captures[0]?.isClosed, page.messages]).toEqual([
    1,
    true,
    [expect.objectContaining({ isStart: true })],
  ])
  await tick(2000)
  expect(captures).toHaveLength(2)
  state.isBusy = true
  await tick(2000)
  expect(captures.map(({ isClosed }) => isClosed)).toEqual([true, true])
  await tick(10_000)
  expect(captures).toHaveLength(2)
  state.isBusy = false
  await tick(2000)
  expect(captures).toHaveLength(3)
})
