/** The commands of the page and of the metrics. Each loads its code when it runs. */
import { getPriority, setPriority } from 'node:os'
import { UsageError } from 'vnet/internal/base/usage-error'
import { Argument, type LazyCommand, Option } from 'vnet/internal/cli/parse/option'
import { json, user } from 'vnet/internal/cli/parse/options'
import type { Io } from 'vnet/internal/cli/process/io'
import { type Address, parseAddress } from '../http/address.ts'

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

const options = () => [
  new Option('--all', 'serve the vnets of all network namespaces'),
  new Option('--host <name>', 'also take requests for this name; may be repeated').argParser(
    (name: string, others: readonly string[] = []) => [...others, name],
  ),
  json(),
  user(),
]

export const commands: readonly LazyCommand[] = [
  {
    name: 'metrics',
    group: 'Monitoring:',
    description: 'serve the counters of running vnets at /metrics, for Prometheus, until Ctrl-C',
    args: [new Argument('<ADDRESS>')],
    options: options(),
    examples: [['vnet metrics 9100', 'at http://127.0.0.1:9100/metrics']],
    run: async (io, address, options) =>
      (await import('./metrics.ts')).metrics(addressFor('metrics', address, io), options, io),
  },
  {
    name: 'web',
    group: 'Monitoring:',
    description: 'serve a live page of running vnets until Ctrl-C, and print its URL',
    args: [new Argument('<ADDRESS>'), new Argument('[IF...]')],
    options: options(),
    examples: [
      ['vnet web 8080', 'all running vnets, on 127.0.0.1'],
      ['vnet web 0.0.0.0:8080 --host box sn0', 'sn0, for other machines too'],
    ],
    run: async (io, address, names, options) =>
      (await import('./web.ts')).web(addressFor('web', address, io), names, options, io),
  },
]

/** Prepares the process to serve at an address, and returns it parsed. Throws a UsageError. */
function addressFor(command: string, text: string, io: Io): Address {
  const address = parseAddress(text)
  if (address === undefined) throw new UsageError(`${command}: '${text}' is not [ADDR:]PORT`)
  // An ordinary user may not raise the priority.
  if (io.own) setPriority(Math.max(NICE, getPriority()))
  return address
}
