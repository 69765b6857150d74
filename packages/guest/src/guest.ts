/** Runs a command of this machine in a guest, with its programs and its directory. */
import type { Buffer } from 'node:buffer'
import { realpathSync, statSync } from 'node:fs'
import { availableParallelism, homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { attempt, UsageError } from 'vnet'
import { printable, shellWord } from 'vnet/kit/base'
import {
  builtFile,
  findProgram,
  GUEST_PROGRAMS,
  missingPrograms,
  notX64,
  searchPath,
  whyNotLinux,
} from 'vnet/kit/linux'
import { neededPrograms, rememberProgram } from './cache.ts'
import { baseImage, directoryImage, guestPath } from './image/index.ts'
import { findKernel } from './kernel.ts'
import type { MailRecord } from './mail.ts'
import { LastOutput, type OnOutput, takeOutput, trialOutput } from './output.ts'
import { GuestSetupError, isBelow } from './programs.ts'
import { Results } from './results.ts'
import {
  type GuestEnd,
  type GuestImages,
  GuestRun,
  jobText,
  type OnGuestStop,
  ProgramMissing,
  replyText,
  runJob,
} from './run.ts'
import { bootSnapshot, type Snapshot, stageSnapshot } from './snapshot.ts'

/** Where the time of a guest starts if nothing else is said. */
const USUAL_DATE = Date.UTC(2026, 0, 1)
const USUAL_MEMORY_MB = 1024
const USUAL_SEED = 1

/**
 * The environment of a command in a guest. Every run with equal values, images and QEMU is the
 * same.
 */
export interface GuestOptions {
  /** All random numbers in the guest follow from it (1). */
  readonly seed?: number
  /** The time of day at the start, milliseconds since 1970. */
  readonly date?: number
  /** The machine's RAM in MiB (1024). */
  readonly memoryMb?: number
  /** The directory that the guest gets (the current one). Changed files come back. */
  readonly directory?: string
  /** Variables beside PATH, HOME and LANG. */
  readonly env?: Readonly<Record<string, string>>
  /** Names in PATH, or paths, of programs that the guest shall have from the start. */
  readonly programs?: readonly string[]
  /** Absolute paths of other files that the guest shall have. */
  readonly files?: readonly string[]
  /** Called with the output of the command, in order. */
  readonly onOutput: OnOutput
  /** Called with a line about what is prepared. */
  readonly onMessage: (line: string) => void
  /** Ends the machine; the run then rejects with the signal's reason. */
  readonly signal?: AbortSignal
  /** Changed files are not written to the directory. */
  readonly discards?: boolean
  /** Gets all records of the guest, to compare them with another run's. */
  readonly records?: string
  /**
   * The command stops the machine once. Up to this stop, all runs are the same and have seed 1.
   * Each continues from a snapshot, with its own seed and this reply.
   */
  readonly reply?: (seed: number) => string
  /** Returns, for a run, what replies to its later stops. Without it, they are errors. */
  readonly onStops?: () => OnGuestStop
}

/** The end of a command, and the files that it has changed. */
export interface GuestReport extends GuestEnd {
  /** The changed files of the directory, as paths in it. */
  readonly files: readonly string[]
  /** A line for each file that could not be written back. */
  readonly failures: readonly string[]
}

/** The parts of a machine that are the same for each run. */
export interface Prepared {
  readonly snapshot: Snapshot
  readonly images: GuestImages
  /** Returns what continues the snapshot with a seed. */
  readonly message: (seed: number) => Uint8Array
  readonly directory: string
  /** The end of a command that ended before it stopped the machine. */
  readonly end?: GuestEnd
}

/** Throws a GuestSetupError, a line that says what to do, if no guest can run here. */
export function checkGuest(): void {
  const why = whyNotLinux()
  if (why !== undefined) throw new GuestSetupError(why)
  if (process.arch !== 'x64') throw new GuestSetupError(notX64('virtual time', process.arch))
  const missing = missingPrograms('virtual time', GUEST_PROGRAMS)
  if (missing !== undefined) throw new GuestSetupError(missing)
}

/**
 * Runs a command to its end. A program that the image lacks is added, remembered for the directory,
 * and the run starts again. Rejects with a GuestSetupError, a MachineEnded, or the signal's reason.
 */
export function runInGuest(
  command: readonly string[],
  options: GuestOptions,
): Promise<GuestReport> {
  const { seed = USUAL_SEED } = options
  return withPrograms(command, options, (prepared, own) => runOnce(prepared, seed, own))
}

/** Runs a command twice at the same time. Changed files of the second run are written back. */
export function runPair(
  command: readonly string[],
  options: Omit<GuestOptions, 'records' | 'discards'>,
  [one, other]: readonly [string, string],
): Promise<[GuestReport, GuestReport]> {
  const { seed = USUAL_SEED } = options
  return withPrograms(command, options, async (prepared, own) => {
    const first = runOnce(prepared, seed, { ...own, records: one, discards: true })
    const second = runOnce(prepared, seed, { ...own, records: other, onOutput: () => {} })
    await Promise.allSettled([first, second])
    return Promise.all([first, second])
  })
}

/** A run of several that differ in their seeds. */
export interface SeedRun extends GuestReport {
  readonly seed: number
  /** The end of the output, of both streams. */
  readonly output: Buffer
}

/** Bytes of the output of a run that are kept. */
const OUTPUT_KEPT = 1 << 16

/**
 * Runs a command with each seed of a list, as many at a time as there are cores. `onRun` is called
 * after each run; only once if the command ends before it stops the machine. Changed files are
 * discarded.
 */
export function runSeeds(
  command: readonly string[],
  seeds: readonly number[],
  options: Omit<GuestOptions, 'onOutput' | 'seed' | 'records'>,
  onRun: (run: SeedRun) => void,
): Promise<void> {
  const left = [...seeds]
  const before = new LastOutput(OUTPUT_KEPT)
  return withPrograms(command, { ...options, onOutput: before.take }, async prepared => {
    if (prepared.end !== undefined) {
      left.splice(1)
    }
    let hasFailed = false
    const work = async (): Promise<void> => {
      for (
        let seed = left.shift();
        seed !== undefined;
        seed = hasFailed ? undefined : left.shift()
      ) {
        const output = prepared.end === undefined ? new LastOutput(OUTPUT_KEPT) : before
        try {
          const report = await runOnce(prepared, seed, {
            ...options,
            onOutput: output.take,
            discards: true,
          })
          onRun({ ...report, seed, output: output.bytes })
        } catch (error) {
          // For the runs with a program that was missing.
          left.push(seed)
          hasFailed = true
          throw error
        }
      }
    }
    const works = Array.from({ length: availableParallelism() }, work)
    await Promise.allSettled(works)
    await Promise.all(works)
  })
}

/**
 * Prepares a guest and calls `run`, again and again until the image has all programs that the guest
 * asks for. `run` gets the options with an `onOutput` that leaves out what the runs before have
 * written.
 */
async function withPrograms<Result>(
  command: readonly string[],
  options: GuestOptions,
  run: (prepared: Prepared, options: GuestOptions) => Promise<Result>,
): Promise<Result> {
  const added = new Set<string>()
  const output = trialOutput(options.onOutput, options.onMessage)
  const own: GuestOptions = { ...options, onOutput: (stream, text) => output.take(stream, text) }
  for (;;) {
    try {
      return await run(await prepareGuest(command, own), own)
    } catch (error) {
      addProgram(error, added, options)
      output.restart()
    }
  }
}

/** Remembers the program of a ProgramMissing for the directory. Throws any other error. */
export function addProgram(
  error: unknown,
  added: Set<string>,
  options: Pick<GuestOptions, 'directory' | 'onMessage'>,
): void {
  if (!(error instanceof ProgramMissing)) throw error
  const { program } = error
  if (!isOffered(program)) {
    const [named, word] = [printable(program), shellWord(program)]
    throw new GuestSetupError(
      `the guest asks for ${named}, which is not in PATH: give it by --program ${word}, or not`,
    )
  }
  if (added.has(program)) {
    throw new GuestSetupError(`the guest cannot have ${program}: is its file readable?`)
  }
  added.add(program)
  rememberProgram(directoryOf(options), program)
  options.onMessage(`the guest gets ${program}, and starts again`)
}

/** Directories that only root changes. */
const OF_SYSTEM = ['/usr', '/bin', '/sbin', '/lib', '/lib64']

/**
 * Whether a guest gets a program that it asks for: a program of PATH, or of the packages of the
 * system. Any program in the guest can ask, also for files that only this user can read.
 */
function isOffered(program: string): boolean {
  if (/\p{Cc}/u.test(program)) return false
  const path = findProgram(program)
  return (
    path === undefined ||
    [...searchPath(), ...OF_SYSTEM].some(directory => isBelow(path, directory))
  )
}

/** Returns the real path of the guest's directory. Throws a UsageError if it is not a directory. */
function directoryOf({ directory = '.' }: Pick<GuestOptions, 'directory'>): string {
  const path = attempt(() => realpathSync(resolve(directory)))
  if (path === undefined || !statSync(path).isDirectory()) {
    throw new UsageError(`${directory}: the guest needs an existing directory`)
  }
  return path
}

async function runOnce(
  { snapshot, images, message, directory, end }: Prepared,
  seed: number,
  options: GuestOptions,
): Promise<GuestReport> {
  if (end !== undefined) return { ...end, files: [], failures: [] }
  const results = new Results(options.discards ? undefined : directory)
  const take = (record: MailRecord) => {
    if (!takeOutput(record, options.onOutput)) {
      results.take(record)
    }
  }
  try {
    const ended = await runJob(snapshot, images, message(seed), take, options)
    results.close()
    const { files, failures, repositories } = results
    for (const at of repositories) {
      options.onMessage(
        `the guest has changed a Git repository in ${at}: look at its config before you use git there`,
      )
    }
    return { ...ended, files, failures }
  } finally {
    results.close()
  }
}

/** Returns the guest after its command has stopped the machine, or its end if it ended before. */
async function stageOf(prepared: Prepared, options: GuestOptions): Promise<Prepared> {
  const { reply, onMessage, signal } = options
  if (reply === undefined) return prepared
  const { images, snapshot } = prepared
  const message = prepared.message(USUAL_SEED)
  const key = [snapshot.ram, images.image, images.project, message].join('\n')
  const stage = await stageSnapshot(key, snapshot.memoryMb, async directory => {
    onMessage('bringing it up in the guest, once')
    const staged = new GuestRun(snapshot, images, message, true)
    try {
      const { end } = await staged.next(record => takeOutput(record, options.onOutput), signal)
      if (end === undefined) {
        staged.save(directory)
      }
      return end
    } finally {
      await staged.close()
    }
  })
  if ('end' in stage) return { ...prepared, end: stage.end }
  return { ...prepared, snapshot: stage, message: seed => replyText(reply(seed), seed) }
}

/** Rejects with a GuestSetupError, and with a ProgramMissing if the command stops first. */
export async function prepareGuest(
  command: readonly string[],
  options: GuestOptions,
): Promise<Prepared> {
  const directory = directoryOf(options)
  checkGuest()
  const kernel = findKernel(options.onMessage)
  const { date = USUAL_DATE, env, memoryMb = USUAL_MEMORY_MB, programs = [], files = [] } = options
  const [program = ''] = command
  const isOther = program.includes('/') && !isBelow(resolve(program), directory)
  const needed = [...programs, ...neededPrograms(directory), ...(isOther ? [program] : [])]
  const init = builtFile('vnet-guest', 'the init of guests')
  const snapshot = await bootSnapshot(kernel, memoryMb, options.onMessage)
  const image = await baseImage(
    { programs: needed, files, init, kernel, directory },
    options.onMessage,
  )
  const project = await directoryImage(directory)
  // Whether npm starts vnet makes no difference.
  const path = [
    join(directory, 'node_modules/.bin'),
    ...guestPath().filter(each => !each.includes('/node_modules')),
  ]
  const variables = {
    PATH: path.join(':'),
    HOME: homedir(),
    LANG: 'C.UTF-8',
    VNET_GUEST: '1',
    ...env,
  }
  const cwd = isBelow(process.cwd(), directory) ? process.cwd() : directory
  const job = { command, date, env: variables, directory, cwd }
  const images = { image, project }
  const message = (seed: number) => jobText({ ...job, seed })
  return await stageOf({ snapshot, images, message, directory }, options)
}
