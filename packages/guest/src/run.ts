/** Runs a command in a guest, from a snapshot. */
import { Buffer } from 'node:buffer'
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { closeSync, openSync, rmSync } from 'node:fs'
import { constants } from 'node:os'
import { dirname, join } from 'node:path'
import { setImmediate, setTimeout as sleep } from 'node:timers/promises'
import { printable } from 'vnet/kit/base'
import { makeTemporaryDirectory, startRemover } from 'vnet/kit/linux'
import { isUsed } from './cache.ts'
import {
  Machine,
  MachineEnded,
  MEMORIES,
  type Memories,
  makeSparse,
  type Start,
} from './machine.ts'
import { type MailRecord, Outbox, putInbox } from './mail.ts'
import type { Snapshot } from './snapshot.ts'

/** How often the outbox of a running guest is read. */
const READ_INTERVAL_MS = 20
/** How often the cache learns that its entries are in use. */
const USE_INTERVAL_MS = 20_000
/** The most programs in a report of CPU time. */
const PROGRAMS_MAX = 10_000

/** A command for a guest, with everything that it depends on besides the images. */
export interface GuestJob {
  readonly command: readonly string[]
  /** All random numbers of the guest's kernel follow from it. */
  readonly seed: number
  /** The time of day at the start, milliseconds since 1970. */
  readonly date: number
  readonly env: Readonly<Record<string, string>>
  /** Where the project is mounted; undefined without one. */
  readonly directory?: string
  readonly cwd: string
}

/** Files of a machine's size: see MEMORIES. */
export type GuestImages = Readonly<{ image: string; project: string }>

/** The end of a command. `status` is null if a signal ended it. */
export interface GuestEnd {
  readonly status: number | null
  readonly signal: NodeJS.Signals | null
  /** How long the command ran since the last stop, in the guest's time, ns. */
  readonly guestNs: number
  /** How long that took here, ms. */
  readonly wallMs: number
  /** CPU time of its programs, ns, the longest first. */
  readonly usage: readonly { readonly name: string; readonly ns: number }[]
  /** SHA-256 of all records of the guest with their times. */
  readonly digest: string
  /** Bytes of output and files that had no space. */
  readonly lost: number
}

/** The image lacks a program that this machine has. */
export class ProgramMissing extends Error {
  override readonly name = 'ProgramMissing'
  readonly program: string

  constructor(program: string) {
    super(`the guest has no program ${program}`)
    this.program = program
  }
}

const seedText = (seed: number): string =>
  createHash('sha256').update(`vnet guest ${seed}`).digest('hex')

/** The message that continues a stopped machine: its reply, and a new seed if there is one. */
export const replyText = (reply: string, seed?: number): Buffer =>
  Buffer.from(`${seed === undefined ? '' : seedText(seed)}\0${reply}`)

/** The reply after which the run continues: its records, times and counts are kept. */
const continueText = (reply: string): Buffer => Buffer.from(`+\0${reply}`)

/** The message that starts a job: strings, as native/guest/guest.cc reads them. */
export function jobText({ command, seed, date, env, directory = '', cwd }: GuestJob): Buffer {
  const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`)
  const words = [
    seedText(seed),
    `${BigInt(Math.round(date)) * 1_000_000n}`,
    directory,
    cwd,
    `${variables.length}`,
  ]
  return Buffer.from([...words, ...variables, ...command].map(word => `${word}\0`).join(''))
}

/** The reason of a stop: a program in the guest has requested it, or the command has ended. */
export type GuestStop =
  | (GuestRequest & { readonly end?: undefined })
  | { readonly why?: undefined; readonly end: GuestEnd }

/** A program in the guest has stopped it, and waits for a reply. */
export interface GuestRequest {
  readonly why: string
  /** How long the command has run, in the guest's time, ns. */
  readonly guestNs: number
}

type Take = (record: MailRecord) => void

/** A job in a guest, from a snapshot until its end, with stops between. */
export class GuestRun {
  readonly #directory = makeTemporaryDirectory('vnet-guest-')
  /** Removes the directory if this process is killed. */
  readonly #remover = startRemover()
  readonly #memories: Memories
  readonly #outbox: Outbox
  readonly #keeps: boolean
  /** The files from which the next machine continues. */
  #snapshot: Snapshot
  #machine: Machine | undefined
  readonly #hash = createHash('sha256')
  /** Files that the cache may remove while the guest runs. */
  readonly #open: number[] = []
  /** Their entries, which later runs need. */
  readonly #entries = new Set<string>()
  #wallMs = 0

  /**
   * Restores a snapshot with a message in its inbox: jobText, or the reply to its request. Only a
   * guest that `keeps` its RAM in a file can stop and continue, which costs a copy of the file. The
   * outbox is empty, or a copy of one that the guest had before.
   */
  constructor(
    snapshot: Snapshot,
    images: GuestImages,
    message: Uint8Array,
    keeps = false,
    before?: { readonly path: string; readonly position: number },
  ) {
    this.#remover.stdin?.write(`${this.#directory}\0`)
    try {
      const [image, project] = [this.#use(images.image), this.#use(images.project)]
      const inbox = makeSparse(join(this.#directory, 'inbox'), MEMORIES.inbox)
      const outbox = join(this.#directory, 'outbox')
      if (before === undefined) {
        makeSparse(outbox, MEMORIES.outbox)
      } else {
        copySparse(before.path, outbox)
      }
      this.#memories = { image, project, outbox, inbox }
      this.#keeps = keeps
      const ram = keeps
        ? copySparse(snapshot.ram, join(this.#directory, 'ram'))
        : this.#use(snapshot.ram)
      this.#snapshot = { memoryMb: snapshot.memoryMb, ram, devices: this.#use(snapshot.devices) }
      putInbox(inbox, message)
      this.#outbox = new Outbox(outbox, before?.position)
    } catch (error) {
      this.#remove()
      throw error
    }
  }

  /**
   * Lets the guest continue until it stops. `take` is called with each record in order. Rejects
   * with a MachineEnded, a ProgramMissing, or the reason of the signal.
   */
  async next(take: Take, signal?: AbortSignal): Promise<GuestStop> {
    const { devices, ...rest } = this.#snapshot
    const console = join(this.#directory, 'console')
    const start: Start = { devices }
    const machine = new Machine({
      ...rest,
      keeps: this.#keeps,
      start,
      memories: this.#memories,
      console,
    })
    this.#machine = machine
    const usage: { name: string; ns: number }[] = []
    let end: Pick<GuestEnd, 'status' | 'signal' | 'guestNs'> | undefined
    let stop: GuestRequest | undefined
    const read = (): boolean => {
      try {
        return this.#outbox.read((record, bytes) => {
          this.#hash.update(bytes)
          const { kind, content } = record
          if (kind === 'm') throw new ProgramMissing(content.toString())
          if (kind === '!') throw new MachineEnded(printable(content.toString()))
          if (kind === 'x') {
            end = endOf(content)
          } else if (kind !== 'u' && kind !== 'c') {
            take(record)
          } else {
            const [ns, text] = [Number(content.readBigUInt64LE(0)), content.toString('utf8', 8)]
            if (kind === 'c') {
              stop = { guestNs: ns, why: text }
            } else if (usage.length < PROGRAMS_MAX) {
              usage.push({ name: text, ns })
            }
          }
        })
      } catch (error) {
        // A program in the guest may have written there.
        throw error instanceof RangeError
          ? new MachineEnded(`its outbox has ${error.message}`)
          : error
      }
    }
    const begin = performance.now()
    let used = begin
    await machine.resume()
    const stopped = machine.stopped().then(() => true)
    stopped.catch(() => {})
    while (!(await Promise.race([stopped, sleep(READ_INTERVAL_MS, false)]))) {
      signal?.throwIfAborted()
      read()
      if (performance.now() > used + USE_INTERVAL_MS) {
        used = performance.now()
        for (const entry of this.#entries) {
          isUsed(entry)
        }
      }
    }
    while (read()) {
      await setImmediate()
      signal?.throwIfAborted()
    }
    this.#wallMs += performance.now() - begin
    if (end !== undefined) {
      usage.sort((a, b) => b.ns - a.ns)
      const digest = this.#hash.digest('hex')
      return { end: { ...end, wallMs: this.#wallMs, usage, digest, lost: this.#outbox.lost } }
    }
    if (stop === undefined) throw new MachineEnded(`it has stopped: ${machine.lastWords()}`)
    if (this.#keeps) {
      this.#snapshot = { ...rest, devices: join(this.#directory, 'devices') }
      await machine.saveDevices(this.#snapshot.devices)
      await machine.close()
    }
    return stop
  }

  /** Answers what the guest has stopped for, before the next `next`. */
  reply(message: Uint8Array): void {
    putInbox(this.#memories.inbox, message)
    this.#outbox.restart()
  }

  /** Same as reply, but the records so far remain, and so do the counts of the run. */
  continue(reply: string): void {
    putInbox(this.#memories.inbox, continueText(reply))
  }

  /**
   * Lets a copy of the stopped guest continue with a reply, and returns why the copy stops;
   * undefined if its command ends before. The guest itself does not change.
   */
  async look(reply: string, signal?: AbortSignal): Promise<string | undefined> {
    const outbox = { path: this.#memories.outbox, position: this.#outbox.position }
    const copy = new GuestRun(this.#snapshot, this.#memories, continueText(reply), false, outbox)
    try {
      return (await copy.next(() => {}, signal)).why
    } finally {
      await copy.close()
    }
  }

  /** A guest that has stopped. It can be continued in other machines until the next `next`. */
  get stopped(): Snapshot {
    return this.#snapshot
  }

  /** Copies a guest that has stopped into files of a directory. */
  save(directory: string): void {
    for (const name of ['devices', 'ram'] as const) {
      copySparse(this.#snapshot[name], join(directory, name))
    }
  }

  /** Ends the machine, and removes its files; the outbox gets to `records`, if that is given. */
  async close(records?: string): Promise<void> {
    try {
      await this.#machine?.close()
      this.#outbox.close()
      if (records !== undefined) {
        copySparse(this.#memories.outbox, records)
      }
    } finally {
      this.#remove()
    }
  }

  #remove(): void {
    for (const fd of this.#open.splice(0)) {
      closeSync(fd)
    }
    rmSync(this.#directory, { recursive: true, force: true })
    this.#remover.stdin?.end()
  }

  /** Opens a file of the cache. Returns a path that remains. */
  #use(path: string): string {
    if (isUsed(dirname(path))) {
      this.#entries.add(dirname(path))
    }
    const fd = openSync(path, 'r')
    this.#open.push(fd)
    return `/proc/${process.pid}/fd/${fd}`
  }
}

/** Lets a copy of a stopped guest continue with a reply: see GuestRun.look. */
export type LookInGuest = (reply: string) => Promise<string | undefined>

/** Returns the reply with which a stopped guest continues. */
export type OnGuestStop = (stop: GuestRequest, look: LookInGuest) => Promise<string>

/** The options of runJob(). */
export interface JobOptions {
  readonly signal?: AbortSignal
  /** Where the outbox shall remain. */
  readonly records?: string
  /** Returns, for a run, what replies to its stops. Without it, they are errors. */
  readonly onStops?: () => OnGuestStop
}

/**
 * Runs a snapshot with a message, jobText or replyText, until the command ends. Rejects as
 * GuestRun.next does, and if the guest stops before, and nothing replies.
 */
export async function runJob(
  snapshot: Snapshot,
  images: GuestImages,
  message: Uint8Array,
  take: Take,
  { signal, records, onStops }: JobOptions = {},
): Promise<GuestEnd> {
  const run = new GuestRun(snapshot, images, message, onStops !== undefined)
  const onStop = onStops?.()
  const look: LookInGuest = reply => run.look(reply, signal)
  try {
    for (;;) {
      const stop = await run.next(take, signal)
      if (stop.end !== undefined) return stop.end
      if (onStop === undefined) throw new MachineEnded(`it has stopped: ${stop.why}`)
      run.continue(await abortable(onStop(stop, look), signal))
    }
  } finally {
    await run.close(records)
  }
}

/** Returns what a promise settles with, unless the signal aborts before. */
async function abortable<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  const listening = new AbortController()
  const aborted = new Promise<never>((_, reject) => {
    signal?.addEventListener('abort', () => reject(signal.reason), { signal: listening.signal })
  })
  try {
    signal?.throwIfAborted()
    return await Promise.race([promise, aborted])
  } finally {
    listening.abort()
  }
}

function copySparse(from: string, to: string): string {
  const { status, stderr } = spawnSync('cp', ['--sparse=always', '--reflink=auto', from, to], {
    encoding: 'utf8',
  })
  if (status !== 0) throw new Error(stderr.trim())
  return to
}

/** Reads the status of waitpid(2), and the time. */
function endOf(content: Buffer): Pick<GuestEnd, 'status' | 'signal' | 'guestNs'> {
  const status = content.readUInt32LE(0)
  const number = status & 0x7f
  const [signal = null] =
    Object.entries(constants.signals).find(([, value]) => value === number) ?? []
  const guestNs = Number(content.readBigUInt64LE(8))
  if (number === 0) return { status: (status >> 8) & 0xff, signal: null, guestNs }
  return { status: null, signal: signal as NodeJS.Signals, guestNs }
}
