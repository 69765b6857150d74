/** HostClock: the wall clock of a host's programs, by a library that is preloaded into them. */
import type { SpawnOptions } from 'node:child_process'
import { copyFileSync, statSync, writeSync } from 'node:fs'
import { delimiter, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { attempt, UsageError } from 'vnet'
import { builtFile, writeFile } from 'vnet/kit/linux'
import { openFile } from '../model/open-file.ts'
import { type Executable, fileKind } from './executable.ts'

/** The options of a program that decide which file is executed. */
export type ProgramOptions = Pick<SpawnOptions, 'env' | 'cwd'>

// struct Shared of native/clock/clock.cc: two offsets in ns, and which of them is active.
const OFFSET_BYTES = 8
const ACTIVE = 16
const SHARED_BYTES = 17

export class HostClock {
  readonly #file: string
  readonly #library: string
  #active = 0

  /** `etc` is the directory that programs of the host share with this process. */
  constructor(etc: string) {
    // Names with a dot are not mounted in /etc. A program of any user may read them.
    this.#file = join(etc, '.clock')
    this.#library = join(etc, '.clock.so')
    copyFileSync(builtFile('vnet-clock.so', 'the clock of programs'), this.#library)
    writeFile(this.#file, new Uint8Array(SHARED_BYTES))
  }

  /** Sets how far the clock is ahead, in ns. Programs see it at their next look. */
  set(offset: number): void {
    using file = openFile(this.#file, 'r+')
    this.#active = 1 - this.#active
    const bytes = Buffer.alloc(OFFSET_BYTES)
    bytes.writeBigInt64LE(BigInt(Math.round(offset)))
    writeSync(file.fd, bytes, 0, OFFSET_BYTES, this.#active * OFFSET_BYTES)
    writeSync(file.fd, Uint8Array.of(this.#active), 0, 1, ACTIVE)
  }

  /** Returns the variables of a program. Throws a UsageError if it reads the clock without libc. */
  variablesFor(command: string, options: ProgramOptions): readonly string[] {
    const { LD_PRELOAD } = options.env ?? process.env
    checkProgram(command, options)
    return [
      `VNET_CLOCK=${this.#file}`,
      `LD_PRELOAD=${[this.#library, LD_PRELOAD].filter(Boolean).join(':')}`,
    ]
  }
}

/** Interpreters that scripts may nest, more than the kernel allows. */
const NESTED = 5

/** The kernel reports a program that does not exist or cannot be read. */
function checkProgram(command: string, options: ProgramOptions, depth = 0): void {
  const path = pathOf(command, options)
  const kind = path === undefined ? undefined : attempt(() => fileKind(path))
  if (path === undefined || kind === undefined || depth > NESTED) return
  if (typeof kind === 'string') {
    const [interpreter = '', ...words] = kind.split(/\s+/)
    // `env node` runs node.
    const byEnv = interpreter.endsWith('/env') ? words.find(word => !/^-|=/.test(word)) : undefined
    for (const word of [interpreter, byEnv]) {
      if (word) {
        checkProgram(word, options, depth + 1)
      }
    }
    return
  }
  const why = reasonAgainst(kind)
  if (why !== undefined) {
    throw new UsageError(`clock: ${command} ${why}: explore it without this fault`)
  }
}

function pathOf(
  command: string,
  { env = process.env, cwd = '.' }: ProgramOptions,
): string | undefined {
  const directory = typeof cwd === 'string' ? cwd : fileURLToPath(cwd)
  if (command.includes('/')) return resolve(directory, command)
  const paths = (env.PATH ?? '/bin:/usr/bin')
    .split(delimiter)
    .map(each => resolve(directory, each, command))
  // execvp(3) passes over a directory that it may not search, and reports other errors.
  return paths.find(path => attempt(() => statSync(path).isFile()))
}

/** Returns why a program does not take the library, or reads the clock without it. */
function reasonAgainst({ loader, isGo }: Executable): string | undefined {
  if (loader === undefined) return 'is statically linked, and reads the clock without libc'
  if (isGo) return 'is a Go program, and reads the clock without libc'
  const own = fileKind(process.execPath)
  // Another libc, or another machine.
  return typeof own !== 'object' || loader === own.loader
    ? undefined
    : `is loaded by ${loader}, unlike Node`
}
