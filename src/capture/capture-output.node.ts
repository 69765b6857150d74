/**
 * The destination of a capture: a file that the thread pool opens, writes and closes, or a stream.
 */
import { close, closeSync, constants, ftruncate, open, openSync, statSync, write } from 'node:fs'
import { promisify } from 'node:util'
import { asUsageError, UsageError } from '../base/usage-error.ts'

/** The part of a stream that is used, such as process.stdout. */
export interface BinaryOutput {
  readonly isTTY?: boolean
  write(bytes: Uint8Array, done: (error?: Error | null) => void): unknown
}

export interface CaptureOutput {
  /** Writes all bytes. Rejects with the system's error; `position` is how far it got. */
  write(bytes: Uint8Array): Promise<void>
  /** Bytes that were written. */
  readonly position: number
  /** Keeps the first `length` bytes. Does nothing unless it is a file on a disk. */
  truncate(length: number): Promise<void>
  close(): Promise<void>
}

const MODE = 0o600

const opened = promisify(open)
const closed = promisify(close)
const written = promisify(write)
const truncated = promisify(ftruncate)

class FileOutput implements CaptureOutput {
  readonly #fd: number
  position = 0

  constructor(fd: number) {
    this.#fd = fd
  }

  async write(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length; ) {
      const { bytesWritten } = await written(this.#fd, bytes, at)
      at += bytesWritten
      this.position += bytesWritten
    }
  }

  async truncate(length: number): Promise<void> {
    await truncated(this.#fd, length)
    this.position = length
  }

  close(): Promise<void> {
    return closed(this.#fd)
  }
}

class StreamOutput implements CaptureOutput {
  readonly #stream: BinaryOutput
  position = 0

  constructor(stream: BinaryOutput) {
    this.#stream = stream
  }

  write(bytes: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#stream.write(bytes, error => {
        if (error) return reject(error)
        this.position += bytes.length
        resolve()
      })
    })
  }

  async truncate(): Promise<void> {}

  async close(): Promise<void> {}
}

/** Throws a UsageError if the stream is a terminal. */
export function streamOutput(stream: BinaryOutput): FirstOutput {
  if (stream.isTTY) {
    throw new UsageError('standard output is a terminal, and a capture is binary: name a file, or pipe it to a program')
  }
  return { output: Promise.resolve(new StreamOutput(stream)) }
}

/**
 * Creates a file with a name that vnet made, or empties it. Rejects with the system's error, also
 * for a symbolic link: other users with write access to the directory can guess the name.
 */
export async function fileOutput(path: string): Promise<CaptureOutput> {
  const { O_WRONLY, O_APPEND, O_CREAT, O_TRUNC, O_NOFOLLOW } = constants
  return new FileOutput(await opened(path, O_WRONLY | O_APPEND | O_CREAT | O_TRUNC | O_NOFOLLOW, MODE))
}

/** An output that is being opened. */
export interface FirstOutput {
  readonly output: Promise<CaptureOutput>
  /** Lets a FIFO open even without a reader: writes to it then fail. */
  readonly release?: () => Promise<void>
}

/**
 * Like fileOutput, but immediately throws a UsageError if the file cannot be created. A FIFO is
 * opened when it has a reader.
 */
export function firstOutput(path: string): FirstOutput {
  const flags = constants.O_WRONLY | constants.O_APPEND
  return asUsageError(path, () => {
    // Opening a FIFO would wait here, and closing it again would be the end for its reader.
    if (statSync(path, { throwIfNoEntry: false })?.isFIFO()) {
      const output = opened(path, flags).then(fd => new FileOutput(fd))
      return { output, release: () => releaseFifo(path, output) }
    }
    closeSync(openSync(path, 'w', MODE))
    return { output: opened(path, flags).then(fd => new FileOutput(fd)) }
  })
}

/** Opens a FIFO for reading, because the thread that opens it for writing waits for a reader. */
async function releaseFifo(path: string, output: Promise<unknown>): Promise<void> {
  const fd = await opened(path, constants.O_RDONLY | constants.O_NONBLOCK)
  await output.catch(() => {})
  await closed(fd)
}
