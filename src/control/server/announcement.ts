/**
 * The files by which a running vnet is found: PID-RANDOM.sock, on which it listens, and
 * PID-RANDOM.json, which names its process and its interfaces, so that clients find the vnet of an
 * interface without querying all vnets. The random part is used once, so that removing the files of
 * a vnet that has ended never hits a new one's.
 */
import { randomBytes } from 'node:crypto'
import { chmodSync, renameSync, rmdirSync, writeFileSync } from 'node:fs'
import { chmod, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type EntryInterface, ownNamespace, removeQuietly, startTime } from '../protocol/directory.ts'
import { RUN_DIRECTORY } from '../protocol/run-directory.ts'

/** Everybody may read which interfaces a vnet has. */
const MODE = 0o644

/** Milliseconds between two writes, and after which a change is written immediately. */
const PERIOD_MS = 100
const QUIET_MS = 1000

export class Announcement {
  /** The path of the socket. */
  readonly socket: string
  readonly #directory: string
  readonly #file: string
  readonly #self: object
  /** When a change was written last, in milliseconds of performance.now(). */
  #written = Number.NEGATIVE_INFINITY
  #timer: NodeJS.Timeout | undefined
  /** The write that threads carry out. */
  #saving: Promise<void> | undefined
  #isStale = false
  #removed = false

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
    writeFileSync(temporary, this.#text(interfaces), { mode: MODE })
    chmodSync(temporary, MODE)
    renameSync(temporary, this.#file)
    // What threads are writing is older.
    this.#isStale = this.#saving !== undefined
  }

  /**
   * Replaces the file soon, for a change that others may cause at any rate: immediately after a
   * second without one, otherwise every 100 ms at most, in threads that carry no frames. Calls
   * `interfaces` then, and `failed` with an error of the file system.
   */
  update(interfaces: () => readonly EntryInterface[], failed: (error: unknown) => void): void {
    if (this.#removed || this.#timer !== undefined) return
    if (this.#saving !== undefined) {
      this.#isStale = true
      return
    }
    const age = performance.now() - this.#written
    if (age > QUIET_MS) {
      this.#written = performance.now()
      this.write(interfaces())
      return
    }
    const save = () => {
      this.#timer = undefined
      // After remove(), the file is not needed, so an error does not matter.
      this.#saving = this.#save(interfaces()).catch(error => {
        if (!this.#removed) failed(error)
      })
      void this.#saving.then(() => {
        this.#saving = undefined
        this.#written = performance.now()
        if (this.#isStale) this.update(interfaces, failed)
        this.#isStale = false
      })
    }
    this.#timer = setTimeout(save, Math.max(0, PERIOD_MS - age)).unref()
  }

  /**
   * Removes the files and, with the last vnet in it, a user's own directory; settles when no thread
   * writes any more. Never throws.
   */
  async remove(): Promise<void> {
    this.#removed = true
    clearTimeout(this.#timer)
    this.#removeFiles()
    if (this.#saving === undefined) return
    await this.#saving
    this.#removeFiles()
  }

  async #save(interfaces: readonly EntryInterface[]): Promise<void> {
    const temporary = `${this.#file}.new`
    await writeFile(temporary, this.#text(interfaces), { mode: MODE })
    await chmod(temporary, MODE)
    await rename(temporary, this.#file)
  }

  #text(interfaces: readonly EntryInterface[]): string {
    return `${JSON.stringify({ ...this.#self, interfaces })}\n`
  }

  #removeFiles(): void {
    for (const file of [this.#file, `${this.#file}.tmp`, `${this.#file}.new`, this.socket]) removeQuietly(file)
    try {
      if (this.#directory !== RUN_DIRECTORY) rmdirSync(this.#directory)
    } catch {
      // It is not empty, or does not belong to this user any more.
    }
  }
}
