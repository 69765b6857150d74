/** Frames in flight. Dots have their own speed in drivers, where frames need only microseconds. */
import type { FlightDrop, Message } from '../feed-types.ts'
import type { Drawing, Rect } from './driver-layout.ts'
import type { Lane } from './driver-model.ts'
import { HARMLESS } from './rates.ts'

/** Times in ms of the server, without pauses: when it entered the wire, arrived, or was dropped. */
interface Flight {
  readonly lane: Lane
  readonly sent: number | undefined
  arrived?: number
  dropped?: Drop
}

interface Drop extends FlightDrop {
  readonly time: number
  readonly direction: 'tx' | 'rx'
}

interface Point {
  readonly x: number
  readonly y: number
}

/** A dot of the drawing, at its middle. */
export interface Dot extends Point {
  readonly key: string
  readonly lane: Lane
  readonly isWaiting: boolean
  /** Why it falls, in a few words. */
  readonly reason?: string
  readonly isHarmless?: boolean
}

/** Frames are drawn this much later, when it is known what became of them. */
const LATE_MS = 300
/** From an end to the wire, and from the wire to an end. */
const TRAVEL_MS = 500
/** In the wire, in pixels per ms. */
const SPEED = 0.4
/** From one waiting dot to the next, in pixels. */
const GAP = 12
const FALL_MS = 700
const FALL = 28
/** The reason remains for a while. */
const REASON_MS = 3000
/** More frames are not drawn, the oldest ones first. */
const FLIGHTS_MAX = 60

export class Flights {
  readonly #flights = new Map<string, Flight>()
  /** The clock of the page minus the server's, plus the delay of the fastest message. */
  #ahead = Number.POSITIVE_INFINITY
  /** Milliseconds of the pauses that have ended. */
  #paused = 0
  #pausedAt: number | undefined
  #copies = 0

  get hasSome(): boolean {
    return Number.isFinite(this.#ahead)
  }

  get isEmpty(): boolean {
    return this.#flights.size === 0
  }

  /** Stops the frames where they are, or lets them continue from there. */
  pause(isPaused: boolean, now = Date.now()): void {
    if (isPaused) this.#pausedAt ??= now
    else {
      this.#paused = this.#pausesUntil(now)
      this.#pausedAt = undefined
    }
  }

  /** Returns the milliseconds in which frames did not move. */
  #pausesUntil(now: number): number {
    return this.#paused + (this.#pausedAt === undefined ? 0 : now - this.#pausedAt)
  }

  /** `hasPeer`: frames arrive at a device that is captured, too. */
  receive({ time, frames, isStart }: Message<'flights'>, hasPeer: boolean, now = Date.now()): void {
    for (const [key, { arrived, dropped }] of this.#flights) {
      if (isStart && arrived === undefined && dropped === undefined) this.#flights.delete(key)
    }
    // A device that had no frame yet continues to show rates.
    if (frames.length === 0) return
    this.#ahead = Math.min(this.#ahead, now - time)
    const pauses = this.#pausesUntil(now)
    for (const { packet, time: real, direction, isFar, dropped } of frames) {
      const time = real - pauses
      const lane: Lane = (direction === 'tx') === isFar ? 'toward' : 'away'
      const key = `${lane} ${packet}`
      const flight = this.#flights.get(key)
      if (dropped !== undefined) {
        const drop = { ...dropped, time, direction }
        if (flight?.arrived === undefined || !hasPeer) {
          this.#flights.set(key, { lane, sent: flight?.sent ?? time, dropped: drop })
        }
      } else if (direction === 'tx') {
        this.#flights.set(key, { lane, sent: time, ...(!hasPeer && { arrived: time }) })
      } else if (flight !== undefined && flight.arrived === undefined) flight.arrived = time
      else this.#flights.set(`${key} ${this.#copies++}`, { lane, sent: undefined, arrived: time })
    }
    for (const key of this.#flights.keys()) {
      if (this.#flights.size <= FLIGHTS_MAX) break
      this.#flights.delete(key)
    }
  }

  clear(): void {
    this.#flights.clear()
    this.#ahead = Number.POSITIVE_INFINITY
  }

  /** The dots at a time of the page's clock. Forgets frames that have left the drawing. */
  at(now: number, drawing: Drawing): Dot[] {
    const time = now - this.#pausesUntil(now) - this.#ahead - LATE_MS
    const waiting = { away: 0, toward: 0 }
    const routes = { away: routeOf(drawing, 'away'), toward: routeOf(drawing, 'toward') }
    const dots: Dot[] = []
    for (const [key, flight] of this.#flights) {
      const { lane, sent = flight.arrived ?? 0 } = flight
      if (time < sent) continue
      const place = placeOf(flight, time, routes[lane], waiting[lane])
      if (place?.isWaiting) waiting[lane]++
      if (place === undefined) this.#flights.delete(key)
      else dots.push({ key, lane, ...place })
    }
    return dots
  }
}

/** The path of a lane, in the direction of its frames. */
interface Route {
  readonly from: Point
  readonly enter: Point
  readonly leave: Point
  readonly to: Point
  dropAt(drop: Drop): Point
}

function routeOf({ arrows, boxes, isVertical }: Drawing, lane: Lane): Route {
  const own = arrows.filter(arrow => arrow.lane === lane)
  const along = own.flatMap(({ x1, x2, y1, y2 }) => (isVertical ? [y1, y2] : [x1, x2]))
  const [least, most] = [Math.min(...along), Math.max(...along)]
  const middle = own[0] === undefined ? 0 : isVertical ? own[0].x1 : own[0].y1
  const point = (at: number): Point => (isVertical ? { x: middle, y: at } : { x: at, y: middle })
  const groups = boxes.flatMap(box => (box.kind === 'group' && box.lane === lane ? [box] : []))
  const wire = groups.find(({ group }) => group.id.startsWith('wire'))
  const [start, end] = wire === undefined ? [(least + most) / 2, (least + most) / 2] : span(wire, isVertical)
  const [from, enter, leave, to] = (lane === 'away' ? [least, start, end, most] : [most, end, start, least]).map(point)
  const stages = boxes.filter(box => box.kind === 'item' && box.group.id === wire?.group.id)
  return {
    from,
    enter,
    leave,
    to,
    dropAt({ stage, direction }) {
      if (stage !== undefined) return centre(stages[stage.place - 1] ?? wire)
      const owner = (lane === 'away') === (direction === 'tx') ? 'near' : 'far'
      const ofOwner = groups.filter(({ group }) => group.id.startsWith(owner))
      const best = ofOwner.find(({ group }) => group.id.endsWith(direction)) ?? ofOwner[0]
      return best === undefined ? (direction === 'tx' ? from : to) : centre(best)
    },
  }

  function centre(box: Rect | undefined): Point {
    return box === undefined ? point((start + end) / 2) : { x: box.x + box.width / 2, y: box.y + box.height / 2 }
  }
}

const span = ({ x, y, width, height }: Rect, isVertical: boolean) =>
  isVertical ? ([y, y + height] as const) : ([x, x + width] as const)

/** The point at `part` of the line from one point to another, from 0 to 1. */
function between(a: Point, b: Point, part: number): Point {
  return { x: a.x + (b.x - a.x) * part, y: a.y + (b.y - a.y) * part }
}

/** Moves by a number of pixels, at most to `b`. */
function toward(a: Point, b: Point, pixels: number): Point {
  const distance = Math.abs(b.x - a.x) + Math.abs(b.y - a.y)
  return distance === 0 ? b : between(a, b, Math.min(1, Math.max(0, pixels) / distance))
}

/** `ahead` is the number of frames that wait in front of it. Undefined once it has left. */
function placeOf({ sent, arrived, dropped }: Flight, time: number, route: Route, ahead: number) {
  const { from, enter, leave, to } = route
  const drop = dropped && route.dropAt(dropped)
  const isOfWire = dropped?.stage !== undefined
  if (dropped !== undefined && drop !== undefined && !isOfWire && dropped.direction === 'tx') {
    const since = time - (sent ?? 0)
    return since < TRAVEL_MS ? moving(between(from, drop, since / TRAVEL_MS)) : fallen(drop, since - TRAVEL_MS)
  }
  if (sent !== undefined && time < sent + TRAVEL_MS) return moving(between(from, enter, (time - sent) / TRAVEL_MS))
  const out = (arrived ?? dropped?.time ?? Number.POSITIVE_INFINITY) + TRAVEL_MS
  const inWire = (until: number, limit: Point) =>
    sent === undefined ? leave : toward(enter, limit, (until - sent - TRAVEL_MS) * SPEED)
  if (time < out) return { ...inWire(time, toward(leave, enter, ahead * GAP + GAP / 2)), isWaiting: true }
  const left = inWire(out, leave)
  if (dropped === undefined || drop === undefined) {
    const part = (time - out) / TRAVEL_MS
    return part > 1 ? undefined : moving(between(left, to, part))
  }
  if (isOfWire) return fallen(drop, time - out)
  const part = (time - out) / TRAVEL_MS
  return part < 1 ? moving(between(left, drop, part)) : fallen(drop, time - out - TRAVEL_MS)

  function fallen({ x, y }: Point, since: number) {
    const reason = dropped?.stage?.text ?? dropped?.text ?? ''
    const fall = Math.min(1, since / FALL_MS) ** 2 * FALL
    return since > REASON_MS ? undefined : { x, y: y + fall, isWaiting: false, reason, isHarmless: reason === HARMLESS }
  }
}

const moving = (point: Point) => ({ ...point, isWaiting: false })
