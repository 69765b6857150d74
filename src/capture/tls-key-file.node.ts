/**
 * TlsKeyFile: reads lines that programs append to a key log (SSLKEYLOGFILE), whole lines at a time.
 * The thread pool opens and reads it, because it may be on any disk. Once open it remains open, so
 * that privileges can be dropped.
 */
import { close, constants, fstat, open, read, statSync } from 'node:fs'
import { promisify } from 'node:util'
import { asUsageError, reasonOf, UsageError } from '../base/index.ts'

/** Bytes per read. A longer line is cut. */
const CHUNK = 1024 * 1024
const NEWLINE = 10

const opened = promisify(open)
const closed = promisify(close)
const status = promisify(fstat)
const readInto = promisify(read)

export class TlsKeyFile {
  readonly #path: string
  readonly #warn: (text: string) => void
  #fd: number | undefined
  #at = 0
  #hasWarned = false

  /**
   * A file that does not exist yet is opened when it does. Throws a UsageError unless it is a
   * regular file. `warn` is called once if the file cannot be read.
   */
  constructor(path: string, warn: (text: string) => void) {
    this.#path = path
    this.#warn = warn
    const found = asUsageError(`--tls-keys ${path}`, () =>
      statSync(path, { throwIfNoEntry: false }),
    )
    if (found?.isFile() !== false) return
    throw new UsageError(`--tls-keys ${path}: not a file; name the one in SSLKEYLOGFILE`)
  }

  async open(): Promise<void> {
    if (this.#fd !== undefined) return
    try {
      // A FIFO in its place must not hold a thread.
      this.#fd = await opened(this.#path, constants.O_RDONLY | constants.O_NONBLOCK)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') {
        this.#fail(error)
      }
    }
  }

  /** The next call of read() starts at the beginning of the file. */
  rewind(): void {
    this.#at = 0
  }

  /** Returns the lines added since the last call, at most a MiB; at the end also an open line. */
  async read(isEnd = false): Promise<Uint8Array | undefined> {
    await this.open()
    if (this.#fd === undefined) return undefined
    try {
      const { size, nlink } = await status(this.#fd)
      // A file that is shorter than it was has begun again.
      if (size < this.#at) {
        this.#at = 0
      }
      if (size > this.#at) {
        const lines = await this.#lines(this.#fd, isEnd)
        if (lines !== undefined) return lines
      }
      // Another may have its name now.
      if (nlink === 0) {
        await this.close()
      }
    } catch (error) {
      this.#fail(error)
    }
    return undefined
  }

  async close(): Promise<void> {
    const fd = this.#fd
    this.#fd = undefined
    this.#at = 0
    if (fd !== undefined) {
      await closed(fd).catch(() => {})
    }
  }

  async #lines(fd: number, isEnd: boolean): Promise<Uint8Array | undefined> {
    const bytes = await bytesAt(fd, this.#at)
    const isCut = bytes.length === CHUNK
    const whole = bytes.lastIndexOf(NEWLINE) + 1
    const isAll = isCut ? whole === 0 : isEnd
    const length = isAll ? bytes.length : whole
    this.#at += length
    return length === 0 ? undefined : bytes.subarray(0, length)
  }

  #fail(error: unknown): void {
    if (!this.#hasWarned) {
      this.#warn(`--tls-keys ${this.#path}: ${reasonOf(error)}`)
    }
    this.#hasWarned = true
  }
}

async function bytesAt(fd: number, at: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(CHUNK)
  for (let end = 0; ; ) {
    const { bytesRead } = await readInto(fd, bytes, end, CHUNK - end, at + end)
    end += bytesRead
    if (bytesRead === 0 || end === CHUNK) return bytes.subarray(0, end)
  }
}
