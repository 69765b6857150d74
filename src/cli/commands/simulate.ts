/** `vnet simulate`: runs a capture, or the arrivals of a log, through wires in virtual time. */
import { setImmediate } from 'node:timers/promises'
import { describeException } from '../../base/exception.ts'
import { printable } from '../../base/printable.ts'
import { UsageError } from '../../base/usage-error.ts'
import { CaptureError } from '../../capture/error.ts'
import { FRAME_MAX } from '../../skb/pool.ts'
import { DecisionFile } from '../../wire/decision-file.node.ts'
import { DecisionFileError } from '../../wire/decision-reader.ts'
import { parseWire } from '../../wire/parse.ts'
import { Simulation } from '../../wire/simulation.ts'
import type { Direction } from '../../wire/wire.ts'
import { LinuxWireResources } from '../../wire/wire-resources.node.ts'
import { EXIT_FAILURE, EXIT_OK, type Io } from '../io.ts'
import { ReplayInput } from '../replay/input.ts'
import { type Arrivals, type Begin, CapturedArrivals, LoggedArrivals } from '../simulation-arrivals.ts'
import { attempt, SimulationOutput } from '../simulation-files.ts'
import { stageDrops } from '../wire-stages.ts'
import { wireTable } from './wire.ts'

interface SimulateOptions {
  readonly wire?: string
  readonly wireAb?: string
  readonly wireBa?: string
  readonly seed?: number
  readonly out?: string
  readonly log?: string
  readonly json?: boolean
}

const DEFAULT_SEED = 1
/** The first byte of a log. No capture starts with it. */
const BRACE = 0x7b
const DIRECTIONS = ['ab', 'ba'] as const

/** Simulates `file` and prints the effect of each stage. Returns the exit status. */
export async function simulate(file: string, options: SimulateOptions, io: Io): Promise<number> {
  using input = new ReplayInput(file)
  const chunks = input.chunks()
  let chunk = await chunks.next()
  const isLog = !chunk.done && chunk.value[0] === BRACE
  await using resources = new LinuxWireResources()
  const texts = textsOf(options, isLog)
  let ordersJitter = false
  const noted = new Set<string>()
  const stages = (of: string, direction: Direction) => {
    return parseWire(of, resources, direction, { bareUs: true, ordersJitter, note: line => noted.add(line) })
  }
  // A wrong text must not empty the files that are written.
  for (const direction of DIRECTIONS) stages(texts?.[direction] ?? '', direction)
  const { seed, out, log } = options
  if (out !== undefined && out === log) throw new UsageError(`${out}: --out and --log need a file each`)
  for (const path of [out, log]) if (path !== undefined) input.refuse(path)
  using output = out === undefined ? undefined : new SimulationOutput(out)
  const decisions = log === undefined ? undefined : attempt(log, () => new DecisionFile(log, { room: Infinity }))

  const problems: string[] = []
  const simulation = new Simulation({
    log: decisions,
    deliver: (skb, direction, time) => output?.add(skb, direction, time),
    failed(stage, error) {
      if (problems.length === 0) problems.push(`wire, ${stage}: ${describeException(error)}`)
    },
  })
  let hasBegun = false
  const begin: Begin = (time, { seconds, nanoseconds }) => {
    hasBegun = true
    if (output !== undefined) Object.assign(output, { seconds, nanoseconds })
    if (texts === undefined) return
    for (const direction of DIRECTIONS) {
      const of = texts[direction]
      simulation.set(direction, time, stages(of, direction), of, seed ?? DEFAULT_SEED)
    }
  }
  const format = (of: number) => {
    ordersJitter = of === 1
    // The texts that are logged again mean the same again.
    if (decisions !== undefined) decisions.format = of
  }
  const arrivals = isLog
    ? new LoggedArrivals(file, simulation, begin, texts === undefined ? { seed, format, stages } : undefined)
    : new CapturedArrivals(file, simulation, begin)
  try {
    for (; !chunk.done; chunk = await chunks.next()) {
      arrivals.push(chunk.value)
      arrivals.simulate()
      await decisions?.written()
      // Lets signals be handled.
      await setImmediate()
    }
    arrivals.end()
    arrivals.simulate()
  } catch (error) {
    if (!(error instanceof CaptureError || error instanceof DecisionFileError)) throw error
    problems.push(error.message)
  }
  if (!hasBegun) begin(0, { seconds: 0, nanoseconds: 0 })
  simulation.finish()
  output?.flush()
  if (output?.failure !== undefined) problems.push(`${out}: ${messageOf(output.failure)}`)
  await decisions?.[Symbol.asyncDispose]().catch(error => problems.push(`${log}: ${messageOf(error)}`))
  if (arrivals.lost > 0) problems.push(`${file}: ${arrivals.lost} lines are missing: their arrivals were not simulated`)
  print(file, simulation, options, io)
  for (const note of [...noted, ...notes(file, simulation, arrivals), ...problems]) io.err(`vnet: ${printable(note)}\n`)
  return problems.length === 0 ? EXIT_OK : EXIT_FAILURE
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** Returns the text of both directions, or undefined for the log's own text. */
function textsOf({ wire, wireAb = wire, wireBa = wire }: SimulateOptions, isLog: boolean) {
  if ((wireAb ?? wireBa) !== undefined) return { ab: wireAb ?? '', ba: wireBa ?? '' }
  if (isLog) return undefined
  throw new UsageError("simulate: a capture needs --wire, such as --wire 'delay 20ms loss 1%'")
}

function print(file: string, simulation: Simulation, { json }: SimulateOptions, io: Io): void {
  const stages = DIRECTIONS.flatMap(direction => simulation.report(direction))
  if (json) for (const stage of stages) io.out(`${JSON.stringify({ event: 'wire', ...stage })}\n`)
  else {
    const text = { ab: simulation.textOf('ab'), ba: simulation.textOf('ba') }
    io.out(wireTable(file, { time: 0, text, stages }))
    for (const direction of DIRECTIONS) {
      const drops = simulation.drops(direction)
      // Drops in removed stages, or before the first stage.
      if (Object.keys(drops).length > 0) io.out(`  ${direction} otherwise ${stageDrops({ drops })}\n`)
    }
  }
}

/** Returns a line for each kind of frame that was not simulated unchanged. */
function notes(file: string, { short, long }: Simulation, { oversized, skipped }: Arrivals): string[] {
  const lines = [
    [skipped, 'frames were left out: they did not arrive at a wire, as the capture says'],
    [short, 'frames were left out: shorter than an Ethernet header'],
    [long, `frames count as ${FRAME_MAX} bytes, because they are longer`],
    [
      oversized,
      'frames are longer than 1522 bytes and count as a packet each: capture with offloads off, or use --log',
    ],
  ] as const
  return lines.filter(([n]) => n > 0).map(([n, text]) => `${file}: ${n} ${text}`)
}
