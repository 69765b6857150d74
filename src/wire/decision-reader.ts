/**
 * DecisionReader: reads the parts of a DecisionFile that a simulation uses: when the wires were
 * set, the arrivals, the times of decisions, and when the wires were closed.
 */
import type { WireSide } from '../netdev/device-wire.ts'
import { UDP_HLEN } from '../packet/udp.ts'

/** The number of the format, which is the first line of a log. */
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

/** The text and seed that a direction got at a time. */
export interface LoggedSet extends Line {
  readonly verdict: 'set'
  readonly side: WireSide | undefined
  readonly text: string
  readonly seed: number
}

/** A frame that arrived at a wire, with the bytes of it that the log has. */
export interface LoggedArrival extends Line {
  readonly verdict: 'arrive'
  readonly id: number
  readonly length: number
  readonly head: Uint8Array
  /** Segment size, type and transport offset of a GSO frame. */
  readonly gso: readonly [size: number, type: number, transport: number] | undefined
}

/** A decision of a stage, or the drops of a wire after its devices were closed. */
export interface LoggedMoment extends Line {
  readonly verdict: 'decide' | 'close'
}

export type LoggedEvent = LoggedSet | LoggedArrival | LoggedMoment

export class DecisionReader {
  readonly #file: string
  readonly #decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  /** Whole lines. */
  #text = ''
  /** The bytes after them. */
  #rest = new Uint8Array()
  #at = 0
  #line = 0
  #ended = false
  lost = 0

  /** `file`: the name of the file, with which errors start. */
  constructor(file: string) {
    this.#file = file
  }

  push(chunk: Uint8Array): void {
    const bytes = new Uint8Array(this.#rest.length + chunk.length)
    bytes.set(this.#rest)
    bytes.set(chunk, this.#rest.length)
    const end = bytes.lastIndexOf(NEWLINE) + 1
    // Node decodes slowly in parts, with `stream`.
    this.#text = this.#text.slice(this.#at) + this.#decoder.decode(bytes.subarray(0, end))
    this.#rest = bytes.slice(end)
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
    const end = this.#text.indexOf('\n', this.#at)
    const left = this.#rest.length
    if (end < 0 && left === 0) return undefined
    if (end < 0 && left <= MAX_LINE && !this.#ended) return undefined
    this.#line++
    if (end < 0) {
      throw this.broken(this.#ended ? 'the file ends within it' : `longer than ${MAX_LINE} bytes`)
    }
    const line = this.#text.slice(this.#at, end)
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
      const age = format > DECISION_FORMAT ? 'a newer' : 'an older'
      if (format !== DECISION_FORMAT) {
        throw this.broken(`format ${format} is of ${age} vnet: this one reads 2`)
      }
      return undefined
    }
    if (isCount(line.lost)) {
      this.lost += line.lost
      return undefined
    }
    const { t: time, direction, verdict } = line
    if (
      !Number.isFinite(time) ||
      typeof time !== 'number' ||
      (direction !== 'ab' && direction !== 'ba')
    ) {
      throw this.broken('not a decision')
    }
    if (verdict === 'drop' && line.why === 'closed') return { verdict: 'close', time, direction }
    if (line.stage !== 'wire') return { verdict: 'decide', time, direction }
    if (verdict === 'set') return this.#set(line, { time, direction })
    return verdict === 'arrive' ? this.#arrival(line, { time, direction }) : undefined
  }

  #set({ text, seed, side }: Record<string, unknown>, line: Line): LoggedSet {
    if (typeof text !== 'string' || !Number.isFinite(seed)) {
      throw this.broken('text or seed are missing')
    }
    return {
      ...line,
      verdict: 'set',
      text,
      seed: Number(seed),
      side: side === 'in' || side === 'out' ? side : undefined,
    }
  }

  #arrival({ n, amount, head, gso }: Record<string, unknown>, line: Line): LoggedArrival {
    if (!isCount(n) || !isCount(amount)) {
      throw this.broken('an arrival without a number or a length')
    }
    const bytes = typeof head === 'string' ? bytesOf(head) : undefined
    if (bytes === undefined) throw this.broken('head is not hexadecimal')
    if (bytes.length > amount) throw this.broken('head is longer than the frame')
    return {
      ...line,
      verdict: 'arrive',
      id: n,
      length: amount,
      head: bytes,
      gso: this.#gso(gso, amount),
    }
  }

  #gso(gso: unknown, length: number): LoggedArrival['gso'] {
    if (gso === undefined) return undefined
    const [size, type, transport] = Array.isArray(gso) ? gso : []
    const isValid =
      isCount(size) && isCount(type) && isCount(transport) && transport + UDP_HLEN <= length
    if (!isValid) throw this.broken('gso is not a segment size, a type and an offset')
    return [size, type, transport]
  }
}

const encoder = new TextEncoder()
/** Values of hexadecimal digits by their codes, -1 for other bytes. */
const DIGITS = Int8Array.from({ length: 256 }, (_, code) =>
  '0123456789abcdef'.indexOf(String.fromCharCode(code)),
)

/** Returns undefined if the text is not hexadecimal. */
function bytesOf(text: string): Uint8Array | undefined {
  // In place: another array would take longer than the digits.
  const bytes = encoder.encode(text)
  const length = bytes.length / 2
  let all = 0
  for (let i = 0; i < length; i++) {
    const value = (DIGITS[bytes[2 * i]] << 4) | DIGITS[bytes[2 * i + 1]]
    bytes[i] = value
    all |= value
  }
  return all < 0 || bytes.length % 2 !== 0 ? undefined : bytes.subarray(0, length)
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0
}
