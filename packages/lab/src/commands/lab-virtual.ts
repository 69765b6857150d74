/**
 * `vnet lab FILE --time virtual`: a guest runs `vnet lab FILE` until the lab is up, and stops
 * there. Each run continues from this stop, with its own command and seed.
 */
import { realpathSync } from 'node:fs'
import { resolve } from 'node:path'
import { type GuestCommandOptions, guest, stopMachine } from '@vnet/guest/kit'
import { attempt, UsageError } from 'vnet'
import { type Io, PROGRAM } from 'vnet/kit/cli'
import type { FileLab } from '../file/file-lab.ts'
import { hostsOf, type LabPlan } from '../file/read.ts'
import { STAGE } from '../world/world.ts'
import { isInside, realPlace } from './guest-file.ts'
import { StopCommands } from './stop-commands.ts'
import { readStop, type Stop, Stops } from './virtual-stops.ts'

/** The message to a lab in the guest that is up. */
type Order = Readonly<{
  host: string
  command: readonly string[]
  stops: readonly Stop[]
  seed: number
}>

export interface VirtualLabOptions extends GuestCommandOptions {
  readonly scenario: string | undefined
  readonly host: string
  /** Where the lab stops for commands: see readStop. */
  readonly stopAt: readonly string[]
}

/**
 * Runs the command in a lab in a guest, and returns its status. Prints a line for each value of
 * --stop-at that was not reached. Throws a UsageError if the file is not in the guest's directory.
 */
export async function virtualLab(
  path: string,
  command: readonly string[],
  plan: LabPlan,
  { scenario, host, stopAt, ...options }: VirtualLabOptions,
  io: Io,
): Promise<number> {
  const stops = stopAt.map(text => readStop(text, plan.links))
  const named = resolve(options.directory ?? '.')
  const directory = attempt(() => realpathSync(named)) ?? named
  for (const file of [path, ...(scenario === undefined ? [] : [scenario])]) {
    if (isInside(file, directory)) continue
    throw new UsageError(
      `${file}: not in ${directory}, whose files the guest has: name a directory by --directory`,
    )
  }
  const words = [
    process.execPath,
    PROGRAM,
    'lab',
    realPlace(path),
    ...(scenario === undefined ? [] : ['--scenario', realPlace(scenario)]),
  ]
  const seed = options.seed ?? plan.seed
  const reply = (chosenSeed: number) =>
    JSON.stringify({ host, command, stops, seed: chosenSeed } satisfies Order)
  const env = [...(options.env ?? []), `${STAGE}=1`]
  const given = { ...options, seed, env }
  if (stops.length === 0) return await guest(words, given, io, { reply })
  using commands = new StopCommands({
    hosts: [...new Set([host, ...hostsOf(plan.topology)])],
    input: process.stdin,
    io,
  })
  const status = await guest(words, given, io, { reply, onStops: () => commands.start() })
  for (const { text } of stops) {
    if (commands.reached?.has(text) === false) {
      io.err(`vnet: --stop-at ${text}: not reached\n`)
    }
  }
  return status
}

/** Runs what the order says in a lab of a guest that is up. */
export async function runReplied(
  running: FileLab,
  run: (host: string, command: readonly string[]) => Promise<number>,
): Promise<number> {
  const { host, command, seed, stops } = JSON.parse(
    stopMachine('the lab is up').toString(),
  ) as Order
  const began = performance.now()
  await running.reset(seed)
  using _ = await Stops.start(stops, running, { run, began, log: line => console.error(line) })
  return await run(host, command)
}
