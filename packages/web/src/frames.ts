/** A device's frames, in one capture for all pages. It only counts frames beyond their limit. */
import { explain, UsageError, VnetError } from 'vnet'
import { CaptureError, CaptureReader, type CaptureRecord } from 'vnet/capture'
import type { CaptureStream } from 'vnet/control'
import { FramePrinter } from 'vnet/kit/capture'
import type { DeviceId, FlightRow, FrameRow } from './feed-types.ts'
import { flightRow, frameRow } from './rows.ts'
import { type Feed, pack, QUIET, type Source } from './source.ts'

/** Bytes of each frame that are captured: up to the options of DHCP. */
export const SNAPLEN = 512
/** Frames of a message, and milliseconds from one message to the next. */
export const ROWS_MAX = 200
const INTERVAL_MS = 200
/** Bytes read in that time: waiting frames would be shown late. The rest is lost, and counted. */
export const READ_MAX = 4 << 20

/** The device whose frames a FlightSource reads. */
export interface FlightOptions {
  readonly id: DeviceId
  /** Starts a capture of the device and its peer; returns undefined without the device. */
  readonly open: () => Promise<CaptureStream | undefined>
  /** The name of the peer in the capture. */
  readonly peer: () => string | undefined
  /** Whether there are more frames than a page can show one by one. */
  readonly isBusy: () => boolean
}

/** Milliseconds from the end of a capture of many frames to a look whether they are few again. */
const CALM_MS = 2000
/** Rows of a capture in one interval, beyond which it ends. */
const FLIGHTS_MAX = 40

/** The frames of a device and its peer. The capture ends once they are many: it costs CPU time. */
export class FlightSource implements Source {
  readonly #options: FlightOptions
  readonly #feeds = new Set<Feed>()
  #stream: CaptureStream | undefined
  #isRunning = false
  #timer: NodeJS.Timeout | undefined
  #rows: FlightRow[] = []

  constructor(options: FlightOptions) {
    this.#options = options
  }

  add(feed: Feed): void {
    this.#feeds.add(feed)
    this.soon()
  }

  delete(feed: Feed): void {
    this.#feeds.delete(feed)
    if (this.#feeds.size > 0) return
    clearTimeout(this.#timer)
    void this.#stream?.[Symbol.asyncDispose]()
  }

  soon(): void {
    if (this.#isRunning || this.#feeds.size === 0) return
    clearTimeout(this.#timer)
    if (this.#options.isBusy()) {
      this.#later()
    } else {
      void this.#run()
    }
  }

  #later(): void {
    this.#timer = setTimeout(() => this.soon(), CALM_MS)
  }

  async #run(): Promise<void> {
    this.#isRunning = true
    let flush: NodeJS.Timeout | undefined
    try {
      await using stream = await this.#options.open()
      if (stream === undefined || this.#feeds.size === 0) return
      this.#stream = stream
      this.#send([], { isStart: true })
      flush = setInterval(() => this.#flush(), INTERVAL_MS)
      const reader = new CaptureReader('flights')
      for await (const bytes of stream) {
        reader.push(bytes)
        for (let packet = reader.next(); packet !== undefined; packet = reader.next()) {
          this.#take(packet)
        }
        if (this.#rows.length > FLIGHTS_MAX || this.#feeds.size === 0) break
      }
    } catch (error) {
      // Without captures, such as of a vnet of another user, the page shows rates.
      if (![VnetError, CaptureError].some(type => error instanceof type)) throw error
    } finally {
      clearInterval(flush)
      this.#stream = undefined
      this.#rows = []
      this.#isRunning = false
      if (this.#feeds.size > 0) {
        this.#later()
      }
    }
  }

  #take(packet: CaptureRecord): void {
    const { interfaceName } = packet
    this.#rows.push(
      flightRow(packet, interfaceName !== undefined && interfaceName === this.#options.peer()),
    )
  }

  #flush(): void {
    const frames = this.#rows
    if (this.#options.isBusy()) {
      void this.#stream?.[Symbol.asyncDispose]()
    }
    if (frames.length === 0) return
    this.#rows = []
    this.#send(frames)
  }

  #send(frames: readonly FlightRow[], rest: { readonly isStart?: boolean } = {}): void {
    const message = pack({
      type: 'flights',
      time: Date.now(),
      id: this.#options.id,
      frames,
      ...rest,
    })
    for (const feed of this.#feeds) {
      feed.send(message)
    }
  }
}

/**
 * The frames of a device, each as a row. The capture runs while there is a page, and ends with the
 * last one. Frames that arrive faster than pages can show them are skipped, and counted.
 */
export class FrameSource implements Source {
  readonly #open: FlightOptions['open']
  readonly #id: DeviceId
  readonly #type: 'frames' | 'dhcp'
  readonly #printer = new FramePrinter()
  /** The pages, and the frames that each had no room for. */
  readonly #feeds = new Map<Feed, number>()
  #stream: CaptureStream | undefined
  #isRunning = false
  /** Whether to restart when the capture ends. */
  #isAsked = false
  /** The latest failure, which is reported once, and again to each page that starts to watch. */
  #problem: string | undefined
  #rows: FrameRow[] = []
  #skipped = 0
  #number = 0
  #timer: NodeJS.Timeout | undefined
  /** Bytes that were read since the last message. */
  #read = 0
  /** Lets the reader continue. */
  #goOn = () => {}

  /** `open` starts the capture; it returns undefined if the device does not exist. */
  constructor(id: DeviceId, open: FlightOptions['open'], type: 'frames' | 'dhcp' = 'frames') {
    this.#id = id
    this.#type = type
    this.#open = open
  }

  add(feed: Feed): void {
    if (!this.#feeds.has(feed)) {
      this.#feeds.set(feed, 0)
    }
    // A page that starts to watch has not received the problem yet.
    this.#problem = undefined
    if (!this.#isRunning) {
      void this.#run()
    }
  }

  delete(feed: Feed): void {
    this.#feeds.delete(feed)
    if (this.#feeds.size > 0) return
    void this.#stream?.[Symbol.asyncDispose]()
    clearInterval(this.#timer)
    this.#goOn()
  }

  /** Restarts if the capture has ended, or ends meanwhile: the device may be another now. */
  soon(): void {
    if (this.#feeds.size === 0) return
    if (this.#isRunning) {
      this.#isAsked = true
    } else {
      void this.#run()
    }
  }

  async #run(): Promise<void> {
    this.#isRunning = true
    this.#isAsked = false
    try {
      await using stream = await this.#open()
      if (stream !== undefined && this.#feeds.size > 0) {
        await this.#readAll(stream)
      }
    } catch (error) {
      // A filter may need libpcap, and it may be missing.
      if (![VnetError, CaptureError, UsageError].some(type => error instanceof type)) throw error
      this.#report(error as Error)
    } finally {
      clearInterval(this.#timer)
      this.#stream = undefined
      this.#rows = []
      this.#skipped = 0
      this.#isRunning = false
    }
    if (this.#isAsked) {
      this.soon()
    }
  }

  /** Reports the reason for missing frames to the pages, once. */
  #report(error: Error): void {
    const text = explain(error)
    if ((error instanceof VnetError && QUIET.has(error.code)) || text === this.#problem) return
    this.#problem = text
    const problem = pack({ type: 'problem', text })
    for (const feed of this.#feeds.keys()) {
      feed.send(problem)
    }
  }

  /** Reads until the vnet ends, the device is deleted, or no page watches. */
  async #readAll(stream: CaptureStream): Promise<void> {
    this.#problem = undefined
    this.#stream = stream
    this.#timer = setInterval(() => this.#flush(), INTERVAL_MS)
    const reader = new CaptureReader('frames')
    for await (const bytes of stream) {
      reader.push(bytes)
      for (let packet = reader.next(); packet !== undefined; packet = reader.next()) {
        this.#take(packet)
      }
      this.#read += bytes.length
      if (this.#feeds.size === 0) return
      if (this.#read < READ_MAX) continue
      await new Promise<void>(resolve => {
        this.#goOn = resolve
      })
    }
    this.#flush()
  }

  #take(packet: CaptureRecord): void {
    this.#number++
    this.#skipped += packet.dropCount ?? 0
    if (this.#rows.length < ROWS_MAX) {
      this.#rows.push(frameRow(packet, { id: this.#id, number: this.#number }, this.#printer))
    } else {
      this.#skipped++
    }
  }

  #flush(): void {
    this.#read = 0
    this.#goOn()
    const [frames, skipped] = [this.#rows, this.#skipped]
    if (frames.length === 0 && skipped === 0) return
    this.#rows = []
    this.#skipped = 0
    const message = (missed: number) =>
      pack({ type: this.#type, id: this.#id, frames, skipped: skipped + missed })
    const usual = message(0)
    for (const [feed, missed] of this.#feeds) {
      const isSent = feed.send(missed === 0 ? usual : message(missed))
      this.#feeds.set(feed, isSent ? 0 : missed + frames.length + skipped)
    }
  }
}
