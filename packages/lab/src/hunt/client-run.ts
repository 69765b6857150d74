/** ClientRun: what one run of a client has printed and left, and how it has ended. */
import type { ChildProcess } from 'node:child_process'
import { createHash, type Hash } from 'node:crypto'
import { once } from 'node:events'
import { readdirSync, readSync, rmSync } from 'node:fs'
import { join, relative } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { attempt } from 'vnet'
import { timerMs } from 'vnet/kit/base'
import { makeTemporaryDirectory } from 'vnet/kit/linux'
import { openFile } from '../model/open-file.ts'
import type { LabSpawnOptions } from '../world/host-stack.ts'

/** The most bytes that are kept of an output or a file, and of standard error. */
const KEPT_BYTES = 16 * 2 ** 20
const ERR_BYTES = 64 * 1024
const CHUNK = 2 ** 20
/** Milliseconds in which an output is read to its end. */
const CLOSE_MS = 1000

/** Bytes that a run has printed or left. `start` has at most 16 MiB of them. */
export interface Content {
  readonly length: number
  readonly sha256: string
  readonly start: Uint8Array
}

export interface ClientRun {
  /** The exit status; null if a signal has ended it, or if it has not ended in time. */
  readonly status: number | null
  readonly signal: NodeJS.Signals | undefined
  /** Whether it was killed because it had not ended in time. */
  readonly hung: boolean
  readonly out: Content
  /** The end of its errors. */
  readonly err: string
  /**
   * The files in its directory, by their path in it. Names at the top that start with a dot are of
   * its home, and are left out.
   */
  readonly files: ReadonlyMap<string, Content>
  readonly ms: number
}

/** Where and for how long a client runs. */
export interface ClientPlace {
  readonly spawn: (
    command: string,
    args: readonly string[],
    options: LabSpawnOptions,
  ) => ChildProcess
  /**
   * Called when the client has ended, or is stopped because its time is over: ends what it has
   * started. Its process group is killed in any case.
   */
  readonly end?: () => Promise<void> | void
  /** The directory in which the client gets one of its own. */
  readonly parent: string
  /** Milliseconds in which it must end: from its fault on, or from its start without one. */
  readonly within: number
  /**
   * Milliseconds in which it must reach its fault, or end if that does not happen; `within` by
   * default. A client that a busy machine starts late has all its time after the fault.
   */
  readonly reachesWithin?: number
  /** Settles when the fault has happened. A rejection is ignored. */
  readonly faultHappens?: Promise<void>
  readonly signal: AbortSignal
}

/** Collects bytes. */
export class ContentReader {
  readonly #hash: Hash = createHash('sha256')
  readonly #chunks: Uint8Array[] = []
  #kept = 0
  #length = 0

  /** Keeps `bytes`, or copies them if they are `shared`. */
  take(bytes: Uint8Array, shared = false): void {
    this.#hash.update(bytes)
    this.#length += bytes.length
    const part = bytes.subarray(0, KEPT_BYTES - this.#kept)
    if (part.length === 0) return
    this.#chunks.push(shared ? part.slice() : part)
    this.#kept += part.length
  }

  /** Call it once. */
  end(): Content {
    return {
      length: this.#length,
      sha256: this.#hash.digest('hex'),
      start: Buffer.concat(this.#chunks),
    }
  }
}

/**
 * Runs a line of sh(1) in an empty directory, which is also its home and is removed at the end. It
 * finds the directory of this process in $VNET_CWD.
 * Rejects with the reason of the signal when that aborts, after `end`.
 */
export async function runClient(command: string, place: ClientPlace): Promise<ClientRun> {
  const { spawn, end, parent, signal } = place
  signal.throwIfAborted()
  const directory = makeTemporaryDirectory('client-', parent)
  try {
    const started = performance.now()
    // In a new session: Ctrl-C at a terminal is for vnet.
    const child = spawn('sh', ['-c', command], {
      cwd: directory,
      env: { ...process.env, HOME: directory, VNET_CWD: process.cwd() },
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const [out, err] = [new ContentReader(), new TextEnd()]
    child.stdout?.on('data', (chunk: Buffer) => out.take(chunk))
    child.stderr?.on('data', (chunk: Buffer) => err.take(chunk))
    const closed = once(child, 'close')
    closed.catch(() => {})
    const ended = await endIn(child, place)
    const ms = performance.now() - started
    if (ended === undefined) {
      // It would continue without the fault.
      signalGroup(child, 'SIGSTOP')
    }
    try {
      await end?.()
    } finally {
      signalGroup(child, 'SIGKILL')
    }
    // A program that the client has started, and that `end` has not ended, keeps its output open.
    await Promise.race([closed, sleep(CLOSE_MS, undefined, { ref: false })])
    child.stdout?.destroy()
    child.stderr?.destroy()
    signal.throwIfAborted()
    const [status, killed] = ended ?? [null, null]
    return {
      status,
      signal: killed ?? undefined,
      hung: ended === undefined,
      out: out.end(),
      err: err.text,
      files: filesIn(directory),
      ms,
    }
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

type Ended = readonly [status: number | null, signal: NodeJS.Signals | null]

/** Returns how a child has ended; undefined if it has not, in time or before the signal. */
async function endIn(child: ChildProcess, place: ClientPlace): Promise<Ended | undefined> {
  using deadline = new Deadline(place)
  const late = AbortSignal.any([place.signal, deadline.signal])
  try {
    return (await once(child, 'exit', { signal: late })) as [number | null, NodeJS.Signals | null]
  } catch (error) {
    if (late.aborted) return undefined
    throw error
  }
}

/** Aborts its signal when the time of a client is over. */
class Deadline implements Disposable {
  readonly #late = new AbortController()
  #timer: NodeJS.Timeout | undefined

  constructor({ within, reachesWithin = within, faultHappens }: ClientPlace) {
    this.#startTimer(reachesWithin)
    faultHappens?.then(
      () => this.#timer && this.#startTimer(within),
      () => {},
    )
  }

  get signal(): AbortSignal {
    return this.#late.signal
  }

  #startTimer(ms: number): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#late.abort(), timerMs(ms))
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }
}

/** The group may have ended. */
function signalGroup({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  if (pid === undefined) return
  attempt(() => process.kill(-pid, signal))
}

/** The last bytes of a text. */
class TextEnd {
  #bytes: Buffer = Buffer.alloc(0)

  take(chunk: Buffer): void {
    this.#bytes = Buffer.concat([this.#bytes, chunk]).subarray(-ERR_BYTES)
  }

  get text(): string {
    return this.#bytes.toString()
  }
}

/**
 * Returns the files in a directory, without links and without the top's hidden ones. A name that is
 * not UTF-8 cannot be opened, and a program that was left may remove files: those are not there.
 */
export function filesIn(directory: string): ReadonlyMap<string, Content> {
  const entries = readdirSync(directory, { recursive: true, withFileTypes: true })
  const files = entries.filter(entry => entry.isFile())
  const paths = files.map(({ parentPath, name }) => relative(directory, join(parentPath, name)))
  const shown = paths.filter(path => !path.startsWith('.')).sort()
  return new Map(
    shown.flatMap(path => {
      const content = attempt(() => contentOf(join(directory, path)))
      return content === undefined ? [] : [[path, content] as const]
    }),
  )
}

function contentOf(path: string): Content {
  const content = new ContentReader()
  using file = openFile(path, 'r')
  const chunk = Buffer.alloc(CHUNK)
  for (let n = readSync(file.fd, chunk); n > 0; n = readSync(file.fd, chunk)) {
    content.take(chunk.subarray(0, n), true)
  }
  return content.end()
}
