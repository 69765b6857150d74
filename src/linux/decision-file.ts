/**
 * DecisionFile: the log of wires as a file of JSON lines. The first line has the version of the
 * format. Then each line is one decision: `t` the time of the wire in ns, `direction`, `n` the
 * number of the packet, `stage`, `verdict`, and `amount` or `why` if there is one. An arrival is a
 * decision of the stage `wire`: its `amount` is the length, and `head` the first bytes in hex, so
 * that a simulation finds what filters look at. `gso` is the segment size, type and transport
 * offset of a frame that passes whole.
 *
 * Frames never wait for the disk: lines are written behind them, and those that do not fit the
 * buffer are left out and counted in a line of their own: `{"lost": 12}`.
 */
import { closeSync, openSync, write, writeSync } from 'node:fs'
import type { DecisionLog } from '../netdev/device-wire.ts'
import type { SkBuff } from '../skb/sk-buff.ts'

/** Bytes of a packet that are logged. */
const HEAD = 128
/** Characters that wait for the disk; more are left out. */
const ROOM = 16 * 1024 * 1024
/** Characters that are written at once, and how long fewer wait for more. */
const CHUNK = 64 * 1024
const PATIENCE_MS = 100

export class DecisionFile implements DecisionLog {
  readonly #fd: number
  #lines = ''
  #writing = false
  #lost = 0
  #timer: NodeJS.Timeout | undefined
  #closed = false

  /** Creates the file, or empties it. Throws what the file system does. */
  constructor(path: string) {
    this.#fd = openSync(path, 'w', 0o600)
    this.#add('{"format":1}\n')
  }

  set(direction: string, time: number, words: string, seed: number): void {
    this.#add(`${JSON.stringify({ t: time, direction, stage: 'wire', verdict: 'set', words, seed })}\n`)
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

  /** Writes what waits and closes the file. Idempotent. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    clearTimeout(this.#timer)
    // A write that is under way has the lines before these.
    if (!this.#writing) this.#end()
  }

  #add(line: string): void {
    if (this.#closed) return
    if (this.#lines.length > ROOM) {
      this.#lost++
      return
    }
    if (this.#lost !== 0) {
      this.#lines += `{"lost":${this.#lost}}\n`
      this.#lost = 0
    }
    this.#lines += line
    if (this.#lines.length >= CHUNK) this.#write()
    else this.#timer ??= setTimeout(() => this.#write(), PATIENCE_MS).unref()
  }

  #write(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#writing || this.#closed || this.#lines === '') return
    const chunk = Buffer.from(this.#lines)
    this.#lines = ''
    this.#writing = true
    this.#writeFrom(chunk, 0)
  }

  #writeFrom(chunk: Buffer, from: number): void {
    write(this.#fd, chunk, from, chunk.length - from, null, (error, written) => {
      // A full disk: the lines are lost, the frames are not.
      if (error === null && from + written < chunk.length) {
        this.#writeFrom(chunk, from + written)
        return
      }
      this.#writing = false
      if (this.#closed) this.#end()
      else this.#write()
    })
  }

  #end(): void {
    const chunk = Buffer.from(this.#lost === 0 ? this.#lines : `${this.#lines}{"lost":${this.#lost}}\n`)
    this.#lines = ''
    try {
      for (let at = 0; at < chunk.length; ) at += writeSync(this.#fd, chunk, at)
    } catch {
      // A full disk.
    } finally {
      closeSync(this.#fd)
    }
  }
}
