/** The globals that a world in memory replaces: timers, Date, performance and process.hrtime. */
import http from 'node:http'
import { syncBuiltinESMExports } from 'node:module'
import type {
  MarkOptions,
  MeasureOptions,
  PerformanceMark,
  PerformanceMeasure,
} from 'node:perf_hooks'
import timers from 'node:timers'
import promises from 'node:timers/promises'
import { promisify } from 'node:util'
import { NSEC_PER_MSEC, NSEC_PER_SEC, UsageError } from 'vnet'
import { clockOffset } from './boot.ts'
import { realRefresh } from './fetch-clock.ts'
import { thread } from './real.ts'
import { clearTimeout, newTick, setInterval, setTimeout } from './timers.ts'
import { every, signalAfter, sleep, wait } from './timers-promises.ts'

type Format = (date?: Date | number) => string

/** Makes formats show `now`, in ms since 1970, for good. */
function patchFormats(clockNow: () => number): void {
  const { prototype } = Intl.DateTimeFormat
  const { formatToParts } = prototype
  const parts = function (this: Intl.DateTimeFormat, date: Date | number = clockNow()) {
    return formatToParts.call(this, date)
  }
  Object.defineProperty(prototype, 'formatToParts', {
    value: parts,
    configurable: true,
    writable: true,
  })
  const real = Object.getOwnPropertyDescriptor(prototype, 'format')?.get as (this: object) => Format
  /** The getter returns the same function each time. */
  const made = new WeakMap<object, Format>()
  const get = function (this: object): Format {
    const nodes = real.call(this)
    const own = made.get(this) ?? ((date = clockNow()) => nodes(date))
    made.set(this, own)
    return own
  }
  Object.defineProperty(prototype, 'format', { get, configurable: true })
}

type Mark = (name: string, options?: MarkOptions) => PerformanceMark
type Measure = (name: string, from?: string | MeasureOptions, to?: string) => PerformanceMeasure

const realMark = performance.mark.bind(performance) as Mark
const realMeasure = performance.measure.bind(performance) as Measure

function mark(name: string, options?: MarkOptions): PerformanceMark {
  const { timeline } = thread
  if (timeline === undefined) return realMark(name, options)
  return realMark(name, {
    ...options,
    startTime: options?.startTime ?? timeline.now / NSEC_PER_MSEC,
  })
}

function measureOptions(from: string | MeasureOptions | undefined): MeasureOptions {
  if (typeof from === 'object') return from
  return from === undefined ? {} : { start: from }
}

/** Without an end, Node takes the real moment. */
function measure(name: string, from?: string | MeasureOptions, to?: string): PerformanceMeasure {
  const { timeline } = thread
  if (timeline === undefined || to !== undefined) return realMeasure(name, from, to)
  const options: MeasureOptions = measureOptions(from)
  const { start, end, duration } = options
  const hasEnd = end !== undefined || (start !== undefined && duration !== undefined)
  return realMeasure(name, hasEnd ? options : { ...options, end: timeline.now / NSEC_PER_MSEC })
}

Object.defineProperty(setTimeout, promisify.custom, { value: sleep })

/** Nanoseconds since 0 of the timeline. */
const ns = (): number | undefined => thread.timeline?.read()

/** performance.now. As in Node, performance.timeOrigin plus it is the time of Date. */
function now(): number {
  const at = ns()
  return at === undefined ? thread.now() : at / NSEC_PER_MSEC
}

/** Date.now */
function dateNow(): number {
  const { timeline } = thread
  if (timeline === undefined) return thread.Date.now()
  return timeline.epoch + Math.floor((timeline.read() + clockOffset()) / NSEC_PER_MSEC)
}

function hrtimeOf(since?: [number, number]): [number, number] {
  const at = ns()
  if (at === undefined) return thread.hrtime(since)
  const [seconds, nanoseconds] = [Math.floor(at / NSEC_PER_SEC), Math.floor(at % NSEC_PER_SEC)]
  if (since === undefined) return [seconds, nanoseconds]
  const borrow = nanoseconds < since[1] ? 1 : 0
  return [seconds - since[0] - borrow, nanoseconds - since[1] + borrow * NSEC_PER_SEC]
}

const hrtime = Object.assign(hrtimeOf, {
  bigint: (): bigint => {
    const at = ns()
    return at === undefined ? thread.hrtimeBigint() : BigInt(Math.floor(at))
  },
})

/** Makes dates of the real class, so that `instanceof` works with both. */
const VirtualDate: DateConstructor = new Proxy(thread.Date, {
  apply: () => new thread.Date(dateNow()).toString(),
  construct: (real, args, target) =>
    Reflect.construct(
      real,
      args.length === 0 ? [dateNow()] : args,
      target === VirtualDate ? real : target,
    ),
  get: (real, key) => (key === 'now' ? dateNow : Reflect.get(real, key)),
})

const { writeHead: realWriteHead } = http.ServerResponse.prototype

/** ServerResponse.writeHead, with a Date header of this time: Node's own shows the real one. */
function writeHead(this: http.ServerResponse, ...args: unknown[]): http.ServerResponse {
  if (
    thread.timeline !== undefined &&
    this.sendDate &&
    !this.headersSent &&
    !this.hasHeader('date')
  ) {
    this.setHeader('Date', new thread.Date(dateNow()).toUTCString())
  }
  return Reflect.apply(realWriteHead, this, args)
}

const { scheduler } = promises

/** A replaced property: owner, name and new value. */
type Replaced = readonly [owner: object, name: string, value: unknown]

const timersOf = (owner: object): readonly Replaced[] => [
  [owner, 'setTimeout', setTimeout],
  [owner, 'setInterval', setInterval],
  [owner, 'clearTimeout', clearTimeout],
  [owner, 'clearInterval', clearTimeout],
]

/**
 * Functions that programs import by name. They remain replaced in the thread after the first world,
 * because changing the imports of all modules takes 0.1 ms. When no world runs, they call Node's.
 */
const EXPORTS: readonly Replaced[] = [
  ...timersOf(timers),
  [promises, 'setTimeout', sleep],
  [promises, 'setInterval', every],
  [process, 'hrtime', hrtime],
  [process, 'uptime', () => (thread.timeline === undefined ? thread.uptime() : now() / 1000)],
]

const GLOBALS: readonly Replaced[] = [
  ...timersOf(globalThis),
  [scheduler, 'wait', wait],
  [AbortSignal, 'timeout', signalAfter],
  [globalThis, 'Date', VirtualDate],
  [Date.prototype, 'constructor', VirtualDate],
  [performance, 'now', now],
  [performance, 'mark', mark],
  [performance, 'measure', measure],
  [http.ServerResponse.prototype, 'writeHead', writeHead],
  realRefresh(newTick),
  ...temporalNow(),
]

/** Throws a UsageError if the timers are fake ones of @sinonjs/fake-timers, vitest or jest. */
export function refuseFakes(): void {
  const fake = [globalThis.setTimeout, globalThis.Date].find(
    each => 'clock' in each || '_isMockFunction' in each,
  )
  if (fake === undefined) return
  throw new UsageError(
    `${fake === globalThis.Date ? 'Date' : 'setTimeout'} is fake: a lab in memory has virtual time without ` +
      'fake timers, and cannot be made while they are on: call vi.useRealTimers() or its like before',
  )
}

/** Puts the world's time into the thread. Returns a function that restores the globals. */
export function replaceGlobals(): () => void {
  if (timers.setTimeout !== (setTimeout as unknown)) {
    const exported = new Patches()
    for (const [owner, name, value] of EXPORTS) {
      exported.set(owner, name, value)
    }
    patchFormats(dateNow)
    syncBuiltinESMExports()
  }
  const patches = new Patches()
  for (const [owner, name, value] of GLOBALS) {
    patches.set(owner, name, value)
  }
  patches.set(performance, 'timeOrigin', thread.timeline?.epoch)
  return () => patches.restore()
}

/** The part of Temporal that is used here. TypeScript has no types of it yet. */
interface Zoned {
  toPlainDateTime(): unknown
  toPlainDate(): unknown
  toPlainTime(): unknown
}
interface Instant {
  toZonedDateTimeISO(timeZone: unknown): Zoned
}
interface Now {
  instant(): Instant
  timeZoneId(): string
}
interface Temporal {
  readonly Now: Now
  readonly Instant: { fromEpochNanoseconds(ns: bigint): Instant }
}

/** Returns the replaced properties: owner, name and new value. */
export function temporalNow(): [owner: object, name: string, value: unknown][] {
  const temporal = Reflect.get(globalThis, 'Temporal') as Temporal | undefined
  if (temporal === undefined) return []
  const { Now, Instant } = temporal
  const realInstant = Now.instant
  const instant = (): Instant => {
    const { timeline } = thread
    if (timeline === undefined) return realInstant()
    const nanoseconds = Math.floor(timeline.read() + clockOffset())
    return Instant.fromEpochNanoseconds(BigInt(timeline.epoch) * 1_000_000n + BigInt(nanoseconds))
  }
  const zoned = (timeZone: unknown = Now.timeZoneId()): Zoned =>
    instant().toZonedDateTimeISO(timeZone)
  return [
    [Now, 'instant', instant],
    [Now, 'zonedDateTimeISO', zoned],
    [Now, 'plainDateTimeISO', (timeZone?: unknown) => zoned(timeZone).toPlainDateTime()],
    [Now, 'plainDateISO', (timeZone?: unknown) => zoned(timeZone).toPlainDate()],
    [Now, 'plainTimeISO', (timeZone?: unknown) => zoned(timeZone).toPlainTime()],
  ]
}

type Method = (...args: unknown[]) => unknown

type Patched = Readonly<{
  owner: object
  name: string
  value: unknown
  was: PropertyDescriptor | undefined
}>

/** Properties that are replaced until `restore`. The newest is restored first. */
export class Patches {
  readonly #patched: Patched[] = []

  /** Sets a property, if it is not replaced already. */
  set(owner: object, name: string, value: unknown): void {
    if (this.#patched.some(patch => patch.owner === owner && patch.name === name)) return
    const was = Object.getOwnPropertyDescriptor(owner, name)
    const enumerable = was?.enumerable ?? false
    Object.defineProperty(owner, name, { value, enumerable, configurable: true, writable: true })
    this.#patched.push({ owner, name, value, was })
  }

  /** Replaces a method by `call`, which is given the method of before. */
  wrap(
    owner: object,
    name: string,
    call: (self: object, args: unknown[], was: Method) => unknown,
  ): void {
    const was = Reflect.get(owner, name) as Method | undefined
    if (was === undefined) return
    const value = function (this: object, ...args: unknown[]): unknown {
      return call(this, args, was)
    }
    this.set(owner, name, value)
  }

  /** Restores all properties, unless something else has replaced or restored them since. */
  restore(): void {
    for (const { owner, name, value, was } of this.#patched.splice(0).reverse()) {
      if (Reflect.get(owner, name) !== value) continue
      if (was === undefined) {
        Reflect.deleteProperty(owner, name)
      } else {
        Object.defineProperty(owner, name, was)
      }
    }
  }
}
