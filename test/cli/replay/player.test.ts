/** The player, on a clock and a sink of the test. */
import { beforeEach, describe, expect, test } from 'vitest'
import { FakeClock } from '#src/bed/fake-clock.ts'
import { FLAG_CHECKSUM_NOT_READY } from '#src/capture/packet.ts'
import { ReplayCounts } from '#src/cli/replay/counts.ts'
import { type FrameSink, Player, type PlayerOptions } from '#src/cli/replay/player.ts'
import { BIG, LITTLE } from '#support/capture-bytes.ts'
import { pcapngOf, pcapOf, whole } from '#support/capture-records.ts'
import { numbered, numberOf, turn } from '#support/memory-net.ts'
import { buildFrame, plain } from '../../packet/frames.ts'

const MS = 1_000_000

/** A sink that keeps the frames and when it took them, and that may be full. */
class Kept implements FrameSink {
  readonly mtu = 1500
  readonly frames: Uint8Array[] = []
  readonly times: number[] = []
  /** Flushes that had something to send. */
  flushes = 0
  #waiting = 0
  /** Frames for which there is room. */
  space = Number.POSITIVE_INFINITY
  readonly #clock: FakeClock
  #wake = () => {}

  constructor(clock: FakeClock) {
    this.#clock = clock
  }

  offer(bytes: Uint8Array, at: number, length: number): boolean {
    if (this.space === 0) return false
    this.space--
    this.#waiting++
    this.frames.push(bytes.slice(at, at + length))
    this.times.push(this.#clock.now())
    return true
  }

  room(): Promise<void> {
    return new Promise(resolve => {
      this.#wake = resolve
    })
  }

  makeRoom(frames: number): void {
    this.space += frames
    this.#wake()
  }

  flush(): void {
    if (this.#waiting > 0) {
      this.flushes++
    }
    this.#waiting = 0
  }
}

let clock: FakeClock
let sink: Kept
let counts: ReplayCounts
beforeEach(() => {
  clock = new FakeClock()
  sink = new Kept(clock)
  counts = new ReplayCounts()
})

function player(options: Partial<PlayerOptions> = {}): Player {
  return new Player({
    clock,
    sink,
    counts,
    selection: {},
    limit: Number.POSITIVE_INFINITY,
    ...options,
  })
}

/** A pcap file of frames that were captured at these times, in ms. */
const pcap = (frames: readonly Uint8Array[], times: readonly number[] = []) =>
  pcapOf(
    frames.map((bytes, i) => {
      const ms = times[i] ?? 0
      return whole(bytes, { seconds: Math.floor(ms / 1000), nanoseconds: (ms % 1000) * MS })
    }),
  )

async function* inChunks(file: Uint8Array, size = 100): AsyncGenerator<Uint8Array> {
  // All chunks share one buffer, like when a file is read.
  const buffer = new Uint8Array(size)
  for (let at = 0; at < file.length; at += size) {
    const chunk = file.subarray(at, at + size)
    buffer.set(chunk)
    yield buffer.subarray(0, chunk.length)
  }
}

const numbers = () => sink.frames.map(bytes => numberOf({ bytes }))

describe('playing', () => {
  test('the frames of a file are played in order, whatever its chunks', async () => {
    const file = pcap(numbered(50))
    for (const size of [1, 7, 100, 5000]) {
      const each = player()
      sink.frames.length = 0
      await each.play('a.pcap', inChunks(file, size))
      expect([numbers(), each.read, each.taken]).toEqual([[...Array(50).keys()], file.length, 50])
    }
  })

  test('frames are played at their times, and waiting frames are flushed before each pause', async () => {
    const done = player().play('a.pcap', inChunks(pcap(numbered(4), [0, 5, 5, 15]), 5000))
    for (let i = 0; i < 40; i++) {
      await turn()
      clock.advance(MS / 2)
    }
    await done
    expect(sink.times).toEqual([0, 5 * MS, 5 * MS, 15 * MS])
    expect(sink.flushes).toBe(3)
  })

  test('frames are flushed before the wait for more of the file', async () => {
    const chunks = inChunks(pcap(numbered(2)), 5000)
    const each = player()
    let reads = 0
    const done = each.play('-', {
      next: () => (reads++ === 0 ? chunks.next() : new Promise(() => {})),
    })
    while (reads < 2) {
      await turn()
    }
    expect([sink.frames.length, sink.flushes]).toEqual([2, 1])
    each.stop()
    await done
  })

  test('a frame without room is offered again, and no other frame overtakes it', async () => {
    sink.space = 3
    const done = player().play('a.pcap', inChunks(pcap(numbered(9)), 5000))
    await turn()
    expect(numbers()).toEqual([0, 1, 2])
    for (let i = 0; i < 6; i++) {
      sink.makeRoom(1)
      await turn()
    }
    await done
    expect(numbers()).toEqual([...Array(9).keys()])
  })

  test('playing ends at the limit', async () => {
    const each = player({ limit: 4 })
    await each.play('a.pcap', inChunks(pcap(numbered(9))))
    expect([numbers(), each.isOver]).toEqual([[0, 1, 2, 3], true])
  })

  test('a broken file is played up to where it breaks, and the error names the place', async () => {
    const whole = pcap(numbered(5))
    const cut = whole.subarray(0, whole.length - 1)
    const message = `a.pcap: truncated at byte ${cut.length}: a record of 76 bytes begins at byte ${24 + 4 * 76}`
    await expect(player().play('a.pcap', inChunks(cut))).rejects.toThrow(message)
    expect(numbers()).toEqual([0, 1, 2, 3])
  })
})

describe('a file with packet blocks of other kinds', () => {
  const file = (order: typeof LITTLE, ...blocks: number[][]) =>
    Uint8Array.from([...order.section(), ...order.interface(1, 0), ...blocks.flat()])
  const frames = numbered(3).map(frame => [...frame])

  test.each([
    ['little', LITTLE],
    ['big', BIG],
  ])('plays old packets at their times, in %s-endian order', async (_, order) => {
    const { block, u16, u32 } = order
    const blocks = frames.map((frame, i) => {
      const lengths = [u32(0), u32(1000 * i), u32(frame.length), u32(frame.length)]
      return block(2, u16(0), u16(0), ...lengths, frame)
    })
    const done = player().play('a.pcapng', inChunks(file(order, ...blocks), 5000))
    for (let i = 0; i < 5; i++) {
      await turn()
      clock.advance(MS)
    }
    await done
    expect(sink.times).toEqual([0, MS, 2 * MS])
  })

  test.each([
    ['little', LITTLE],
    ['big', BIG],
  ])('plays simple packets only at a given pace, in %s-endian order', async (_, order) => {
    const bytes = file(order, ...frames.map(frame => order.simplePacket(frame.length, frame)))
    const text =
      'a.pcapng: packet 1 has no time (a simple packet block): give a pace, such as --pps 1000'
    await expect(player().play('a.pcapng', inChunks(bytes))).rejects.toThrow(text)
    const done = player({ pps: 1000 }).play('a.pcapng', inChunks(bytes, 5000))
    for (let i = 0; i < 5; i++) {
      await turn()
      clock.advance(MS)
    }
    await done
    expect([sink.times, numbers()]).toEqual([
      [0, MS, 2 * MS],
      [0, 1, 2],
    ])
  })
})

describe('stop', () => {
  test.each([
    ['a frame that is due in an hour', Number.POSITIVE_INFINITY, [0, 3_600_000, 7_200_000]],
    ['room', 1, []],
  ])('stop ends the wait for %s', async (_, space, times) => {
    sink.space = space
    const each = player()
    const done = each.play('a.pcap', inChunks(pcap(numbered(3), times)))
    await turn()
    each.stop()
    await done
    expect([sink.frames.length, clock.armed, each.isOver]).toEqual([1, 0, true])
  })

  test('stop ends the wait for more of the file', async () => {
    const each = player()
    const done = each.play('-', { next: () => new Promise(() => {}) })
    await turn()
    each.stop()
    await done
    expect(each.isOver).toBe(true)
  })
})

describe('frames', () => {
  test('skipped packets are counted by reason, the others played', async () => {
    const [frame] = numbered(1) as [Uint8Array]
    const packets = [{}, { capturedLength: 40 }, { verdict: 2 }, { capturedLength: 50 }].map(more =>
      whole(frame, more),
    )
    await player().play('a.pcapng', inChunks(pcapngOf(packets)))
    expect(sink.frames).toEqual([frame])
    expect(counts.summary(0).at(-1)).toBe(
      'skipped 3: 2 cut short by a snaplen, 1 dropped, as the capture says',
    )
  })

  test('a partial checksum is completed', async () => {
    const built = (checksum: 'partial' | 'full') =>
      buildFrame({ packet: { ...plain, checksum }, tags: [], padding: [] })
    const packet = whole(built('partial'), { flags: FLAG_CHECKSUM_NOT_READY })
    await player().play('a.pcapng', inChunks(pcapngOf([packet])))
    expect(sink.frames).toEqual([built('full')])
  })

  test('a TCP frame longer than the MTU is played as segments, any other as it is', async () => {
    const payload = Array.from({ length: 3000 }, (_, i) => i & 0xff)
    const long = (kind: 'tcp' | 'udp') =>
      buildFrame({ packet: { ...plain, kind, payload }, tags: [], padding: [] })
    await player().play('a.pcap', inChunks(pcap([long('tcp'), long('udp')])))
    expect(sink.frames.map(({ length }) => length)).toEqual([1514, 1514, 54 + 80, 3042])
    expect(counts.summary(0)).toContain('cut 1 TCP frames longer than the MTU into 3 segments')
  })
})
