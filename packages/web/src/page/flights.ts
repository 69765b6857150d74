/** Frames in flight. Dots have their own speed in drivers, where frames need only microseconds. */
import type { FlightDrop, Message } from '../feed-types.ts'
import { type Drawing, PAD, type Rect } from './driver-layout.ts'
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

type Point = Readonly<{ x: number; y: number }>

/** A dot of the drawing, at its middle: of a frame, or of all lost frames at a place. */
export interface Dot extends Point {
  readonly key: string
  readonly lane: Lane
  readonly isWaiting: boolean
  /** Why frames were lost, and how many: `2 × NOMEM, FULL_RING`. */
  readonly reason?: string
  readonly isHarmless?: boolean
  /** The width for the reason, in pixels. */
  readonly room?: number
}

/** Frames are drawn this much later, when it is known what became of them. */
const LATE_MS = 300
/** From an end to the wire, and from the wire to an end. */
const TRAVEL_MS = 500
/** In the wire, in pixels per ms. */
const SPEED = 0.4
/** From one waiting dot to the next, in pixels. */
const GAP = 12
/** In a box, dots follow its edge, past the texts; this long is the path to it and from it. */
const RAMP = 4
/** A lost frame, and its reason, remain for a while. */
const REASON_MS = 3000
/** More frames are not drawn, the oldest ones first. */
const FLIGHTS_MAX = 60

/** The flights of one device, from the `flights` messages to the dots of a moment. */
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
    if (isPaused) {
      this.#pausedAt ??= now
    } else {
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
      if (isStart && arrived === undefined && dropped === undefined) {
        this.#flights.delete(key)
      }
    }
    // A device that had no frame yet continues to show rates.
    if (frames.length === 0) return
    this.#ahead = Math.min(this.#ahead, now - time)
    const pauses = this.#pausesUntil(now)
    for (const { packet, time: real, direction, isFar, dropped } of frames) {
      const flightTime = real - pauses
      const lane: Lane = (direction === 'tx') === isFar ? 'toward' : 'away'
      const key = `${lane} ${packet}`
      const flight = this.#flights.get(key)
      if (dropped !== undefined) {
        const drop = { ...dropped, time: flightTime, direction }
        if (flight?.arrived === undefined || !hasPeer) {
          this.#flights.set(key, { lane, sent: flight?.sent ?? flightTime, dropped: drop })
        }
      } else if (direction === 'tx') {
        this.#flights.set(key, { lane, sent: flightTime, ...(!hasPeer && { arrived: flightTime }) })
      } else if (flight !== undefined && flight.arrived === undefined) {
        flight.arrived = flightTime
      } else {
        this.#flights.set(`${key} ${this.#copies++}`, {
          lane,
          sent: undefined,
          arrived: flightTime,
        })
      }
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
    const lost = new Map<string, Place & { readonly lane: Lane; readonly reasons: string[] }>()
    for (const [key, flight] of this.#flights) {
      const { lane, sent = flight.arrived ?? 0, dropped } = flight
      if (time < sent) continue
      const found = placeOf(flight, time, routes[lane], waiting[lane])
      if (found === undefined) {
        this.#flights.delete(key)
      } else if (typeof found === 'number') {
        dots.push({ key, lane, ...routes[lane].at(found), isWaiting: false })
      } else if ('waits' in found) {
        waiting[lane]++
        dots.push({ key, lane, ...routes[lane].at(found.waits), isWaiting: true })
      } else {
        const id = `${lane} ${found.x} ${found.y}`
        const { reasons } = lost.get(id) ?? { reasons: [] as string[] }
        lost.set(id, { ...found, lane, reasons })
        reasons.push(dropped?.stage?.text ?? dropped?.text ?? '')
      }
    }
    return [
      ...dots,
      ...[...lost].map(([key, { reasons, ...rest }]) => ({ key, ...rest, ...lossOf(reasons) })),
    ]
  }
}

/** The reasons of lost frames at one place, each once with the number of its frames. */
function lossOf(reasons: readonly string[]) {
  const text = [...new Set(reasons)].map(reason => {
    const count = reasons.filter(other => other === reason).length
    return count > 1 ? `${count} × ${reason}` : reason
  })
  return {
    isWaiting: false,
    reason: text.join(', '),
    isHarmless: reasons.every(reason => reason === HARMLESS),
  }
}

/** Where frames are lost: `along` on the route. */
type Place = Point & { readonly along: number; readonly room?: number }

/** The path of a lane, in pixels along the drawing and in the direction of its frames. */
interface Route {
  readonly from: number
  readonly enter: number
  readonly leave: number
  readonly to: number
  at(along: number): Point
  dropAt(drop: Drop): Place
}

function routeOf({ arrows, boxes, isVertical }: Drawing, lane: Lane): Route {
  const own = arrows.filter(arrow => arrow.lane === lane)
  const ends = own.flatMap(({ x1, x2, y1, y2 }) => (isVertical ? [y1, y2] : [x1, x2]))
  const [least, most] = [Math.min(...ends), Math.max(...ends)]
  const middle = (isVertical ? own[0]?.x1 : own[0]?.y1) ?? 0
  const groups = boxes.flatMap(box => (box.kind === 'group' && box.lane === lane ? [box] : []))
  const wire = groups.find(({ group }) => group.id.startsWith('wire'))
  const [start, end] =
    wire === undefined ? [(least + most) / 2, (least + most) / 2] : span(wire, isVertical)
  const [from, enter, leave, to] =
    lane === 'away' ? [least, start, end, most] : [most, end, start, least]
  const at = (along: number): Point => {
    const inside = (rect: Rect) => {
      const [first, last] = span(rect, isVertical)
      return Math.min(along - first, last - along)
    }
    const box = groups.find(group => inside(group) > 0)
    const placeAt = (across: number) =>
      isVertical ? { x: across, y: along } : { x: along, y: across }
    if (box === undefined) return placeAt(middle)
    const edge = isVertical ? box.x + box.width : box.y + box.height
    return placeAt(middle + (edge - middle) * Math.min(1, inside(box) / RAMP))
  }
  return {
    from,
    enter,
    leave,
    to,
    at,
    dropAt({ stage, direction }) {
      const owner = (lane === 'away') === (direction === 'tx') ? 'near' : 'far'
      const ofOwner = groups.filter(({ group }) => group.id.startsWith(owner))
      const best = ofOwner.find(({ group }) => group.id.endsWith(direction)) ?? ofOwner[0]
      const box = stage === undefined ? best : wire
      const atOwner = direction === 'tx' ? from : to
      const along = stage === undefined ? atOwner : (start + end) / 2
      if (box === undefined) return { along, ...at(along) }
      const place = { x: box.x + PAD + RAMP, y: box.y + box.height, room: box.width - 4 * PAD }
      return { ...place, along: isVertical ? place.y : place.x }
    },
  }
}

const span = ({ x, y, width, height }: Rect, isVertical: boolean) =>
  isVertical ? ([y, y + height] as const) : ([x, x + width] as const)

/** Moves by a number of pixels, at most to `b`. */
const toward = (a: number, b: number, pixels: number): number =>
  a + Math.sign(b - a) * Math.min(Math.abs(b - a), Math.max(0, pixels))

/**
 * Returns where a frame moves or waits, in pixels along its route, or where it was lost; undefined
 * once it has left. `ahead` is the number of frames that wait in front of it.
 */
function placeOf({ sent, arrived, dropped }: Flight, time: number, route: Route, ahead: number) {
  const { from, enter, leave, to } = route
  const drop = dropped && route.dropAt(dropped)
  const isOfWire = dropped?.stage !== undefined
  /** On the path from one place to another, since `start`, and then at `b`. */
  const between = (a: number, b: number, start: number) => {
    const part = (time - start) / TRAVEL_MS
    if (part < 1) return a + (b - a) * part
    return drop === undefined ? undefined : lost(start + TRAVEL_MS)
  }
  const lost = (since: number) => (time - since > REASON_MS ? undefined : drop)
  if (drop !== undefined && !isOfWire && dropped?.direction === 'tx') {
    return between(from, drop.along, sent ?? 0)
  }
  if (sent !== undefined && time < sent + TRAVEL_MS) {
    return from + ((enter - from) * (time - sent)) / TRAVEL_MS
  }
  const out = (arrived ?? dropped?.time ?? Number.POSITIVE_INFINITY) + TRAVEL_MS
  const inWire = (until: number, limit: number) =>
    sent === undefined ? leave : toward(enter, limit, (until - sent - TRAVEL_MS) * SPEED)
  if (time < out) return { waits: inWire(time, toward(leave, enter, ahead * GAP + GAP / 2)) }
  return isOfWire ? lost(out) : between(inWire(out, leave), drop?.along ?? to, out)
}
