/** `vnet simulate`: runs a capture, or the arrivals of a log, through wires in virtual time. */
import { setImmediate } from 'node:timers/promises'
import { explain, reasonOf } from '../../base/errno.ts'
import { describeException } from '../../base/exception.ts'
import { printable } from '../../base/printable.ts'
import { UsageError } from '../../base/usage-error.ts'
import { CaptureError } from '../../capture/error.ts'
import { FRAME_MAX } from '../../skb/pool.ts'
import { DecisionFile } from '../../wire/decision-file.node.ts'
import { DecisionFileError } from '../../wire/decision-reader.ts'
import { parseScenario } from '../../wire/scenario-file.ts'
import type { Simulation, SimulationOptions } from '../../wire/simulation.ts'
import { SimulationRun } from '../../wire/simulation-run.ts'
import { LinuxWireResources } from '../../wire/wire-resources.node.ts'
import { EXIT_FAILURE, EXIT_OK, type Io } from '../io.ts'
import { capturedSeed } from '../replay/captured-seed.ts'
import { ReplayInput } from '../replay/input.ts'
import { type Arrivals, type Begin, CapturedArrivals, LoggedArrivals } from '../simulation-arrivals.ts'
import { SimulationOutput } from '../simulation-files.ts'
import { stageDrops } from '../wire-stages.ts'
import { wireTable } from './wire.ts'

interface SimulateOptions {
  readonly wire?: string
  readonly wireAb?: string
  readonly wireBa?: string
  readonly scenario?: string
  readonly stage?: string
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
  const first = await chunks.next()
  const isLog = !first.done && first.value[0] === BRACE
  await using resources = new LinuxWireResources(parseScenario)
  if (options.stage !== undefined) {
    await resources.loadStages(options.stage, (await import('../driver-file.ts')).importFile)
  }
  const texts = textsOf(options, isLog)
  // A wrong text must not empty the files that are written.
  const run = new SimulationRun(resources, texts, options.scenario)
  const { out, log } = options
  if (out !== undefined && out === log) throw new UsageError(`${out}: --out and --log need a file each`)
  for (const path of [out, log]) if (path !== undefined) input.refuse(path)
  const seed = options.seed ?? (isLog ? undefined : await capturedSeed(input))
  using output = out === undefined ? undefined : new SimulationOutput(out)
  const decisions = log === undefined ? undefined : new DecisionFile(log, { room: Infinity })

  const problems: string[] = []
  const deliver: SimulationOptions['deliver'] = (skb, direction, time) => output?.add(skb, direction, time)
  const failed = (stage: string, error: unknown) => {
    if (problems.length === 0) problems.push(`wire, ${stage}: ${describeException(error)}`)
  }
  const simulation = run.start({ log: decisions, deliver, failed }, seed ?? DEFAULT_SEED)
  const begin: Begin = (time, { seconds, nanoseconds }) => {
    if (output !== undefined) Object.assign(output, { seconds, nanoseconds })
    run.begin(time)
  }
  const format = (of: number) => {
    run.ordersJitter = of === 1
    // The texts that are logged again mean the same again.
    if (decisions !== undefined) decisions.format = of
  }
  const replay = texts === undefined ? { seed, format, stages: run.stages.bind(run) } : undefined
  const before = (time: number) => run.advance(time)
  const arrivals = isLog
    ? new LoggedArrivals(file, simulation, begin, replay, before)
    : new CapturedArrivals(file, simulation, begin, before)
  problems.push(...(await arrive(arrivals, first, chunks, decisions)))
  run.finish()
  output?.flush()
  if (output?.failure !== undefined) problems.push(`${out}: ${reasonOf(output.failure)}`)
  await decisions?.[Symbol.asyncDispose]().catch(error => problems.push(explain(error)))
  if (arrivals.lost > 0) problems.push(`${file}: ${arrivals.lost} lines are missing: their arrivals were not simulated`)
  print(file, simulation, options, io)
  for (const note of [...run.notes, ...notes(file, simulation, arrivals), ...problems]) {
    io.err(`vnet: ${printable(note)}\n`)
  }
  return problems.length === 0 ? EXIT_OK : EXIT_FAILURE
}

/** Simulates the arrivals of all chunks. Returns the defect of the file, if it has one. */
async function arrive(
  arrivals: Arrivals,
  first: IteratorResult<Uint8Array, unknown>,
  rest: AsyncIterator<Uint8Array>,
  decisions: DecisionFile | undefined,
): Promise<string[]> {
  try {
    for (let chunk = first; !chunk.done; chunk = await rest.next()) {
      arrivals.push(chunk.value)
      arrivals.simulate()
      await decisions?.written()
      // Lets signals be handled.
      await setImmediate()
    }
    arrivals.end()
    arrivals.simulate()
    return []
  } catch (error) {
    if (!(error instanceof CaptureError || error instanceof DecisionFileError)) throw error
    return [error.message]
  }
}

/** Returns the text of both directions, or undefined for the log's own text. */
function textsOf({ wire, wireAb = wire, wireBa = wire, scenario }: SimulateOptions, isLog: boolean) {
  if ((wireAb ?? wireBa ?? scenario) !== undefined) return { ab: wireAb ?? '', ba: wireBa ?? '' }
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
function notes(file: string, { short, long }: Simulation, { oversized, skipped, repeated }: Arrivals): string[] {
  const lines = [
    [
      skipped,
      'frames were left out: the capture says that a wire delivered or dropped them, or that they reached no wire',
    ],
    [repeated, 'frames repeat a packet of the file, and count as packets of their own: capture one interface'],
    [short, 'frames were left out: shorter than an Ethernet header'],
    [long, `frames count as ${FRAME_MAX} bytes, because they are longer`],
    [
      oversized,
      'frames are longer than 1522 bytes and count as a packet each: capture with offloads off, or use --log',
    ],
  ] as const
  return lines.filter(([n]) => n > 0).map(([n, text]) => `${file}: ${n} ${text}`)
}
