/** Programs: the processes that run on a host of a lab. */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { once } from 'node:events'
import { statSync } from 'node:fs'
import type { WorkerOptions } from 'node:worker_threads'
import { ENOENT, VnetError } from 'vnet'
import { shellWord } from 'vnet/kit/base'
import { builtFile, writeFile } from 'vnet/kit/linux'
import { builtModule } from '../model/built-module.ts'
import {
  anyOf,
  checkForm,
  checkForms,
  FLAG,
  type Form,
  type Forms,
  SIGNAL,
} from '../model/options.ts'
import { type NativeProgram, outside } from '../world/code.ts'
import type { ExecOptions, ExecResult, HostPrograms, LabSpawnOptions } from '../world/host-stack.ts'
import type { ProgramOptions } from './host-clock.ts'
import type { HostWorkerData } from './host-worker.ts'
import type { KernelFaults } from './kernel-faults.ts'

/** The host that programs run on. The descriptor remains its owner's. */
export interface ProgramPlace {
  /** A descriptor of the network namespace. */
  readonly nsfd: number
  /** Returns the directory of the files that programs see in /etc. */
  readonly etc: () => string
  /** The faults of the host, whose init its programs run below. */
  readonly faults?: KernelFaults
}

/** Options of node:child_process that the launcher does not support. */
const NOT_POSSIBLE: Form = {
  accepts: value => value === false,
  text: "possible: run sh, ['-c', 'WORDS'], or setpriv(1) for another user",
}
const PROGRAM: Form = {
  accepts: value => typeof value === 'string' && value !== '',
  text: 'a program',
}
const ARGUMENTS: Form = {
  accepts: value =>
    Array.isArray(value) && value.every(each => /^(string|number)$/.test(typeof each)),
  text: "a list of arguments, such as ['-c1', 'server']",
}
const INPUT: Form = {
  accepts: value => typeof value === 'string' || ArrayBuffer.isView(value),
  text: 'text or a Uint8Array',
}

/** Node checks the values of its own options. */
const SPAWN_OPTIONS: Forms<SpawnOptions> = {
  ...anyOf(
    'cwd',
    'env',
    'stdio',
    'timeout',
    'killSignal',
    'serialization',
    'windowsHide',
    'windowsVerbatimArguments',
  ),
  detached: FLAG,
  signal: SIGNAL,
  shell: NOT_POSSIBLE,
  uid: NOT_POSSIBLE,
  gid: NOT_POSSIBLE,
  argv0: NOT_POSSIBLE,
}
const { stdio: _stdio, ...WITHOUT_STDIO } = SPAWN_OPTIONS
const EXEC_OPTIONS = { ...WITHOUT_STDIO, input: INPUT }

/**
 * The line that the launcher prints if it cannot execute the program: what failed, and an errno.
 * Only `fail` of native/within/within.cc prints it.
 */
const FAILED = /^vnet: (.+): [^:]+ \(errno (\d+)\).*\n$/

/** The first descriptor after the standard streams. */
const FIRST_FD = 3

/** The descriptor of the namespace in a launcher. Shells know only descriptors of one digit. */
const LAUNCHER_FD = 9

export class Programs implements HostPrograms {
  readonly #place: ProgramPlace
  /** With their commands. */
  readonly #children = new Map<ChildProcess, string>()
  #launchers = 0
  hasStarted = false

  constructor(place: ProgramPlace) {
    this.#place = place
  }

  worker(url: URL, options: WorkerOptions, hosts: string): [file: URL, options: WorkerOptions] {
    this.hasStarted = true
    const own: HostWorkerData = {
      nsfd: this.#place.nsfd,
      hosts,
      url: url.href,
      data: options.workerData,
    }
    return [builtModule('./host-worker.ts', import.meta.url), { ...options, workerData: own }]
  }

  /** Same as program of CodeHost. */
  within({ file, args, stdio, ...options }: NativeProgram): NativeProgram {
    const [, ...rest] = args
    const entries = options.envPairs?.map(each => each.split(/=(.*)/s, 2) as [string, string]) ?? []
    const given = {
      env: Object.fromEntries(entries),
      ...(options.cwd !== undefined && { cwd: options.cwd }),
    }
    const launcher = builtFile('vnet-within', 'the launcher')
    const words = [launcher, ...this.#words(file, rest, given, stdio.length)]
    this.hasStarted = true
    return {
      ...options,
      file: launcher,
      args: words,
      stdio: [...stdio, { type: 'fd', fd: this.#place.nsfd }],
    }
  }

  launcher(command: string): string {
    checkForm('launcher', command, PROGRAM)
    const { nsfd, etc } = this.#place
    const files = etc()
    const words = [...this.#hostArgs(command, [], {}, false), command].map(shellWord).join(' ')
    const within = shellWord(builtFile('vnet-within', 'the launcher'))
    const enter = `${within} "$PPID" ${LAUNCHER_FD} ${shellWord(files)} ${words}`
    const path = `${files}.${++this.#launchers}`
    const script = `#!/bin/sh\nexec ${LAUNCHER_FD}</proc/${process.pid}/fd/${nsfd}\nexec ${enter} "$@"\n`
    writeFile(path, script, { mode: 0o700 })
    this.hasStarted = true
    return path
  }

  spawn(command: string, args: readonly string[], given: LabSpawnOptions): ChildProcess {
    checkForm('spawn', command, PROGRAM)
    checkForm(command, args, ARGUMENTS)
    checkForms(command, given, SPAWN_OPTIONS)
    const { stdio = 'pipe', ...options } = given
    checkDirectory(command, options.cwd)
    const streams =
      typeof stdio === 'string' ? Array<typeof stdio>(FIRST_FD).fill(stdio) : [...stdio]
    while (streams.length < FIRST_FD) {
      streams.push('pipe')
    }
    const words = this.#words(command, args, options, streams.length)
    const child = outside(() =>
      spawn(builtFile('vnet-within', 'the launcher'), words, {
        ...options,
        stdio: [...streams, this.#place.nsfd],
      }),
    )
    this.hasStarted = true
    this.#children.set(child, command)
    child.once('exit', () => this.#children.delete(child))
    child.once('error', () => child.pid === undefined && this.#children.delete(child))
    return child
  }

  async exec(command: string, args: readonly string[], given: ExecOptions): Promise<ExecResult> {
    checkForm('exec', command, PROGRAM)
    checkForms<Omit<SpawnOptions, 'stdio'> & ExecOptions>(command, given, EXEC_OPTIONS)
    const { input, ...options } = given
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
    throw new VnetError(
      Number(errno),
      what,
      isLine ? 'the arguments are a list: exec(command, args)' : undefined,
    )
  }

  get pids(): readonly number[] {
    return this.#running.flatMap(({ pid }) => pid ?? [])
  }

  get names(): readonly string[] {
    return this.#running.map(child => `program ${this.#children.get(child)} (pid ${child.pid})`)
  }

  /** A test that removes all listeners of a child removes the listeners of spawn, too. */
  get #running(): readonly ChildProcess[] {
    return [...this.#children.keys()].filter(
      child => child.exitCode === null && child.signalCode === null,
    )
  }

  /** Returns the arguments of the launcher, which gets the namespace after `fds` descriptors. */
  #words(command: string, args: readonly string[], options: ProgramOptions, fds: number): string[] {
    const inHost = this.#hostArgs(command, args, options, true)
    return [String(process.pid), String(fds), this.#place.etc(), ...inHost, command, ...args]
  }

  #hostArgs(
    command: string,
    args: readonly string[],
    options: ProgramOptions,
    isOnce: boolean,
  ): readonly string[] {
    return (
      this.#place.faults
        ?.initFor([command, ...args].join(' '))
        ?.argsFor(command, options, isOnce) ?? []
    )
  }

  /** Kills the programs. Settles when they have ended. */
  async close(): Promise<void> {
    const ended = this.#running.map(child => once(child, 'exit').catch(() => {}))
    for (const child of this.#running) {
      child.kill('SIGKILL')
    }
    await Promise.all(ended)
  }
}

function checkDirectory(command: string, cwd: SpawnOptions['cwd']): void {
  const isThere =
    cwd === undefined || statSync(cwd, { throwIfNoEntry: false })?.isDirectory() === true
  if (!isThere) {
    throw new VnetError(ENOENT, `start ${command}`, `the directory ${cwd} does not exist`)
  }
}
