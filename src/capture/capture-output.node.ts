/** A capture's destination: a file that the thread pool opens, writes and closes, or a stream. */
import * as fs from 'node:fs'
import { Socket } from 'node:net'
import { promisify } from 'node:util'
import { asUsageError, ETIMEDOUT, UsageError } from '../base/index.ts'
import { refuseMissingDirectory } from '../linux/regular-file.ts'

/** The part of a stream that is used, such as process.stdout. */
export interface BinaryOutput {
  readonly isTTY?: boolean
  write(bytes: Uint8Array, done: (error?: Error | null) => void): unknown
}

/**
 * The destination of a capture file. The file calls its methods one after the other and closes it
 * once; one without `close` belongs to the process.
 */
export interface CaptureOutput {
  /** Writes all bytes. Rejects with the system's error; `position` is how far it got. */
  write(bytes: Uint8Array): Promise<void>
  position: number
  /** Keeps the first `length` bytes. Only a file on a disk has it. */
  truncate?(length: number): Promise<void>
  /** From now on, a reader that reads nothing for PATIENCE_MS makes write() reject. */
  hurry?(): void
  close?(): Promise<void>
}

const MODE = 0o600
const PATIENCE_MS = 2000
/** Opening a device never waits, and never makes a terminal this process's own. */
const AT_ONCE = fs.constants.O_NONBLOCK | fs.constants.O_NOCTTY

/** The calls of a file: in the thread pool, or in this thread. */
interface FileCalls {
  open(path: string, flags: number, mode?: number): Promise<number> | number
  /** Returns the number of written bytes. */
  write(fd: number, bytes: Uint8Array, at: number): Promise<number> | number
  truncate(fd: number, length: number): Promise<void> | void
  close(fd: number): Promise<void> | void
}

const written = promisify(fs.write)
const IN_POOL: FileCalls = {
  open: promisify(fs.open),
  write: async (fd, bytes, at) => (await written(fd, bytes, at)).bytesWritten,
  truncate: promisify(fs.ftruncate),
  close: promisify(fs.close),
}
const IN_THREAD: FileCalls = {
  open: fs.openSync,
  write: fs.writeSync,
  truncate: fs.ftruncateSync,
  close: fs.closeSync,
}

class FileOutput implements CaptureOutput {
  readonly #fd: number
  readonly #calls: FileCalls
  position = 0

  constructor(fd: number, calls: FileCalls) {
    this.#fd = fd
    this.#calls = calls
  }

  async write(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length; ) {
      const count = await this.#calls.write(this.#fd, bytes, at)
      at += count
      this.position += count
    }
  }

  async truncate(length: number): Promise<void> {
    await this.#calls.truncate(this.#fd, length)
    this.position = length
  }

  async close(): Promise<void> {
    await this.#calls.close(this.#fd)
  }
}

/** A FIFO. Writes to it wait in the event loop, not in a thread that nothing can end. */
class FifoOutput implements CaptureOutput {
  readonly #socket: Socket
  #isLate = false
  #timer: NodeJS.Timeout | undefined
  #fail: (error: Error) => void = () => {}
  position = 0

  constructor(fd: number) {
    this.#socket = new Socket({ fd, readable: false }).unref()
    this.#socket.on('error', () => {})
  }

  async write(bytes: Uint8Array): Promise<void> {
    const done = new Promise<void>((resolve, reject) => {
      this.#fail = reject
      this.#socket.write(bytes, error => (error ? reject(error) : resolve()))
    })
    if (this.#isLate) {
      this.hurry()
    }
    await done.finally(() => clearTimeout(this.#timer))
    this.position += bytes.length
  }

  hurry(): void {
    this.#isLate = true
    clearTimeout(this.#timer)
    const unread = Object.assign(new Error('not read'), { errno: -ETIMEDOUT })
    this.#timer = setTimeout(() => this.#fail(unread), PATIENCE_MS)
  }

  async close(): Promise<void> {
    clearTimeout(this.#timer)
    this.#socket.destroy()
  }
}

/** Throws a UsageError if the stream is a terminal. */
export function streamOutput(stream: BinaryOutput): CaptureOutput {
  if (stream.isTTY) {
    throw new UsageError(
      'standard output is a terminal, and a capture is binary: name a file, or pipe it to a program',
    )
  }
  return {
    position: 0,
    write(bytes) {
      return new Promise((resolve, reject) => {
        stream.write(bytes, error => {
          if (error) return reject(error)
          this.position += bytes.length
          resolve()
        })
      })
    },
  }
}

/**
 * Creates a file with a name that vnet made, or empties it. Rejects with the system's error, also
 * for a symbolic link: other users with write access to the directory can guess the name, and a
 * link would lead to a file of their choice.
 */
export async function fileOutput(path: string): Promise<CaptureOutput> {
  const { O_WRONLY, O_APPEND, O_CREAT, O_TRUNC, O_NOFOLLOW } = fs.constants
  const flags = O_WRONLY | O_APPEND | O_CREAT | O_TRUNC | O_NOFOLLOW | AT_ONCE
  return new FileOutput(await IN_POOL.open(path, flags, MODE), IN_POOL)
}

/**
 * Like fileOutput, but for the first file of a capture: immediately throws a UsageError if the file
 * cannot be created, is a block device, or is a FIFO without a reader. The promise resolves once
 * the file is open. With `inThread`, the calling thread opens and writes the file.
 */
export function firstOutput(path: string, inThread: boolean): Promise<CaptureOutput> {
  const { O_WRONLY, O_APPEND, O_CREAT, O_TRUNC } = fs.constants
  return asUsageError(path, () => {
    const found = fs.statSync(path, { throwIfNoEntry: false })
    if (found?.isBlockDevice()) throw new UsageError(`${path}: it is a block device: name a file`)
    if (found?.isFIFO()) return Promise.resolve(new FifoOutput(openRead(path)))
    if (found === undefined) {
      refuseMissingDirectory(path)
    }
    fs.closeSync(fs.openSync(path, O_WRONLY | O_CREAT | O_TRUNC | AT_ONCE, MODE))
    const calls = inThread ? IN_THREAD : IN_POOL
    const opening = calls.open(path, O_WRONLY | O_APPEND | AT_ONCE)
    return Promise.resolve(opening).then(fd => new FileOutput(fd, calls))
  })
}

function openRead(path: string): number {
  try {
    return fs.openSync(path, fs.constants.O_WRONLY | fs.constants.O_NONBLOCK)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENXIO') throw error
    throw new UsageError(
      `${path}: nobody reads it: start its reader first, such as wireshark -k -i ${path}`,
      {
        cause: error,
      },
    )
  }
}
