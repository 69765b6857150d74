/**
 * `vnet explore`: a fault at every packet, one in each run (packages/lab/docs/explore.md).
 */
import { closeSync, existsSync, fstatSync, ftruncateSync, writeFileSync } from 'node:fs'
import { basename } from 'node:path'
import { pathToFileURL } from 'node:url'
import { UsageError, withErrno } from 'vnet'
import { shellWord } from 'vnet/kit/base'
import {
  EXIT_FAILURE,
  EXIT_OK,
  endOf,
  fail,
  type Io,
  statusOf,
  type WithUndefined,
  withoutUndefined,
} from 'vnet/kit/cli'
import { checkRegular, findProgram, loadNative, openOutput } from 'vnet/kit/linux'
import { commandScenario } from '../explore/command-scenario.ts'
import { parseFault, parseKind } from '../explore/fault-text.ts'
import { type ExploreOptions, explore, type Failure, type Progress } from '../explore/index.ts'
import { pageOf } from '../explore/page.ts'
import { readLabFile } from '../file/read.ts'
import { mayReject } from '../model/index.ts'
import { LabUnavailableError } from '../model/rights.ts'
import { createLab } from '../network/create-lab.ts'
import { enterForLab } from '../run/enter-for-lab.ts'
import { exploredWorld, type WorldName } from '../world/world.ts'
import { isInside, realPlace } from './guest-file.ts'
import { hostOf } from './lab.ts'

/** The options of `explore` that the command line does not have. */
type OnlyOfModules = 'hit' | 'invariant' | 'signal' | 'onProgress'

export interface ExploreCliOptions extends WithUndefined<Omit<ExploreOptions, OnlyOfModules>> {
  /** A line for sh(1), which prints the names of hosts. */
  readonly hit: string | undefined
  readonly host: string | undefined
  readonly json: boolean | undefined
  readonly html: string | undefined
  readonly repeat: readonly string[] | undefined
}

interface Subject {
  readonly url: URL
  readonly seed: number | undefined
  /** The words around `--repeat FAULT` that repeat a failure of a command. */
  readonly again?: { readonly before: readonly string[]; readonly after: readonly string[] }
}

/** Where a command runs, and the line of `--hit`. */
interface CommandPlace {
  readonly host: string | undefined
  readonly hit: string | undefined
  /** Follows errors about a command that may be the value of an option without one. */
  readonly note: string
  /** Whether what the command prints is compared. */
  readonly compares: boolean | undefined
}

const SCRIPT = /\.[cm]?[jt]s$/
const MS_PER_S = 1000

/** Returns 1 if a run failed, 0 if every one passed; after a signal 128 plus its number. */
export async function exploreCommand(
  file: string | undefined,
  command: readonly string[],
  options: ExploreCliOptions,
  io: Io,
): Promise<number> {
  if (file === undefined) {
    throw new UsageError(
      'explore: missing argument FILE: a lab file or a scenario; or give --server and --client',
    )
  }
  return exploreFile(file, command, options, io)
}

async function exploreFile(
  path: string,
  command: readonly string[],
  { host, hit, json = false, html, repeat, ...options }: ExploreCliOptions,
  io: Io,
): Promise<number> {
  const note = json ? '; --json writes to standard output' : ''
  if (json && !existsSync(path)) throw new UsageError(`nothing called ${path}${note}`)
  const hasReport = json || html !== undefined
  const compares = options.compare
  const subject = (SCRIPT.test(path) ? scriptOf : commandOf)(path, command, {
    host,
    hit,
    note,
    compares,
  })
  if (repeat !== undefined && hasReport) {
    throw new UsageError(
      `${json ? '--json' : '--html'}: with --repeat there is one run, and no report`,
    )
  }
  const world = exploredWorld(options.world ?? (await ownWorldOf(subject))) ?? 'kernel'
  const missing = await whyUnavailable(world, path, io)
  if (missing !== undefined) return fail(io, missing)
  const { url, seed } = subject
  // A path that cannot be written is reported before the first run.
  const page =
    html === undefined
      ? undefined
      : { path: html, fd: openOutput(html, { keeps: true, mode: 0o666 }) }
  using end = endOf(io)
  const stop = new AbortController()
  end.asked.finally(() => stop.abort()).catch(() => {})
  const own = seed === undefined ? {} : { seed }
  const given = { ...own, ...withoutUndefined(options), world, signal: stop.signal } as const
  try {
    const status =
      repeat === undefined
        ? await exploreAll(
            subject,
            given,
            { json, page, title: titleOf(path, command), seed: options.seed },
            io,
          )
        : await repeatOnce(url, repeat, given, io)
    if (!stop.signal.aborted) return status
  } catch (error) {
    io.progress?.(undefined)
    if (!stop.signal.aborted) return failOf(error, io)
  } finally {
    if (page !== undefined) {
      closeSync(page.fd)
    }
  }
  const signal = await end.asked
  return signal === undefined ? EXIT_FAILURE : statusOf(null, signal)
}

/** Reports an error of a world that is missing. Throws any other. */
function failOf(error: unknown, io: Io): number {
  if (isUnavailable(error)) return fail(io, error.message)
  throw error
}

/**
 * Enters and tries a world, for a scenario at a path. Returns why no run can be in it, undefined if
 * runs can.
 */
export async function whyUnavailable(
  world: WorldName,
  path: string,
  io: Io,
): Promise<string | undefined> {
  if (io.own && world === 'kernel') {
    await enterForLab(loadNative())
  }
  try {
    // Without rights each run would fail.
    if (world === 'kernel') {
      await (await createLab({ world })).close()
    }
    if (world === 'guest') {
      await checkGuestFor(path)
    }
    return undefined
  } catch (error) {
    if (isUnavailable(error)) return error.message
    throw error
  }
}

/** Returns the world that a module exports in its options. */
async function ownWorldOf({ url, again }: Subject): Promise<WorldName | undefined> {
  if (again !== undefined) return undefined
  const { ModuleRunner } = await import('../explore/runners.ts')
  const { options } = await ModuleRunner.facts(url.href)
  return options.world
}

/** Whether a run has no lab or no guest. Only runs in guests load the module of their errors. */
const isUnavailable = (error: unknown): error is Error =>
  error instanceof LabUnavailableError ||
  (error instanceof Error && ['GuestSetupError', 'MachineEnded'].includes(error.name))

/** Rejects with a GuestSetupError without QEMU, and with a UsageError for a file elsewhere. */
async function checkGuestFor(path: string): Promise<void> {
  const { checkGuest } = await import('@vnet/guest/kit')
  checkGuest()
  if (!isInside(path, process.cwd())) {
    throw new UsageError(
      `${path}: not in the current directory, whose files the guest has: change to its directory`,
    )
  }
}

interface Output {
  readonly json: boolean
  readonly page: { readonly path: string; readonly fd: number } | undefined
  readonly title: string
  /** The seed of the command line. */
  readonly seed: number | undefined
}

async function exploreAll(
  subject: Subject,
  options: ExploreOptions,
  { json, page, title, seed }: Output,
  io: Io,
): Promise<number> {
  io.progress?.('running without faults')
  const onProgress = (progress: Progress) => io.progress?.(progressText(progress))
  const report = await explore(subject.url, { ...options, onProgress })
  io.progress?.(undefined)
  nameCommands(report.failures, subject, { ...options, seed })
  if (page !== undefined) {
    // The page of an earlier exploration remains if this one has no report.
    withErrno(['write', page.path], () => {
      if (fstatSync(page.fd).isFile()) {
        ftruncateSync(page.fd)
      }
      writeFileSync(page.fd, pageOf(report.toJSON(), title))
    })
  }
  io.out(`${json ? JSON.stringify(report) : report}\n`)
  return report.passed ? EXIT_OK : EXIT_FAILURE
}

function scriptOf(
  path: string,
  command: readonly string[],
  { host, hit, note }: CommandPlace,
): Subject {
  if (command.length > 0) throw new UsageError(`${path}: a scenario takes no command${note}`)
  if (host !== undefined) throw new UsageError('--host: there is no command')
  if (hit !== undefined) {
    throw new UsageError(`--hit: export \`hit\` from ${path}: a function of the lab`)
  }
  checkRegular(path)
  return { url: pathToFileURL(realPlace(path)), seed: undefined }
}

function commandOf(
  path: string,
  command: readonly string[],
  { host, hit, note, compares }: CommandPlace,
): Subject {
  const [program] = command
  if (program === undefined) {
    throw new UsageError(`${path}: the command to run in this lab is missing: -- COMMAND`)
  }
  const plan = readLabFile(path)
  const directories = (process.env.PATH ?? '/bin:/usr/bin').split(':').map(each => each || '.')
  if (findProgram(program, directories) === undefined) {
    throw new UsageError(`nothing called ${program}${note || ' that can be run'}`)
  }
  const { routers = {}, cables = {}, lans = {} } = plan.topology
  const links: { readonly capture?: boolean }[] = [routers, cables, lans].flatMap(each =>
    Object.values<object>(each),
  )
  if (links.some(({ capture }) => capture === true)) {
    throw new UsageError(
      `${path}: capture: explore records only runs that fail (--captures): remove it from the file`,
    )
  }
  const url = commandScenario({
    file: realPlace(path),
    host: hostOf(plan, host),
    command,
    hit,
    compares,
  })
  const given = Object.entries({ host, hit }).flatMap(([name, value]) =>
    value === undefined ? [] : [`--${name}`, value],
  )
  const before = ['vnet', 'explore', ...given, path]
  return { url, seed: plan.seed, again: { before, after: ['--', ...command] } }
}

function rtoOptions(rtoMin: number | string | false): string[] {
  return rtoMin === false ? ['--no-rto-min'] : ['--rto-min', `${rtoMin}ms`]
}

/** Gives failures of a command another command in place of a test. */
function nameCommands(
  failures: Failure[],
  { again }: Subject,
  {
    seed,
    rtoMin,
    world,
    compare,
    faults: kinds = [],
    strict = kinds.some(kind => parseKind(kind).verb === 'repair'),
  }: Pick<ExploreOptions, 'rtoMin' | 'world' | 'strict' | 'compare' | 'faults'> & {
    readonly seed: number | undefined
  },
): void {
  if (again === undefined) return
  const where = world === undefined || world === 'kernel' ? [] : ['--world', world]
  const rto = rtoMin === undefined ? [] : rtoOptions(rtoMin)
  const same = [...where, ...rto, ...(seed === undefined ? [] : ['--seed', String(seed)])]
  for (const [i, failure] of failures.entries()) {
    const faults = failure.faults.flatMap(fault => ['--repeat', fault])
    const isOpen = !strict && mayReject(failure.faults.map(parseFault))
    const limit = [
      '--timeout',
      `${Math.round(failure.limit)}ms`,
      ...(isOpen ? ['--no-strict'] : []),
      ...(compare === true ? ['--compare'] : []),
      ...same,
    ]
    failures[i] = {
      ...failure,
      test: [...again.before, ...faults, ...limit, ...again.after].map(shellWord).join(' '),
    }
  }
}

async function repeatOnce(
  url: URL,
  faults: readonly string[],
  options: ExploreOptions,
  io: Io,
): Promise<number> {
  try {
    const { repeatFaults } = await import('../explore/repeat.ts')
    const error = await repeatFaults(url, faults, options)
    io.out(error === undefined ? 'passed\n' : `error in time: ${error}\n`)
    return EXIT_OK
  } catch (error) {
    if (!(error instanceof Error) || error instanceof UsageError || options.signal?.aborted) {
      throw error
    }
    io.err(`vnet: ${error.message}\n`)
    return EXIT_FAILURE
  }
}

function titleOf(path: string, command: readonly string[]): string {
  return [basename(path), ...command.map(shellWord)].join(' ')
}

function progressText({ done, total, failed, left }: Progress): string {
  return `${done} of ${total} faults, ${failed} failed, ${Math.ceil(left / MS_PER_S)} s left`
}
