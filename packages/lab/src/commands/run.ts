/** `vnet run`: a command whose network is the machine's, past a wire. */
import { closeSync, readFileSync, writeSync } from 'node:fs'
import { performance } from 'node:perf_hooks'
import { NSEC_PER_MSEC } from 'vnet/internal/base/clock'
import { UsageError } from 'vnet/internal/base/usage-error'
import { fail } from 'vnet/internal/cli/ask'
import { EXIT_FAILURE, EXIT_OK, endOf, type Io } from 'vnet/internal/cli/io'
import { enterCommand, enterForLab } from 'vnet/internal/cli/rootless'
import { makeRunDirectory, privateCandidates } from 'vnet/internal/control/protocol/run-directory'
import { loadNative } from 'vnet/internal/linux/native'
import { compileFilter } from 'vnet/internal/linux/pcap-filter'
import { openOutput, readTextFile } from 'vnet/internal/linux/regular-file'
import type { ScenarioList } from 'vnet/internal/netdev/device-wire'
import { parseWire } from 'vnet/internal/wire/parse'
import { parseScenario } from 'vnet/internal/wire/scenario-file'
import { fault } from 'vnet/internal/wire/stages/fault'
import type { Direction } from 'vnet/internal/wire/wire'
import { FileLab } from '../file/file-lab.ts'
import { type LabPlan, whenOf } from '../file/read.ts'
import type { FaultEntry } from '../file/schema.ts'
import { statusOf } from '../file/service.ts'
import { LabUnavailableError } from '../index.ts'
import { prepareWayOut } from '../way-out.ts'
import { runCommand } from './lab.ts'
import { type RunReport, reportLines, reportOf } from './run-report.ts'

/** The router between the command and the machine's network. */
const ROUTER = 'internet'
/** The text of a wire that is a cut cable. */
const OFFLINE = 'offline'
const SCENARIO_BYTES = 1 << 20
/** The MTU without a wire: fewer packets of more bytes. With one, packets are as on Ethernet. */
const MTU_MAX = 65_520

export interface RunOptions {
  readonly wire?: string
  readonly wireIn?: string
  readonly wireOut?: string
  /** Milliseconds after which the wire is set. */
  readonly after?: number
  readonly seed?: number
  readonly scenario?: string
  readonly capture?: string
  readonly mtu?: number
  readonly internet?: boolean
  readonly publish?: readonly number[]
  readonly drop?: string
  readonly delay?: number
  readonly nth?: number
  readonly first?: number
  readonly every?: number
  readonly repeat?: number
  readonly json?: string
  readonly quiet?: boolean
}

/** Returns the exit status of the command; with --repeat, 0 if every run had status 0. */
export async function run(command: readonly string[], options: RunOptions, io: Io): Promise<number> {
  const { internet = true, publish = [], json, quiet = false, repeat = 1, capture, seed = 1 } = options
  if (!internet && publish.length > 0)
    throw new UsageError('--publish: with --no-internet no port leads to the command')
  const host = String(process.pid)
  const link = `${ROUTER}/${host}`
  const plan = planOf(host, link, options)
  if (io.own) enterForLab(loadNative(), internet ? prepareWayOut : undefined)
  const out = json === undefined ? undefined : openOutput(json, { mode: 0o666 })
  const words = alone(command)
  const env = outerEnvironment()
  using end = endOf(io)
  const stop = new AbortController()
  const asked = end.asked.finally(() => stop.abort())
  asked.catch(() => {})
  // The links of a lab keep no process alive.
  const alive = setInterval(() => {}, 2 ** 31 - 1)
  const log = (line: string) => io.err(`vnet: ${line}\n`)
  const reports: RunReport[] = []
  let running: FileLab | undefined
  try {
    running = await FileLab.start(plan, { name: 'run', signal: stop.signal, log })
    if (capture !== undefined) await running.capture(link, capture)
    for (let i = 0; i < repeat && !stop.signal.aborted; i++) {
      if (i > 0) await running.reset(seed + i)
      const start = performance.now()
      const status = await runCommand(running, host, words, io, env)
      const seconds = (performance.now() - start) / 1000
      const report = await reportOf(running, host, link, { seed: seed + i, status, seconds })
      reports.push(report)
      if (!quiet) for (const line of reportLines(report)) log(line)
    }
  } catch (error) {
    if (stop.signal.aborted) {
      const signal = await asked
      return signal === undefined ? EXIT_FAILURE : statusOf(null, signal)
    }
    if (error instanceof LabUnavailableError) return fail(io, error.message)
    throw error
  } finally {
    await running?.[Symbol.asyncDispose]()
    clearInterval(alive)
  }
  if (out !== undefined) {
    writeSync(out, `${JSON.stringify(repeat === 1 ? reports[0] : reports)}\n`)
    closeSync(out)
  }
  if (repeat === 1) return reports[0]?.status ?? EXIT_FAILURE
  const failed = reports.filter(({ status }) => status !== EXIT_OK)
  log(
    `${failed.length} of ${reports.length} runs failed${failed.length > 0 ? `: seeds ${failed.map(each => each.seed).join(', ')}` : ''}`,
  )
  return failed.length === 0 && reports.length === repeat ? EXIT_OK : EXIT_FAILURE
}

/** Returns the lab: a host with the name of this process, and the router to the machine's network. */
function planOf(host: string, link: string, options: RunOptions): LabPlan {
  const { internet = true, publish = [], after, seed = 1, scenario } = options
  const { ab, ba } = wiresOf(options)
  const isOffline = ab === OFFLINE
  const isLater = after !== undefined || isOffline
  if (after !== undefined && ab === '' && ba === '') throw new UsageError('--after: --wire is missing')
  if (isLater && scenario !== undefined)
    throw new UsageError('--scenario: its steps change the wire: leave --after out')
  const mtu = options.mtu ?? (ab === '' && ba === '' && scenario === undefined ? MTU_MAX : undefined)
  const steps = [{ at: (after ?? 0) * NSEC_PER_MSEC, ...(isOffline ? { carrier: false } : { ab, ba }) }]
  const list = scenario === undefined ? (isLater ? { steps } : undefined) : readScenario(scenario)
  const router = {
    inside: [host],
    internet,
    wire: isLater ? '' : { ab, ba },
    ...(mtu !== undefined && { mtu }),
    ...(publish.length > 0 && { forward: Object.fromEntries(publish.map(port => [`tcp ${port}`, `${host}:${port}`])) }),
  }
  return {
    seed,
    stages: [],
    topology: { hosts: [host], routers: { [ROUTER]: router } },
    services: [],
    faults: faultsOf(link, options),
    scenario: list && { list, links: list.steps.map(() => link), hosts: list.steps.map(() => ({})) },
  }
}

/** Returns the texts of both directions. `ab` leads out. Throws a UsageError for a wrong one. */
function wiresOf({ wire, wireIn, wireOut }: RunOptions): { readonly ab: string; readonly ba: string } {
  if (wire === OFFLINE) return { ab: OFFLINE, ba: OFFLINE }
  const [ab, ba] = [wireOut ?? wire ?? '', wireIn ?? wire ?? '']
  checkText(ab, 'ab')
  checkText(ba, 'ba')
  return { ab, ba }
}

function checkText(text: string, direction: Direction): string {
  parseWire(text, { filter: compileFilter, file: readTextFile }, direction, { bareUs: false })
  return text
}

function readScenario(path: string): ScenarioList<string> {
  return parseScenario(readTextFile(path, SCENARIO_BYTES), path, checkText)
}

/** Returns the fault of the options, in both directions, each of which counts its own packets. */
function faultsOf(link: string, { drop, delay, nth, first, every }: RunOptions): FaultEntry[] {
  const when = Object.fromEntries(Object.entries({ nth, first, every }).filter(([, n]) => n !== undefined))
  if (drop === undefined) {
    const [alone] = Object.keys({ ...when, ...(delay !== undefined && { delay }) })
    if (alone !== undefined) throw new UsageError(`--${alone}: it is for the packets of --drop FILTER`)
    return []
  }
  const action = delay === undefined ? 'drop' : { delay }
  compileFilter(drop)
  fault(action, undefined, whenOf(when))
  return (['ab', 'ba'] as const).map(direction => ({ link, direction, action, filter: drop, ...when }))
}

/** Returns the command line of the launcher for a program with the ids of the user. */
function alone(command: readonly string[]): readonly string[] {
  const hasEntered = enterCommand() !== undefined
  const [uid, gid] = hasEntered
    ? [outerId('uid'), outerId('gid')]
    : [process.geteuid?.() ?? 0, process.getegid?.() ?? 0]
  const hidden = hasEntered ? makeRunDirectory(privateCandidates()).path : ''
  return ['--alone', `${uid}:${gid}:${hidden}`, ...command]
}

/** Returns the environment without the marks of the namespaces that this process has entered. */
function outerEnvironment(): NodeJS.ProcessEnv {
  const { VNET_ROOTLESS: _, VNET_WAY_OUT: __, PATH, ...env } = process.env
  return { ...env, ...(PATH !== undefined && { PATH: PATH.replace(/^\/run\/vnet-bin:/, '') }) }
}

/** Returns the user's id, which is root's in this user namespace. */
function outerId(kind: 'uid' | 'gid'): number {
  const [, outer] = readFileSync(`/proc/self/${kind}_map`, 'latin1').trim().split(/\s+/)
  return Number(outer)
}
