/**
 * A trace of a link in CSV: its rate, delay and loss over time. The first line names the columns,
 * each other line has the values from its time on:
 *
 *     time,rate,delay,loss
 *     0,12mbit,20ms,0%
 *     1.5,300kbit,80ms,5%
 *
 * A packet is lost with the probability of the moment at which it arrives. Then it waits in the
 * queue and is sent, at the rates of all rows during which it is sent. It then travels for the
 * delay of the moment at which its last byte was sent, and never overtakes.
 */
import {
  NSEC_PER_MSEC,
  NSEC_PER_SEC,
  parseDuration,
  type Random,
  UsageError,
} from '../../base/index.ts'
import { ETH_HLEN } from '../../packet/ethernet.ts'
import { SKB_DROP_REASON_WIRE_LOSS } from '../../skb/drop-reason.ts'
import type { SkBuff } from '../../skb/sk-buff.ts'
import { parseRate, parseShare } from '../units.ts'
import type { LimitSpec, QueueEnv, Wire } from '../wire.ts'
import { DelayQueue } from './delay-queue.ts'
import { type QueueParams, QueueWire } from './queue.ts'

const NEVER = Number.POSITIVE_INFINITY
const ROWS_MAX = 1_000_000
/** Characters of a file in which its header must be, after comments. */
const HEAD = 4096
const FLIGHT_MIN = 1000
const FLIGHT_MAX = 65_536

/** The values of a link over time. Times are in ns since the first row. */
export interface LinkTrace {
  readonly times: Float64Array
  /** When the rows start again; Infinity for one row. */
  readonly period: number
  /** Bits per ns of each row; undefined if the rate is not limited. */
  readonly rates: Float64Array | undefined
  readonly delays: Float64Array | undefined
  readonly losses: Float64Array | undefined
  /** Bits that the link sends before each row, and in a period. */
  readonly bits: Float64Array
  readonly periodBits: number
  /** Packets in flight do not count toward the limit of the queue: these fit on the link. */
  readonly flight: LimitSpec
}

export interface LinkTraceParams extends QueueParams {
  /** Equal for equal traces. */
  readonly text: string
  /** Returns the trace, which a model draws from the random stream of the stage. */
  readonly link: (random: Random) => LinkTrace
  readonly once: boolean
}

export class LinkTraceWire extends QueueWire<LinkTraceParams> implements Wire {
  #link: LinkTrace
  #began = Number.NaN
  /** When the packet in transmission leaves the queue; Infinity on a link that sends nothing. */
  #leaves = NEVER
  #retired = false
  readonly #flight: DelayQueue

  constructor(params: LinkTraceParams, next: Wire, env: QueueEnv) {
    super(params, next, env)
    this.#link = params.link(env.random)
    this.#flight = new DelayQueue(this.#link.flight, next, env)
    this.queue.byteTime = byteTime(this.#link)
  }

  push(skb: SkBuff): void {
    const now = this.env.clock.now()
    if (Number.isNaN(this.#began)) {
      this.#began = now
    }
    const { losses } = this.#link
    if (losses !== undefined && this.env.random.next() < losses[this.#rowAt(now)]) {
      this.env.drop(skb, 'loss', SKB_DROP_REASON_WIRE_LOSS)
    } else if (this.queue.push(skb)) {
      this.#send()
    }
  }

  protected override accepts(params: object): boolean {
    return 'link' in params
  }

  /** Another trace starts now. The packet in transmission leaves as before. */
  protected override update(params: LinkTraceParams): void {
    const { text, once } = this.params
    super.update(params)
    if (params.text === text && params.once === once) return
    this.#link = params.link(this.env.random)
    this.#flight.changeLimit(this.#link.flight)
    this.queue.byteTime = byteTime(this.#link)
    const now = this.env.clock.now()
    this.#began = now
    const { taken } = this.queue
    if (taken !== undefined && this.#leaves === NEVER && this.#arm(taken, now)) {
      this.alarm.at(now)
    }
  }

  /** Delivers packets that would be held forever, after a rate of 0 at the end of the trace. */
  retire(): void {
    this.#retired = true
    if (this.queue.taken === undefined || this.#leaves !== NEVER) return
    this.#pass()
    this.#send()
  }

  override close(): void {
    super.close()
    this.#flight.close()
  }

  protected override ring(): void {
    try {
      this.#pass()
    } finally {
      this.#send()
    }
  }

  #send(): void {
    const now = this.env.clock.now()
    for (let skb = this.queue.take(); skb !== undefined; skb = this.queue.take()) {
      if (!this.#arm(skb, now)) return
      this.#pass()
    }
  }

  #arm(skb: SkBuff, now: number): boolean {
    this.#leaves = this.#sentAt(now, 8 * skb.len)
    if (this.#leaves <= now || (this.#retired && this.#leaves === NEVER)) return true
    if (this.#leaves !== NEVER) {
      this.alarm.at(this.#leaves)
    }
    return false
  }

  #pass(): void {
    const { queue, env } = this
    const now = env.clock.now()
    const { delays } = this.#link
    const delay = delays === undefined ? 0 : delays[this.#rowAt(now)]
    const arrives = Math.max(now + delay, this.#flight.last)
    env.decided('delay', queue.taken as SkBuff, arrives - queue.takenArrived)
    const skb = queue.leave()
    // A packet that is due now may not have left.
    if (arrives > now || this.#flight.length !== 0) {
      this.#flight.takeOver(skb, arrives)
    } else {
      this.next.push(skb)
    }
  }

  #phase(now: number): number {
    const { period } = this.#link
    const phase = now - this.#began
    return this.params.once || period === NEVER ? phase : phase % period
  }

  #rowAt(now: number): number {
    const { times } = this.#link
    return Math.max(0, countUpTo(times, this.#phase(now)) - 1)
  }

  /** Returns when the last of some bits is sent, if the first is sent now. */
  #sentAt(now: number, bits: number): number {
    const { times, rates, bits: before, periodBits, period } = this.#link
    if (rates === undefined) return now
    const phase = this.#phase(now)
    const row = this.#rowAt(now)
    let goal = before[row] + rates[row] * (phase - times[row]) + bits
    let start = now - phase
    const isEndless = !this.params.once && period !== NEVER
    if (isEndless) {
      const rounds = Math.ceil(goal / periodBits) - 1
      goal -= rounds * periodBits
      start += rounds * period
    }
    // The last row before which the link has sent less.
    let last = countUpTo(before, goal) - 1
    while (before[last] === goal) {
      last--
    }
    if (rates[last] !== 0) return start + times[last] + (goal - before[last]) / rates[last]
    return isEndless ? start + times[last] : NEVER
  }
}

export function countUpTo(list: ArrayLike<number>, bound: number): number {
  let from = 0
  let to = list.length
  while (from < to) {
    const middle = (from + to) >> 1
    if (list[middle] > bound) {
      to = middle
    } else {
      from = middle + 1
    }
  }
  return from
}

/** Returns a limit that holds the packets of the fastest rate and the longest delay. */
function flightLimit(rates: readonly number[], delays: readonly number[]): LimitSpec {
  const most = (list: readonly number[]) => list.reduce((a, b) => Math.max(a, b), 0)
  const longest = most(delays)
  const packets =
    longest > 0 && rates.length === 0 ? FLIGHT_MAX : (most(rates) * longest) / (8 * ETH_HLEN)
  return { packets: Math.ceil(Math.min(FLIGHT_MAX, Math.max(FLIGHT_MIN, packets))) }
}

function byteTime({ rates, period, periodBits }: LinkTrace): number {
  if (rates === undefined) return 1
  return 8 / (period === NEVER ? rates[0] : periodBits / period)
}

/** The columns, and how their values are read. A number alone has the unit that comes first. */
const COLUMNS = {
  time: (text: string) =>
    Math.round(isBare(text) ? Number(text) * NSEC_PER_SEC : parseDuration(text)),
  rate: (text: string) =>
    /^0+(\.0+)?([kmgt]?i?(bit|bps))?$/i.test(text) ? 0 : parseRate(text) / NSEC_PER_SEC,
  delay: (text: string) => (isBare(text) ? Number(text) * NSEC_PER_MSEC : parseDuration(text)),
  loss: parseShare,
} as const
type Column = keyof typeof COLUMNS
/** The values of each column: ns, bits per ns, ns, and a share from 0 to 1. */
export type Rows = Readonly<Record<Column, readonly number[]>>
const NAMES = Object.keys(COLUMNS) as Column[]

/** True if a trace is CSV: its first line has the names of columns. */
export const isLinkTrace = (text: string): boolean =>
  /^\uFEFF?(\s*#.*\n)*\s*[a-z]/i.test(text.slice(0, HEAD))

export function parseLinkTrace(text: string, once: boolean): LinkTrace {
  const rows: Record<Column, number[]> = { time: [], rate: [], delay: [], loss: [] }
  let columns: readonly Column[] | undefined
  let number = 0
  for (let at = 0; at < text.length; ) {
    const end = text.indexOf('\n', at)
    const line = text.slice(at, end < 0 ? undefined : end).replace(/^\uFEFF/, '')
    at = end < 0 ? text.length : end + 1
    number++
    if (/^\s*(#|$)/.test(line)) continue
    try {
      if (columns === undefined) {
        columns = readHeader(line)
      } else {
        readRow(line, columns, rows)
      }
    } catch (error) {
      throw error instanceof UsageError
        ? new UsageError(`trace, line ${number}: ${error.message}`)
        : error
    }
  }
  if (rows.time.length === 0) throw new UsageError(`trace, line ${number}: it has no rows`)
  const trace = linkTrace(rows)
  const isCut =
    trace.rates !== undefined &&
    (once || trace.period === NEVER ? trace.rates.reduce((a, b) => a + b) : trace.periodBits) === 0
  if (isCut) throw new UsageError(`trace, line ${number}: the rate is 0 in every row`)
  return trace
}

function readHeader(line: string): Column[] {
  const names = cellsOf(line.toLowerCase())
  for (const [i, name] of names.entries()) {
    if (!(NAMES as string[]).includes(name)) {
      throw new UsageError(`'${name}' is not a column: ${NAMES.join(', ')}`)
    }
    if (names.indexOf(name) !== i) throw new UsageError(`the column ${name} is given twice`)
  }
  if (!names.includes('time')) throw new UsageError('the column time is missing')
  if (names.length === 1) {
    throw new UsageError('a column beside time is missing: rate, delay or loss')
  }
  return names as Column[]
}

function readRow(line: string, columns: readonly Column[], rows: Record<Column, number[]>): void {
  const cells = cellsOf(line)
  if (cells.length !== columns.length) {
    throw new UsageError(
      `it has ${cells.length} values, and the first line ${columns.length} columns`,
    )
  }
  const before = rows.time.at(-1)
  if (rows.time.length === ROWS_MAX) throw new UsageError(`more than ${ROWS_MAX} rows`)
  for (const [i, column] of columns.entries()) {
    const cell = cells[i]
    const value = cell === '' && column !== 'time' ? rows[column].at(-1) : COLUMNS[column](cell)
    if (value === undefined) throw new UsageError(`the first ${column} is missing`)
    if (!(value <= Number.MAX_SAFE_INTEGER)) {
      throw new UsageError(`the ${column} ${cell} is too large`)
    }
    rows[column].push(value)
  }
  const time = rows.time.at(-1) as number
  if (before !== undefined && time <= before) {
    throw new UsageError('its time is not after the time of the row before')
  }
}

/** Returns the trace of rows; a column without values does not limit the link. */
export function linkTrace({ time, rate, delay, loss }: Rows): LinkTrace {
  const [first] = time
  const times = Float64Array.from(time, ns => ns - first)
  const end = times[times.length - 1]
  // The last row lasts as long as the row before it.
  const period = times.length === 1 ? NEVER : 2 * end - times[times.length - 2]
  const listOf = (column: readonly number[]) =>
    column.length === 0 ? undefined : Float64Array.from(column)
  const bits = new Float64Array(times.length)
  const sentIn = (i: number, until: number) => (rate[i] ?? 0) * (until - times[i])
  for (let i = 1; i < times.length; i++) {
    bits[i] = bits[i - 1] + sentIn(i - 1, times[i])
  }
  const periodBits = bits[times.length - 1] + sentIn(times.length - 1, period)
  const values = { rates: listOf(rate), delays: listOf(delay), losses: listOf(loss) }
  return { times, period, ...values, bits, periodBits, flight: flightLimit(rate, delay) }
}

const cellsOf = (line: string): string[] => line.split(',').map(cell => cell.trim())

const isBare = (text: string): boolean => /^\d*\.?\d+(e[-+]?\d+)?$/i.test(text)
