/**
 * `vnet check --kernel`: builds the learner's module, starts a virtual machine with it, and runs
 * the live checks of the exercise from outside. The learner's code runs in the machine only.
 */
import { mkdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { cpio } from '@vnet/guest/kit'
import { makeTemporaryDirectory, writeFile } from 'vnet/kit/linux'
import {
  type KernelCard,
  type LiveCheck,
  notRun,
  type Result,
  resultOf,
  USUAL_HEADING,
} from '../exercise.ts'
import { runLive } from '../live.ts'
import { buildModule, type KernelFiles, moduleName } from './build.ts'
import type { Guest } from './guest.ts'
import { type Addresses, lineOf, onGuest, reportsIn } from './live.ts'

/**
 * A learner's module, the kernel and the guest program to test it with, the interfaces' addresses,
 * and the card if it needs one.
 */
export type KernelTask = Readonly<{
  file: string
  kernel: KernelFiles
  guest: string
  addresses: Addresses
  card?: KernelCard | undefined
}>

/** The input of a module's checks: `module` is the one with debug information. */
export type KernelJob = Exclude<ReturnType<typeof prepare>, Result>

/**
 * Builds a module and the files that the machine starts from, in a new directory of `parent`, which
 * the caller removes. Returns a failed Result if the module does not compile. `print` is called
 * with each message of the compiler.
 */
export function prepare(
  { file, kernel, guest, addresses, card }: KernelTask,
  parent: string,
  print: (line: string) => void,
) {
  const directory = makeTemporaryDirectory('vnet-kernel-', parent)
  const build = join(directory, 'build')
  mkdirSync(build)
  const { module, messages } = buildModule(file, kernel, build)
  for (const message of messages) {
    print(message)
  }
  if (module === undefined) {
    const seen = messages.find(line => line.includes('error')) ?? (messages[0] as string)
    return resultOf(
      'live',
      { title: 'the module compiles' },
      { seen, expected: 'no error of the compiler' },
      messages,
    )
  }
  const initramfs = join(directory, 'initramfs')
  const modules = kernel.loaded.map((path, i) => ({ name: `${i}.ko`, content: readFileSync(path) }))
  const directories = ['dev', 'proc', 'sys'].map(name => ({ name }))
  const learner = { name: 'learner.ko', content: readFileSync(module) }
  const init = { name: 'init', content: readFileSync(guest), isProgram: true }
  writeFile(initramfs, cpio([...directories, init, learner, ...modules]))
  return { file, image: kernel.image, initramfs, module, directory, addresses, card }
}

/** Runs a check in a machine that has started. Never throws. */
export async function runInGuest(check: LiveCheck, guest: Guest, job: KernelJob): Promise<Result> {
  if (check.notInKernel !== undefined) return notRun(check.title, 'live', check.notInKernel)
  // The messages of the kernel's start are not about the module.
  await guest.started.catch(() => {})
  const from = guest.console.length
  const result = await runLive(
    check,
    onGuest(guest, {
      name: moduleName(job.file),
      addresses: job.addresses,
      directory: dirname(job.file),
      card: job.card,
    }),
  )
  const problem = reported(guest.console.slice(from), check, job)
  return problem === undefined ? result : resultOf('live', check, problem, result.logged)
}

/** Returns the first report of the kernel, by the learner's line. */
export function reported(console: string, { allow }: Pick<LiveCheck, 'allow'>, job: KernelJob) {
  // The kernel's watchdog warns with a whole report, vnet's with a line.
  const isUsual = (what: string) => allow !== undefined && /net\/sched\/sch_generic\.c/.test(what)
  const report = reportsIn(console, moduleName(job.file)).find(({ what }) => !isUsual(what))
  if (report === undefined) return undefined
  const lines = report.places.map(place => ({ place, line: lineOf(place, job.module, job.file) }))
  const first = lines.find(({ line }) => line !== undefined)
  const where =
    first === undefined
      ? `not in ${basename(job.file)}`
      : `${first.line}, ${first.place.replace(/\+.*/, '()')}`
  return {
    seen: `${report.what}: ${where}`,
    expected: 'no report of the kernel',
    read: USUAL_HEADING,
  }
}
