/**
 * What a running vnet is found by: PID-RANDOM.sock, on which it listens, and beside it PID-RANDOM.json, which says whose it is
 * and which interfaces it has, so that the name of an interface leads to the socket without a question. The random part is
 * used once: a file whose program is gone can be removed without ever meeting a new one's.
 */
import { randomBytes } from 'node:crypto'
import { chmodSync, renameSync, rmdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type EntryInterface, ownNamespace, startTime } from './directory.ts'
import { RUN_DIRECTORY } from './run-directory.ts'

export class Announcement {
  /** The socket's path. */
  readonly socket: string
  readonly #directory: string
  readonly #file: string
  readonly #self: object

  /** In `directory`, which is there and ours. */
  constructor(directory: string) {
    const { pid } = process
    const name = join(directory, `${pid}-${randomBytes(6).toString('hex')}`)
    this.socket = `${name}.sock`
    this.#directory = directory
    this.#file = `${name}.json`
    const [netns, pidns] = [ownNamespace('net'), ownNamespace('pid')]
    this.#self = { pid, startTime: startTime(pid) ?? '', pidns, netns }
  }

  /** Writes the file, as a whole for whoever reads it. Throws what the file system says. */
  write(interfaces: readonly EntryInterface[]): void {
    const temporary = `${this.#file}.tmp`
    writeFileSync(temporary, `${JSON.stringify({ ...this.#self, interfaces })}\n`, { mode: 0o644 })
    chmodSync(temporary, 0o644)
    renameSync(temporary, this.#file)
  }

  /** Removes what was written, and a user's own directory with the last vnet in it. Never throws. */
  remove(): void {
    for (const file of [this.#file, `${this.#file}.tmp`, this.socket]) attempt(() => rmSync(file, { force: true }))
    if (this.#directory !== RUN_DIRECTORY) attempt(() => rmdirSync(this.#directory))
  }
}

function attempt(act: () => void): void {
  try {
    act()
  } catch {
    // It is not there, not empty, or not ours to remove any more.
  }
}
