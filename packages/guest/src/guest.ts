/** Runs a command of this machine in a guest, with its programs and its directory. */
import type { Buffer } from 'node:buffer'
import { realpathSync } from 'node:fs'
import { homedir } from 'node:os'
import { join, relative, resolve } from 'node:path'
import { builtFile } from 'vnet/internal/linux/native'
import { baseImage, directoryImage, guestPath } from './image/index.ts'
import { findKernel, type Kernel } from './kernel.ts'
import type { MailRecord } from './mail.ts'
import { neededPrograms, rememberProgram } from './needed-programs.ts'
import { GuestSetupError, missingPrograms } from './programs.ts'
import { Results } from './results.ts'
import {
  type GuestEnd,
  type GuestImages,
  type GuestJob,
  GuestRun,
  jobText,
  ProgramMissing,
  replyText,
  runJob,
} from './run.ts'
import { bootSnapshot, type Snapshot, stageSnapshot } from './snapshot.ts'

/** Where the time of a guest starts if nothing else is said. */
export const USUAL_DATE = Date.UTC(2026, 0, 1)
export const USUAL_MEMORY_MB = 1024
const USUAL_SEED = 1

export interface GuestOptions {
  /** All random numbers in the guest follow from it (1). */
  readonly seed?: number
  /** The time of day at the start, milliseconds since 1970. */
  readonly date?: number
  readonly memoryMb?: number
  /** The directory whose files the guest has (the current one). Changed files come back. */
  readonly directory?: string
  /** Variables beside PATH, HOME and LANG. */
  readonly env?: Readonly<Record<string, string>>
  /** Names in PATH, or paths, of programs that the guest shall have from the start. */
  readonly programs?: readonly string[]
  /** Absolute paths of other files that the guest shall have. */
  readonly files?: readonly string[]
  /** Called with what the command writes. */
  readonly onOutput: (stream: 'out' | 'err', text: Buffer) => void
  /** Called with a line about what is prepared. */
  readonly onMessage: (line: string) => void
  readonly signal?: AbortSignal
  /** Changed files are not written to the directory. */
  readonly discards?: boolean
  /** Gets all records of the guest, to compare them with another run's. */
  readonly records?: string
  /**
   * The command stops the machine once. So far it is the same in all runs, with the usual seed:
   * each continues from a snapshot, with this reply and its own seed.
   */
  readonly reply?: string
}

export interface GuestReport extends GuestEnd {
  /** The changed files of the directory, as paths in it. */
  readonly files: readonly string[]
}

/** What a machine needs that is the same for each run. */
export interface Prepared {
  readonly snapshot: Snapshot
  readonly images: GuestImages
  readonly job: GuestJob
}

/** Throws a GuestSetupError, a line that says what to do, if no guest can run here. */
export function checkGuest(): void {
  if (process.arch !== 'x64') throw new GuestSetupError(`virtual time needs an x86-64 machine, this is ${process.arch}`)
  const missing = missingPrograms('virtual time', {
    'qemu-system-x86_64': 'qemu-system-x86',
    mksquashfs: 'squashfs-tools',
  })
  if (missing !== undefined) throw new GuestSetupError(missing)
}

/**
 * Runs a command to its end. A program that the image lacks is added, remembered for the directory,
 * and the run starts again. Rejects with a GuestSetupError, a MachineEnded, or the signal's reason.
 */
export async function runInGuest(command: readonly string[], options: GuestOptions): Promise<GuestReport> {
  checkGuest()
  const directory = realpathSync(resolve(options.directory ?? '.'))
  const kernel = findKernel(options.onMessage)
  for (;;) {
    const prepared = await prepare(command, directory, kernel, options)
    const results = new Results(options.discards ? undefined : directory)
    const take = (record: MailRecord) => {
      if (record.kind === 'o' || record.kind === 'e') {
        options.onOutput(record.kind === 'o' ? 'out' : 'err', record.content)
      } else results.take(record)
    }
    try {
      const end = await runPrepared(prepared, take, options)
      return { ...end, files: results.files }
    } catch (error) {
      if (!(error instanceof ProgramMissing)) throw error
      rememberProgram(directory, error.program)
      options.onMessage(`the guest gets ${error.program}, and starts again`)
    } finally {
      results.close()
    }
  }
}

async function runPrepared(
  { snapshot, images, job }: Prepared,
  take: (record: MailRecord) => void,
  { reply, onMessage, ...options }: GuestOptions,
): Promise<GuestEnd> {
  if (reply === undefined) return await runJob(snapshot, images, jobText(job), take, options)
  const message = jobText({ ...job, seed: USUAL_SEED })
  const key = [snapshot.ram, images.image, images.project, message].join('\n')
  const stage = await stageSnapshot(key, snapshot.memoryMb, async directory => {
    onMessage('bringing it up in the guest, once')
    const run = new GuestRun(snapshot, images, message, true)
    try {
      const { end } = await run.next(take, options.signal)
      if (end === undefined) run.save(directory)
      return end
    } finally {
      await run.close()
    }
  })
  if ('end' in stage) return stage.end
  return await runJob(stage, images, replyText(reply, job.seed), take, options)
}

async function prepare(
  command: readonly string[],
  directory: string,
  kernel: Kernel,
  options: GuestOptions,
): Promise<Prepared> {
  const { seed = USUAL_SEED, date = USUAL_DATE, env, memoryMb = USUAL_MEMORY_MB, programs = [], files = [] } = options
  const [program = ''] = command
  const isOther = program.includes('/') && !isBelow(resolve(program), directory)
  const needed = [...programs, ...neededPrograms(directory), ...(isOther ? [program] : [])]
  const init = builtFile('vnet-guest', 'the init of guests')
  const snapshot = await bootSnapshot(kernel, memoryMb, options.onMessage)
  const image = await baseImage({ programs: needed, files, init, kernel, directory })
  const project = await directoryImage(directory)
  // Whether npm starts vnet makes no difference.
  const path = [join(directory, 'node_modules/.bin'), ...guestPath().filter(each => !each.includes('/node_modules'))]
  const variables = { PATH: path.join(':'), HOME: homedir(), LANG: 'C.UTF-8', VNET_GUEST: '1', ...env }
  const cwd = isBelow(process.cwd(), directory) ? process.cwd() : directory
  return { snapshot, images: { image, project }, job: { command, seed, date, env: variables, directory, cwd } }
}

const isBelow = (path: string, directory: string): boolean => !/^\.\.(\/|$)/.test(relative(directory, path))
