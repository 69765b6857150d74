/** `vnet simulate`: runs a capture, or the arrivals of a log, through wires in virtual time. */
import { closeSync, writeSync } from 'node:fs'
import { setImmediate } from 'node:timers/promises'
import { NSEC_PER_SEC } from '../../base/clock.ts'
import { explain, reasonOf } from '../../base/errno.ts'
import { describeException } from '../../base/exception.ts'
import { printable } from '../../base/printable.ts'
import { FileError, UsageError } from '../../base/usage-error.ts'
import { CaptureError } from '../../capture/input.ts'
import type { CapturedPacket } from '../../capture/packet.ts'
import {
  PACKET_OVERHEAD,
  writeInterface,
  writePacket,
  writeSection,
} from '../../capture/pcapng-writer.ts'
import { CaptureReader } from '../../capture/reader.ts'
import { openOutput } from '../../linux/regular-file.ts'
import { seedOfComment } from '../../netdev/frame-drop.ts'
import { FRAME_MAX, type SkBuff } from '../../skb/index.ts'
import { DecisionFile } from '../../wire/decision-file.node.ts'
import { DecisionFileError } from '../../wire/decision-reader.ts'
import { parseScenario } from '../../wire/scenario-file.ts'
import type { Simulation, SimulationOptions } from '../../wire/simulation.ts'
import { DIRECTIONS, SimulationRun } from '../../wire/simulation-run.ts'
import type { Direction } from '../../wire/wire.ts'
import { LinuxWireResources } from '../../wire/wire-resources.node.ts'
import { EXIT_FAILURE, EXIT_OK, type Io } from '../process/io.ts'
import { ReplayInput } from '../replay/input.ts'
import {
  type Arrivals,
  type Begin,
  CapturedArrivals,
  LoggedArrivals,
} from '../replay/simulation-arrivals.ts'
import { stageDrops } from '../statistics.ts'
import { wireTable } from './wire.ts'

interface SimulateOptions {
  readonly wire: string | undefined
  readonly wireAb: string | undefined
  readonly wireBa: string | undefined
  readonly scenario: string | undefined
  readonly stage: string | undefined
  readonly seed: number | undefined
  readonly out: string | undefined
  readonly log: string | undefined
  readonly json: boolean | undefined
}

const DEFAULT_SEED = 1
/** The first byte of a log. No capture starts with it. */
const BRACE = 0x7b

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
  if (out !== undefined && out === log) {
    throw new UsageError(`${out}: --out and --log need a file each`)
  }
  for (const path of [out, log]) {
    if (path !== undefined) {
      input.refuse(path)
    }
  }
  const seed = options.seed ?? (isLog ? undefined : await capturedSeed(input))
  using output = out === undefined ? undefined : new SimulationOutput(out)
  const decisions = log === undefined ? undefined : new DecisionFile(log, { room: Infinity })

  const problems: string[] = []
  const deliver: SimulationOptions['deliver'] = (skb, direction, time) =>
    output?.add(skb, direction, time)
  const failed = (stage: string, error: unknown) => {
    if (problems.length === 0) {
      problems.push(`wire, ${stage}: ${describeException(error)}`)
    }
  }
  const simulation = run.start({ log: decisions, deliver, failed }, seed ?? DEFAULT_SEED)
  const begin: Begin = (time, { seconds, nanoseconds }) => {
    if (output !== undefined) {
      Object.assign(output, { seconds, nanoseconds })
    }
    run.setWires(time)
  }
  const replay = texts === undefined ? { seed, stages: run.stages.bind(run) } : undefined
  const before = (time: number) => run.advance(time)
  const arrivals = isLog
    ? new LoggedArrivals(file, simulation, begin, replay, before)
    : new CapturedArrivals(file, simulation, begin, before)
  problems.push(...(await arrive(arrivals, first, chunks, decisions)))
  run.finish()
  output?.flush()
  if (output?.failure !== undefined) {
    problems.push(`${out}: ${reasonOf(output.failure)}`)
  }
  await decisions?.[Symbol.asyncDispose]().catch(error => problems.push(explain(error)))
  if (arrivals.lost > 0) {
    problems.push(`${file}: ${arrivals.lost} lines are missing: their arrivals were not simulated`)
  }
  print(file, simulation, options, io)
  for (const note of [...run.notes, ...notes(file, simulation, arrivals), ...problems]) {
    io.err(`vnet: ${printable(note)}\n`)
  }
  return problems.length === 0 ? EXIT_OK : EXIT_FAILURE
}

/**
 * Returns the only seed in the comments of a capture; undefined if it has none, or is read from a
 * pipe. Rejects with a UsageError for several seeds, and with a FileError for a comment of a wire
 * without its seed. Packets after a defect of the file do not count.
 */
async function capturedSeed(input: ReplayInput): Promise<number | undefined> {
  if (!input.repeats) return undefined
  const reader = new CaptureReader(input.name)
  const chunks = input.chunks()
  const seeds = new Set<number>()
  let packets = 0
  const scan = () => {
    for (let record = reader.next(); record !== undefined; record = reader.next()) {
      packets++
      for (const comment of record.comments) {
        const seed = seedOfComment(comment)
        if (Number.isNaN(seed)) {
          const place = `${input.name}: packet ${packets}`
          throw new FileError(
            `${place}: the comment '${printable(comment)}' has no seed of a wire: give --seed`,
          )
        }
        if (seed !== undefined) {
          seeds.add(seed)
        }
      }
    }
  }
  try {
    for (let chunk = await chunks.next(); chunk.done !== true; chunk = await chunks.next()) {
      reader.push(chunk.value)
      scan()
    }
    reader.end()
    scan()
  } catch (error) {
    // The simulation reports it.
    if (!(error instanceof CaptureError)) throw error
  }
  if (seeds.size > 1) {
    const [one, other] = seeds
    throw new UsageError(
      `${input.name}: its comments have several seeds, such as ${one} and ${other}: give --seed`,
    )
  }
  return [...seeds][0]
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
      arrivals.reader.push(chunk.value)
      arrivals.simulate()
      await decisions?.written()
      // Lets signals be handled.
      await setImmediate()
    }
    arrivals.reader.end()
    arrivals.simulate()
    return []
  } catch (error) {
    if (!(error instanceof CaptureError || error instanceof DecisionFileError)) throw error
    return [error.message]
  }
}

/** Returns the text of both directions; undefined for the log's own text. */
function textsOf(
  { wire, wireAb = wire, wireBa = wire, scenario }: SimulateOptions,
  isLog: boolean,
) {
  if ((wireAb ?? wireBa ?? scenario) !== undefined) return { ab: wireAb ?? '', ba: wireBa ?? '' }
  if (isLog) return undefined
  throw new UsageError("simulate: a capture needs --wire, such as --wire 'delay 20ms loss 1%'")
}

function print(file: string, simulation: Simulation, { json }: SimulateOptions, io: Io): void {
  const stages = DIRECTIONS.flatMap(direction => simulation.report(direction))
  if (json) {
    for (const stage of stages) {
      io.out(`${JSON.stringify({ event: 'wire', ...stage })}\n`)
    }
  } else {
    const text = { ab: simulation.textOf('ab'), ba: simulation.textOf('ba') }
    io.out(wireTable(file, { time: 0, text, stages }))
    for (const direction of DIRECTIONS) {
      const drops = simulation.drops(direction)
      // Drops in removed stages, or before the first stage.
      if (Object.keys(drops).length > 0) {
        io.out(`  ${direction} otherwise ${stageDrops({ drops })}\n`)
      }
    }
  }
}

/** Returns a line for each kind of frame that was not simulated unchanged. */
function notes(
  file: string,
  { short, long }: Simulation,
  { oversized, skipped, repeated }: Arrivals,
): string[] {
  const leftOut = 'frames were left out'
  const lines = [
    [
      skipped,
      `${leftOut}: the capture says that a wire delivered or dropped them, or that they reached no wire`,
    ],
    [
      repeated,
      'frames repeat a packet of the file, and count as packets of their own: capture one interface',
    ],
    [short, `${leftOut}: shorter than an Ethernet header`],
    [long, `frames count as ${FRAME_MAX} bytes, because they are longer`],
    [
      oversized,
      'frames are longer than 1522 bytes and count as a packet each: capture with offloads off, or use --log',
    ],
  ] as const
  return lines.filter(([n]) => n > 0).map(([n, text]) => `${file}: ${n} ${text}`)
}

const CHUNK = 1024 * 1024

/** A pcapng file of the frames that leave: ab is interface 0, ba is interface 1. */
class SimulationOutput implements Disposable {
  /** The moment that is 0 in the simulation. */
  seconds = 0
  nanoseconds = 0
  readonly #fd: number
  readonly #buffer = new Uint8Array(CHUNK)
  readonly #packet: CapturedPacket
  #end: number
  /** The first error in writing: a full disk must not look like an error of a stage. */
  failure: unknown

  /** Creates the file, or empties it. Throws a UsageError if that fails. */
  constructor(path: string) {
    this.#fd = openOutput(path)
    const to = this.#buffer
    this.#end = writeSection(to, 0, { userAppl: 'vnet simulate' })
    for (const name of ['ab', 'ba']) {
      this.#end = writeInterface(to, this.#end, { name })
    }
    const nothing = { bytes: to, at: 0, capturedLength: 0, originalLength: 0 }
    this.#packet = { seconds: 0, nanoseconds: 0, interfaceIndex: 0, ...nothing }
  }

  /** Writes a frame that left at `time` ns, with `queueMapping` known bytes. */
  add({ bytes, data, len, queueMapping }: SkBuff, direction: Direction, time: number): void {
    const packet = this.#packet
    const ns = this.nanoseconds + Math.round(time)
    const seconds = Math.floor(ns / NSEC_PER_SEC)
    packet.seconds = this.seconds + seconds
    packet.nanoseconds = ns - seconds * NSEC_PER_SEC
    packet.interfaceIndex = direction === 'ab' ? 0 : 1
    packet.bytes = bytes
    packet.at = data
    packet.capturedLength = Math.min(len, queueMapping)
    packet.originalLength = len
    if (this.#end + packet.capturedLength + PACKET_OVERHEAD > CHUNK) {
      this.flush()
    }
    this.#end = writePacket(this.#buffer, this.#end, packet)
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd)
  }

  flush(): void {
    try {
      for (let at = 0; at < this.#end; ) {
        at += writeSync(this.#fd, this.#buffer, at, this.#end - at)
      }
    } catch (error) {
      this.failure ??= error
    }
    this.#end = 0
  }
}
