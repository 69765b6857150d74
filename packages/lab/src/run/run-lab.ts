/** The lab of `vnet run`: a host with the command, and a router to the machine's network. */
import { closeSync, readFileSync, writeSync } from 'node:fs'
import { performance } from 'node:perf_hooks'
import { setTimeout } from 'node:timers/promises'
import { NSEC_PER_MSEC, UsageError } from 'vnet'
import { asUsageError } from 'vnet/kit/base'
import { EXIT_FAILURE, EXIT_OK, endOf, enterCommand, type Io, statusOf } from 'vnet/kit/cli'
import { openOutput, readTextFile } from 'vnet/kit/linux'
import type { ScenarioList } from 'vnet/kit/netdev'
import type { Direction } from 'vnet/wire'
import type { DirectionReport } from '../carrier/protocol.ts'
import { type TcpSocket, tcpSocketsOf } from '../kernel/counters.ts'
import { LabUnavailableError, RUN_ROUTER } from '../model/index.ts'
import { createLabWith } from '../network/create-lab.ts'
import type { LabFault } from '../network/fault.ts'
import type { LabHost } from '../network/host.ts'
import type { Lab } from '../network/lab.ts'
import type { LabLink } from '../network/link.ts'
import { countRepeatedQueries } from './repeated-queries.ts'
import type { RunEnd, RunOptions } from './run.ts'
import { runCommand } from './run-command.ts'
import { countsOf, type RunPath, type RunReport, reportLines, reportOf } from './run-report.ts'
import { RunTraces } from './run-traces.ts'

/** Milliseconds after which the rest is lost. */
const LIMIT_MS = 2000
/** Milliseconds between two looks. */
const LOOK_MS = 10

/** include/net/tcp_states.h: TCP_FIN_WAIT1, TCP_FIN_WAIT2, TCP_LAST_ACK, TCP_CLOSING */
const UNDELIVERED: readonly number[] = [4, 5, 9, 11]

/**
 * Waits until the command's packets are delivered. That is so when the servers of closed TCP
 * connections have closed them, too (the process outside may still hold data), the link holds no
 * packet, and the router's sockets have been read. Ends after 2 s, and when `signal` aborts.
 */
async function drain(
  host: LabHost,
  router: LabHost,
  link: LabLink,
  signal: AbortSignal,
): Promise<void> {
  const end = performance.now() + LIMIT_MS
  let sentBefore: number | undefined
  while (!signal.aborted && performance.now() < end) {
    const { a, ab, ba } = await link.stats()
    const isQuiet =
      ![ab, ba].some(holdsPackets) &&
      !tcpSocketsOf(host.place).some(({ state }: TcpSocket) => UNDELIVERED.includes(state)) &&
      !tcpSocketsOf(router.place).some(({ unread }) => unread > 0)
    // Packets between the interfaces and the wire show at the second look.
    if (isQuiet && a.sent === sentBefore) return
    sentBefore = isQuiet ? a.sent : undefined
    await setTimeout(LOOK_MS, undefined, { signal }).catch(() => {})
  }
}

const holdsPackets = ({ stages }: DirectionReport) => stages.some(({ held }) => held > 0)

/** The text of a wire that is a cut cable. */
const OFFLINE = 'offline'
const SCENARIO_BYTES = 1 << 20
/** Signals by which users stop a program. */
const STOPPING: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT']
/** The MTU without a wire: fewer packets of more bytes. With one, packets are as on Ethernet. */
const MTU_MAX = 65_520

/** Same as run, in the namespaces of the lab. */
export async function runInLab(
  command: readonly string[],
  options: RunOptions,
  io: Io,
): Promise<RunEnd> {
  const { json, repeat = 1, capture, seed = 1 } = options
  const log = (line: string) => io.err(`vnet: ${line}\n`)
  const faults = await checkFaults(options, log)
  const steps = await stepsOf(options)
  const out = json === undefined ? undefined : openOutput(json, { mode: 0o666 })
  using end = endOf(io)
  const stop = new AbortController()
  const asked = end.asked.finally(() => stop.abort())
  asked.catch(() => {})
  // The links of a lab keep no process alive.
  const alive = setInterval(() => {}, 2 ** 31 - 1)
  const runs = new Runs()
  const { reports } = runs
  let lab: Lab | undefined
  const traces = new RunTraces()
  try {
    const onDirectory = (directory: string) => traces.removeLast(directory)
    lab = await createLabWith(
      { name: 'run', world: 'kernel', seed, signal: stop.signal },
      { onDirectory, isOwnCarrier: true },
    )
    const path = await joined(lab, options)
    if (capture !== undefined) {
      await path.link.capture(capture)
    }
    using queries = countRepeatedQueries(path.host.place, RUN_ROUTER)
    const program = () => alone(command, traces)
    await runs.all({ program, options, path, faults, steps, queries, io, log, stop: stop.signal })
  } catch (error) {
    if (!stop.signal.aborted) throw error
    reports.length = 0
  } finally {
    traces[Symbol.dispose]()
    await lab?.close()
    clearInterval(alive)
  }
  if (reports.length === 0) {
    const signal = await asked
    return { status: signal === undefined ? EXIT_FAILURE : statusOf(null, signal), signal }
  }
  if (out !== undefined) {
    const text = `${JSON.stringify(repeat === 1 ? reports[0] : reports)}\n`
    asUsageError(json as string, () => writeSync(out, text))
    closeSync(out)
  }
  if (repeat === 1) return { status: (reports[0] as RunReport).status, signal: runs.endedBy }
  const stoppedBy = runs.signals.at(-1) ?? (stop.signal.aborted ? await asked : undefined)
  return endOfRuns(reports, repeat, stoppedBy, log)
}

/** The parts that all runs of a command share. */
interface Session {
  /** Returns the command line of the launcher. */
  readonly program: () => readonly string[]
  readonly options: RunOptions
  readonly path: RunPath
  readonly faults: Awaited<ReturnType<typeof checkFaults>>
  readonly steps: ScenarioList<string> | undefined
  readonly queries: ReturnType<typeof countRepeatedQueries>
  readonly io: Io
  readonly log: (line: string) => void
  /** Aborts when this process is to end. */
  readonly stop: AbortSignal
}

/** The runs of a command in one lab, one after the other. */
class Runs {
  readonly reports: RunReport[] = []
  /** The signals by which the user has stopped a run. No other run follows. */
  readonly signals: NodeJS.Signals[] = []
  /** The signal that has ended the latest run. */
  endedBy: NodeJS.Signals | undefined
  readonly #stopped = new AbortController()

  async all(session: Session): Promise<void> {
    const { options, path, log, stop } = session
    const { repeat = 1, seed = 1, quiet = false } = options
    for (let i = 0; i < repeat && this.signals.length === 0 && !stop.aborted; i++) {
      if (i > 0) {
        await path.link.reset(firstWires(options), seed + i)
      }
      const report = await this.#run(session, seed + i)
      if (report === undefined) return
      this.reports.push(report)
      if (quiet) continue
      for (const line of reportLines(report)) {
        log(line)
      }
    }
  }

  /** Returns the report of a run; undefined if this process is to end before the run starts. */
  async #run(session: Session, seed: number): Promise<RunReport | undefined> {
    const { path, faults, steps, queries, log, stop } = session
    const set: LabFault[] = []
    for (const fault of faults) {
      set.push(await fault(path.link))
    }
    const before = countsOf(path)
    using _ = await play(path.link, steps, log)
    if (stop.aborted) return undefined
    const ended = await this.#command(session)
    return await reportOf(path, before, set, { seed, ...ended, repeatedQueries: queries.take() })
  }

  /** Runs the command, and waits until its packets are delivered. */
  async #command({
    program,
    path: { host, router, link },
    io,
    stop,
  }: Session): Promise<Pick<RunReport, 'status' | 'seconds'>> {
    const start = performance.now()
    const stopListening = io.onSignal?.(signal => this.#onSignal(signal))
    try {
      const status = await runCommand(host, program(), outerEnvironment(), io)
      const seconds = Math.round(performance.now() - start) / 1000
      this.endedBy = this.signals.find(signal => statusOf(null, signal) === status)
      if (this.signals.length === 0) {
        await drain(host, router, link, AbortSignal.any([this.#stopped.signal, stop]))
        this.endedBy = this.signals[0]
      }
      return { status, seconds }
    } finally {
      stopListening?.()
    }
  }

  #onSignal(signal: NodeJS.Signals): void {
    if (!STOPPING.includes(signal)) return
    this.signals.push(signal)
    this.#stopped.abort()
  }
}

/** Logs which of several runs have failed, and returns how they have ended. */
function endOfRuns(
  reports: readonly RunReport[],
  repeat: number,
  stoppedBy: NodeJS.Signals | undefined,
  log: (line: string) => void,
): RunEnd {
  // A signal ends the last run: that it failed says nothing.
  const whole = stoppedBy === undefined ? reports : reports.slice(0, -1)
  const failed = whole.filter(({ status }) => status !== EXIT_OK).map(each => each.seed)
  const seeds = failed.length === 0 ? '' : `seeds ${failed.join(', ')}`
  if (stoppedBy !== undefined) {
    log(`interrupted after ${reports.length} of ${repeat} runs${seeds && `; failed: ${seeds}`}`)
    return { status: statusOf(null, stoppedBy), signal: stoppedBy }
  }
  log(`${failed.length} of ${reports.length} runs failed${seeds && `: ${seeds}`}`)
  const isPassed = failed.length === 0 && reports.length === repeat
  return { status: isPassed ? EXIT_OK : EXIT_FAILURE }
}

/** Makes the host, named after this process, and the link to the machine's network. */
async function joined(lab: Lab, options: RunOptions): Promise<RunPath> {
  const { internet = true, publish = [], localhost } = options
  const [host] = lab.hosts(String(process.pid))
  const { ab, ba } = wiresOf(options)
  const isPlain =
    ab === '' && ba === '' && options.scenario === undefined && options.drop === undefined
  const forward = Object.fromEntries(publish.map(port => [`tcp ${port}`, `${host.name}:${port}`]))
  const making = lab.router(RUN_ROUTER, {
    inside: [host],
    internet,
    ...(localhost !== undefined && { localhost }),
    wire: firstWires(options),
    mtu: options.mtu ?? (isPlain ? MTU_MAX : 1500),
    ...(publish.length > 0 && { forward }),
  })
  const router = await making.catch(error => {
    throw withoutPorts(error) ?? error
  })
  return { host, router, link: router.linkTo(host) }
}

/** Returns an error that names the options if pasta could not listen on ports of --publish. */
function withoutPorts({ message }: Error): LabUnavailableError | undefined {
  const [, ports] = /Failed to bind .*'-t ([\d,]+)'/.exec(message) ?? []
  if (ports === undefined) return undefined
  return new LabUnavailableError(`--publish ${ports}: the port needs root, or is in use`)
}

/** Returns the texts of both directions. `ab` leads out. */
const wiresOf = ({ wire = '', wireIn = wire, wireOut = wire }: RunOptions) => ({
  ab: wireOut,
  ba: wireIn,
})

/** Returns the texts before any change. */
function firstWires(options: RunOptions): { readonly ab: string; readonly ba: string } {
  const isLater = options.after !== undefined || options.wire === OFFLINE
  return isLater ? { ab: '', ba: '' } : wiresOf(options)
}

/** Returns later changes of the wire; undefined without them. Throws a UsageError. */
async function stepsOf(options: RunOptions): Promise<ScenarioList<string> | undefined> {
  const { after, scenario } = options
  const { ab, ba } = wiresOf(options)
  if (after !== undefined && ab === '' && ba === '') {
    throw new UsageError('--after: --wire is missing')
  }
  const isOffline = options.wire === OFFLINE
  if (isOffline && scenario !== undefined) {
    throw new UsageError('--scenario: it needs another wire than offline')
  }
  if (scenario === undefined && after === undefined && !isOffline) return undefined
  const { parseLabWire } = await import('../carrier/wire-text.ts')
  const { compileFilter } = await import('vnet/kit/net')
  const checked = (text: string, direction: Direction) => {
    parseLabWire(text, { filter: compileFilter, file: readTextFile }, direction)
    return text
  }
  if (scenario !== undefined) {
    const { parseScenario } = await import('vnet/kit/wire')
    return parseScenario(readTextFile(scenario, SCENARIO_BYTES), scenario, checked)
  }
  const change = isOffline ? { carrier: false } : { ab: checked(ab, 'ab'), ba: checked(ba, 'ba') }
  return { steps: [{ at: (after ?? 0) * NSEC_PER_MSEC, ...change }] }
}

/** Starts the changes of a wire. Settles when those at time 0 are made. Disposal ends them. */
async function play(
  link: LabLink,
  list: ScenarioList<string> | undefined,
  log: (line: string) => void,
): Promise<Disposable> {
  const stop = new AbortController()
  const ended = { [Symbol.dispose]: () => stop.abort() }
  if (list === undefined) return ended
  const { changeLink, playScenario } = await import('../file/file-lab.ts')
  await playScenario(list, step => changeLink(link, step), stop.signal, log)
  return ended
}

/**
 * Returns functions that set the faults of the options, in both directions; each of the two counts
 * its own packets. Throws a UsageError for options that do not fit together.
 */
async function checkFaults(
  { drop, delay, nth, first, every, data, quiet = false }: RunOptions,
  log: (line: string) => void,
): Promise<((link: LabLink) => Promise<LabFault>)[]> {
  const given = Object.entries({ nth, first, every, data }).filter(
    ([, value]) => value !== undefined,
  )
  if (drop === undefined) {
    const [option] = delay === undefined ? given.map(([name]) => name) : ['delay']
    if (option !== undefined) {
      throw new UsageError(`--${option}: it is for the packets of --drop FILTER`)
    }
    return []
  }
  const counts = given.filter(([name]) => name !== 'data')
  if (counts.length > 1) {
    throw new UsageError(`--${counts[1]?.[0]}: give one of --nth, --first and --every`)
  }
  const { compileFilter } = await import('vnet/kit/net')
  const { noteOfFilter } = await import('vnet/kit/packet')
  compileFilter(drop)
  const note = quiet ? undefined : noteOfFilter(drop)
  if (note !== undefined) {
    log(`--drop: ${note}`)
  }
  const action = delay === undefined ? 'drop' : { delay }
  const when = given.length === 0 ? undefined : Object.fromEntries(given)
  return (['ab', 'ba'] as const).map(direction => link => link[direction].fault(action, drop, when))
}

/** Returns the command line of the launcher for a program with the ids of the user. */
function alone(command: readonly string[], { directories }: RunTraces): readonly string[] {
  const hasEntered = enterCommand() !== undefined
  const ids = hasEntered
    ? [outerId('uid'), outerId('gid')]
    : [process.geteuid?.(), process.getegid?.()]
  const hidden = hasEntered ? directories.join('\n') : ''
  return ['--alone', `${ids.join(':')}:${hidden}`, ...command]
}

/** Returns the environment without the marks of the namespaces that this process has entered. */
function outerEnvironment(): NodeJS.ProcessEnv {
  const { VNET_ROOTLESS: _, VNET_WAY_OUT: __, PATH, ...env } = process.env
  return { ...env, ...(PATH !== undefined && { PATH: PATH.replace(/^\/run\/vnet-bin:/, '') }) }
}

/** Returns the user's id, which is root's in this user namespace. */
function outerId(kind: 'uid' | 'gid'): string | undefined {
  return readFileSync(`/proc/self/${kind}_map`, 'latin1').trim().split(/\s+/)[1]
}
