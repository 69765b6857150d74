/** Runs the tests of a file in a guest, and reports their results here. */
import { readFileSync, realpathSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { isMainThread } from 'node:worker_threads'
import { attempt } from 'vnet/internal/base/errno'
import { builtModule } from './built-module.ts'
import type { TestError } from './runner.ts'

/** What the run in the guest gets. */
export interface Order {
  readonly file: string
  /** The arguments of this run of vitest. */
  readonly words: readonly string[]
  /** '' for the only one. */
  readonly project: string
  readonly pattern?: string
}

interface GuestResult {
  readonly id: string
  readonly state: 'passed' | 'failed' | 'skipped'
  readonly note?: string
  readonly errors: readonly TestError[]
}

interface GuestLog {
  readonly id: string
  readonly type: 'stdout' | 'stderr'
  readonly content: string
}

/** A line that comes out of the guest. The last one has the errors of no test. */
export type GuestRecord = GuestResult | GuestLog | { readonly unhandled: readonly TestError[] }

/** The part of vitest's test that is used here. */
export interface GuestTask {
  readonly id: string
  readonly fails?: boolean
  readonly file: { readonly filepath: string; readonly projectName?: string | undefined }
  result?: { state: string; pending?: boolean; note?: string; errors?: TestError[] | undefined } | undefined
}

/** Variables of a test that the guest has, too. */
const PASSED_ON = /^(VNET_(?!GUEST)\w+|CI|TZ)$/
/** Characters of the guest's standard error in a message. */
const TAIL = 2000

/** The run of one file. */
class FileRun {
  readonly #results = new Map<string, GuestResult>()
  readonly #logs: GuestLog[] = []
  readonly #waiting = new Map<string, () => void>()
  #unhandled: readonly TestError[] = []
  #rest = ''
  #tail = ''
  /** Why no more results come. */
  #end: Error | undefined

  constructor(file: GuestTask['file']) {
    this.#run(file).then(
      () => this.#finish(new Error(`the guest has not run this test: ${this.#tail.trim() || 'it is not in its run'}`)),
      error => this.#finish(error as Error),
    )
  }

  /** Waits for the result of a test. What it has written until then is printed. */
  async result(id: string): Promise<GuestResult> {
    if (!this.#results.has(id) && this.#end === undefined) {
      await new Promise<void>(resolve => this.#waiting.set(id, resolve))
    }
    for (const log of this.#logs.splice(0)) {
      if (log.id === id || log.id === '' || this.#results.has(log.id)) print(log)
      else this.#logs.push(log)
    }
    const end = this.#unhandled.length > 0 ? this.#unhandled : [this.#end as Error]
    return this.#results.get(id) ?? { id, state: 'failed', errors: end }
  }

  async #run({ filepath, projectName = '' }: GuestTask['file']): Promise<void> {
    const { runInGuest } = await import('@vnet/guest/internal/guest')
    const vitest = vitestPath()
    const directory = commonDirectory(realpathSync(process.cwd()), dirname(vitest))
    const { __vitest_worker__: worker } = globalThis as {
      __vitest_worker__?: { config?: { testNamePattern?: RegExp } }
    }
    const pattern = worker?.config?.testNamePattern?.source
    const order: Order = {
      file: filepath,
      words: vitestWords(),
      project: projectName,
      ...(pattern !== undefined && { pattern }),
    }
    const script = fileURLToPath(builtModule('./guest-tests-main.ts', import.meta.url))
    // Other output of vitest and of the tests' programs is no result.
    const command = ['sh', '-c', 'exec 3>&1 1>&2; exec "$@"', 'sh', process.execPath, script]
    const variables = Object.entries(process.env).filter(([name]) => PASSED_ON.test(name)) as [string, string][]
    const seed = Number(process.env.VNET_SEED)
    await runInGuest([...command, vitest, JSON.stringify(order)], {
      directory,
      env: { ...Object.fromEntries(variables), VNET_GUEST_TESTS: '1' },
      ...(Number.isSafeInteger(seed) && seed > 0 && { seed }),
      onOutput: (stream, text) => {
        if (stream === 'out') this.#take(text.toString())
        else this.#tail = `${this.#tail}${text}`.slice(-TAIL)
      },
      onMessage: line => console.error(`vnet: ${line}`),
    })
  }

  #take(text: string): void {
    const lines = `${this.#rest}${text}`.split('\n')
    this.#rest = lines.pop() ?? ''
    for (const line of lines) {
      const record = JSON.parse(line) as GuestRecord
      if ('unhandled' in record) this.#unhandled = record.unhandled
      else if ('content' in record) this.#logs.push(record)
      // A guest that lacks a program starts again.
      else if (!this.#results.has(record.id)) {
        this.#results.set(record.id, record)
        this.#waiting.get(record.id)?.()
      }
    }
  }

  #finish(error: Error): void {
    this.#end = error
    for (const resolve of this.#waiting.values()) resolve()
  }
}

const runs = new WeakMap<object, FileRun>()

/**
 * Gives a test of this process the result that it has in a guest. The first test of a file starts
 * the guest, which runs all of them.
 */
export async function takeGuestResult(task: GuestTask): Promise<void> {
  const run = runs.get(task.file) ?? new FileRun(task.file)
  runs.set(task.file, run)
  const { state, note, errors } = await run.result(task.id)
  const result = task.result
  if (result === undefined) return
  delete result.errors
  if (state === 'skipped') Object.assign(result, { state: 'skip', pending: true, note })
  // Vitest turns the result of a test that `fails` around after this.
  else if ((state === 'passed') !== (task.fails === true)) result.state = 'pass'
  else Object.assign(result, { state: 'fail', errors: [...errors] })
}

function print({ type, content }: GuestLog): void {
  console[type === 'stderr' ? 'error' : 'log'](content.replace(/\n$/, ''))
}

/** Returns the path of vitest's module for programs, in the project or beside this package. */
function vitestPath(): string {
  for (const place of [join(process.cwd(), 'package.json'), import.meta.filename]) {
    const found = attempt(() => createRequire(place).resolve('vitest/package.json'))
    if (found !== undefined) return join(realpathSync(dirname(found)), 'dist/node.js')
  }
  throw new Error("world 'guest': no vitest in the directories above this one")
}

/** Returns the arguments of vitest, whose main process this one or its parent is. */
function vitestWords(): readonly string[] {
  const pid = isMainThread ? process.ppid : process.pid
  const words =
    attempt(() => readFileSync(`/proc/${pid}/cmdline`, 'utf8'))
      ?.split('\0')
      .slice(0, -1) ?? []
  const at = words.findIndex(word => /\bvitest(\.mjs)?$/.test(word))
  return at === -1 ? [] : words.slice(at + 1)
}

function commonDirectory(one: string, other: string): string {
  return `${other}/`.startsWith(`${one}/`) || one === '/' ? one : commonDirectory(dirname(one), other)
}
