/** Builds the learner's module, and the program of the virtual machine. */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { copyFileSync, existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { cacheDirectory, type KernelFiles, KernelSetupError } from './packages.ts'

/** Headers for modules of the course, and the guest; src and dist are equally deep. */
export const KERNEL_COURSE = fileURLToPath(new URL('../../course/kernel/', import.meta.url))

const BUILD_LIMIT_MS = 120_000

export interface Built {
  /** Undefined if it did not compile. */
  readonly module: string | undefined
  /** The compiler's warnings, or its errors: `FILE:LINE:COLUMN: error: TEXT`. */
  readonly messages: readonly string[]
}

/** The name of the module that a C file makes. */
export const moduleName = (file: string): string => basename(file, '.c').replaceAll('-', '_')

/** Builds a module with debug information in `directory`, which contains nothing else. */
export function buildModule(file: string, { headers }: KernelFiles, directory: string): Built {
  const name = basename(file, '.c')
  copyFileSync(file, join(directory, `${name}.c`))
  writeFileSync(
    join(directory, 'Kbuild'),
    `obj-m := ${name}.o\nccflags-y := -I${KERNEL_COURSE} -I${resolve(file, '..')}\n`,
  )
  const args = ['-s', '-C', headers, `M=${directory}`, 'CC=gcc', 'modules']
  const env = { ...process.env, LC_ALL: 'C', KCFLAGS: '', TMPDIR: directory }
  const { status, stdout, stderr } = spawnSync('make', args, { encoding: 'utf8', env, timeout: BUILD_LIMIT_MS })
  const lines = `${stdout}\n${stderr}`.split('\n').map(line => line.replaceAll(`${directory}/${name}.c`, file))
  const messages = lines.filter(line => /: (fatal )?(error|warning): |^ERROR: |^WARNING: .*undefined/.test(line))
  const module = join(directory, `${name}.ko`)
  if (status === 0 && existsSync(module)) return { module, messages }
  const isError = (line: string) => !line.includes(': warning: ')
  const errors = messages.filter(isError)
  return { module: undefined, messages: errors.length > 0 ? errors : [lines.filter(Boolean).at(-1) ?? 'make failed'] }
}

/** Returns the compiled guest program, which is kept in the cache by its text. */
export function buildGuest(): string {
  const source = join(KERNEL_COURSE, 'guest.c')
  const digest = createHash('sha256').update(readFileSync(source)).digest('hex').slice(0, 16)
  const program = join(cacheDirectory(), `guest-${digest}`)
  if (existsSync(program)) return program
  const making = `${program}.${process.pid}`
  const args = ['-O2', '-static', '-pthread', '-o', making, source]
  const { status, stderr } = spawnSync('gcc', args, { encoding: 'utf8', timeout: BUILD_LIMIT_MS })
  if (status !== 0) {
    const last = stderr.trim().split('\n').at(-1)
    throw new KernelSetupError(`gcc cannot build a static program: ${last}: sudo apt-get install libc6-dev`)
  }
  renameSync(making, program)
  return program
}
