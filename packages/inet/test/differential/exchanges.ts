/**
 * Random exchanges of TCP, in the notation of conform's cases: lines of the peer and calls of a
 * program, without the segments of the host, which two hosts must send alike. The peer sends no
 * SACK blocks: when the bytes before them count as lost depends on the time.
 */
import { type Random, random } from '#src/base/random.ts'

const OPTIONS = [
  'mss 1460',
  'mss 536',
  'mss 1460, sack-ok',
  'mss 1460, scale 3',
  'mss 1460, sack-ok, ts 100, scale 7',
]
const LENGTHS = [1, 2, 100, 536, 1000, 1460]

export class ExchangeSource {
  readonly #random: Random
  readonly #lines: string[] = []
  /** The next byte of the peer, the end of the host's bytes, and how many are acknowledged. */
  #next = 1
  #written = 1
  #acked = 1
  /** The end of the bytes that were sent, also after a gap. */
  #highest = 1
  /** The number of the FIN that was sent. */
  #end: number | undefined
  #timestamp = 0

  constructor(seed: number, nth: number) {
    this.#random = random(seed * 0x9e37 + nth * 0x1_003f + 2)
  }

  /** Returns the lines of an exchange. */
  draw(): string[] {
    this.#handshake()
    for (let n = 2 + this.#random.below(7); n > 0; n--) {
      this.#lines.push(this.#line())
    }
    return this.#lines
  }

  #pick<T>(from: readonly T[]): T {
    return from[this.#random.below(from.length)] as T
  }

  #chance(n: number): boolean {
    return this.#random.below(n) === 0
  }

  #handshake(): void {
    const options = this.#pick(OPTIONS)
    this.#timestamp = options.includes('ts') ? 100 : 0
    const isOdd = this.#chance(8)
    if (this.#chance(2)) {
      this.#lines.push('connect')
      if (isOdd) {
        this.#lines.push(
          this.#pick([
            'in syn 0',
            'in ack 1',
            'in rst 0',
            'in rst 0, ack 1',
            'in syn 0, ack 7',
            'in fin 0, ack 1',
          ]),
        )
      }
      this.#lines.push(`in syn 0, ack 1, ${options}`)
    } else {
      this.#lines.push('listen', `in syn 0, ${options}`)
      // A late reply has another timestamp than SYN-ACK, which Linux wants to be echoed.
      if (isOdd && this.#timestamp === 0) {
        this.#lines.push(
          this.#pick([
            'in syn 0',
            'in ack 7',
            'in rst 1',
            'in rst 5',
            'in syn 9',
            'in fin 1, ack 1',
            'in data 1..11',
          ]),
        )
      }
      this.#lines.push(this.#segment(['ack 1']), 'accept')
    }
  }

  /** A segment, with the timestamp that it usually has. */
  #segment(items: readonly string[]): string {
    if (this.#timestamp === 0 || this.#chance(20)) return `in ${items.join(', ')}`
    this.#timestamp += this.#pick([0, 1, 1, 10, 10, -50])
    return `in ${[...items, `ts ${this.#timestamp}`].join(', ')}`
  }

  #line(): string {
    const window = this.#chance(6) ? [`win ${this.#pick([0, 1, 100, 500, 1460, 5000])}`] : []
    switch (this.#random.below(12)) {
      case 0:
      case 1:
      case 2:
        return this.#segment([...this.#data(), this.#ack(), ...window])
      case 3:
      case 4:
        return this.#segment([this.#ack(), ...window])
      case 5:
        return this.#flag()
      case 6:
      case 7:
        return this.#segment([
          `seq ${this.#sequence()}`,
          this.#ack(),
          ...this.#pick([[], ['push']]),
        ])
      case 8:
        return this.#pick(['read', 'read', 'shutdown', 'close', 'reset', 'nodelay on'])
      case 9:
        return `icmp ${this.#pick(['port-unreachable', 'host-unreachable', 'net-unreachable', 'source-quench'])}`
      default: {
        const length = this.#pick([...LENGTHS, 3000, 8000])
        this.#written += length
        return `write ${length}`
      }
    }
  }

  #flag(): string {
    const sequence = this.#sequence()
    const flag = this.#pick(['fin', 'fin', 'fin', 'rst', 'syn', 'syn'])
    // Two hosts differ about bytes after a FIN that they have not received yet.
    if (flag === 'fin' && sequence < this.#highest) return this.#segment([this.#ack()])
    if (flag === 'fin') {
      this.#end ??= sequence
    }
    return this.#segment([`${flag} ${sequence}`, ...(this.#chance(5) ? [] : [this.#ack()])])
  }

  #data(): string[] {
    const length = this.#pick(LENGTHS)
    const from = this.#pick([
      this.#next,
      this.#next,
      this.#next,
      this.#next,
      this.#next + 100,
      Math.max(1, this.#next - 50),
    ])
    const isPast = this.#end !== undefined && from + length > this.#end
    if (isPast && this.#end !== this.#next) return []
    const more = this.#pick([[], [], ['push'], ['fin'], ['urgent 1']])
    if (isPast || (more[0] === 'fin' && from + length < this.#highest)) {
      more.length = 0
    }
    if (from <= this.#next) {
      this.#next = Math.max(this.#next, from + length)
    }
    this.#highest = Math.max(this.#highest, from + length)
    if (more[0] === 'fin') {
      this.#end ??= from + length
    }
    return [`data ${from}..${from + length}`, ...more]
  }

  #sequence(): number {
    return Math.max(0, this.#next + this.#pick([0, 0, 0, 0, -1, 1, 10, -100, 70_000]))
  }

  #ack(): string {
    const number = this.#pick([
      this.#acked,
      this.#written,
      this.#written,
      this.#written + 1,
      this.#acked + 1460,
      this.#written + 5000,
      1,
    ])
    if (number <= this.#written) {
      this.#acked = Math.max(this.#acked, number)
    }
    return `ack ${number}`
  }
}
