/**
 * WarmProgram: a program that has loaded an interpreter and its libraries, and forks a child for
 * each run (examples/warm). It reads a JSON line for each run, and prints one.
 */
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { attempt, UsageError } from 'vnet'
import { timerMs } from 'vnet/kit/base'
import { makeTemporaryDirectory } from 'vnet/kit/linux'
import { signalNamed } from '../model/signals.ts'
import { type ClientPlace, type ClientRun, ContentReader, filesIn } from './client-run.ts'
import { lastLineOf } from './verdicts.ts'

/** Milliseconds in which it must print its first line. */
const READY_MS = 60_000
/** Milliseconds for its reply after the end of the client's time. */
const GRACE_MS = 5000
const MS_PER_S = 1000

/** A line of the program. `out` and `err` are base64; a negative status is a signal. */
interface Answer {
  readonly status: number
  readonly out: string
  readonly err: string
  readonly hung: boolean
}

/** Characters that only a shell understands. */
const SHELL_WORDS = /[|&;<>$`*?(){}~#\n]/

/**
 * Returns the arguments of a client's command. Quotes join them as in sh(1). Throws a UsageError
 * for characters that only a shell understands.
 */
export function clientWords(command: string): string[] {
  const words = [...command.matchAll(/(?:[^\s'"]|'[^']*'|"[^"]*")+/g)].map(([word]) => word)
  const bare = command.replaceAll(/'[^']*'|"[^"]*"/g, '')
  const [shell] = SHELL_WORDS.exec(bare) ?? /['"]/.exec(bare) ?? []
  if (shell !== undefined || words.length === 0) {
    const why = shell === undefined ? 'it is empty' : `it is for a shell, by its ${shell}`
    throw new UsageError(`--client '${command}': with --warm it is a script and arguments; ${why}`)
  }
  return words.map(word => word.replaceAll(/'([^']*)'|"([^"]*)"/g, '$1$2'))
}

/** A warm program on a host. Its user closes it. */
export class WarmProgram {
  readonly #child: ChildProcess
  readonly #lines: AsyncIterator<string>
  readonly #closed: Promise<unknown>
  #err = ''

  private constructor(child: ChildProcess) {
    this.#child = child
    this.#closed = once(child, 'close')
    this.#closed.catch(() => {})
    this.#lines = createInterface({ input: child.stdout as NodeJS.ReadableStream })[
      Symbol.asyncIterator
    ]()
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#err += text
    })
    // It may have ended when a run is written.
    child.stdin?.on('error', () => {})
  }

  /**
   * Settles when it has printed its first line. Rejects with a UsageError if it ends before, or
   * prints none.
   */
  static async start(command: string, { spawn, parent, signal }: ClientPlace) {
    const home = join(parent, 'warm')
    mkdirSync(home, { recursive: true })
    const child = spawn('sh', ['-c', `exec ${command}`], {
      env: { ...process.env, HOME: home },
      detached: true,
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    const program = new WarmProgram(child)
    const late = AbortSignal.timeout(READY_MS)
    try {
      await program.#nextLine(AbortSignal.any([signal, late]))
    } catch (error) {
      program.close()
      throw error === late.reason ? notReady() : error
    }
    return program
  }

  /** Same as runClient, with the script and its arguments. */
  async run(words: readonly string[], place: ClientPlace): Promise<ClientRun> {
    const { parent, end, signal } = place
    // The program does not know when the fault happens.
    const within = place.reachesWithin ?? place.within
    signal.throwIfAborted()
    const directory = makeTemporaryDirectory('client-', parent)
    try {
      const started = performance.now()
      const request = { argv: words, cwd: directory, within: within / MS_PER_S }
      this.#child.stdin?.write(`${JSON.stringify(request)}\n`)
      const late = AbortSignal.timeout(timerMs(within + GRACE_MS))
      const line = await this.#nextLine(AbortSignal.any([signal, late])).catch(error => {
        throw error === late.reason ? noReply(words, within) : error
      })
      const ms = performance.now() - started
      await end?.()
      signal.throwIfAborted()
      return { ...runOf(answerOf(line)), files: filesIn(directory), ms }
    } finally {
      rmSync(directory, { recursive: true, force: true })
    }
  }

  close(): void {
    this.#child.stdin?.end()
    this.#child.kill('SIGKILL')
  }

  async #nextLine(signal: AbortSignal): Promise<string> {
    const stop = new AbortController()
    try {
      const aborted = once(signal, 'abort', { signal: stop.signal }).then(() => undefined)
      aborted.catch(() => {})
      if (signal.aborted) throw signal.reason
      const next = await Promise.race([this.#lines.next(), aborted])
      if (next === undefined) throw signal.reason
      if (next.done !== true) return next.value
    } finally {
      stop.abort()
    }
    await this.#closed
    const said = lastLineOf(this.#err)
    throw new UsageError(`--warm: the program has ended${said === '' ? '' : `: ${said}`}`)
  }
}

const notReady = (): UsageError =>
  new UsageError(
    `--warm: it has printed no line within ${READY_MS / MS_PER_S} s: it must print one when it is ready, and flush it`,
  )

const noReply = (words: readonly string[], within: number): UsageError =>
  new UsageError(
    `--warm: no reply for '${words.join(' ')}': the program must end its child after ${
      within / MS_PER_S
    } s, and print {"status", "out", "err", "hung"}`,
  )

function answerOf(line: string): Answer {
  const answer: Partial<Answer> | null | undefined = attempt(() => JSON.parse(line))
  const { status, out, err, hung } = answer ?? {}
  if (
    typeof status === 'number' &&
    typeof out === 'string' &&
    typeof err === 'string' &&
    typeof hung === 'boolean'
  ) {
    return { status, out, err, hung }
  }
  throw new UsageError(
    `--warm: not an answer {"status", "out", "err", "hung"}: ${line.slice(0, 100)}`,
  )
}

function runOf({ status, out, err, hung }: Answer): Omit<ClientRun, 'files' | 'ms'> {
  const content = new ContentReader()
  content.take(Buffer.from(out, 'base64'))
  return {
    status: status < 0 || hung ? null : status,
    signal: hung ? undefined : signalNamed(-status),
    hung,
    out: content.end(),
    err: Buffer.from(err, 'base64').toString(),
  }
}
