/** `vnet lab`: makes the network that a file describes, and runs a command in it. */
import { parse } from 'node:path'
import { createInterface } from 'node:readline'
import type { GuestCommandOptions } from '@vnet/guest/kit'
import { UsageError } from 'vnet'
import { EXIT_FAILURE, EXIT_OK, endOf, fail, type Io, statusOf } from 'vnet/kit/cli'
import { loadNative } from 'vnet/kit/linux'
import { FileLab } from '../file/file-lab.ts'
import { graph } from '../file/graph.ts'
import { hostsOf, type LabPlan, readLabFile } from '../file/read.ts'
import { greeting, serveLines } from '../file/requests.ts'
import { ServiceError } from '../file/service.ts'
import { namesFor } from '../model/options.ts'
import { LabUnavailableError } from '../model/rights.ts'
import { enterForLab } from '../run/enter-for-lab.ts'
import { runCommand } from '../run/run-command.ts'
import { STAGE } from '../world/world.ts'

const LAB_NAME_MAX = 63

/** The options of `vnet lab FILE`. Options of the guest are for `time` virtual only. */
export interface LabCommandOptions extends GuestCommandOptions {
  readonly host: string | undefined
  readonly scenario: string | undefined
  readonly json: boolean | undefined
  readonly time: 'real' | 'virtual' | undefined
  readonly stopAt: readonly string[] | undefined
}

/** Makes the lab of a file. Returns the exit status of the command; 0 without a command. */
export async function lab(
  path: string,
  command: readonly string[],
  options: LabCommandOptions,
  io: Io,
): Promise<number> {
  const { host, scenario, json = false, time = 'real', stopAt = [], ...guest } = options
  checkUse(options, command)
  const plan = readLabFile(path, scenario)
  const inside = command.length === 0 ? '' : hostOf(plan, host)
  if (time === 'virtual') {
    const { virtualLab } = await import('./lab-virtual.ts')
    return await virtualLab(path, command, plan, { scenario, host: inside, stopAt, ...guest }, io)
  }
  if (io.own) {
    await enterForLab(loadNative())
  }
  const isStage = process.env[STAGE] === '1'
  // It is not for a `vnet lab` that a program of this lab starts.
  delete process.env[STAGE]
  using end = endOf(io)
  const stop = new AbortController()
  const asked = end.asked.finally(async () => {
    await readLost()
    stop.abort()
  })
  asked.catch(() => {})
  // The links of a lab keep no process alive.
  const alive = setInterval(() => {}, 2 ** 31 - 1)
  let running: FileLab | undefined
  let lost: readonly string[] = []
  // The links have their counters until the lab ends. One that has ended before has none.
  const readLost = async () => {
    lost = (await running?.lostBeforeVnet().catch(() => lost)) ?? lost
  }
  let status = EXIT_OK
  try {
    const log = (line: string) => io.err(`${line}\n`)
    const use = { host: inside, command }
    running = await FileLab.start(plan, nameOf(path), { signal: stop.signal, log, command: use })
    status = await useLab(running, { ...use, json, isStage }, asked, io)
    await readLost()
  } catch (error) {
    if (stop.signal.aborted) {
      const signal = await asked
      status = signal === undefined ? EXIT_FAILURE : statusOf(null, signal)
    } else if (error instanceof LabUnavailableError || error instanceof ServiceError) {
      return fail(io, error.message)
    } else {
      throw error
    }
  } finally {
    await running?.[Symbol.asyncDispose]()
    clearInterval(alive)
  }
  for (const line of lost) {
    io.err(`vnet: ${line}\n`)
  }
  report(running, io)
  return status
}

/** Throws a UsageError for options that do not fit together. */
function checkUse(
  { host, scenario: _, json = false, time = 'real', stopAt = [], ...guest }: LabCommandOptions,
  command: readonly string[],
): void {
  const hasCommand = command.length > 0
  if (json && hasCommand) {
    throw new UsageError(
      '--json: a command and requests would share the streams; --json takes no file',
    )
  }
  if (json && time === 'virtual') throw new UsageError('--json: only with --time real')
  if (host !== undefined && !hasCommand) {
    throw new UsageError('--host: there is no command: -- COMMAND')
  }
  if (time === 'virtual') {
    if (hasCommand) return
    throw new UsageError('--time virtual: the command to run in the lab is missing: -- COMMAND')
  }
  if (stopAt.length > 0) throw new UsageError('--stop-at: only with --time virtual')
  const [option] = Object.keys(guest)
  if (option !== undefined) throw new UsageError(`--${option}: only with --time virtual`)
}

interface LabUse {
  readonly host: string
  readonly command: readonly string[]
  readonly json: boolean
  /** Whether `vnet lab --time virtual` has started this process in its guest. */
  readonly isStage: boolean
}

/** Runs the command, serves requests, or waits until the user ends the lab. Returns the status. */
async function useLab(
  running: FileLab,
  { host, command, json, isStage }: LabUse,
  asked: Promise<unknown>,
  io: Io,
): Promise<number> {
  if (json) {
    await serveRequests(running, asked, io)
    return EXIT_OK
  }
  if (command.length > 0) return runIn(running, host, command, io)
  if (isStage) {
    const { runReplied } = await import('./lab-virtual.ts')
    return runReplied(running, (name, words) => runIn(running, name, words, io))
  }
  for (const { name, addresses } of running.hosts) {
    io.out(`${[name, ...addresses].join(' ')}\n`)
  }
  io.out('ready\n')
  await asked
  return EXIT_OK
}

const runIn = (
  running: FileLab,
  host: string,
  command: readonly string[],
  io: Io,
): Promise<number> =>
  runCommand(running.host(host), command, { ...process.env, ...running.env }, io)

/** Returns the host in which a command runs: --host, or the first one. */
export function hostOf({ topology }: LabPlan, host: string | undefined): string {
  const hosts = hostsOf(topology)
  const [inside = ''] = host === undefined ? hosts : [host]
  if (hosts.includes(inside)) return inside
  throw new UsageError(`--host ${inside}: the lab has ${namesFor(inside, hosts) || 'no host'}`)
}

/** Returns the name of a file without its extension, as the name of a lab may be. */
function nameOf(path: string): string {
  return parse(path)
    .name.replaceAll(/[^\w.-]/g, '-')
    .slice(0, LAB_NAME_MAX)
}

async function serveRequests(running: FileLab, asked: Promise<unknown>, io: Io): Promise<void> {
  const print = (object: object) => io.out(`${JSON.stringify(object)}\n`)
  print(greeting(running))
  const lines = createInterface({ input: process.stdin })
  await Promise.race([serveLines(running, lines, print), asked])
  lines.close()
}

/** Prints where captures are, and which faults have hit no packet: their filters may be wrong. */
function report(running: FileLab | undefined, io: Io): void {
  for (const file of running?.captures ?? []) {
    io.err(`vnet: capture: ${file}\n`)
  }
  for (const { entry, fault } of running?.faults ?? []) {
    const { link, direction, action, filter = 'all' } = entry
    const what = `${typeof action === 'string' ? action : 'delay'} (${filter})`
    if (fault.hits === 0) {
      io.err(`vnet: the fault ${what} of ${link} ${direction} has hit no packet\n`)
    }
  }
}

/**
 * `vnet lab check FILE`: reads and checks a lab file without making the lab, prints the number of
 * its parts, and returns EXIT_OK. Rejects with a UsageError for a file that is not one of a lab.
 */
export async function checkLab(path: string, io: Io): Promise<number> {
  const { hosts, routers = {}, cables = {}, lans = {} } = readLabFile(path).topology
  const counts = { host: hosts, router: routers, cable: cables, lan: lans }
  const parts = Object.entries(counts).map(([what, entries]) => {
    const { length } = Object.keys(entries)
    return `${length} ${what}${length === 1 ? '' : 's'}`
  })
  io.out(`${path}: ${parts.join(', ')}\n`)
  return EXIT_OK
}

/**
 * `vnet lab graph FILE`: prints the file as a flowchart without making the lab, and returns
 * EXIT_OK. Rejects with a UsageError for a file that is not one of a lab.
 */
export async function graphLab(path: string, io: Io): Promise<number> {
  io.out(graph(readLabFile(path).topology))
  return EXIT_OK
}
