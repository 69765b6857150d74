/** `vnet replay`: plays a capture to an interface of a running vnet. */
import { listed, NSEC_PER_SEC, reasonOf, UsageError, VnetError } from '../../base/index.ts'
import { CaptureError } from '../../capture/input.ts'
import { loadNative, type Native, TimerfdClock } from '../../linux/index.ts'
import { ETH_DATA_LEN, interfaceArg } from '../../netdev/if.ts'
import { askInterface, fail } from '../ask.ts'
import { EXIT_OK, endOf, type Io } from '../process/io.ts'
import { ReplayCounts } from '../replay/counts.ts'
import { Injector } from '../replay/injector.ts'
import { ReplayInput } from '../replay/input.ts'
import { Player } from '../replay/player.ts'
import type { DIRECTIONS } from '../replay/selection.ts'

interface ReplayOptions {
  readonly receive: string | undefined
  readonly limit: number | undefined
  readonly pps: number | undefined
  readonly interface: string | undefined
  readonly direction: (typeof DIRECTIONS)[number] | undefined
  readonly json: boolean | undefined
}

/** Milliseconds between two updates of the progress. */
const PROGRESS_MS = 200

/** Plays `file`, which may be `-`. Returns the exit status. */
export async function replay(file: string, options: ReplayOptions, io: Io): Promise<number> {
  const { receive } = options
  using input = new ReplayInput(file)
  if (receive === undefined) throw new UsageError('replay: name an interface by --receive')
  interfaceArg(receive)
  const native = loadNative()
  let status = EXIT_OK
  const found = await askInterface(receive, io, async (client, device) => {
    const counts = new ReplayCounts()
    const sink = new Injector(client, device, device.mtu ?? ETH_DATA_LEN, counts)
    status = await play(native, input, sink, counts, options, io)
  })
  return found === EXIT_OK ? status : found
}

async function play(
  native: Native,
  input: ReplayInput,
  sink: Injector,
  counts: ReplayCounts,
  options: ReplayOptions,
  io: Io,
): Promise<number> {
  const { limit = Number.POSITIVE_INFINITY, pps, interface: name, direction } = options
  await using clock = new TimerfdClock(native)
  const selection = { interface: name, direction }
  const player = new Player({ clock, sink, counts, selection, limit, pps })
  const start = clock.now()
  const seconds = () => (clock.now() - start) / NSEC_PER_SEC
  // The interval keeps the process alive, which the clock does not.
  const shown = setInterval(() => {
    const { read, taken: frames } = player
    io.progress?.(progressLine({ read, size: input.size, frames, limit, seconds: seconds() }))
  }, PROGRESS_MS)
  using end = endOf(io)
  let isAsked = false
  const ended = end.asked.then(() => {
    isAsked = true
    player.stop()
  })
  let problem: Error | undefined
  try {
    // Frames played before an error are sent, too.
    const played = player.play(input.name, input.chunks()).finally(() => sink.drained())
    await Promise.race([played, ended])
    const isMissing = name !== undefined && !player.isOver && !player.interfaces.has(name)
    if (isMissing) {
      problem = new Error(`${input.name}: ${noneOf(name, [...player.interfaces])}`)
    }
  } catch (error) {
    const isExpected =
      error instanceof CaptureError || error instanceof VnetError || isFileError(error)
    if (!isExpected) throw error
    problem = error
  } finally {
    player.stop()
    clearInterval(shown)
    io.progress?.(undefined)
  }
  const lines = options.json ? [JSON.stringify(counts.json(seconds()))] : counts.summary(seconds())
  for (const line of lines) {
    io.out(`${line}\n`)
  }
  if (problem === undefined && counts.sent === 0 && !isAsked) {
    problem = new Error(nothingOf(input.name, counts))
  }
  if (problem === undefined) return EXIT_OK
  return fail(io, isFileError(problem) ? `${input.name}: ${reasonOf(problem)}` : problem)
}

/** Says why no frame was sent. */
export function nothingOf(name: string, { failed, skipped }: ReplayCounts): string {
  if (failed.total + skipped.total === 0) {
    return `${name}: no frame was sent: the capture has no packets`
  }
  const [reasons, rest] =
    failed.total > 0 ? [failed, 'no frame was taken'] : [skipped, 'no packet can be played']
  return `${name}: no frame was sent: ${rest}: ${reasons.text}`
}

/** Says that no packet is of the interface `name`, but of these. */
function noneOf(name: string, interfaces: readonly string[]): string {
  const none = `no packet is of an interface called ${name}`
  if (interfaces.length === 0) return `${none}; the packets name no interface`
  return `${none}; there are packets of ${listed(interfaces)}`
}

/** Whether this is an error of reading the file: an error of Node's with a code. */
function isFileError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && !(error instanceof VnetError) && 'syscall' in error
}

/** The state of a replay, for its progress line and its last line. */
export interface ReplayProgress {
  /** Bytes of the capture that were read, and its size if that is known. */
  readonly read: number
  readonly size: number | undefined
  readonly frames: number
  /** The most frames that are played. */
  readonly limit: number
  readonly seconds: number
}

const BAR = 20
const MB = 1e6
const GB = 1e9

/**
 * Returns ` 45% [=========>          ] 4.5/10.0 GB, 1234567 frames, 251000/s, 0:12 left`; without
 * the bar and the time if the length is unknown.
 */
export function progressLine({ read, size, frames, limit, seconds }: ReplayProgress): string {
  const unit = (size ?? read) < GB ? 'MB' : 'GB'
  const units = (n: number) => (n / (unit === 'MB' ? MB : GB)).toFixed(1)
  const bytes = `${units(read)}${size === undefined ? '' : `/${units(size)}`} ${unit}`
  const rate = `${bytes}, ${frames} frames, ${seconds > 0 ? Math.round(frames / seconds) : 0}/s`
  if (size === undefined && limit === Number.POSITIVE_INFINITY) return rate
  const part = Math.min(1, Math.max(size ? read / size : 0, frames / limit))
  const full = Math.floor(part * BAR)
  const bar = `${'='.repeat(full)}${full < BAR ? '>' : ''}`.padEnd(BAR)
  const left = part > 0 ? `, ${duration((seconds * (1 - part)) / part)} left` : ''
  return `${String(Math.floor(part * 100)).padStart(3)}% [${bar}] ${rate}${left}`
}

/** Returns `1:05` or `2:01:05`. */
function duration(seconds: number): string {
  const s = Math.ceil(seconds)
  const [h, m] = [Math.floor(s / 3600), Math.floor(s / 60) % 60]
  const two = (n: number) => String(n).padStart(2, '0')
  return h > 0 ? `${h}:${two(m)}:${two(s % 60)}` : `${m}:${two(s % 60)}`
}
