/**
 * `vnet lab FILE --time virtual`: a guest runs `vnet lab FILE` until the lab is up, and stops. Each
 * run continues from there, with its command and its seed.
 */
import { resolve } from 'node:path'
import { type GuestCommandOptions, guest } from '@vnet/guest/internal/commands/guest'
import { stopMachine } from '@vnet/guest/internal/inside'
import { isBelow } from '@vnet/guest/internal/programs'
import { UsageError } from 'vnet/internal/base/usage-error'
import type { Io } from 'vnet/internal/cli/io'
import { PROGRAM } from 'vnet/internal/cli/own-package'
import type { FileLab } from '../file/file-lab.ts'
import type { LabPlan } from '../file/read.ts'
import { STAGE } from '../world.ts'

/** The message to a lab in the guest that is up. */
interface Order {
  readonly host: string
  readonly command: readonly string[]
  readonly seed: number
}

/** Returns the status of the command. */
export function virtualLab(
  path: string,
  scenario: string | undefined,
  order: Omit<Order, 'seed'>,
  plan: LabPlan,
  options: GuestCommandOptions,
  io: Io,
): Promise<number> {
  const directory = resolve(options.directory ?? '.')
  for (const file of [path, ...(scenario === undefined ? [] : [scenario])]) {
    if (isBelow(resolve(file), directory)) continue
    throw new UsageError(`${file}: not in ${directory}, whose files the guest has: name a directory by --directory`)
  }
  const words = [
    process.execPath,
    PROGRAM,
    'lab',
    resolve(path),
    ...(scenario === undefined ? [] : ['--scenario', scenario]),
  ]
  const seed = options.seed ?? plan.seed
  const reply = (seed: number) => JSON.stringify({ ...order, seed } satisfies Order)
  const env = [...(options.env ?? []), `${STAGE}=1`]
  return guest(words, { ...options, ...(seed !== undefined && { seed }), reply, env }, io)
}

/** Runs what the order says in a lab of a guest that is up. */
export async function runReplied(
  running: FileLab,
  run: (host: string, command: readonly string[]) => Promise<number>,
): Promise<number> {
  const { host, command, seed } = JSON.parse(stopMachine('the lab is up').toString()) as Order
  await running.reset(seed)
  return await run(host, command)
}
