/**
 * TlsKeyFile: reads what programs append to a key log (SSLKEYLOGFILE), a few whole lines at a time.
 * The thread pool reads, because the file may be on any disk.
 */
import { close, constants, fstat, open, read, stat, statSync } from 'node:fs'
import { promisify } from 'node:util'
import { UsageError } from '../netdev/driver.ts'

/** Bytes that are read at once. A longer line is cut. */
const CHUNK = 1024 * 1024
const NEWLINE = 10

const opened = promisify(open)
const closed = promisify(close)
const status = promisify(stat)
const fstatus = promisify(fstat)
const readInto = promisify(read)

export class TlsKeyFile {
  readonly #path: string
  /** Where in the file the next line begins. */
  #at = 0

  /** A file that does not exist yet is fine. Throws a UsageError for what is not a file. */
  constructor(path: string) {
    this.#path = path
    if (statSync(path, { throwIfNoEntry: false })?.isFile() === false) {
      throw new UsageError(`--tls-keys ${path}: not a file; name the one in SSLKEYLOGFILE`)
    }
  }

  /** The next call of read() begins at the beginning. */
  rewind(): void {
    this.#at = 0
  }

  /**
   * Returns the lines that came since the last call, at most a MiB; undefined if there are none.
   * With `isEnd` the last line need not end. What cannot be read has no keys.
   */
  async read(isEnd = false): Promise<Uint8Array | undefined> {
    try {
      const { size } = await status(this.#path)
      // A file that is shorter than it was has begun again.
      if (size < this.#at) this.#at = 0
      if (size === this.#at) return undefined
      const bytes = await bytesAt(this.#path, this.#at)
      const whole = bytes.lastIndexOf(NEWLINE) + 1
      const isCut = bytes.length === CHUNK
      const length = isEnd && !isCut ? bytes.length : whole === 0 && isCut ? CHUNK : whole
      this.#at += length
      return length === 0 ? undefined : bytes.subarray(0, length)
    } catch {
      return undefined
    }
  }
}

async function bytesAt(path: string, at: number): Promise<Uint8Array> {
  // A FIFO in its place must not hold a thread.
  const fd = await opened(path, constants.O_RDONLY | constants.O_NONBLOCK)
  try {
    const bytes = new Uint8Array((await fstatus(fd)).isFile() ? CHUNK : 0)
    let end = 0
    while (end < bytes.length) {
      const { bytesRead } = await readInto(fd, bytes, end, bytes.length - end, at + end)
      if (bytesRead === 0) break
      end += bytesRead
    }
    return bytes.subarray(0, end)
  } finally {
    await closed(fd)
  }
}
