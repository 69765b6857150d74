/**
 * Datagrams for fuzzing a netlink parser: random bytes, and valid messages that are mutated,
 * truncated, extended, repeated and joined. They are made from a seed without allocating, a million
 * in a second or two. Failures report the seed.
 */
import { endianness } from 'node:os'
import { afterEach, beforeEach } from 'vitest'

const LITTLE = endianness() === 'LE'
const HEADER = 16
/** The longest datagram. */
export const FUZZ_OCTETS = 4096
/** The number of datagrams made from one seed. */
export const FUZZ_BLOCK = 10_000

const [REQUEST, ACK, DUMP] = [0x01, 0x04, 0x300]
const FLAGS = [
  REQUEST,
  REQUEST | ACK,
  REQUEST | DUMP,
  REQUEST | DUMP | ACK,
  0,
  ACK,
  REQUEST | 0x100,
  0xffff,
]
/** Edge cases of lengths. */
const EDGES = [
  0, 1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 19, 20, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xfffc, 0xffff,
]

/**
 * Makes the tests of the file throw errors without stacks: most inputs are refused, and a stack for
 * each would take most of the time.
 */
export function withoutStacks(): void {
  const { stackTraceLimit } = Error
  beforeEach(() => {
    Error.stackTraceLimit = 0
  })
  afterEach(() => {
    Error.stackTraceLimit = stackTraceLimit
  })
}

/** xorshift32. */
export class Chance {
  #state: number

  constructor(seed: number) {
    this.#state = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) | 1
    for (let i = 0; i < 8; i++) {
      this.next()
    }
  }

  /** Returns 0 to 2^32 - 1. */
  next(): number {
    let x = this.#state
    x ^= x << 13
    x ^= x >>> 17
    x ^= x << 5
    this.#state = x
    return x >>> 0
  }

  /** Returns 0 to n - 1. */
  below(n: number): number {
    return this.next() % n
  }

  of<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!
  }
}

/** A whole message in a datagram, found without the code under test. */
export interface Whole {
  readonly at: number
  readonly size: number
  readonly type: number
  readonly flags: number
  readonly seq: number
}

/** The messages in the first `length` bytes, up to the first truncated one. */
export function wholeMessages(octets: Uint8Array, length = octets.length): Whole[] {
  const view = viewOf(octets)
  const found: Whole[] = []
  for (let at = 0; at + HEADER <= length; ) {
    const size = view.getUint32(at, LITTLE)
    if (size < HEADER || at + size > length) break
    const [type, flags] = [view.getUint16(at + 4, LITTLE), view.getUint16(at + 6, LITTLE)]
    found.push({ at, size, type, flags, seq: view.getUint32(at + 8, LITTLE) })
    at += 4 * Math.ceil(size / 4)
  }
  return found
}

/** Numbers the whole messages from `first` on. */
export function numberMessages(octets: Uint8Array, length: number, first: number): Whole[] {
  const view = viewOf(octets)
  return wholeMessages(octets, length).map((whole, i) => {
    view.setUint32(whole.at + 8, (first + i) >>> 0, LITTLE)
    return { ...whole, seq: (first + i) >>> 0 }
  })
}

/** Makes datagrams from valid messages; each is in `octets` until the next one. */
export class Bender {
  readonly octets = new Uint8Array(FUZZ_OCTETS)
  readonly #view = new DataView(this.octets.buffer)
  readonly #chance: Chance
  readonly #right: readonly Uint8Array[]

  constructor(seed: number, right: readonly Uint8Array[]) {
    this.#chance = new Chance(seed)
    this.#right = right
  }

  /** Makes the next datagram and returns its length. */
  next(): number {
    const kind = this.#chance.below(16)
    if (kind === 0) return this.#noise(0, this.#chance.below(97))
    if (kind === 1) return this.#noiseWithHeaders()
    let end = 0
    const count = this.#chance.below(8) === 0 ? 2 + this.#chance.below(3) : 1
    for (let i = 0; i < count; i++) {
      end = this.#bent((end + 3) & ~3)
    }
    return end
  }

  #noise(at: number, size: number): number {
    for (let i = at; i < at + size; i++) {
      this.octets[i] = this.#chance.next() >>> 24
    }
    return at + size
  }

  /** Random bytes after valid headers, so that the parser reaches the attributes. */
  #noiseWithHeaders(): number {
    const end = this.#noise(0, HEADER + this.#chance.below(80))
    const [right, flags] = [this.#chance.of(this.#right), this.#chance.of(FLAGS)]
    this.octets.set(right.subarray(0, Math.min(right.length, end, HEADER + 4)))
    this.#view.setUint32(0, end, LITTLE)
    this.#view.setUint16(6, flags, LITTLE)
    return end
  }

  /** Writes a valid message at `start`, mutates it up to a few times, and returns its end. */
  #bent(start: number): number {
    const right = this.#chance.of(this.#right)
    this.octets.set(right, start)
    let end = start + right.length
    for (let times = this.#chance.below(4); times > 0; times--) {
      end = this.#bend(start, end)
    }
    // Otherwise hardly any would be parsed beyond its first header.
    if (end - start >= HEADER && this.#chance.below(8) !== 0) {
      this.#view.setUint32(start, end - start, LITTLE)
    }
    return end
  }

  #bend(start: number, end: number): number {
    const { octets } = this
    const chance = this.#chance
    const size = end - start
    if (size < HEADER + 4) return this.#noise(start, HEADER + 4)
    const body = start + HEADER + 4
    switch (chance.below(10)) {
      case 0:
        octets[start + chance.below(size)]! ^= 1 << chance.below(8)
        return end
      case 1:
        octets[start + chance.below(size)] = chance.of(EDGES)
        return end
      case 2: {
        // A position where the length of an attribute may be, also of a nested one.
        const at = body + 4 * chance.below(Math.max(1, (end - body) >> 2))
        if (at + 2 > end) return end
        const edge =
          chance.below(2) === 0
            ? chance.of(EDGES)
            : this.#view.getUint16(at, LITTLE) + chance.below(9) - 4
        this.#view.setUint16(at, edge & 0xffff, LITTLE)
        return end
      }
      case 3: {
        // The type of an attribute.
        const at = body + 4 * chance.below(Math.max(1, (end - body) >> 2)) + 2
        if (at + 2 <= end) {
          this.#view.setUint16(at, chance.below(40) | (chance.below(8) << 13), LITTLE)
        }
        return end
      }
      case 4:
        this.#view.setUint32(
          start,
          chance.below(4) === 0 ? chance.next() : chance.of(EDGES),
          LITTLE,
        )
        return end
      case 5:
        return start + chance.below(size)
      case 6:
        return end + 40 > start + FUZZ_OCTETS / 4 ? end : this.#noise(end, chance.below(40))
      case 7:
        return this.#double(body, end)
      case 8:
        this.#view.setUint16(start + 6, chance.of(FLAGS), LITTLE)
        return end
      default:
        octets[start + HEADER] = chance.below(13)
        return end
    }
  }

  /** Repeats an attribute after the last one. */
  #double(body: number, end: number): number {
    const places: number[] = []
    for (let at = body; at + 4 <= end; ) {
      const size = this.#view.getUint16(at, LITTLE)
      if (size < 4 || at + size > end) break
      places.push(at)
      at += (size + 3) & ~3
    }
    if (places.length === 0) return end
    const at = this.#chance.of(places)
    const size = this.#view.getUint16(at, LITTLE)
    const to = (end + 3) & ~3
    if (size > FUZZ_OCTETS / 16 || to + size > FUZZ_OCTETS - 2048) return end
    this.octets.fill(0, end, to)
    this.octets.copyWithin(to, at, at + size)
    return to + size
  }
}

/** Returns the seeds of `count` datagrams. */
export function seedsOf(count: number, first: number): number[] {
  return Array.from({ length: Math.ceil(count / FUZZ_BLOCK) }, (_, i) => first + i)
}

/** An Error that says how to reproduce a failure. */
export function failure(seed: number, i: number, octets: Uint8Array, cause: unknown): Error {
  const hex = Buffer.from(octets).toString('hex')
  return new Error(
    `seed ${seed}, datagram ${i}, ${hex}: ${cause instanceof Error ? cause.message : cause}`,
    { cause },
  )
}

function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, byteLength)
}
