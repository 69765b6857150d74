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
 * the buffer are left out, and their number is a separate line: `{"lost": 12}`.
 */
import { close, closeSync, open, openSync, write } from 'node:fs'
import { promisify } from 'node:util'
import type { DecisionLog, WireSide } from '../netdev/device-wire.ts'
import type { SkBuff } from '../skb/sk-buff.ts'
import { DECISION_FORMAT } from './decision-reader.ts'

/** Bytes of a packet that are logged. */
const HEAD = 128
/** Characters that wait for the disk; more are left out. */
const ROOM = 16 * 1024 * 1024
/** Characters per write, and milliseconds for which fewer wait for more. */
const CHUNK = 64 * 1024
const PATIENCE_MS = 100

const opened = promisify(open)
const closed = promisify(close)
const written = promisify(write)

export class DecisionFile implements DecisionLog, AsyncDisposable {
  readonly #fd: Promise<number>
  readonly #room: number
  #lines = ''
  #hasFormat = false
  /** Written as the first line, before the first decision or at the end. */
  format = DECISION_FORMAT
  /** The write that is under way. */
  #writing: Promise<void> | undefined
  #lost = 0
  #timer: NodeJS.Timeout | undefined
  #end: Promise<void> | undefined

  /**
   * Creates the file, or empties it. Passes on the file system's exceptions. `room` is how many
   * characters may wait for the disk.
   */
  constructor(path: string, { room = ROOM }: { room?: number } = {}) {
    closeSync(openSync(path, 'w', 0o600))
    this.#room = room
    this.#fd = opened(path, 'a')
    this.#fd.catch(() => {})
  }

  set(direction: string, time: number, text: string, seed: number, side?: WireSide): void {
    this.#add(`${JSON.stringify({ t: time, direction, side, stage: 'wire', verdict: 'set', text, seed })}\n`)
  }

  arrival(direction: string, time: number, id: number, skb: SkBuff): void {
    const { bytes, data, len, gsoSize, gsoType, csumStart } = skb
    const head = Buffer.from(bytes.buffer, bytes.byteOffset + data, Math.min(len, HEAD)).toString('hex')
    const gso = gsoSize === 0 ? '' : `,"gso":[${gsoSize},${gsoType},${csumStart - data}]`
    this.#add(
      `{"t":${time},"direction":"${direction}","n":${id},"stage":"wire","verdict":"arrive","amount":${len}${gso},"head":"${head}"}\n`,
    )
  }

  decision(
    direction: string,
    time: number,
    id: number,
    stage: string,
    verdict: string,
    amount: number | undefined,
    why: string | undefined,
  ): void {
    const more = `${amount === undefined ? '' : `,"amount":${amount}`}${why === undefined ? '' : `,"why":${JSON.stringify(why)}`}`
    this.#add(
      `{"t":${time},"direction":"${direction}","n":${id},"stage":${JSON.stringify(stage)},"verdict":${JSON.stringify(verdict)}${more}}\n`,
    )
  }

  /** Settles when few lines wait for the disk, for a caller that can delay frames. */
  async written(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing
  }

  /**
   * Writes the waiting lines and closes the file. Idempotent. Rejects if the disk accepted no more.
   */
  [Symbol.asyncDispose](): Promise<void> {
    this.#end ??= this.#close()
    return this.#end
  }

  #add(line: string): void {
    if (this.#end !== undefined) return
    this.#start()
    if (this.#lines.length > this.#room) {
      this.#lost++
      return
    }
    this.#noteLost()
    this.#lines += line
    if (this.#writing !== undefined) return
    if (this.#lines.length >= CHUNK) this.#write()
    else this.#timer ??= setTimeout(() => this.#write(), PATIENCE_MS).unref()
  }

  #start(): void {
    if (this.#hasFormat) return
    this.#hasFormat = true
    this.#lines = `{"format":${this.format}}\n`
  }

  #noteLost(): void {
    if (this.#lost !== 0) this.#lines += `{"lost":${this.#lost}}\n`
    this.#lost = 0
  }

  #write(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#lines === '') return
    const chunk = Buffer.from(this.#lines)
    this.#lines = ''
    this.#writing = this.#writeChunk(chunk)
      // On a full disk the lines are lost, the frames are not.
      .catch(() => {
        this.#lost += lineCount(chunk)
      })
      .then(() => {
        this.#writing = undefined
        if (this.#lines.length >= CHUNK) this.#write()
      })
  }

  async #writeChunk(chunk: Buffer): Promise<void> {
    const fd = await this.#fd
    for (let at = 0; at < chunk.length; ) at += (await written(fd, chunk, at)).bytesWritten
  }

  async #close(): Promise<void> {
    await this.written()
    this.#start()
    this.#noteLost()
    clearTimeout(this.#timer)
    const fd = await this.#fd
    try {
      await this.#writeChunk(Buffer.from(this.#lines))
    } finally {
      await closed(fd)
    }
  }
}

function lineCount(chunk: Buffer): number {
  return chunk.toString('latin1').split('\n').length - 1
}
