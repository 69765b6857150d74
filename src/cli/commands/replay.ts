/** `vnet replay`: plays a capture to an interface, or to a running vnet. */

import { NSEC_PER_SEC } from '../../base/clock.ts'
import { reasonOf, VnetError } from '../../base/errno.ts'
import { UsageError } from '../../base/usage-error.ts'
import { CaptureError } from '../../capture/error.ts'
import { listed } from '../../control/client/find.ts'
import { TimerfdClock } from '../../linux/clock.ts'
import { loadNative, type Native } from '../../linux/native.ts'
import { interfaceArg } from '../../netdev/driver.ts'
import { ETH_DATA_LEN } from '../../netdev/if.ts'
import { AddressMap, type AddressMapping } from '../../packet/rewrite.ts'
import { askInterface, fail } from '../ask.ts'
import { EXIT_OK, endOf, type Io } from '../io.ts'
import { ReplayCounts } from '../replay/counts.ts'
import { Injector } from '../replay/injector.ts'
import { ReplayInput } from '../replay/input.ts'
import type { Speed } from '../replay/pace.ts'
import { Player } from '../replay/player.ts'
import { progressLine } from '../replay/progress.ts'
import type { DIRECTIONS } from '../replay/selection.ts'
import { openSender } from '../replay/sender.ts'
import type { FrameSink } from '../replay/sink.ts'

interface ReplayOptions {
  readonly to?: string
  readonly receive?: string
  readonly multiplier?: number
  readonly mbps?: number
  readonly pps?: number
  readonly topspeed?: boolean
  readonly loop?: number
  readonly limit?: number
  readonly map?: readonly AddressMapping[]
  readonly interface?: string
  readonly direction?: (typeof DIRECTIONS)[number]
  readonly json?: boolean
}

/** Milliseconds between two updates of the progress. */
const PROGRESS_MS = 200

/** Plays `file`, which may be `-`. Returns the exit status. */
export async function replay(file: string, options: ReplayOptions, io: Io): Promise<number> {
  const { to, receive, loop = 1 } = options
  const name = to ?? receive
  using input = new ReplayInput(file)
  if (name === undefined) throw new UsageError('replay: name an interface by --to or --receive')
  interfaceArg(name)
  if (loop !== 1 && !input.repeats) throw new UsageError(`--loop ${loop}: ${input.name} can be read only once`)
  const native = loadNative()
  if (to !== undefined) {
    const counts = new ReplayCounts()
    await using sink = openSender(native, to, counts)
    return await play(native, input, sink, counts, options, io)
  }
  let status = EXIT_OK
  const found = await askInterface(name, io, async (client, device) => {
    const counts = new ReplayCounts()
    await using sink = new Injector(client, device, device.mtu ?? ETH_DATA_LEN, counts)
    status = await play(native, input, sink, counts, options, io)
  })
  return found === EXIT_OK ? status : found
}

async function play(
  native: Native,
  input: ReplayInput,
  sink: FrameSink,
  counts: ReplayCounts,
  options: ReplayOptions,
  io: Io,
): Promise<number> {
  const { loop = 1, limit = Number.POSITIVE_INFINITY, map, interface: name, direction } = options
  await using clock = new TimerfdClock(native)
  const addresses = map && new AddressMap(map)
  const selection = { interface: name, direction }
  const player = new Player({ clock, sink, counts, speed: speedOf(options), selection, addresses, limit })
  const start = clock.now()
  const seconds = () => (clock.now() - start) / NSEC_PER_SEC
  const size = input.size === undefined || loop === 0 ? undefined : loop * input.size
  // The interval keeps the process alive, which the clock does not.
  const shown = setInterval(() => {
    io.progress?.(progressLine({ read: player.read, size, frames: player.taken, limit, seconds: seconds() }))
  }, PROGRESS_MS)
  using end = endOf(io)
  const ended = end.asked.then(() => player.stop())
  let problem: Error | undefined
  try {
    await Promise.race([repeat(player, input, loop, sink), ended])
    const isMissing = name !== undefined && !player.isOver && !player.interfaces.has(name)
    if (isMissing) problem = new Error(`${input.name}: ${noneOf(name, [...player.interfaces])}`)
  } catch (error) {
    const isExpected = error instanceof CaptureError || error instanceof VnetError || isFileError(error)
    if (!isExpected) throw error
    problem = error
  } finally {
    player.stop()
    clearInterval(shown)
    io.progress?.(undefined)
  }
  const lines = options.json ? [JSON.stringify(counts.json(seconds()))] : counts.summary(seconds())
  for (const line of lines) io.out(`${line}\n`)
  if (problem === undefined) return EXIT_OK
  return fail(io, isFileError(problem) ? `${input.name}: ${reasonOf(problem)}` : problem)
}

/**
 * Plays the capture `loop` times, 0 for endlessly, or until it is over or has no frames to play.
 */
async function repeat(player: Player, input: ReplayInput, loop: number, sink: FrameSink): Promise<void> {
  try {
    for (let pass = 0; (loop === 0 || pass < loop) && !player.isOver; pass++) {
      const before = player.taken
      await player.play(input.name, input.chunks())
      if (player.taken === before) break
    }
  } finally {
    // Frames played before an error are sent, too.
    await sink.drained()
  }
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

function speedOf({ multiplier = 1, mbps, pps, topspeed }: ReplayOptions): Speed {
  if (topspeed) return 'top'
  if (mbps !== undefined) return { bitsPerSecond: mbps * 1e6 }
  return pps === undefined ? { factor: multiplier } : { framesPerSecond: pps }
}
