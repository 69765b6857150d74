/** ReplayInput: the bytes of a capture or log, from a file, a pipe or standard input. */
import { closeSync, fstatSync, openSync, read, statSync } from 'node:fs'
import { Socket } from 'node:net'
import { promisify } from 'node:util'
import { asUsageError, UsageError } from '../../base/usage-error.ts'
import { O_NONBLOCK, O_RDONLY } from '../../linux/uapi.ts'

/** Bytes that are read ahead. */
const CHUNK = 256 * 1024
const STDIN = 0

const readFile = promisify(read)

export class ReplayInput implements Disposable {
  readonly name: string
  /** In bytes; undefined unless it is a regular file. */
  readonly size: number | undefined
  readonly #fd: number
  #pipe: (AsyncIterable<Uint8Array> & { destroy(): unknown }) | undefined

  /** `path` may be `-`, for standard input. Throws a UsageError if it cannot be read. */
  constructor(path: string) {
    this.name = path === '-' ? 'standard input' : path
    // Opening a FIFO that nothing writes to yet must not wait.
    this.#fd =
      path === '-' ? STDIN : asUsageError(path, () => openSync(path, O_RDONLY | O_NONBLOCK))
    const stat = fstatSync(this.#fd)
    // Standard input may be a terminal, or /dev/null.
    const isDevice = path !== '-' && (stat.isBlockDevice() || stat.isCharacterDevice())
    if (stat.isDirectory() || isDevice) {
      this[Symbol.dispose]()
      throw new UsageError(
        `${this.name}: it is a ${isDevice ? 'device' : 'directory'}, not a capture`,
      )
    }
    this.size = stat.isFile() ? stat.size : undefined
  }

  /** Whether it can be read a second time. */
  get repeats(): boolean {
    return this.size !== undefined && this.#fd !== STDIN
  }

  /** Throws a UsageError if `path`, which is to be written, is this file. */
  refuse(path: string): void {
    const [own, other] = [fstatSync(this.#fd), statSync(path, { throwIfNoEntry: false })]
    if (other?.isFile() && own.dev === other.dev && own.ino === other.ino) {
      throw new UsageError(`${path}: the input file cannot be an output too`)
    }
  }

  /** Returns the chunks from the beginning. Each holds until the next is requested. */
  chunks(): AsyncIterator<Uint8Array> {
    const fd = this.#fd
    if (this.size !== undefined) return fileChunks(fd, this.repeats)
    // Not by a thread of the pool, which would wait for a writer even at the end of the process.
    this.#pipe = fd === STDIN ? process.stdin : new Socket({ fd, readable: true, writable: false })
    return this.#pipe[Symbol.asyncIterator]()
  }

  [Symbol.dispose](): void {
    // A Socket closes its own descriptor.
    if (this.#pipe !== undefined) {
      this.#pipe.destroy()
    } else if (this.#fd !== STDIN) {
      closeSync(this.#fd)
    }
  }
}

/** Reads a file ahead of its use, alternately into two buffers. */
async function* fileChunks(fd: number, fromStart: boolean): AsyncGenerator<Uint8Array, undefined> {
  const buffers = [new Uint8Array(CHUNK), new Uint8Array(CHUNK)] as const
  let position = 0
  let i = 0
  const readOn = () => {
    const reading = readFile(
      fd,
      buffers[i++ & 1] as Uint8Array,
      0,
      CHUNK,
      fromStart ? position : null,
    )
    // The file may be closed before it settles.
    reading.catch(() => {})
    return reading
  }
  for (let reading = readOn(); ; ) {
    const { bytesRead, buffer } = await reading
    if (bytesRead === 0) return undefined
    position += bytesRead
    reading = readOn()
    yield buffer.subarray(0, bytesRead)
  }
}
