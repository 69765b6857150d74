/** Temporal.Now in the time of a world in memory, where Node has Temporal (since 26). */
import { clockOffset } from './boot.ts'
import { thread } from './real.ts'

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
    const ns = Math.floor(timeline.now + clockOffset())
    return Instant.fromEpochNanoseconds(BigInt(timeline.epoch) * 1_000_000n + BigInt(ns))
  }
  const zoned = (timeZone: unknown = Now.timeZoneId()): Zoned => instant().toZonedDateTimeISO(timeZone)
  return [
    [Now, 'instant', instant],
    [Now, 'zonedDateTimeISO', zoned],
    [Now, 'plainDateTimeISO', (timeZone?: unknown) => zoned(timeZone).toPlainDateTime()],
    [Now, 'plainDateISO', (timeZone?: unknown) => zoned(timeZone).toPlainDate()],
    [Now, 'plainTimeISO', (timeZone?: unknown) => zoned(timeZone).toPlainTime()],
  ]
}
