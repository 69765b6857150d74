/**
 * CaptureFile: writes pcapng streams to a file, a ring of files, or standard output.
 *
 *     await using file = new CaptureFile('a.pcapng', { ring: { files: 10, bytes: 1e8 } })
 *     const source = file.source()
 *     for await (const bytes of stream) await source.write(bytes)
 *
 * The descriptor belongs to the thread pool, which opens, writes and closes the files: the main
 * thread may have its own descriptor table (cli/run.ts), and must not wait for a disk.
 *
 * Files hold whole records only, and end with their statistics, also on a full disk.
 */
import { unlink } from 'node:fs'
import { promisify } from 'node:util'
import {
  EACCES,
  EDQUOT,
  EIO,
  ENOSPC,
  EPERM,
  EPIPE,
  ETIMEDOUT,
  UsageError,
  VnetError,
} from '../base/index.ts'
import { wallTime } from '../linux/clock.ts'
import {
  type BinaryOutput,
  type CaptureOutput,
  fileOutput,
  firstOutput,
  streamOutput,
} from './capture-output.node.ts'
import type { Moment } from './packet.ts'
import { PcapngContent, type PcapngSource } from './pcapng-content.ts'
import { TlsKeyFile } from './tls-key-file.node.ts'

/** A ring of files: at most `files` are kept, of at most `bytes` bytes each. */
export interface FileRing {
  readonly files: number
  readonly bytes: number
}

/** dumpcap counts to 99,999 and restarts at 0. */
const NUMBERS = 100_000

/**
 * Returns the name of file `number` of a ring, counted from 1, for a file that was started at the
 * given moment, in local time: `a/b_00001_20261121083000.pcapng` for `a/b.pcapng`.
 */
export function ringName(path: string, number: number, { seconds }: Moment): string {
  const dot = path.lastIndexOf('.')
  const at = dot > path.lastIndexOf('/') + 1 ? dot : path.length
  const date = new Date(seconds * 1000)
  const fields = [
    date.getMonth() + 1,
    date.getDate(),
    date.getHours(),
    date.getMinutes(),
    date.getSeconds(),
  ]
  const time = `${date.getFullYear()}${fields.map(field => String(field).padStart(2, '0')).join('')}`
  return `${path.slice(0, at)}_${String(number % NUMBERS).padStart(5, '0')}_${time}${path.slice(at)}`
}

/** How a capture file is written, for its whole life. */
export interface CaptureFileOptions {
  /** Continues in another file when one has this many bytes, and keeps the last files. */
  readonly ring?: FileRing | undefined
  /** A file to which programs write their TLS keys (SSLKEYLOGFILE); it need not exist yet. */
  readonly tlsKeys?: string | undefined
  /** Called with a line if the keys cannot be read. */
  readonly warn?: ((text: string) => void) | undefined
  /** The wall-clock time, for names and statistics; the system's by default. */
  readonly wallTime?: (() => Moment) | undefined
  /** Writes the file in this thread, without the thread pool. Not for a ring. */
  readonly inThread?: boolean | undefined
  /** The destination of `-`; standard output of the process by default. */
  readonly stdout?: BinaryOutput | undefined
}

/** One source's end of a capture file: the source writes to it, one call after the other. */
export interface CaptureSink {
  /** Writes the next bytes of a pcapng stream. Settles when `bytes` may be reused. */
  write(bytes: Uint8Array): Promise<void>
}

const unlinked = promisify(unlink)

export class CaptureFile implements AsyncDisposable {
  readonly #path: string
  readonly #ring: FileRing | undefined
  readonly #content: PcapngContent
  readonly #keys: TlsKeyFile | undefined
  readonly #wallTime: () => Moment
  /** The files of the ring, the oldest first. */
  readonly #names: string[] = []
  #number = 0
  #output: Promise<CaptureOutput>
  /** Bytes of the current file; TLS keys do not count for the ring. */
  #size = 0
  #keyBytes = 0
  /** True until the current file has more than its head. */
  #isFresh = true
  /** The last write that was requested. They are done one after another. */
  #last: Promise<void> = Promise.resolve()
  /** The failure that ended the capture: all later writes reject with it. */
  #error: unknown
  #end: Promise<void> | undefined

  /** Creates the file, or empties it, at mode 0600; `-` is standard output. Throws a UsageError. */
  constructor(path: string, options: CaptureFileOptions = {}) {
    const { ring, tlsKeys, warn = () => {}, inThread = false } = options
    if (path === '-' && ring !== undefined) {
      throw new UsageError('--ring: standard output is one file; name a file')
    }
    this.#path = path
    this.#ring = ring
    this.#wallTime = options.wallTime ?? wallTime
    this.#keys = tlsKeys === undefined ? undefined : new TlsKeyFile(tlsKeys, warn)
    this.#content = new PcapngContent(this.#wallTime())
    this.#output =
      path === '-'
        ? Promise.resolve(streamOutput(options.stdout ?? process.stdout))
        : firstOutput(this.#nextName(), inThread)
    this.#output.catch(() => {})
  }

  /** Frames that were written, counted at each end where they were recorded. */
  get frames(): number {
    return this.#content.frames
  }

  /** Frames that the captures had no room for, as far as their streams report it. */
  get lost(): number {
    return this.#content.lost
  }

  /** Whether the packets of all sources are in the order of their times. */
  get isOrdered(): boolean {
    return this.#content.isOrdered
  }

  /**
   * Adds a source: a pcapng stream, written in any number of parts. Several sources become one
   * file, with the section header of the first, and interfaces in the order of arrival. `name` is
   * the start of errors about its bytes.
   *
   * write() settles when its bytes may be reused, and may change them before. It rejects with a
   * CaptureError for a broken stream, and with a VnetError if the file accepts no more: EPIPE if
   * the reader of standard output has closed it.
   */
  source(name = 'capture'): CaptureSink {
    const source = this.#content.source(name)
    return { write: bytes => this.#queue(() => this.#take(source, bytes)) }
  }

  /**
   * Writes the statistics and closes the file. Idempotent. Rejects with a VnetError if the disk did
   * not take them; an error that write() reported is not reported again.
   */
  [Symbol.asyncDispose](): Promise<void> {
    this.#end ??= this.#close()
    return this.#end
  }

  /** Settles, also on errors, once all is open, so that privileges can be dropped. */
  async ready(): Promise<void> {
    await Promise.all([this.#output.catch(() => {}), this.#keys?.open()])
  }

  /**
   * From now on, a write to a FIFO rejects if its reader reads nothing for 2 s. Call it before the
   * last writes, so that no reader delays the end.
   */
  hurry(): void {
    this.#output.then(output => output.hurry?.()).catch(() => {})
  }

  /** Runs `fn` after all earlier calls, unless they failed. */
  #queue(fn: () => Promise<void>): Promise<void> {
    const done = this.#last.then(async () => {
      if (this.#error !== undefined) throw this.#error
      await fn()
    })
    this.#last = done.catch(() => {})
    return done
  }

  /** Writes the whole records up to the end of `bytes`. Starts the next file when one is full. */
  async #take(source: PcapngSource, bytes: Uint8Array): Promise<void> {
    source.push(bytes)
    let hasKeys = false
    for (;;) {
      if (!hasKeys && this.#content.hasBegun) {
        await this.#putKeys()
        hasKeys = true
      }
      const room =
        this.#ring === undefined ? Number.POSITIVE_INFINITY : this.#ring.bytes - this.#size
      const span = source.take(room, this.#isFresh)
      if (span === undefined) return
      // Not even one record fits the current file.
      if (span.length === 0) {
        await this.#rotate()
      } else {
        await this.#put(span)
        this.#isFresh = false
      }
    }
  }

  /**
   * Writes the TLS keys that have been added to their file; with `isEnd` also a last line that has
   * no end. They follow the descriptions of the interfaces.
   */
  async #putKeys(isEnd = false): Promise<void> {
    for (;;) {
      const log = await this.#keys?.read(isEnd)
      if (log === undefined) return
      const block = this.#content.keys(log)
      await this.#put(block)
      // The keys do not count for the ring.
      this.#size -= block.length
      this.#keyBytes += block.length
    }
  }

  /** Ends the current file, removes the oldest files of the ring, and starts the next one. */
  async #rotate(): Promise<void> {
    await this.#finish()
    const { files } = this.#ring as FileRing
    while (this.#names.length >= files) {
      await this.#remove(this.#names.shift() as string)
    }
    this.#output = fileOutput(this.#nextName())
    this.#size = 0
    this.#keyBytes = 0
    this.#isFresh = true
    await this.#put(this.#content.head())
    this.#keys?.rewind()
    await this.#putKeys()
  }

  #nextName(): string {
    const name =
      this.#ring === undefined ? this.#path : ringName(this.#path, ++this.#number, this.#wallTime())
    this.#names.push(name)
    return name
  }

  /** Removes a file of the ring, which may have been moved away. */
  async #remove(name: string): Promise<void> {
    try {
      await unlinked(name)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') {
        throw this.#failed('remove', name, error)
      }
    }
  }

  async #put(bytes: Uint8Array): Promise<void> {
    const output = await this.#opened()
    try {
      await output.write(bytes)
      this.#size += bytes.length
    } catch (error) {
      const failure = this.#failed('write', this.#name, error)
      await this.#mend(output, bytes).catch(() => {})
      throw failure
    }
  }

  /**
   * Cuts a file that accepts no more after its last whole record, adds the statistics if they fit,
   * and closes it.
   */
  async #mend(output: CaptureOutput, bytes: Uint8Array): Promise<void> {
    const before = this.#size + this.#keyBytes
    const end = before + this.#content.whole(bytes, output.position - before)
    try {
      await output.truncate?.(end)
      try {
        await output.write(this.#content.tail(this.#wallTime()))
      } catch {
        await output.truncate?.(end)
      }
    } finally {
      await output.close?.()
    }
  }

  async #opened(): Promise<CaptureOutput> {
    try {
      return await this.#output
    } catch (error) {
      throw this.#failed('open', this.#name, error)
    }
  }

  async #finish(): Promise<void> {
    const tail = this.#content.tail(this.#wallTime())
    if (tail.length > 0) {
      await this.#put(tail)
    }
    const output = await this.#opened()
    try {
      await output.close?.()
    } catch (error) {
      throw this.#failed('close', this.#name, error)
    }
  }

  async #close(): Promise<void> {
    this.hurry()
    await this.#last
    if (this.#error !== undefined) {
      await this.#keys?.close()
      return
    }
    if (this.#content.hasBegun) {
      await this.#putKeys(true)
    }
    await this.#keys?.close()
    await this.#finish()
  }

  get #name(): string {
    return this.#names.at(-1) ?? 'standard output'
  }

  /** Returns the error for a call of the system that failed, and ends the capture with it. */
  #failed(call: string, name: string, error: unknown): VnetError {
    const { code, errno: known = EIO } = error as NodeJS.ErrnoException
    // An earlier write found no reader, and Node destroyed the stream.
    const errno = code === 'ERR_STREAM_DESTROYED' ? EPIPE : known
    const failure = new VnetError(errno, [call, name], ADVICE.get(Math.abs(errno)), {
      cause: error,
    })
    this.#error = failure
    return failure
  }
}

const ADVICE: ReadonlyMap<number, string> = new Map([
  [ENOSPC, 'the capture ends here'],
  [EDQUOT, 'the capture ends here'],
  [EPIPE, 'its reader is gone'],
  [ETIMEDOUT, 'its reader does not read'],
  [EACCES, 'choose a directory that the user of this process owns'],
  [EPERM, 'choose a directory that the user of this process owns'],
])
