/** Programs: what runs in a namespace of a lab, in processes of its own. */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { once } from 'node:events'
import { statSync } from 'node:fs'
import { inspect } from 'node:util'
import { builtFile } from '../../linux/native.ts'
import { UsageError } from '../../netdev/driver.ts'
import { ENOENT, VnetError } from '../../netdev/errno.ts'

/** As spawn of node:child_process has them. To run a program as another user, run setpriv(1). */
export type LabSpawnOptions = Omit<SpawnOptions, 'uid' | 'gid' | 'shell' | 'argv0'>

export interface ExecOptions extends Omit<LabSpawnOptions, 'stdio'> {
  /** Written to its standard input; nothing by default. */
  readonly input?: string | Uint8Array
}

/** What a program printed, and how it ended. */
export interface ExecResult {
  /** The exit status; null if a signal ended it. */
  readonly status: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

/** Where programs run. */
export interface ProgramPlace {
  /** A descriptor of the network namespace. */
  readonly nsfd: number
  /** Returns the directory of the files that programs see in /etc. */
  readonly etc: () => string
}

/** What node:child_process can do and the launcher cannot. */
const UNSUPPORTED = ['shell', 'uid', 'gid', 'argv0'] as const
const INSTEAD = "run sh, ['-c', 'WORDS'], or setpriv(1) for another user"

/** The line of the launcher if it cannot execute the program: what failed, and an errno. */
const FAILED = /^vnet-within: (.+): [^:]+ \((\d+)\)\n$/

/** The first descriptor behind the standard streams. */
const FIRST_FD = 3

export class Programs {
  readonly #place: ProgramPlace
  readonly #children = new Set<ChildProcess>()
  #hasStarted = false

  constructor(place: ProgramPlace) {
    this.#place = place
  }

  spawn(command: string, args: readonly string[], { stdio = 'pipe', ...options }: LabSpawnOptions): ChildProcess {
    checkProgram(command, args, options)
    const { nsfd, etc } = this.#place
    const streams = typeof stdio === 'string' ? Array<typeof stdio>(FIRST_FD).fill(stdio) : [...stdio]
    while (streams.length < FIRST_FD) streams.push('pipe')
    const launcher = builtFile('vnet-within', 'the launcher')
    const words = [String(process.pid), String(streams.length), etc(), command, ...args]
    const child = spawn(launcher, words, { ...options, stdio: [...streams, nsfd] })
    this.#hasStarted = true
    this.#children.add(child)
    child.once('exit', () => this.#children.delete(child))
    child.once('error', () => child.pid === undefined && this.#children.delete(child))
    return child
  }

  async exec(command: string, args: readonly string[], { input, ...options }: ExecOptions): Promise<ExecResult> {
    const child = this.spawn(command, args, options)
    const out: Buffer[] = []
    const err: Buffer[] = []
    child.stdout?.on('data', chunk => out.push(chunk))
    child.stderr?.on('data', chunk => err.push(chunk))
    // The program may end without reading.
    child.stdin?.on('error', () => {})
    child.stdin?.end(input)
    const [status, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null]
    const [stdout, stderr] = [Buffer.concat(out).toString(), Buffer.concat(err).toString()]
    const [, what, errno] = (stdout === '' && FAILED.exec(stderr)) || []
    if (what === undefined) return { status, signal, stdout, stderr }
    const isLine = /\s/.test(command) && args.length === 0
    throw new VnetError(Number(errno), what, isLine ? 'the arguments are a list: exec(command, args)' : undefined)
  }

  /** Whether a program was ever started. */
  get hasStarted(): boolean {
    return this.#hasStarted
  }

  /** The process ids of the running programs. */
  get pids(): readonly number[] {
    return [...this.#children].flatMap(({ pid }) => pid ?? [])
  }

  /** Kills the programs. Settles when they have ended. */
  async close(): Promise<void> {
    const ended = [...this.#children].map(child => once(child, 'exit').catch(() => {}))
    for (const child of this.#children) child.kill('SIGKILL')
    await Promise.all(ended)
  }
}

/** Throws a UsageError for wrong arguments, and a VnetError for a directory that does not exist. */
function checkProgram(command: string, args: readonly string[], options: SpawnOptions): void {
  if (typeof command !== 'string' || command === '') throw new UsageError(`${inspect(command)} is not a program`)
  if (!Array.isArray(args)) throw new UsageError(`${command}: the arguments are a list, not ${inspect(args)}`)
  const unsupported = UNSUPPORTED.find(key => options[key] !== undefined && options[key] !== false)
  if (unsupported !== undefined) throw new UsageError(`${command}: no option is called '${unsupported}': ${INSTEAD}`)
  const { cwd } = options
  const isThere = cwd === undefined || statSync(cwd, { throwIfNoEntry: false })?.isDirectory() === true
  if (!isThere) throw new VnetError(ENOENT, `start ${command}`, `the directory ${cwd} does not exist`)
}
