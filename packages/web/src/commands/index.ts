/** The commands of the page and of the metrics. Each loads its code when it runs. */
import { getPriority, setPriority } from 'node:os'
import { UsageError } from 'vnet/internal/base/usage-error'
import { commandsOf, type LazyCommand } from 'vnet/internal/cli/parse/option'
import { collect, PARSERS } from 'vnet/internal/cli/parse/options'
import type { Io } from 'vnet/internal/cli/process/io'
import { type Address, parseAddress } from '../http/address.ts'
import texts from './commands.json' with { type: 'json' }

/** The nice value of a server: requests of strangers must not take the CPU from frames. */
const NICE = 10

export interface ServerCommandOptions {
  /** True for the vnets of all network namespaces. */
  readonly all?: boolean
  /** Names of the server, besides its addresses. */
  readonly host?: readonly string[]
  readonly json?: boolean
  /** Query this user's vnets instead of root's and the caller's. */
  readonly user?: number
}

export const commands: readonly LazyCommand[] = commandsOf(
  texts,
  {
    metrics: async (io, address, options) =>
      (await import('./metrics.ts')).metrics(addressFor('metrics', address, io), options, io),
    web: async (io, address, names, options) =>
      (await import('./web.ts')).web(addressFor('web', address, io), names, options, io),
  },
  { ...PARSERS, '--host <name>': collect(String) },
)

/** Prepares the process to serve at an address, and returns it parsed. Throws a UsageError. */
function addressFor(command: string, text: string, io: Io): Address {
  const address = parseAddress(text)
  if (address === undefined) throw new UsageError(`${command}: '${text}' is not [ADDR:]PORT`)
  // An ordinary user may not raise the priority.
  if (io.own) setPriority(Math.max(NICE, getPriority()))
  return address
}
