/** Recorder: captures all devices of the playground, for the rows of a page and for a file. */
import { type DeviceId, type FlightRow, type FrameRow, flightRow, frameRow } from '@vnet/web/kit'
import { NSEC_PER_MSEC } from 'vnet'
import { CaptureReader, type CaptureRecord } from 'vnet/capture'
import { Capture, FramePrinter } from 'vnet/kit/capture'
import type { Net } from 'vnet/net'

/** Bytes that wait for `read`: what a burst of a moment may be. */
const BUFFER_BYTES = 8 << 20
/** Bytes of the file. The oldest frames are left out. */
const FILE_BYTES = 4 << 20
/** Rows of a message, in the form of the live page. */
const FRAMES_MAX = 200
const FLIGHTS_MAX = 40

/** A recorded device, and its peer's name. */
export type Recorded = Readonly<{ id: DeviceId; name: string; peer: string | undefined }>

/** The rows of a device since the last message about it. */
interface Rows extends Recorded {
  frames: FrameRow[]
  skipped: number
  number: number
  flights: FlightRow[]
  /** Packets in flight, shown or not. */
  flown: number
  /** Every how many packets one is shown. */
  stride: number
}

/**
 * A capture of all devices of a world. Its owner calls read() after each step of the time, before
 * the buffer overflows, and close() at the end.
 */
export class Recorder {
  readonly #capture: Capture
  readonly #reader = new CaptureReader('playground')
  readonly #printer = new FramePrinter()
  readonly #head: Uint8Array
  readonly #chunks: Uint8Array[] = []
  #length = 0
  readonly #rows: readonly Rows[]

  /** `start` is in milliseconds since 1970, at time 0 of the clock of `net`. */
  constructor(net: Net, start: number, driver: string, devices: readonly Recorded[]) {
    const wallTime = () => {
      const ms = start + net.clock.now() / NSEC_PER_MSEC
      return {
        seconds: Math.floor(ms / 1000),
        nanoseconds: Math.floor((ms % 1000) * NSEC_PER_MSEC),
      }
    }
    const program = 'vnet playground'
    this.#capture = new Capture({
      net,
      wallTime,
      onData: () => {},
      driver,
      program,
      bufferBytes: BUFFER_BYTES,
    })
    this.#capture.follow()
    this.#head = this.#take()
    this.#reader.push(this.#head)
    this.#rows = devices.map(each => ({
      ...each,
      frames: [],
      skipped: 0,
      number: 0,
      flights: [],
      flown: 0,
      stride: 1,
    }))
  }

  /** Reads what was captured, before the buffer is full. */
  read(): void {
    for (let bytes = this.#take(); bytes.length > 0; bytes = this.#take()) {
      this.#chunks.push(bytes)
      this.#length += bytes.length
      this.#reader.push(bytes)
      for (let packet = this.#reader.next(); packet !== undefined; packet = this.#reader.next()) {
        this.#add(packet)
      }
    }
    while (this.#length > FILE_BYTES && this.#chunks.length > 1) {
      this.#length -= this.#chunks.shift()?.length ?? 0
    }
  }

  /** Returns the latest frames as a pcapng file. */
  file(): Uint8Array<ArrayBuffer> {
    this.read()
    const file = new Uint8Array(this.#head.length + this.#length)
    let at = 0
    for (const chunk of [this.#head, ...this.#chunks]) {
      file.set(chunk, at)
      at += chunk.length
    }
    return file
  }

  /** Returns the frames of a device since the last call. */
  frames(id: DeviceId): { readonly frames: readonly FrameRow[]; readonly skipped: number } {
    const rows = this.#of(id)
    const { frames, skipped } = rows
    rows.frames = []
    rows.skipped = 0
    return { frames, skipped }
  }

  /** Returns the flights of a device and its peer since the last call, a sample of many. */
  flights(id: DeviceId): readonly FlightRow[] {
    const rows = this.#of(id)
    const { flights, flown } = rows
    rows.flights = []
    rows.flown = 0
    rows.stride = Math.ceil(flown / FLIGHTS_MAX) || 1
    return flights
  }

  close(): void {
    this.#capture.close()
  }

  #of(id: DeviceId): Rows {
    return this.#rows.find(each => each.id === id) as Rows
  }

  #take(): Uint8Array {
    const bytes = this.#capture.peek().slice()
    this.#capture.consume(bytes.length)
    return bytes
  }

  #add(packet: CaptureRecord): void {
    const { interfaceName, packetId = 0, dropCount = 0 } = packet
    for (const rows of this.#rows) {
      const { id, name, peer, frames, flights, stride } = rows
      if (interfaceName === name) {
        const number = ++rows.number
        rows.skipped += dropCount
        if (frames.length < FRAMES_MAX) {
          frames.push(frameRow(packet, { id, number }, this.#printer))
        } else {
          rows.skipped++
        }
      }
      if (interfaceName !== name && interfaceName !== peer) continue
      rows.flown++
      if (packetId % stride === 0 && flights.length < FLIGHTS_MAX) {
        flights.push(flightRow(packet, interfaceName === peer))
      }
    }
  }
}
