/** Two TCP hosts on a fake clock, joined by a pipe that delays, loses, repeats and reorders. */
import { NSEC_PER_MSEC } from '#src/base/clock.ts'
import { ENETUNREACH } from '#src/base/errno.ts'
import { type Random, random } from '#src/base/random.ts'
import { FakeClock } from '#src/bed/fake-clock.ts'
import * as tcp from '#src/packet/tcp.ts'
import type { Ip, Protocol, TcpConnection, TcpEvents } from '../src/contract.ts'
import type { TcpOptions } from '../src/tcp/host.ts'
import { Tcp } from '../src/tcp/tcp.ts'

export const MS = NSEC_PER_MSEC
export const SEC = 1000 * MS
export const A = Uint8Array.of(10, 0, 0, 1)
export const B = Uint8Array.of(10, 0, 0, 2)

/** An IP that hands segments to a function. */
export class FakeIp implements Ip {
  readonly clock: FakeClock
  readonly random: Random
  readonly address: Uint8Array
  readonly counters = new Map<string, number>()
  mtu = 1500
  protocol: Protocol | undefined
  /** What becomes of a segment; a negative errno fails the call. */
  onSend: (segment: Uint8Array, from: Uint8Array, to: Uint8Array) => number = () => 0

  constructor(clock: FakeClock, address: Uint8Array, seed: number) {
    this.clock = clock
    this.address = address
    this.random = random(seed)
  }

  sourceFor(to: Uint8Array): Uint8Array | undefined {
    return to[0] === 203 ? undefined : this.address
  }
  isToAll(): boolean {
    return false
  }

  isOwn(address: Uint8Array): boolean {
    return address.every((byte, i) => byte === this.address[i])
  }
  mtuTo(): number {
    return this.mtu
  }
  send(_protocol: number, from: Uint8Array, to: Uint8Array, segment: Uint8Array): number {
    return to[0] === 203 ? -ENETUNREACH : this.onSend(segment, from, to)
  }
  use(_number: number, protocol: Protocol): void {
    this.protocol = protocol
  }
  refuse(): void {}
  count(name: string, n = 1): void {
    this.counters.set(name, (this.counters.get(name) ?? 0) + n)
  }
  /** Hands a segment to TCP, as if it came from `source`. */
  deliver(segment: Uint8Array, source: Uint8Array): void {
    // Bytes before and after it, as in a frame, and wiped afterwards: the packet is only lent.
    const bytes = new Uint8Array(segment.length + 8)
    bytes.set(segment, 4)
    const packet = {
      bytes,
      at: 4,
      length: segment.length,
      source: source.slice(),
      destination: this.address.slice(),
    }
    this.protocol?.receive(packet)
    bytes.fill(0xee)
  }
}

interface PipeOptions {
  readonly delay?: number
  /** Probabilities for each segment. */
  readonly loss?: number
  readonly duplicate?: number
  readonly reorder?: number
}

interface Sight {
  readonly at: number
  readonly from: 'a' | 'b'
  readonly segment: Uint8Array
}

export class Pair {
  readonly clock = new FakeClock()
  readonly ipA: FakeIp
  readonly ipB: FakeIp
  readonly a: Tcp
  readonly b: Tcp
  /** Every segment that was sent. */
  readonly seen: Sight[] = []
  /** Returns true for a segment to lose. */
  drops: (segment: Uint8Array, from: 'a' | 'b', n: number) => boolean = () => false
  pipe: PipeOptions
  readonly #random: Random

  constructor(seed = 1, pipe: PipeOptions = {}, options: Partial<TcpOptions> = {}) {
    this.#random = random(seed)
    this.pipe = pipe
    this.ipA = new FakeIp(this.clock, A, seed + 1)
    this.ipB = new FakeIp(this.clock, B, seed + 2)
    this.a = new Tcp(this.ipA, options)
    this.b = new Tcp(this.ipB, options)
    this.#join('a', this.ipA, this.ipB)
    this.#join('b', this.ipB, this.ipA)
  }

  #join(name: 'a' | 'b', from: FakeIp, to: FakeIp): void {
    let n = 0
    from.onSend = segment => {
      if (segment.length + 20 > from.mtu) throw new Error(`${segment.length} bytes are too many`)
      this.seen.push({ at: this.clock.now(), from: name, segment: segment.slice() })
      const { delay = 5 * MS, loss = 0, duplicate = 0, reorder = 0 } = this.pipe
      if (this.drops(segment, name, n++) || this.#random.next() < loss) return 0
      const copies = this.#random.next() < duplicate ? 2 : 1
      for (let i = 0; i < copies; i++) {
        const extra = this.#random.next() < reorder ? this.#random.below(2 * delay + MS) : 0
        this.clock
          .alarm(() => to.deliver(segment, from.address))
          .at(this.clock.now() + delay + extra)
      }
      return 0
    }
  }

  /** Advances from alarm to alarm until nothing is armed, or for `ns`. Returns the time. */
  run(ns = Number.POSITIVE_INFINITY): number {
    const end = this.clock.now() + ns
    for (let next = this.clock.next; next !== undefined && next <= end; next = this.clock.next) {
      this.clock.advance(Math.max(next - this.clock.now(), 0))
    }
    if (end !== Number.POSITIVE_INFINITY) {
      this.clock.advance(end - this.clock.now())
    }
    return this.clock.now()
  }
}

/** A user of a connection that notes the events, reads everything and writes a list of chunks. */
export class User implements TcpEvents {
  connection: TcpConnection | undefined
  readonly log: string[] = []
  received = new Uint8Array(0)
  #parts: Uint8Array[] = []
  isEnded = false
  isReading = true
  readonly #left: Uint8Array[] = []
  /** Whether to shut down after the last chunk. */
  shutsDown = true
  error = 0

  constructor(...chunks: readonly Uint8Array[]) {
    this.#left.push(...chunks)
  }

  onConnect(): void {
    this.log.push('connect')
    this.write()
  }
  onReadable(): void {
    if (this.isReading) {
      this.read()
    }
  }
  onWritable(): void {
    this.log.push('writable')
    this.write()
  }
  onError(errno: number): void {
    this.log.push(`error ${errno}`)
    this.error = errno
  }

  write(): void {
    for (let chunk = this.#left[0]; chunk !== undefined; chunk = this.#left[0]) {
      const taken = this.connection?.write(chunk) ?? -1
      if (taken < 0) throw new Error(`write failed: ${taken}`)
      if (taken < chunk.length) {
        this.#left[0] = chunk.subarray(taken)
        return
      }
      this.#left.shift()
    }
    if (this.shutsDown) {
      this.connection?.shutdown()
    }
  }

  read(): void {
    for (;;) {
      const chunk = this.connection?.read()
      if (chunk === undefined) return
      if (chunk === null) {
        this.log.push('end')
        this.isEnded = true
        return
      }
      this.#parts.push(chunk)
    }
  }

  get bytes(): Uint8Array {
    const length = this.#parts.reduce((sum, part) => sum + part.length, 0)
    const whole = new Uint8Array(length)
    let at = 0
    for (const part of this.#parts) {
      whole.set(part, at)
      at += part.length
    }
    return whole
  }
}

/** Connects a user of `a` with a user of `b`, which listens on port 80. */
export function join(pair: Pair, client: User, server: User): void {
  pair.b.listen({ address: undefined, port: 80 }, 10, connection => {
    server.connection = connection
    connection.events = server
    server.write()
  })
  client.connection = pair.a.connect({ address: B, port: 80 }, client)
}

/** Bytes that differ at every position. */
export function pattern(length: number, seed: number): Uint8Array {
  const source = random(seed)
  const bytes = new Uint8Array(length)
  for (let i = 0; i < length; i++) {
    bytes[i] = source.below(256)
  }
  return bytes
}

const LETTERS: readonly [number, string][] = [
  [tcp.TCP_SYN, 'S'],
  [tcp.TCP_FIN, 'F'],
  [tcp.TCP_RST, 'R'],
  [tcp.TCP_PSH, 'P'],
  [tcp.TCP_ACK, '.'],
]

/** Flags as tcpdump writes them, `S.`, `P.`. */
export function flagsOf(segment: Uint8Array): string {
  return LETTERS.map(([bit, letter]) => ((tcp.flags(segment, 0) & bit) !== 0 ? letter : '')).join(
    '',
  )
}

export function lengthOf(segment: Uint8Array): number {
  return segment.length - tcp.dataOffset(segment, 0)
}
