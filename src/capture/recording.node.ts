/** Recording: writes the frames of devices to a file while they pass. */
import { createRequire } from 'node:module'
import { release, type } from 'node:os'
import { wallTime } from '../linux/clock.ts'
import type { NetDevice } from '../netdev/net-device.ts'
import { Capture, type CaptureSetup } from './capture.ts'
import type { CaptureFile, CaptureSink } from './capture-file.node.ts'

/** The most bytes per write: their room is freed when all of them are written. */
const CHUNK = 1024 * 1024

type Drained = Pick<Capture, 'peek' | 'consume' | 'close'>

/** Writes the data of a capture to a file as it arrives. */
export class Drain {
  readonly #capture: Drained
  readonly #sink: CaptureSink
  readonly #failed: (error: unknown) => void
  #isWriting = false
  /** True from a wake-up to its write. Few bytes wait for the next: another thread writes. */
  #isDue = false
  #isClosing = false
  #writing: Promise<void> | undefined
  #hasFailed = false

  /** `failed` is called once, with the first error of a write; the capture is closed then. */
  constructor(capture: Drained, sink: CaptureSink, failed: (error: unknown) => void) {
    this.#capture = capture
    this.#sink = sink
    this.#failed = failed
  }

  /** Schedules a write of the waiting data; for onData of the capture. Never throws. */
  wake(): void {
    this.#isDue = true
    if (this.#isWriting) return
    this.#isWriting = true
    this.#writing = this.#write()
  }

  async close(): Promise<void> {
    this.#isClosing = true
    this.#capture.close()
    this.wake()
    await this.#writing
  }

  async #write(): Promise<void> {
    const capture = this.#capture
    while (this.#isDue || this.#isClosing) {
      this.#isDue = false
      const bytes = capture.peek()
      if (bytes.length === 0) break
      const chunk = bytes.length > CHUNK ? bytes.subarray(0, CHUNK) : bytes
      if (!this.#hasFailed) {
        await this.#sink.write(chunk).catch(error => this.#fail(error))
      }
      capture.consume(chunk.length)
    }
    this.#isWriting = false
  }

  /** The rest of the capture is read but not written. */
  #fail(error: unknown): void {
    this.#hasFailed = true
    this.#capture.close()
    this.#failed(error)
  }
}

// Read at the start: later root may not be able to. src/linux and dist/linux are equally deep.
const { version } = createRequire(import.meta.url)('../../package.json') as {
  readonly version: string
}

/** Returns the options of a Capture that this system and program give it. */
export function captureHead(): Pick<CaptureSetup, 'wallTime' | 'os' | 'program'> {
  return { wallTime, os: `${type()} ${release()}`, program: `vnet ${version}` }
}

/**
 * A capture into a file. It owns the file and closes it in stop(); the devices remain the caller's,
 * and may be unregistered meanwhile.
 */
export class Recording implements AsyncDisposable {
  readonly #file: CaptureFile
  readonly #captures: Capture[] = []
  readonly #drains: Drain[] = []
  readonly #onFailure: (error: unknown) => void
  #error: unknown
  #hasFailed = false
  #end: Promise<void> | undefined

  /** Closes `file` in the end. `onFailure` gets the error that stop() throws, immediately. */
  constructor(file: CaptureFile, onFailure: (error: unknown) => void = () => {}) {
    this.#file = file
    this.#onFailure = onFailure
  }

  /** Records the present and future devices of a Net for which `wants` returns true. */
  follow(
    options: Omit<CaptureSetup, 'onData' | 'wallTime' | 'os' | 'program'> &
      Partial<Pick<CaptureSetup, 'wallTime'>>,
    wants?: (dev: NetDevice) => boolean,
  ): void {
    const capture: Capture = new Capture({
      ...captureHead(),
      ...options,
      onData: () => drain.wake(),
    })
    const drain = new Drain(capture, this.#file.source(), error => this.#fail(error))
    this.#captures.push(capture)
    this.#drains.push(drain)
    capture.follow(wants)
  }

  /** Frames recorded, once at each end, and drops. */
  get frames(): number {
    return this.#captures.reduce((sum, { frames }) => sum + frames, 0)
  }

  /** Frames that were not recorded, because the file did not keep up. */
  get lost(): number {
    return this.#captures.reduce((sum, { lost }) => sum + lost, 0)
  }

  /**
   * Ends the recording: writes the remaining data and the statistics, and closes the file.
   * Idempotent. Rejects with the first error of the file, after which nothing was recorded.
   */
  stop(): Promise<void> {
    this.#end ??= this.#stop()
    return this.#end
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  async #stop(): Promise<void> {
    this.#file.hurry()
    await Promise.all(this.#drains.map(drain => drain.close()))
    await this.#file[Symbol.asyncDispose]().catch(error => this.#fail(error))
    if (this.#hasFailed) throw this.#error
  }

  #fail(error: unknown): void {
    if (this.#hasFailed) return
    this.#hasFailed = true
    this.#error = error
    this.#onFailure(error)
  }
}
