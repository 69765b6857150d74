/** Reads the arrivals of a simulation: from a capture, or from the log of a wire. */
import { NSEC_PER_MSEC, NSEC_PER_SEC, UsageError } from '../../base/index.ts'
import { CaptureError } from '../../capture/input.ts'
import { FLAG_INBOUND, FLAG_OUTBOUND, LINKTYPE_ETHERNET } from '../../capture/packet.ts'
import { CaptureReader } from '../../capture/reader.ts'
import type { CaptureRecord } from '../../capture/record.ts'
import { presetDirection } from '../../netdev/device-wire.ts'
import { ETH_P_IP, ETH_P_IPV6, get16, networkOffset } from '../../packet/index.ts'
import * as ipv4 from '../../packet/ipv4.ts'
import { IPV6_HLEN } from '../../packet/ipv6.ts'
import {
  DecisionReader,
  type LoggedArrival,
  type LoggedMoment,
  type LoggedSet,
} from '../../wire/decision-reader.ts'
import type { Arrival, Simulation } from '../../wire/simulation.ts'
import type { Direction, Impairment } from '../../wire/wire.ts'
import { isArrival, isDrop, isOffWire, senderOf } from './selection.ts'

const FLAG_DIRECTION = FLAG_INBOUND | FLAG_OUTBOUND

/** Passes the arrivals that it reads to a simulation. */
export interface Arrivals {
  /** Takes the bytes of the file, and its end. */
  readonly reader: Pick<CaptureReader, 'push' | 'end'>
  /**
   * Simulates the available data. Throws a CaptureError, a DecisionFileError or a UsageError if the
   * file is broken, after simulating the data before the defect.
   */
  simulate(): void
  /** Lines that the log of a live wire left out. */
  readonly lost: number
  /** Captured frames of several packets, or of a jumbo packet: a capture does not say which. */
  readonly oversized: number
  /** Captured frames that did not arrive at a wire: it delivered, dropped or made them. */
  readonly skipped: number
  /** Packets that a capture of another program has twice. */
  readonly repeated: number
}

/** Called before the first arrival, with its time and the moment that is time 0 in a capture. */
export type Begin = (
  time: number,
  moment: { readonly seconds: number; readonly nanoseconds: number },
) => void

/** Called with the time of each arrival before it, to change the wires. */
export type Before = (time: number) => void

function newArrival(): Arrival {
  const frame = { bytes: new Uint8Array(0), at: 0, captured: 0, length: 0 }
  return { direction: 'ab', time: 0, ...frame, gsoSize: 0, gsoType: 0, transport: 0 }
}

/** The longest frame of an MTU of 1500: with two VLAN tags. */
const ORDINARY = 1522

const REPEAT = 100 * NSEC_PER_MSEC
/** Recent packets that are compared; a power of two. */
const RECENT = 4096
const COMPARED = 96
/** The share of copies from which a capture is suspect. */
const SHARE = 0.1

/**
 * Finds IP packets that a capture has twice, as when two interfaces of a path were captured. A copy
 * has the same bytes but its link header, hop limit and header checksum, and comes within REPEAT.
 * IPv4 packets without an identification are not compared: others may look alike.
 */
class RepeatedPackets {
  #packets = 0
  #repeated = 0
  readonly #hashes = new Int32Array(RECENT)
  readonly #times = new Float64Array(RECENT).fill(Number.NEGATIVE_INFINITY)

  /** The number of copies; 0 if they are few. */
  get count(): number {
    return this.#repeated > SHARE * this.#packets ? this.#repeated : 0
  }

  add({ bytes, at, captured: length, time }: Arrival): void {
    this.#packets++
    const network = networkOffset(bytes, at, length)
    if (network < 0) return
    const start = at + network
    const end = Math.min(at + length, start + COMPARED)
    const type = get16(bytes, start - 2)
    const isIpv4 =
      type === ETH_P_IP && end - start >= ipv4.IPV4_HLEN && ipv4.identification(bytes, start) !== 0
    if (!isIpv4 && !(type === ETH_P_IPV6 && end - start >= IPV6_HLEN)) return
    let hash = length - network
    for (let i = start; i < end; i++) {
      const place = i - start
      const changes = isIpv4 ? place === 8 || place === 10 || place === 11 : place === 7
      if (!changes) {
        hash = Math.imul(hash ^ (bytes[i] as number), 0x01000193)
      }
    }
    const slot = (hash ^ (hash >>> 16)) & (RECENT - 1)
    if (this.#hashes[slot] === hash && time - (this.#times[slot] as number) < REPEAT) {
      this.#repeated++
    }
    this.#hashes[slot] = hash
    this.#times[slot] = time
  }
}

/**
 * The frames of a capture, in nanoseconds since the first. Outbound frames are ab; in a capture of
 * vnet only if interface 0 sent them. Without directions the frames of interface 0 are ab.
 */
export class CapturedArrivals implements Arrivals {
  readonly lost = 0
  oversized = 0
  skipped = 0
  readonly #repeats = new RepeatedPackets()
  readonly #file: string
  readonly reader: CaptureReader
  readonly #simulation: Simulation
  readonly #begin: Begin
  readonly #before: Before
  readonly #arrival = newArrival()
  #packets = 0
  /** The time of the first frame. */
  #origin: { readonly seconds: number; readonly nanoseconds: number } | undefined

  constructor(file: string, simulation: Simulation, begin: Begin, before: Before) {
    this.#before = before
    this.#file = file
    this.reader = new CaptureReader(file)
    this.#simulation = simulation
    this.#begin = begin
  }

  get repeated(): number {
    return this.#repeats.count
  }

  simulate(): void {
    const { reader } = this
    for (let record = reader.next(); record !== undefined; record = reader.next()) {
      this.#arrive(record)
    }
  }

  #arrive(record: CaptureRecord): void {
    this.#packets++
    if (isDrop(record) || isArrival(record) || isOffWire(record.packetId ?? 0)) {
      this.skipped++
      return
    }
    if (!record.hasTime) {
      const text = `packet ${this.#packets} has no time (a simple packet block): a simulation needs the times of all packets`
      throw new CaptureError(this.#file, text, 0)
    }
    if (this.#origin === undefined) {
      this.#origin = { seconds: record.seconds, nanoseconds: record.nanoseconds }
      this.#begin(0, record)
    }
    if (record.linkType !== LINKTYPE_ETHERNET) {
      const text = `packet ${this.#packets}: of link type ${record.linkType}, not of Ethernet (1)`
      throw new CaptureError(this.#file, text, 0)
    }
    const arrival = this.#arrival
    arrival.direction = directionOf(record)
    const { seconds, nanoseconds } = this.#origin
    arrival.time = (record.seconds - seconds) * NSEC_PER_SEC + (record.nanoseconds - nanoseconds)
    arrival.bytes = record.bytes
    arrival.at = record.at
    arrival.captured = record.capturedLength
    arrival.length = Math.max(record.originalLength, record.capturedLength)
    if (arrival.length > ORDINARY) {
      this.oversized++
    }
    if (record.packetId === undefined) {
      this.#repeats.add(arrival)
    }
    this.#before(arrival.time)
    this.#simulation.advance(arrival.time)
    this.#simulation.arrive(arrival)
  }
}

function directionOf({ flags = 0, interfaceIndex, packetId }: CaptureRecord): Direction {
  const direction = flags & FLAG_DIRECTION
  if (direction === 0) return interfaceIndex === 0 ? 'ab' : 'ba'
  const sender = packetId === undefined ? 0 : senderOf(packetId)
  return direction === FLAG_OUTBOUND && sender === 0 ? 'ab' : 'ba'
}

/** How the wires of a log are set again. */
export interface Replay {
  readonly seed: number | undefined
  /** Returns the stages of the text. Throws a UsageError. */
  readonly stages: (text: string, direction: Direction) => readonly Impairment[]
}

/**
 * The arrivals of a log at their times. With `replay` the wires are set, changed and closed as the
 * log has it; without, `begin` sets them at the time of the first line.
 */
export class LoggedArrivals implements Arrivals {
  readonly oversized = 0
  readonly skipped = 0
  readonly repeated = 0
  readonly reader: DecisionReader
  readonly #simulation: Simulation
  readonly #begin: Begin
  readonly #replay: Replay | undefined
  readonly #before: Before
  readonly #arrival = newArrival()
  readonly #next = { ab: 1, ba: 1 }
  #hasBegun = false

  constructor(
    file: string,
    simulation: Simulation,
    begin: Begin,
    replay: Replay | undefined,
    before: Before,
  ) {
    this.#before = before
    this.reader = new DecisionReader(file)
    this.#simulation = simulation
    this.#begin = begin
    this.#replay = replay
  }

  get lost(): number {
    return this.reader.lost
  }

  simulate(): void {
    const { reader } = this
    for (let event = reader.next(); event !== undefined; event = reader.next()) {
      if (!this.#hasBegun) {
        this.#begin(event.time, { seconds: 0, nanoseconds: 0 })
      }
      this.#hasBegun = true
      if (event.verdict === 'arrive') {
        this.#arrive(event)
      } else if (this.#replay !== undefined) {
        this.#repeat(event, this.#replay)
      }
    }
  }

  /** Decisions of both directions are made in the order of the log. */
  #repeat(event: LoggedSet | LoggedMoment, replay: Replay): void {
    if (event.verdict === 'set') {
      this.#set(event, replay)
    } else if (event.verdict === 'close') {
      this.#simulation.close(event.direction, event.time)
    } else {
      this.#simulation.pass(event.direction, event.time)
    }
  }

  #set({ direction, side, time, text, seed }: LoggedSet, replay: Replay): void {
    let stages: readonly Impairment[]
    try {
      stages = replay.stages(text, presetDirection({ direction, side }))
    } catch (error) {
      if (!(error instanceof UsageError)) throw error
      const [what] = error.message.split('\n')
      throw this.reader.broken(`its text cannot be used here: ${what}; give --wire`)
    }
    if (side !== undefined) {
      this.#simulation.sides[direction] = side
    }
    this.#simulation.set(direction, time, stages, text, replay.seed ?? seed)
  }

  #arrive({ direction, time, id, length, head, gso }: LoggedArrival): void {
    if (!this.#simulation.has(direction)) {
      throw this.reader.broken(`nothing sets direction ${direction} before it`)
    }
    if (id !== this.#next[direction]) {
      const expected = `packet ${this.#next[direction]} of ${direction}`
      throw this.reader.broken(
        `packet ${id} where ${expected} must be: lines are missing, or it logs several wires`,
      )
    }
    if (this.#replay === undefined) {
      this.#before(time)
      this.#simulation.advance(time)
    }
    const [gsoSize, gsoType, transport] = gso ?? [0, 0, 0]
    const frame = { bytes: head, at: 0, captured: head.length, length, gsoSize, gsoType, transport }
    this.#next[direction] += this.#simulation.arrive(
      Object.assign(this.#arrival, { direction, time, ...frame }),
    )
  }
}
