/**
 * DecisionFile: the log of wires as a file of JSON lines. The first line has the version of the
 * format (decision-reader.ts). Then each line is one decision: `t` the time of the wire in ns,
 * `direction`, `n` the number of the packet, `stage`, `verdict`, and `amount` or `why` if there
 * is one. An arrival is a decision of the stage `wire`: its `amount` is the length, and `head`
 * the first bytes in hex, so that a simulation finds the bytes that filters test. `gso` is the
 * segment size, type and transport offset of a frame that passes whole.
 *
 * The descriptor belongs to the thread pool, which opens, writes and closes the file: the main
 * thread may have its own descriptor table (cli/run.ts).
 *
 * Frames never wait for the disk: lines are written later, from a buffer. Lines that do not fit
 * the buffer are left out, and their number is a separate line: `{"lost": 12}`. A full disk ends
 * the log after a whole line.
 *
 * After a rotation the lines continue at the path: in the file that is there now, or in a new one.
 * An empty one gets the first line again, without which the parts make the whole log.
 */
import { close, closeSync, constants, fstat, ftruncate, open, write } from 'node:fs'
import { stat } from 'node:fs/promises'
import { promisify } from 'node:util'
import { EEXIST, EIO, VnetError } from '../base/errno.ts'
import { openOutput } from '../linux/regular-file.ts'
import type { DecisionLog, WireSide } from '../netdev/device-wire.ts'
import type { SkBuff } from '../skb/sk-buff.ts'
import { DECISION_FORMAT } from './decision-reader.ts'

const HEAD = 128
/** Characters that wait for the disk; more are left out. */
const ROOM = 16 * 1024 * 1024
/** Characters per write, and milliseconds for which fewer wait for more. */
const CHUNK = 64 * 1024
const PATIENCE_MS = 100
const NEWLINE = 10
const FORMAT_LINE = `{"format":${DECISION_FORMAT}}\n`
const FLAGS = constants.O_WRONLY | constants.O_APPEND | constants.O_NONBLOCK

const opened = promisify(open)
const closed = promisify(close)
const written = promisify(write)
const truncated = promisify(ftruncate)
const statusOf = promisify(fstat)

/** The options of a DecisionFile. */
export interface DecisionFileOptions {
  /**
   * Characters that may wait for the disk, 16 Mi by default; lines beyond them are left out and
   * counted.
   */
  readonly room?: number
  /** Called once, as soon as a write fails: the log ends there. */
  readonly failed?: ((error: VnetError) => void) | undefined
}

export class DecisionFile implements DecisionLog, AsyncDisposable {
  readonly #path: string
  #fd: Promise<number>
  readonly #room: number
  readonly #failed: (error: VnetError) => void
  #error: VnetError | undefined
  #lines = FORMAT_LINE
  #writing: Promise<void> | undefined
  #lost = 0
  #timer: NodeJS.Timeout | undefined
  #end: Promise<void> | undefined

  /** Creates or empties a regular file. Throws a UsageError if that fails. */
  constructor(path: string, { room = ROOM, failed = () => {} }: DecisionFileOptions = {}) {
    closeSync(openOutput(path))
    this.#path = path
    this.#room = room
    this.#failed = failed
    this.#fd = opened(path, FLAGS)
    this.#fd.catch(() => {})
  }

  set(direction: string, time: number, text: string, seed: number, side?: WireSide): void {
    this.#add(
      `${JSON.stringify({ t: time, direction, side, stage: 'wire', verdict: 'set', text, seed })}\n`,
    )
  }

  arrival(direction: string, time: number, id: number, skb: SkBuff): void {
    const { bytes, data, len, gsoSize, gsoType, csumStart } = skb
    const head = Buffer.from(bytes.buffer, bytes.byteOffset + data, Math.min(len, HEAD)).toString(
      'hex',
    )
    const gso = gsoSize === 0 ? '' : `,"gso":[${gsoSize},${gsoType},${csumStart - data}]`
    this.#add(
      `{"t":${time},"direction":"${direction}","n":${id},"stage":"wire","verdict":"arrive","amount":${len}${gso},"head":"${head}"}\n`,
    )
  }

  readonly decision: DecisionLog['decision'] = (
    direction,
    time,
    id,
    stage,
    verdict,
    amount,
    why,
  ) => {
    const more = `${amount === undefined ? '' : `,"amount":${amount}`}${why === undefined ? '' : `,"why":${JSON.stringify(why)}`}`
    this.#add(
      `{"t":${time},"direction":"${direction}","n":${id},"stage":${JSON.stringify(stage)},"verdict":${JSON.stringify(verdict)}${more}}\n`,
    )
  }

  /** Settles when few lines wait for the disk, for a caller that can delay frames. */
  async written(): Promise<void> {
    while (this.#writing !== undefined) {
      await this.#writing
    }
  }

  /** Writes the waiting lines and closes the file. Idempotent. Rejects if a write failed. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#end ??= this.#close()
    return this.#end
  }

  #add(line: string): void {
    if (this.#end !== undefined || this.#error !== undefined) return
    if (this.#lines.length > this.#room) {
      this.#lost++
      return
    }
    this.#noteLost()
    this.#lines += line
    if (this.#writing !== undefined) return
    if (this.#lines.length >= CHUNK) {
      this.#write()
    } else {
      this.#timer ??= setTimeout(() => this.#write(), PATIENCE_MS).unref()
    }
  }

  #noteLost(): void {
    if (this.#lost !== 0) {
      this.#lines += `{"lost":${this.#lost}}\n`
    }
    this.#lost = 0
  }

  #write(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#lines === '') return
    this.#writing = this.#writeLines()
      .catch(error => this.#fail(error))
      .then(() => {
        this.#writing = undefined
        if (this.#lines.length >= CHUNK) {
          this.#write()
        }
      })
  }

  async #writeLines(): Promise<void> {
    const lines = this.#lines
    if (lines === '') return
    this.#lines = ''
    const { fd, size } = await this.#current()
    const isFirst = size === 0 && !lines.startsWith(FORMAT_LINE)
    const chunk = Buffer.from(isFirst ? FORMAT_LINE + lines : lines)
    let at = 0
    try {
      while (at < chunk.length) {
        at += (await written(fd, chunk, at)).bytesWritten
      }
    } catch (error) {
      const whole = chunk.subarray(0, at).lastIndexOf(NEWLINE) + 1
      if (size !== undefined) {
        await truncated(fd, size + whole).catch(() => {})
      }
      throw error
    }
  }

  /**
   * Returns the file that is at the path, which is opened if it is another one than before or none
   * was there. Others may write to its folder, so a link is not followed then, nor a file taken
   * that is of another user. A device has no size.
   */
  async #current(): Promise<{ fd: number; size: number | undefined }> {
    const fd = await this.#fd
    const mine = await statusOf(fd)
    if (!mine.isFile()) return { fd, size: undefined }
    const found = await stat(this.#path).catch(() => undefined)
    if (mine.ino === found?.ino && mine.dev === found.dev) return { fd, size: mine.size }
    const next = await opened(this.#path, FLAGS | constants.O_CREAT | constants.O_NOFOLLOW, 0o600)
    this.#fd = Promise.resolve(next)
    await closed(fd)
    const taken = await statusOf(next)
    if (!taken.isFile() || taken.uid !== process.geteuid?.()) {
      throw new VnetError(EEXIST, ['write', this.#path], 'it is now a file of another user')
    }
    return { fd: next, size: taken.size }
  }

  #fail(error: unknown): void {
    if (this.#error !== undefined) return
    const { errno = EIO } = error as NodeJS.ErrnoException
    this.#lines = ''
    this.#error = new VnetError(errno, ['write', this.#path], 'the log ends here', { cause: error })
    this.#failed(this.#error)
  }

  async #close(): Promise<void> {
    await this.written()
    clearTimeout(this.#timer)
    if (this.#error === undefined) {
      this.#noteLost()
      await this.#writeLines().catch(error => this.#fail(error))
    }
    await this.#fd.then(closed).catch(error => this.#fail(error))
    if (this.#error !== undefined) throw this.#error
  }
}
