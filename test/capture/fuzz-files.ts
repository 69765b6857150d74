/** Random and mutated capture files, for the reader. */
import { expect } from 'vitest'
import { CaptureError } from '#src/capture/input.ts'
import { CaptureReader } from '#src/capture/reader.ts'
import type { CaptureRecord } from '#src/capture/record.ts'
import { BIG, LITTLE, type Order, text } from '#support/capture-bytes.ts'
import { Chance, failure } from '#support/fuzz-netlink.ts'
import { SEED } from '#support/scale.ts'

const PER_SEED = 10_000
/** The longest file. */
const LONGEST = 2048
/** The shortest packet is a pcap record or a simple packet block without bytes. */
const SHORTEST_PACKET = 16
/** Edge cases of lengths, versions and types. */
const EDGES = [
  0, 1, 2, 3, 4, 8, 11, 12, 16, 27, 28, 32, 0x7f, 0x80, 0xff, 0x1000000, 0x1000004, 0x7fffffff,
  0xffffffff,
]

/** The parts of valid files: the opening ones, and those for the rest. */
interface Parts {
  readonly order: Order
  readonly isPcapng: boolean
  readonly begin: readonly Uint8Array[]
  readonly rest: readonly Uint8Array[]
}

function pcapng(order: Order): Parts {
  const { option, u32, u64 } = order
  const everything = [
    option(1, text('why')),
    option(2, u32(0xa01)),
    option(4, u64(1n)),
    option(5, u64(2n)),
  ]
  everything.push(option(6, u32(3)), option(7, [1, ...u64(2n)]), option(0, []))
  const other = order === LITTLE ? BIG : LITTLE
  const rest = [
    order.packet(0, 1n, [1, 2, 3, 4, 5]),
    order.packet(0, 1n << 60n, [], ...everything),
    order.packet(1, 7n, [1, 2, 3, 4, 5, 6], option(1, text('one')), option(1, [0xff])),
    order.oldPacket(0, 1, 2n, [1, 2, 3], option(2, u32(1)), option(1, [1])),
    order.simplePacket(7, [1, 2, 3, 4, 5, 6, 7]),
    order.simplePacket(70, new Array<number>(64).fill(7)),
    order.interface(1, 64, option(2, text('sn1'))),
    order.interface(113, 0, option(9, [0x80 | 40]), option(14, u64(-5n))),
    order.block(5, u32(0), u64(1n), option(4, u64(9n))),
    order.block(0x77, u32(1)),
    order.section(option(4, text('vnet'))),
    other.section(),
  ]
  const begin = [order.section(), order.interface(1, 64, option(9, [9])), order.interface(1, 0)]
  return { order, isPcapng: true, begin: begin.map(asBytes), rest: rest.map(asBytes) }
}

function pcap(order: Order, magic: number): Parts {
  const rest = [order.pcapPacket(1, 999_999, [1, 2, 3, 4, 5]), order.pcapPacket(2, 0xffff_ffff, [])]
  return {
    order,
    isPcapng: false,
    begin: [order.pcap(magic, 1)].map(asBytes),
    rest: rest.map(asBytes),
  }
}

const asBytes = (bytes: number[]) => Uint8Array.from(bytes)

/** Makes files out of parts; each is in `bytes` until the next one. */
class Mutator {
  readonly bytes = new Uint8Array(LONGEST + 256)
  readonly #view = new DataView(this.bytes.buffer)
  readonly #chance: Chance
  readonly #kinds: readonly Parts[]

  constructor(chance: Chance, kinds: readonly Parts[]) {
    this.#chance = chance
    this.#kinds = kinds
  }

  /** Makes the next file and returns its length. */
  next(): number {
    const chance = this.#chance
    const parts = chance.of(this.#kinds)
    const noise = chance.below(16)
    if (noise === 0) return this.#noise(0, chance.below(200))
    let end = 0
    for (const part of parts.begin) {
      end = this.#part(part, end, parts, 40)
    }
    if (noise === 1) return this.#noise(end, chance.below(200))
    for (let i = chance.below(8); i >= 0; i--) {
      end = this.#part(chance.of(parts.rest), end, parts, 4)
    }
    return chance.below(8) === 0 ? chance.below(end + 1) : end
  }

  #noise(at: number, length: number): number {
    for (let i = at; i < at + length; i++) {
      this.bytes[i] = this.#chance.next() >>> 24
    }
    return at + length
  }

  /** Adds a part, which is mutated one time in `rarity`. */
  #part(part: Uint8Array, at: number, { order, isPcapng }: Parts, rarity: number): number {
    const chance = this.#chance
    this.bytes.set(part, at)
    if (chance.below(rarity) !== 0) return at + part.length
    const end = this.#mutated(at, at + part.length, order.little)
    // Otherwise hardly any would be read beyond its length.
    if (isPcapng && end - at >= 12 && chance.below(4) !== 0) {
      this.#view.setUint32(at + 4, end - at, order.little)
      this.#view.setUint32(end - 4, end - at, order.little)
    }
    return end
  }

  #mutated(at: number, end: number, little: boolean): number {
    const chance = this.#chance
    const word = at + 4 * chance.below((end - at) >> 2)
    switch (chance.below(6)) {
      case 0:
        this.bytes[at + chance.below(end - at)]! ^= 1 << chance.below(8)
        return end
      case 1:
        this.#view.setUint32(word, chance.of(EDGES), little)
        return end
      case 2:
        this.#view.setUint32(word, this.#view.getUint32(word, little) + chance.below(9) - 4, little)
        return end
      case 3:
        this.#view.setUint16(word + 2 * chance.below(2), chance.of(EDGES), little)
        return end
      case 4:
        // Takes a word out.
        this.bytes.copyWithin(word, word + 4, end)
        return end - 4
      default:
        // Puts a word of noise in.
        this.bytes.copyWithin(word + 4, word, end)
        this.#noise(word, 4)
        return end + 4
    }
  }
}

/** Hashes everything that a reader returns for a file. */
class Digest {
  value = 0
  packets = 0
  error: string | undefined

  #add(n: number): void {
    this.value = (Math.imul(this.value ^ (n | 0), 0x01000193) + 0x9e37) | 0
  }

  #text(text: string): void {
    for (let i = 0; i < text.length; i++) {
      this.#add(text.charCodeAt(i))
    }
  }

  #packet(record: CaptureRecord): void {
    const { seconds, nanoseconds, bytes, at, capturedLength } = record
    if (
      !(
        nanoseconds >= 0 &&
        nanoseconds < 1e9 &&
        Number.isInteger(nanoseconds) &&
        Number.isInteger(seconds)
      )
    ) {
      throw new Error(`a time of ${seconds} s ${nanoseconds} ns`)
    }
    if (at < 0 || capturedLength < 0 || at + capturedLength > bytes.length) {
      throw new Error('a frame outside the bytes')
    }
    for (const n of [
      seconds,
      nanoseconds,
      capturedLength,
      record.originalLength,
      record.interfaceIndex,
    ]) {
      this.#add(n)
    }
    for (const n of [
      record.linkType,
      record.flags,
      record.dropCount,
      record.packetId,
      record.queue,
    ]) {
      this.#add(n ?? -7)
    }
    for (const n of [Number(record.hasTime), record.verdict, record.verdictType]) {
      this.#add(n ?? -7)
    }
    for (let i = at; i < at + capturedLength; i++) {
      this.#add(bytes[i] as number)
    }
    for (const comment of record.comments) {
      this.#text(comment)
    }
  }

  /** Reads a file, in chunks of the lengths that `size` returns. */
  read(file: Uint8Array, size: () => number): void {
    const reader = new CaptureReader('FILE')
    this.value = 0
    this.packets = 0
    this.error = undefined
    try {
      for (let at = 0; at < file.length; ) {
        const end = Math.min(file.length, at + size())
        reader.push(file.subarray(at, end))
        this.#drain(reader, file.length)
        at = end
      }
      reader.end()
      this.#drain(reader, file.length)
    } catch (error) {
      if (!(error instanceof CaptureError)) throw error
      if (!(error.position >= 0 && error.position <= file.length)) {
        throw new Error(`position ${error.position}`)
      }
      this.error = error.message
      this.#text(error.message)
    }
  }

  #drain(reader: CaptureReader, length: number): void {
    for (let record = reader.next(); record !== undefined; record = reader.next()) {
      this.#packet(record)
      if (++this.packets * SHORTEST_PACKET > length) {
        throw new Error('more packets than there can be')
      }
    }
  }
}

/**
 * Reads `count` files. Each is read twice, whole and in chunks of random sizes: a read beyond the
 * bytes that were pushed makes a difference between the two. Any exception but CaptureError fails,
 * and so does a packet too many.
 */
export function expectReadOrRefused(count: number): void {
  const kinds = [LITTLE, BIG].flatMap(order => [
    pcapng(order),
    pcapng(order),
    pcap(order, 0xa1b2c3d4),
  ])
  kinds.push(pcap(BIG, 0xa1b23c4d))
  const [one, other] = [new Digest(), new Digest()]
  const errors = new Set<string | undefined>()
  let packets = 0
  for (let seed = SEED; seed < SEED + count / PER_SEED; seed++) {
    const chance = new Chance(seed)
    const mutator = new Mutator(chance, kinds)
    for (let i = 0; i < Math.min(PER_SEED, count); i++) {
      const file = mutator.bytes.subarray(0, mutator.next())
      try {
        one.read(file, () => file.length)
        other.read(file, () => 1 + chance.below(100))
        if (one.value !== other.value) throw new Error('the chunks make a difference')
      } catch (error) {
        throw failure(seed, i, file, error)
      }
      packets += one.packets
      errors.add(one.error?.replaceAll(/\d+/g, 'N').replace(/bytes N?[0-9a-fN]+$/, 'bytes N'))
    }
  }
  // The files are read to that depth: a packet and more of each, and nearly every kind of defect.
  expect(packets).toBeGreaterThan(count)
  expect(errors).toContain(undefined)
  expect(errors.size).toBeGreaterThan(15)
}
