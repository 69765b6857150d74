/** `vnet guest`: runs a command in a guest, and reports its time. */
import { Buffer } from 'node:buffer'
import { rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { StringDecoder } from 'node:string_decoder'
import { explain, UsageError } from 'vnet'
import { printable } from 'vnet/kit/base'
import {
  EXIT_FAILURE,
  EXIT_OK,
  endOf,
  fail,
  failAll,
  type Io,
  statusOf,
  type WithUndefined,
  withoutUndefined,
} from 'vnet/kit/cli'
import { makeTemporaryDirectory } from 'vnet/kit/linux'
import { cacheDirectory } from '../cache.ts'
import {
  checkGuest,
  type GuestOptions,
  type GuestReport,
  runInGuest,
  runPair,
  runSeeds,
  type SeedRun,
} from '../guest.ts'
import { MachineEnded } from '../machine.ts'
import { firstDifference } from '../mail.ts'
import { GuestSetupError } from '../programs.ts'

/** The options of the command. */
export interface GuestCommandOptions
  extends WithUndefined<Pick<GuestOptions, 'seed' | 'date' | 'directory'>> {
  readonly verify: boolean | undefined
  /** Runs, with seeds one after the other. */
  readonly repeat: number | undefined
  readonly program: readonly string[] | undefined
  readonly file: readonly string[] | undefined
  /** `NAME=VALUE`, or `NAME` for the value that it has here. */
  readonly env: readonly string[] | undefined
  /** MiB. */
  readonly memory: number | undefined
}

/** What `vnet lab` adds for its run in a guest. */
type LabOptions = Pick<GuestOptions, 'reply' | 'onStops'>

/**
 * Runs the command. Returns its status, like a shell; 1 if no guest can run here, if the guest's
 * files could not all be written back, or if two runs differ.
 */
export async function guest(
  command: readonly string[],
  options: GuestCommandOptions,
  io: Io,
  ofLab: LabOptions = {},
): Promise<number> {
  const { verify = false, repeat, program = [], file = [], env = [], memory, ...rest } = options
  using end = endOf(io)
  const stop = new AbortController()
  end.asked.finally(() => stop.abort()).catch(() => {})
  const given: Omit<GuestOptions, 'onOutput'> = {
    ...withoutUndefined(rest),
    ...ofLab,
    ...(memory !== undefined && { memoryMb: memory }),
    env: variables(env),
    programs: program,
    files: file.map(path => resolve(path)),
    onMessage: line => io.err(`vnet: ${line}\n`),
    signal: stop.signal,
  }
  if (verify && repeat !== undefined) {
    throw new UsageError('--verify: a run of --repeat is repeated by its --seed')
  }
  const print = printTo(io)
  try {
    if (repeat !== undefined) return await runAll(command, repeat, given, io)
    const report = verify
      ? await runTwice(command, given, print, io)
      : await runInGuest(command, { ...given, onOutput: print })
    if (typeof report === 'number') return report
    io.err(`vnet: ${reportText(report)}\n`)
    if (report.lost > 0) return fail(io, lostText(report))
    if (report.failures.length > 0) return failAll(io, report.failures)
    return statusOf(report.status, report.signal)
  } catch (error) {
    if (stop.signal.aborted) {
      const signal = await end.asked
      return signal === undefined ? EXIT_FAILURE : statusOf(null, signal)
    }
    const message = explain(error as Error)
    const why = error instanceof MachineEnded ? `the guest has ended: ${message}` : message
    if (/no space left/i.test(why)) {
      return fail(
        io,
        `${why}: the files of guests are in ${cacheDirectory('guest')} and ${tmpdir()}`,
      )
    }
    if (error instanceof GuestSetupError || error instanceof MachineEnded) return fail(io, why)
    throw error
  }
}

const lostText = ({ lost }: GuestReport): string =>
  `${lost} bytes of output and files are lost: a guest has 1 GiB for them`

/** Returns a function that writes the output of a command. */
function printTo(io: Io): GuestOptions['onOutput'] {
  const { pass } = io
  // Its buffer is valid until the next read.
  if (pass !== undefined) return (stream, bytes) => pass(stream, Buffer.from(bytes))
  const decoders = { out: new StringDecoder(), err: new StringDecoder() }
  return (stream, bytes) => io[stream](decoders[stream].write(bytes))
}

/** Runs a command with several seeds. Returns 1 if a run failed. */
async function runAll(
  command: readonly string[],
  repeat: number,
  { seed = 1, ...options }: Omit<GuestOptions, 'onOutput'>,
  io: Io,
): Promise<number> {
  const failed: number[] = []
  const seeds = Array.from({ length: repeat }, (_, i) => seed + i)
  const start = performance.now()
  let done = 0
  const take = (run: SeedRun) => {
    done += 1
    const status = statusOf(run.status, run.signal)
    if (status !== 0 || run.lost > 0) {
      io.progress?.(undefined)
      if (failed.length === 0) {
        printTo(io)('out', run.output)
      }
      failed.push(run.seed)
      const how =
        run.lost > 0
          ? `: ${lostText(run)}`
          : ` with status ${status} after ${guestTime(run.guestNs)}`
      io.err(`vnet: seed ${run.seed} failed${how}\n`)
    }
    io.progress?.(`${done} of ${repeat} seeds, ${failed.length} failed`)
  }
  try {
    await runSeeds(command, seeds, options, take)
  } finally {
    // Ctrl-C keeps what was found.
    io.progress?.(undefined)
    const seconds = ((performance.now() - start) / 1000).toFixed(0)
    failed.sort((a, b) => a - b)
    const which = failed.length === 0 ? '' : `: ${failed.join(', ')}; each fails again with --seed`
    io.err(`vnet: ${failed.length} of ${done} runs failed, in ${seconds} s${which}\n`)
  }
  return failed.length === 0 ? EXIT_OK : EXIT_FAILURE
}

/** Runs a command twice, and prints what the first run writes. Returns 1 if the runs differ. */
async function runTwice(
  command: readonly string[],
  options: Omit<GuestOptions, 'onOutput'>,
  onOutput: GuestOptions['onOutput'],
  io: Io,
): Promise<GuestReport | number> {
  // prepareGuest checks, too, but only after the directory is made.
  checkGuest()
  const directory = makeTemporaryDirectory('vnet-verify-')
  const [one, other] = ['one', 'other'].map(name => join(directory, name)) as [string, string]
  try {
    const [first, second] = await runPair(command, { ...options, onOutput }, [one, other])
    if (first.digest === second.digest) {
      io.err(`vnet: both runs are the same, with sha256 ${first.digest}\n`)
      return second
    }
    return fail(io, `the runs differ: ${firstDifference(one, other)}`)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

/** Returns variables with their values. Throws a UsageError for one that this process lacks. */
function variables(entries: readonly string[]): Record<string, string> {
  const pairs = entries.map(entry => {
    const [, name = entry, value] = /^([^=]+)=(.*)$/s.exec(entry) ?? []
    if (name === '' || name.startsWith('=')) {
      throw new UsageError(`--env '${entry}': no name: give NAME or NAME=VALUE`)
    }
    const found = value ?? process.env[name]
    if (found === undefined) {
      throw new UsageError(
        `--env ${name}: there is no such variable: give its value, ${name}=VALUE`,
      )
    }
    return [name, found]
  })
  return Object.fromEntries(pairs)
}

const NS_PER_S = 1e9
const MS_PER_S = 1000
const UNITS = { d: 86_400, h: 3600, min: 60 }
/** Programs that are named. */
const NAMED = 4
/** Digits of the digest: enough to see that a run is the same. */
const DIGEST_SHOWN = 16

/** `2 h 0.32 s`. */
export function guestTime(ns: number): string {
  const parts: string[] = []
  let rest = ns / NS_PER_S
  for (const [unit, seconds] of Object.entries(UNITS)) {
    const whole = Math.floor(rest / seconds)
    if (whole > 0) {
      parts.push(`${whole} ${unit}`)
    }
    rest -= whole * seconds
  }
  return [...parts, `${rest.toFixed(2)} s`].join(' ')
}

/**
 * Returns `2 h 0.32 s in the guest, 1.41 s here; busy 0.36 s: node 0.30 s; sha256 ...`. If the run
 * took at least twice as long here, the text says how many times.
 */
export function reportText({ guestNs, wallMs, usage, digest }: GuestReport): string {
  const busy = usage.reduce((sum, { ns }) => sum + ns, 0)
  const seconds = (ns: number) => `${(ns / NS_PER_S).toFixed(2)} s`
  const named = usage.slice(0, NAMED).map(({ name, ns }) => `${printable(name)} ${seconds(ns)}`)
  const ratio = ((wallMs / MS_PER_S) * NS_PER_S) / guestNs
  const speed = ratio >= 2 ? `, ${ratio.toFixed(0)} times slower` : ''
  const here = `${(wallMs / MS_PER_S).toFixed(2)} s here${speed}`
  const bytes = `sha256 ${digest.slice(0, DIGEST_SHOWN)}`
  return `${guestTime(guestNs)} in the guest, ${here}; busy ${seconds(busy)}: ${named.join(', ')}; ${bytes}`
}
