/** Runs a command in a guest, from a snapshot. */
import { Buffer } from 'node:buffer'
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { constants, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Machine, MachineEnded, MEMORIES, makeSparse } from './machine.ts'
import { type MailRecord, Outbox, putInbox } from './mail.ts'
import type { Snapshot } from './snapshot.ts'

/** How often the outbox of a running guest is read. */
const READ_INTERVAL_MS = 20

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
export interface GuestImages {
  readonly image: string
  readonly project: string
}

export interface GuestEnd {
  readonly status: number | null
  readonly signal: NodeJS.Signals | null
  /** How long the command ran in the guest's time, ns. */
  readonly guestNs: number
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

/** The text that native/guest.cc reads. */
function jobText({ command, seed, date, env, directory = '', cwd }: GuestJob): Buffer {
  const octets = createHash('sha256').update(`vnet guest ${seed}`).digest('hex')
  const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`)
  const words = [octets, `${BigInt(Math.round(date)) * 1_000_000n}`, directory, cwd, `${variables.length}`]
  return Buffer.from([...words, ...variables, ...command].map(word => `${word}\0`).join(''))
}

/**
 * Runs a job to its end. `take` is called with each record in order, while the guest runs. Rejects
 * with a MachineEnded, a ProgramMissing, or the reason of the signal.
 */
export async function runJob(
  snapshot: Snapshot,
  images: GuestImages,
  job: GuestJob,
  take: (record: MailRecord) => void,
  signal?: AbortSignal,
): Promise<GuestEnd> {
  const directory = mkdtempSync(join(tmpdir(), 'vnet-guest-'))
  const paths = {
    ...images,
    outbox: makeSparse(join(directory, 'outbox'), MEMORIES.outbox),
    inbox: makeSparse(join(directory, 'inbox'), MEMORIES.inbox),
  }
  putInbox(paths.inbox, jobText(job))
  const outbox = new Outbox(paths.outbox)
  const machine = new Machine({ ...snapshot, memories: paths, console: join(directory, 'console') })
  try {
    await machine.restored()
    await machine.resume()
    return await readToEnd(machine, outbox, take, signal)
  } finally {
    await machine.close()
    outbox.close()
    rmSync(directory, { recursive: true, force: true })
  }
}

async function readToEnd(
  machine: Machine,
  outbox: Outbox,
  take: (record: MailRecord) => void,
  signal: AbortSignal | undefined,
): Promise<GuestEnd> {
  const hash = createHash('sha256')
  const usage: { name: string; ns: number }[] = []
  let end: Pick<GuestEnd, 'status' | 'signal' | 'guestNs'> | undefined
  const read = () =>
    outbox.read((record, octets) => {
      hash.update(octets)
      const { kind, content } = record
      if (kind === 'm') throw new ProgramMissing(content.toString())
      if (kind === '!') throw new MachineEnded(content.toString())
      if (kind === 'u') usage.push({ name: content.toString('utf8', 8), ns: Number(content.readBigUInt64LE(0)) })
      else if (kind === 'x') end = endOf(content)
      else take(record)
    })
  const stopped = machine.stopped().then(() => true)
  while (!(await Promise.race([stopped, sleep(READ_INTERVAL_MS, false)]))) {
    signal?.throwIfAborted()
    read()
  }
  read()
  if (end === undefined) throw new MachineEnded(machine.lastWords())
  usage.sort((a, b) => b.ns - a.ns)
  return { ...end, usage, digest: hash.digest('hex'), lost: outbox.lost }
}

/** Reads the status of waitpid(2), and the time. */
function endOf(content: Buffer): Pick<GuestEnd, 'status' | 'signal' | 'guestNs'> {
  const status = content.readUInt32LE(0)
  const number = status & 0x7f
  const [signal = null] = Object.entries(constants.signals).find(([, value]) => value === number) ?? []
  const guestNs = Number(content.readBigUInt64LE(8))
  return number === 0
    ? { status: (status >> 8) & 0xff, signal: null, guestNs }
    : { status: null, signal: signal as NodeJS.Signals, guestNs }
}
