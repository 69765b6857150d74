/** `vnet conform`: runs the cases against a stack at the far end of an interface. */
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { UsageError } from 'vnet'
import { messageOrDescription } from 'vnet/kit/base'
import { alignLeft, EXIT_FAILURE, EXIT_OK, endOf, fail, type Io, type UserEnd } from 'vnet/kit/cli'
import { makeDirectories, writeFile } from 'vnet/kit/linux'
import { captureOf } from '../capture.ts'
import { ControlPort } from '../control.ts'
import { findStations } from '../discovery.ts'
import { InterfaceWorld } from '../interface-world.ts'
import { type Case, hasFragments, isPassive, setsPathMtu } from '../notation.ts'
import { PacketLink } from '../packet-link.ts'
import { PORTS } from '../run.ts'
import { type CaseFailure, runPatiently } from '../run-case.ts'
import type { Stations } from '../stations.ts'
import { type Group, readTable } from '../table.ts'
import { asJson, asText, countsOf, junitXml, type Result, whyNothing } from './conform-report.ts'

// The ports of the peer, in blocks of a case.
const FIRST_PORT = 0x8000
const LAST_PORT = 0xf000

const PORT_BLOCKS = (LAST_PORT - FIRST_PORT) / PORTS

/** The options of the command, parsed and checked one by one. */
export interface ConformOptions {
  readonly address: readonly Uint8Array[] | undefined
  readonly peer: readonly Uint8Array[] | undefined
  readonly control: { readonly host: string; readonly port: number } | undefined
  readonly only: string | undefined
  readonly slow: boolean | undefined
  readonly list: boolean | undefined
  readonly captures: string
  readonly junit: string | undefined
  readonly pace: number
  readonly json: boolean | undefined
}

/** Returns the exit status: 1 if a case failed that must pass, or if none ran. */
export async function conform(
  name: string | undefined,
  options: ConformOptions,
  io: Io,
): Promise<number> {
  const table = readTable()
  const groups = chosen(table, options.only)
  if (options.list && name !== undefined) {
    throw new UsageError(`conform: --list needs no interface: leave ${name} out`)
  }
  if (options.list) return list(groups, options, io)
  const { address = [], peer = [] } = options
  if (name === undefined) {
    throw new UsageError('conform: it needs the interface in front of the stack, such as tap0')
  }
  if (address.length === 0) {
    throw new UsageError('conform: it needs --address, the address of the stack')
  }
  const link = PacketLink.open(name, peerMac())
  using end = endOf(io)
  let control: ControlPort | undefined
  try {
    control =
      options.control && (await ControlPort.open(options.control.host, options.control.port))
    const stations = await findStations(link, address, peer)
    const cases = { groups, ping: pingOf(table, stations), control }
    const { results, death } = await runAll(link, stations, cases, options, io, end)
    if (options.junit !== undefined) {
      writeFile(options.junit, junitXml(results))
    }
    const notRun = groups.flatMap(group => group.cases).length - results.length
    const status = summary(results, notRun, options, io)
    const problem = death ?? whyNothing(results)
    return problem === undefined ? status : fail(io, problem)
  } finally {
    control?.close()
    link.close()
  }
}

function chosen(groups: readonly Group[], only = '*'): readonly Group[] {
  const pattern = /^[a-z\d*-]+$/.test(only) ? new RegExp(`^${only.replaceAll('*', '.*')}$`) : /^$/
  const found = groups.map(({ name, cases }) => ({
    name,
    cases: pattern.test(name) ? cases : cases.filter(one => pattern.test(one.name)),
  }))
  if (found.every(({ cases }) => cases.length === 0)) {
    throw new UsageError(
      `conform: no case or group is called '${only}'; vnet conform --list shows them`,
    )
  }
  return found
}

function list(groups: readonly Group[], { json }: ConformOptions, io: Io): number {
  const rows = groups.flatMap(({ name: group, cases }) =>
    cases.map(one => ({ group, ...described(one) })),
  )
  if (json) {
    io.out(`${JSON.stringify({ event: 'conform', cases: rows })}\n`)
  } else {
    for (const line of alignLeft(rows.map(row => [row.name, row.level, row.source, row.title]))) {
      io.out(`${line}\n`)
    }
  }
  return EXIT_OK
}

const described = ({ name, level, source, title, note, linux }: Case) => ({
  name,
  level,
  source,
  title,
  note: linux ?? note ?? null,
})

interface Cases {
  readonly groups: readonly Group[]
  readonly ping: Case
  readonly control: ControlPort | undefined
}

async function runAll(
  link: PacketLink,
  stations: Stations,
  { groups, ping, control }: Cases,
  { captures, pace, json, slow = false }: ConformOptions,
  io: Io,
  end: UserEnd,
): Promise<{ readonly results: readonly Result[]; readonly death?: string }> {
  const results: Result[] = []
  // Each run starts with other ports, because a host keeps some of the last one.
  let port = FIRST_PORT + (Date.now() % PORT_BLOCKS) * PORTS
  const run = (one: Case) =>
    runPatiently(one, () => {
      // The control connection may be one of the same host.
      do {
        port = port + PORTS < LAST_PORT ? port + PORTS : FIRST_PORT
      } while (((control?.ownPort ?? 0) ^ port) < PORTS)
      return new InterfaceWorld(
        link,
        stations,
        port,
        isPassive(one) ? undefined : control,
        one.family,
      )
    })
  const all = groups.flatMap(({ name: group, cases }) => cases.map(one => ({ group, one })))
  const replies = async () => (await run(ping)).failure === undefined
  const isAlive = await replies()
  // Last, because the host remembers the MTU of the path to the peer.
  for (const { group, one } of all.sort(
    (a, b) => Number(setsPathMtu(a.one)) - Number(setsPathMtu(b.one)),
  )) {
    const why = whySkipped(one, stations, control, slow)
    if (why === undefined && pace > 0) {
      await setTimeout(pace)
    }
    const outcome = why === undefined ? await run(one) : { skipped: why, failure: undefined }
    const { skipped, failure } = outcome
    const isDeaf = failure !== undefined && isAlive && !(await replies())
    const death = control?.failure ?? (isDeaf ? 'the host no longer replies to a ping' : undefined)
    const capture = failure && saveCapture(captures, link.name, one, failure)
    const after = failure && results.find(earlier => mayCause(earlier, one))?.one.name
    const result = { group, one, skipped, failure, capture, after, isFatal: death !== undefined }
    results.push(result)
    if (json || failure !== undefined) {
      io.out(`${json ? JSON.stringify(asJson(result)) : asText(result)}\n`)
    }
    if (await end.within(0)) {
      return { results, death: `interrupted after ${one.name}: the rest did not run` }
    }
    if (death !== undefined) {
      return { results, death: `${death} after ${one.name}: the rest did not run` }
    }
  }
  return { results }
}

/** Whether the host may still hold fragments of a failed case, so that another one fails. */
const mayCause = ({ one: earlier, failure }: Result, one: Case): boolean =>
  failure !== undefined && hasFragments(earlier) && hasFragments(one)

/** Returns the case by which a run sees whether the host still replies. */
function pingOf(table: readonly Group[], { host }: Stations): Case {
  const name = host.ip === undefined ? 'icmpv6-echo' : 'icmp-echo'
  return table.flatMap(({ cases }) => cases).find(one => one.name === name) as Case
}

function whySkipped(
  one: Case,
  { host }: Stations,
  control: ControlPort | undefined,
  takesSlow: boolean,
): string | undefined {
  if (!isPassive(one) && control === undefined) return 'it needs a program on the host: --control'
  const [setting] = Object.keys(one.sysctls)
  if (one.memoryOnly !== undefined) return one.memoryOnly
  if (one.slow !== undefined && !takesSlow) return `${one.slow}: --slow`
  if (setting !== undefined) return `it needs the setting ${setting}`
  const version = one.family === 4 ? 'IPv4' : 'IPv6'
  return (one.family === 4 ? host.ip : host.ip6) === undefined
    ? `no address of ${version} was given`
    : undefined
}

/** Returns the file, or why it could not be written: the results do not depend on it. */
function saveCapture(
  directory: string,
  interfaceName: string,
  one: Case,
  failure: CaseFailure,
): string {
  const file = join(directory, `${one.name}.pcapng`)
  try {
    makeDirectories(directory)
    writeFile(file, captureOf(interfaceName, `${one.name}: ${one.source}`, failure))
    return file
  } catch (error) {
    return `not written: ${messageOrDescription(error)}`
  }
}

/** A locally administered address, another one for each process. */
function peerMac(): Uint8Array {
  return Uint8Array.of(2, 0x76, 0x63, process.pid >>> 16, process.pid >>> 8, process.pid)
}

function summary(
  results: readonly Result[],
  notRun: number,
  { json }: ConformOptions,
  io: Io,
): number {
  const counts = countsOf(results)
  if (json) {
    io.out(`${JSON.stringify({ event: 'conform', ...counts, notRun })}\n`)
  } else {
    const { passed, failedMust, failedOther, skipped } = counts
    const other = failedOther > 0 ? `, ${failedOther} differ (should, may)` : ''
    const rest = notRun > 0 ? `, ${notRun} did not run` : ''
    const all = results.length - skipped
    io.out(
      `${passed} of ${all} pass, ${failedMust} failed (must)${other}, ${skipped} skipped${rest}\n`,
    )
  }
  return counts.failedMust > 0 ? EXIT_FAILURE : EXIT_OK
}
