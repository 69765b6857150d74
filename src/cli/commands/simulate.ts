/** `vnet simulate`: runs a capture, or the arrivals of a log, through wires in virtual time. */
import { setImmediate } from 'node:timers/promises'
import { explain, reasonOf } from '../../base/errno.ts'
import { describeException } from '../../base/exception.ts'
import { printable } from '../../base/printable.ts'
import { FileError, UsageError } from '../../base/usage-error.ts'
import { CaptureError } from '../../capture/error.ts'
import type { ScenarioList, ScenarioStep } from '../../netdev/device-wire.ts'
import { FRAME_MAX } from '../../skb/pool.ts'
import { DecisionFile } from '../../wire/decision-file.node.ts'
import { DecisionFileError } from '../../wire/decision-reader.ts'
import { parseWire } from '../../wire/parse.ts'
import { parseScenario } from '../../wire/scenario-file.ts'
import { Simulation } from '../../wire/simulation.ts'
import type { Direction, Impairment } from '../../wire/wire.ts'
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
  let chunk = await chunks.next()
  const isLog = !chunk.done && chunk.value[0] === BRACE
  await using resources = new LinuxWireResources(parseScenario)
  if (options.stage !== undefined) {
    await resources.loadStages(options.stage, (await import('../driver-file.ts')).importFile)
  }
  const texts = textsOf(options, isLog)
  let ordersJitter = false
  const noted = new Set<string>()
  const stages = (of: string, direction: Direction) => {
    return parseWire(of, resources, direction, { bareUs: true, ordersJitter, note: line => noted.add(line) })
  }
  // A wrong text must not empty the files that are written.
  for (const direction of DIRECTIONS) stages(texts?.[direction] ?? '', direction)
  const { out, log } = options
  const changes = options.scenario === undefined ? undefined : scenarioOf(options.scenario, resources, stages)
  if (out !== undefined && out === log) throw new UsageError(`${out}: --out and --log need a file each`)
  for (const path of [out, log]) if (path !== undefined) input.refuse(path)
  const seed = options.seed ?? (isLog ? undefined : await capturedSeed(input))
  using output = out === undefined ? undefined : new SimulationOutput(out)
  const decisions = log === undefined ? undefined : new DecisionFile(log, { room: Infinity })

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
    steps = changes && momentsOf(changes, time)
    next = steps?.next().value
    if (output !== undefined) Object.assign(output, { seconds, nanoseconds })
    if (texts === undefined) return
    for (const direction of DIRECTIONS) {
      const of = texts[direction]
      simulation.set(direction, time, stages(of, direction), of, seed ?? DEFAULT_SEED)
    }
  }
  let steps: Generator<Change, undefined> | undefined
  let next: Change | undefined
  /** Makes the changes of the scenario up to a time. */
  const before = (time: number) => {
    for (; next !== undefined && next.at <= time; next = steps?.next().value) {
      simulation.advance(next.at)
      for (const direction of DIRECTIONS) {
        const parsed = next[direction]
        if (parsed !== undefined) simulation.set(direction, next.at, parsed.stages, parsed.text, seed ?? DEFAULT_SEED)
      }
    }
  }
  const format = (of: number) => {
    ordersJitter = of === 1
    // The texts that are logged again mean the same again.
    if (decisions !== undefined) decisions.format = of
  }
  const arrivals = isLog
    ? new LoggedArrivals(file, simulation, begin, texts === undefined ? { seed, format, stages } : undefined, before)
    : new CapturedArrivals(file, simulation, begin, before)
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
  // The last changes may deliver packets that a wire would hold forever.
  if (changes !== undefined) before(lastMoment(changes, next))
  simulation.finish()
  output?.flush()
  if (output?.failure !== undefined) problems.push(`${out}: ${reasonOf(output.failure)}`)
  await decisions?.[Symbol.asyncDispose]().catch(error => problems.push(explain(error)))
  if (arrivals.lost > 0) problems.push(`${file}: ${arrivals.lost} lines are missing: their arrivals were not simulated`)
  print(file, simulation, options, io)
  for (const note of [...noted, ...notes(file, simulation, arrivals), ...problems]) io.err(`vnet: ${printable(note)}\n`)
  return problems.length === 0 ? EXIT_OK : EXIT_FAILURE
}

interface ParsedText {
  readonly text: string
  readonly stages: readonly Impairment[]
}

/** A step of a scenario with its moment. */
type Change = ScenarioStep<ParsedText>

/** Reads a scenario. Throws a FileError for changes that a simulation cannot make. */
function scenarioOf(
  path: string,
  resources: LinuxWireResources,
  stages: (of: string, direction: Direction) => readonly Impairment[],
): ScenarioList<ParsedText> {
  const list = resources.scenario(path, (text, direction) => ({ text, stages: stages(text, direction) }))
  if (list.hasSides) {
    throw new FileError(`${path}: only attachments have wire-in and wire-out: write wire-ab and wire-ba`)
  }
  if (list.steps.some(({ carrier }) => carrier !== undefined)) {
    throw new FileError(`${path}: simulate has no carrier to cut: write wire: partition`)
  }
  return list
}

/** Yields the steps with their moments after `start`; without end if they repeat. */
function* momentsOf({ steps, repeat }: ScenarioList<ParsedText>, start: number): Generator<Change, undefined> {
  for (let round = start; ; round += repeat ?? 0) {
    for (const step of steps) yield { ...step, at: round + step.at }
    if (repeat === undefined) return undefined
  }
}

/** Returns when the last change after all arrivals is made: at the end, or after one more round. */
function lastMoment({ repeat }: ScenarioList<ParsedText>, next: Change | undefined): number {
  return repeat === undefined || next === undefined ? Number.POSITIVE_INFINITY : next.at + repeat
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
