/**
 * DecisionReader: reads the parts of a DecisionFile that a simulation uses: when the wires were
 * set, the arrivals, the times of decisions, and when the wires were closed.
 */
import type { WireSide } from '../netdev/device-wire.ts'
import { UDP_HLEN } from '../packet/udp.ts'

/** Format 1 kept packets with jitter in order; format 2 does so only beside a rate. */
export const DECISION_FORMAT = 2

/** The longest line; it bounds the memory of a reader. */
const MAX_LINE = 1024 * 1024
const NEWLINE = 10

/** The file is truncated, broken or not a log. The message is one line, `FILE: what is wrong`. */
export class DecisionFileError extends Error {
  override readonly name = 'DecisionFileError'
}

interface Line {
  /** The wire's time in ns. */
  readonly time: number
  readonly direction: 'ab' | 'ba'
}

export interface LoggedSet extends Line {
  readonly verdict: 'set'
  readonly side: WireSide | undefined
  readonly text: string
  readonly seed: number
}

export interface LoggedArrival extends Line {
  readonly verdict: 'arrive'
  readonly id: number
  readonly length: number
  readonly head: Uint8Array
  /** Segment size, type and transport offset of a GSO frame. */
  readonly gso: readonly [size: number, type: number, transport: number] | undefined
}

/** A decision of a stage, or the drops of a wire after its devices were closed. */
interface LoggedMoment extends Line {
  readonly verdict: 'decide' | 'close'
}

export type LoggedEvent = LoggedSet | LoggedArrival | LoggedMoment

export class DecisionReader {
  readonly #file: string
  #chunk: Buffer = Buffer.alloc(0)
  #at = 0
  #line = 0
  #ended = false
  format = DECISION_FORMAT
  lost = 0

  /** `file`: the name of the file, with which errors start. */
  constructor(file: string) {
    this.#file = file
  }

  push(chunk: Uint8Array): void {
    this.#chunk = Buffer.concat([this.#chunk.subarray(this.#at), chunk])
    this.#at = 0
  }

  end(): void {
    this.#ended = true
  }

  /**
   * Returns the next event. Returns undefined if more bytes are needed, or after end() at the end
   * of the events. Throws a DecisionFileError for a line that is broken or cut off.
   */
  next(): LoggedEvent | undefined {
    for (let line = this.#next(); line !== undefined; line = this.#next()) {
      const event = this.#event(line)
      if (event !== undefined) return event
    }
    return undefined
  }

  broken(text: string): DecisionFileError {
    return new DecisionFileError(`${this.#file}: line ${this.#line}: ${text}`)
  }

  #next(): string | undefined {
    const end = this.#chunk.indexOf(NEWLINE, this.#at)
    const left = this.#chunk.length - this.#at
    if (end < 0 && left === 0) return undefined
    if (end < 0 && left <= MAX_LINE && !this.#ended) return undefined
    this.#line++
    if (end < 0) throw this.broken(this.#ended ? 'the file ends within it' : `longer than ${MAX_LINE} bytes`)
    const line = this.#chunk.toString('utf8', this.#at, end)
    this.#at = end + 1
    return line
  }

  #event(text: string): LoggedEvent | undefined {
    let line: Record<string, unknown>
    try {
      line = Object(JSON.parse(text))
    } catch {
      throw this.broken('not JSON')
    }
    if (this.#line === 1) {
      const { format } = line
      if (!isCount(format)) throw this.broken('not the log of a wire: {"format":2} is missing')
      if (format > DECISION_FORMAT) throw this.broken(`format ${format} is of a newer vnet: this one reads 1 and 2`)
      this.format = format
      return undefined
    }
    if (isCount(line.lost)) {
      this.lost += line.lost
      return undefined
    }
    const { t: time, direction, verdict } = line
    if (!Number.isFinite(time) || typeof time !== 'number' || (direction !== 'ab' && direction !== 'ba'))
      throw this.broken('not a decision')
    if (verdict === 'drop' && line.why === 'closed') return { verdict: 'close', time, direction }
    if (line.stage !== 'wire') return { verdict: 'decide', time, direction }
    if (verdict === 'set') return this.#set(line, { time, direction })
    return verdict === 'arrive' ? this.#arrival(line, { time, direction }) : undefined
  }

  #set({ text, seed, side }: Record<string, unknown>, line: Line): LoggedSet {
    if (typeof text !== 'string' || !Number.isFinite(seed)) throw this.broken('text or seed are missing')
    return {
      ...line,
      verdict: 'set',
      text,
      seed: Number(seed),
      side: side === 'in' || side === 'out' ? side : undefined,
    }
  }

  #arrival({ n, amount, head, gso }: Record<string, unknown>, line: Line): LoggedArrival {
    if (!isCount(n) || !isCount(amount)) throw this.broken('an arrival without a number or a length')
    if (typeof head !== 'string' || !/^([0-9a-f]{2})*$/.test(head)) throw this.broken('head is not hexadecimal')
    const bytes = Buffer.from(head, 'hex')
    if (bytes.length > amount) throw this.broken('head is longer than the frame')
    return { ...line, verdict: 'arrive', id: n, length: amount, head: bytes, gso: this.#gso(gso, amount) }
  }

  #gso(gso: unknown, length: number): LoggedArrival['gso'] {
    if (gso === undefined) return undefined
    const [size, type, transport] = Array.isArray(gso) ? gso : []
    const isValid = isCount(size) && isCount(type) && isCount(transport) && transport + UDP_HLEN <= length
    if (!isValid) throw this.broken('gso is not a segment size, a type and an offset')
    return [size, type, transport]
  }
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0
}
