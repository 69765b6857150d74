/**
 * The files by which a running vnet is found: PID-RANDOM.sock, on which it listens, and
 * PID-RANDOM.json, which names its process and its interfaces, so that clients find the vnet of an
 * interface without querying all vnets. The random part is used once, so that removing the files of
 * a vnet that has ended never hits those of a new one.
 */
import { randomBytes } from 'node:crypto'
import { chmodSync, renameSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type EntryInterface, ownNamespace, removeQuietly, startTime } from '../protocol/directory.ts'
import { RUN_DIRECTORY } from '../protocol/run-directory.ts'

export class Announcement {
  /** The path of the socket. */
  readonly socket: string
  readonly #directory: string
  readonly #file: string
  readonly #self: object

  /** `directory` exists and belongs to this user. */
  constructor(directory: string) {
    const { pid } = process
    const name = join(directory, `${pid}-${randomBytes(6).toString('hex')}`)
    this.socket = `${name}.sock`
    this.#directory = directory
    this.#file = `${name}.json`
    const [netns, pidns] = [ownNamespace('net'), ownNamespace('pid')]
    this.#self = { pid, startTime: startTime(pid) ?? '', pidns, netns }
  }

  /** Replaces the file atomically. Throws the errors of the file system. */
  write(interfaces: readonly EntryInterface[]): void {
    const temporary = `${this.#file}.tmp`
    writeFileSync(temporary, `${JSON.stringify({ ...this.#self, interfaces })}\n`, { mode: 0o644 })
    chmodSync(temporary, 0o644)
    renameSync(temporary, this.#file)
  }

  /** Removes the files and, with the last vnet in it, a user's own directory. Never throws. */
  remove(): void {
    for (const file of [this.#file, `${this.#file}.tmp`, this.socket]) removeQuietly(file)
    try {
      if (this.#directory !== RUN_DIRECTORY) rmdirSync(this.#directory)
    } catch {
      // It is not empty, or does not belong to this user any more.
    }
  }
}
