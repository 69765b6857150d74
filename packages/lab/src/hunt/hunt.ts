/**
 * hunt: runs a client again and again in labs that are kept, each time with a fault at another byte
 * of its connections, and repeats the verdicts that are findings.
 */
import { timerMs } from 'vnet/kit/base'
import { Clean } from './clean.ts'
import type { Connection } from './conversation.ts'
import { type Group, Groups, type Tried } from './findings.ts'
import { KeptLab, type PointRun, type RunOptions } from './kept-lab.ts'
import { adviceFor, type HuntOptions } from './options.ts'
import { type Point, pointsOf } from './points.ts'
import {
  cleanProblem,
  isFinding,
  lastLineOf,
  outputNotes,
  VERDICTS,
  type Verdict,
  verdictOf,
} from './verdicts.ts'

/** A finding is run so many times more, in a new lab, before it is reported. */
const REPEATS = 3
const MS_PER_S = 1000
/**
 * A client has its time, and so many times that of a run without faults, to reach a fault or to end
 * without one: on a busy machine, and beside the clients of other labs, it takes longer to start.
 */
const CLEAN_RUNS_TO_REACH = 10
/** So many points of a group are repeated, until one shows the finding again. */
const CONFIRMED_MAX = 3

/** A client with two runs without faults that have passed. */
export interface CleanStart {
  readonly client: string
  readonly clean: Clean
  /** Milliseconds of both runs. */
  readonly ms: readonly number[]
  readonly connections: readonly Connection[]
  readonly points: readonly Point[]
  /** A line for each file that is not compared, each connection without turns, and late packets. */
  readonly notes: readonly string[]
}

/** A finding, which has shown itself again in a new lab. */
export interface HuntFinding {
  readonly start: CleanStart
  readonly verdict: Verdict
  readonly point: Point
  /** The run that was seen first. */
  readonly run: PointRun
  /** How many of the repetitions have shown it. */
  readonly repeated: number
  readonly of: number
}

/** The verdicts on one client. */
export interface ClientResult {
  readonly client: string
  readonly points: number
  readonly tried: number
  readonly runs: number
  /** Milliseconds since the start of the first clean run. */
  readonly ms: number
  readonly counts: Readonly<Record<Verdict, number>>
  readonly groups: readonly Group[]
  readonly findings: readonly HuntFinding[]
  /** Groups of findings that have not shown themselves again. */
  readonly unconfirmed: readonly Group[]
  /** Groups of findings that a stop has left without a repetition. */
  readonly unrepeated: readonly Group[]
  /** How often the server has ended, by how. */
  readonly serverEnds: ReadonlyMap<string, number>
  /** How kept labs differ in a last run without faults, a line each. */
  readonly changes: readonly string[]
}

export interface HuntResult {
  readonly clients: readonly ClientResult[]
  /** Why not everything was tried; undefined if it was. */
  readonly stopped: string | undefined
}

/** The calls of an exploration. The next point of a lab waits for `onFinding`. */
export interface HuntCalls {
  /** Ends everything when it aborts. */
  readonly signal: AbortSignal
  readonly onStart: (start: CleanStart) => void
  /** Its signal aborts when everything ends, also by the budget. */
  readonly onFinding: (finding: HuntFinding, signal: AbortSignal) => Promise<void> | void
  readonly onResult: (result: ClientResult) => void
  readonly onProgress: (text: string) => void
}

/** Thrown if a run without faults fails: there is nothing to compare with. */
export class CleanRunError extends Error {
  override readonly name = 'CleanRunError'
}

/** The labs of an exploration, which are kept from client to client. */
class Labs {
  readonly #options: HuntOptions
  readonly #signal: AbortSignal
  readonly #open: KeptLab[] = []

  constructor(options: HuntOptions, signal: AbortSignal) {
    this.#options = options
    this.#signal = signal
  }

  /** Returns at least one lab, and at most the labs of the options. */
  async take(count: number): Promise<readonly KeptLab[]> {
    const most = Math.max(1, Math.min(count, this.#options.labs))
    const missing = Array.from({ length: most - this.#open.length }, async () => {
      this.#open.push(await this.openNew())
    })
    await allSettled(missing)
    return this.#open.slice(0, most)
  }

  /** Opens a lab that its caller closes. */
  openNew(): Promise<KeptLab> {
    return KeptLab.open(this.#options, this.#signal)
  }

  async close(): Promise<void> {
    await Promise.all(this.#open.map(lab => lab.close()))
  }
}

/** Ends an exploration: by its user, by its budget, or by an error of a lab. */
class Stop implements Disposable {
  readonly #controller = new AbortController()
  readonly #timer: NodeJS.Timeout | undefined
  readonly #user: AbortSignal
  readonly #onUser = () => this.#end('it was stopped')
  /** Why not everything was tried. */
  reason: string | undefined

  constructor(user: AbortSignal, budget: number | undefined) {
    this.#user = user
    user.addEventListener('abort', this.#onUser)
    // A longer one than a timer takes, 24.8 days, has no effect.
    if (budget !== undefined && timerMs(budget) === budget) {
      this.#timer = setTimeout(
        () => this.#end(`the budget of ${budget / MS_PER_S} s has ended`),
        budget,
      )
    }
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** Makes all labs end, because one of them has failed. */
  fail(error: unknown): void {
    this.#controller.abort(error)
  }

  #end(reason: string): void {
    this.reason ??= reason
    this.#controller.abort(new Error(reason))
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer)
    this.#user.removeEventListener('abort', this.#onUser)
  }
}

/** Settles when all have settled. Rejects with the first rejection in their order. */
async function allSettled(works: readonly Promise<void>[]): Promise<void> {
  for (const end of await Promise.allSettled(works)) {
    if (end.status === 'rejected') throw end.reason
  }
}

/**
 * Explores each client. When it settles, no lab, process or directory of it is left. Rejects with a
 * CleanRunError if a client fails without faults, and with a ServiceError or UsageError if the
 * server or the warm program does not start.
 */
export async function hunt(options: HuntOptions, calls: HuntCalls): Promise<HuntResult> {
  calls.signal.throwIfAborted()
  using stop = new Stop(calls.signal, options.budget)
  const labs = new Labs(options, stop.signal)
  const clients: ClientResult[] = []
  try {
    for (const client of options.clients) {
      if (stop.reason !== undefined) break
      const result = await new ClientHunt(client, options, labs, calls, stop).run()
      clients.push(result)
      calls.onResult(result)
    }
  } catch (error) {
    // The failure of one lab has ended the others.
    if (stop.reason === undefined) throw stop.signal.aborted ? stop.signal.reason : error
  } finally {
    await labs.close()
  }
  return { clients, stopped: stop.reason }
}

/** Whether points were tried, and none of them is a finding, or could be one. */
export function isPassed({ clients }: HuntResult): boolean {
  const isTried = clients.some(({ tried, counts }) => tried > counts['not reached'])
  return isTried && clients.every(each => each.findings.length + each.unrepeated.length === 0)
}

/** The exploration of one client. */
class ClientHunt {
  readonly #client: string
  readonly #options: HuntOptions
  readonly #labs: Labs
  readonly #calls: HuntCalls
  readonly #stop: Stop
  readonly #began = performance.now()
  readonly #groups = new Groups()
  readonly #findings: HuntFinding[] = []
  readonly #repetitions = new Map<Group, Repetitions>()
  readonly #serverEnds = new Map<string, number>()
  readonly #changes: string[] = []
  #tried = 0
  #runs = 0

  constructor(client: string, options: HuntOptions, labs: Labs, calls: HuntCalls, stop: Stop) {
    this.#client = client
    this.#options = options
    this.#labs = labs
    this.#calls = calls
    this.#stop = stop
  }

  /** Returns what was found up to the end, or until it is stopped. */
  async run(): Promise<ClientResult> {
    const { onStart, onProgress } = this.#calls
    onProgress('running without faults')
    const [first] = (await this.#labs.take(1)) as [KeptLab]
    const start = await this.#startIn(first)
    onStart(start)
    const waiting = [...start.points]
    try {
      const labs = await this.#labs.take(waiting.length)
      await allSettled(labs.map(lab => this.#workIn(lab, start, waiting)))
    } catch (error) {
      if (this.#stop.reason === undefined) throw error
    }
    return this.#resultOf(start)
  }

  /** Runs the client twice without faults. */
  async #startIn(lab: KeptLab): Promise<CleanStart> {
    const first = await lab.record(this.#client)
    this.#checkClean(first.run)
    const second = await this.#runIn(lab)
    this.#checkClean(second)
    this.#runs++
    const clean = new Clean(first.run, second)
    const { connections, packets, unnamed } = first.recorded
    const { points, notes } = pointsOf(packets, this.#options.faults)
    const late =
      unnamed === 0 ? [] : [`without points: ${unnamed} packets after the first ${packets.length}`]
    if (points.length === 0) {
      const said = lastLineOf(second.err)
      const why =
        connections.length === 0
          ? `it opens no TCP connection to the host server${said === '' ? '' : `: ${said}`}`
          : 'no byte of its connections can have these faults'
      throw new CleanRunError(`${this.#client}: ${why}`)
    }
    return {
      client: this.#client,
      clean,
      ms: [first.run.ms, second.ms],
      connections,
      points,
      notes: [...outputNotes(second), ...clean.masked, ...notes, ...late],
    }
  }

  #checkClean(run: PointRun): void {
    const problem = cleanProblem(run, this.#options.within)
    if (problem === undefined) return
    // A warm program runs its scripts where it was started.
    const advice = this.#options.warm === undefined ? adviceFor(this.#client) : ''
    throw new CleanRunError(`${this.#client}: without faults it ${problem}${advice}`)
  }

  /** Runs the client, and counts the run and the end of the server in it. */
  async #runIn(lab: KeptLab, options?: RunOptions): Promise<PointRun> {
    const run = await lab.run(this.#client, options)
    this.#runs++
    if (run.serverEnd !== undefined) {
      this.#serverEnds.set(run.serverEnd, (this.#serverEnds.get(run.serverEnd) ?? 0) + 1)
    }
    return run
  }

  /** Tries points until none is left. An error ends the other labs, too. */
  async #workIn(lab: KeptLab, start: CleanStart, waiting: Point[]): Promise<void> {
    try {
      await this.#tryAll(lab, start, waiting)
      await this.#compareLast(lab, start)
    } catch (error) {
      this.#stop.fail(error)
      throw error
    }
  }

  async #tryAll(lab: KeptLab, start: CleanStart, waiting: Point[]): Promise<void> {
    const { signal } = this.#stop
    for (let point = waiting.shift(); point !== undefined; point = waiting.shift()) {
      signal.throwIfAborted()
      const tried = await this.#try(lab, start, point)
      this.#tried++
      const group = this.#groups.add(tried)
      if (isFinding(tried.verdict)) {
        await this.#confirm(start, tried, group)
      }
      const found = this.#findings.length
      this.#calls.onProgress(`${this.#tried} of ${start.points.length} points, ${found} findings`)
    }
  }

  /**
   * Runs the client with the fault of a point, and returns the verdict. If the fault was not
   * reached, a second run with a new server counts in place of the first: a connection of an
   * earlier run may have kept the server from serving.
   */
  async #try(lab: KeptLab, start: CleanStart, point: Point): Promise<TriedRun> {
    const tried = await this.#tryOnce(lab, start, point)
    if (tried.verdict !== 'not reached') return tried
    lab.dropServer()
    return this.#tryOnce(lab, start, point)
  }

  async #tryOnce(lab: KeptLab, start: CleanStart, point: Point): Promise<TriedRun> {
    const { errors, within } = this.#options
    const run = await this.#runIn(lab, { point, reachesWithin: this.#reachesWithin(start) })
    const verdict = verdictOf(run, start.clean, { isHit: run.isHit, errors, within })
    return { point, run, verdict }
  }

  /** Returns in how many milliseconds a client must reach its fault, or end without one. */
  #reachesWithin({ ms }: CleanStart): number {
    return this.#options.within + CLEAN_RUNS_TO_REACH * Math.ceil(Math.max(...ms))
  }

  /**
   * Repeats a point of a group that has no finding yet. While another one of it is repeated, it
   * waits, and is repeated if that one does not show the finding again.
   */
  async #confirm(start: CleanStart, tried: TriedRun, group: Group) {
    const state = this.#repetitions.get(group) ?? newRepetitions()
    this.#repetitions.set(group, state)
    if (state.isConfirmed || state.points === CONFIRMED_MAX) return
    state.points++
    state.waiting.push(tried)
    if (state.isBusy) return
    state.isBusy = true
    const found = await this.#firstRepeated(start, state)
    if (found === undefined) return
    this.#findings.push(found)
    await this.#calls.onFinding(found, this.#stop.signal)
  }

  /** Repeats points until one shows its finding again. More may come while it does. */
  async #firstRepeated(start: CleanStart, state: Repetitions): Promise<HuntFinding | undefined> {
    const { waiting } = state
    let found: HuntFinding | undefined
    for (let next = waiting.shift(); next !== undefined && !found; next = waiting.shift()) {
      const { point, run, verdict } = next
      const repeated = await this.#repeat(start, point, verdict)
      if (repeated > 0) {
        found = { start, verdict, point, run, repeated, of: REPEATS }
      }
    }
    // Before anything else runs: a point that is found now starts the next repetition.
    state.isBusy = false
    state.isConfirmed = found !== undefined
    return found
  }

  /** Returns how many repetitions in a new lab have the same verdict. */
  async #repeat(start: CleanStart, point: Point, verdict: Verdict): Promise<number> {
    await using lab = await this.#labs.openNew()
    let repeated = 0
    for (let i = 0; i < REPEATS; i++) {
      const again = await this.#try(lab, start, point)
      if (again.verdict === verdict) {
        repeated++
      }
    }
    return repeated
  }

  /**
   * Runs the client once more without faults. Adds a line to the changes if the client fails, or
   * if the run differs from the first ones.
   */
  async #compareLast(lab: KeptLab, start: CleanStart): Promise<void> {
    const run = await this.#runLast(lab, start)
    const problem = cleanProblem(run, this.#options.within) ?? start.clean.differenceOf(run)
    if (problem !== undefined) {
      this.#changes.push(`after the points, a run without faults differs: ${problem}`)
    }
  }

  /**
   * Runs the client without faults. If the server ends in this run, a second run with a new server
   * counts in its place: the server may have ended in an earlier run, which was noticed late.
   */
  async #runLast(lab: KeptLab, start: CleanStart): Promise<PointRun> {
    const options = { reachesWithin: this.#reachesWithin(start) }
    const run = await this.#runIn(lab, options)
    return run.serverEnd === undefined ? run : this.#runIn(lab, options)
  }

  /** Returns the groups of findings that no repetition has shown again. */
  #open(groups: readonly Group[]): Pick<ClientResult, 'unconfirmed' | 'unrepeated'> {
    const stateOf = (group: Group) => this.#repetitions.get(group)
    const open = groups.filter(
      group => isFinding(group.verdict) && stateOf(group)?.isConfirmed !== true,
    )
    const isEnded = (group: Group) => stateOf(group)?.isBusy === false
    return {
      unconfirmed: open.filter(isEnded),
      unrepeated: open.filter(group => !isEnded(group)),
    }
  }

  #resultOf({ points }: CleanStart): ClientResult {
    const groups = this.#groups.all
    const { unconfirmed, unrepeated } = this.#open(groups)
    const counts = VERDICTS.map(verdict => {
      const own = groups.filter(group => group.verdict === verdict)
      return [verdict, own.reduce((sum, group) => sum + group.points.length, 0)] as const
    })
    return {
      client: this.#client,
      points: points.length,
      tried: this.#tried,
      runs: this.#runs,
      ms: performance.now() - this.#began,
      counts: Object.fromEntries(counts) as Record<Verdict, number>,
      groups,
      findings: this.#findings,
      unconfirmed,
      unrepeated,
      serverEnds: this.#serverEnds,
      changes: [...new Set(this.#changes)],
    }
  }
}

/** The repetitions of a group of findings. */
interface Repetitions {
  /** How many of its points, also waiting ones. */
  points: number
  /** The points that are repeated next. */
  readonly waiting: TriedRun[]
  /** Whether one is repeated now, or was when everything ended. */
  isBusy: boolean
  /** Whether one has shown the finding again. */
  isConfirmed: boolean
}

const newRepetitions = (): Repetitions => {
  return { points: 0, waiting: [], isBusy: false, isConfirmed: false }
}

interface TriedRun extends Tried {
  readonly run: PointRun
}
