/** The commands of the page and of the metrics. Each loads its code when it runs. */
import { getPriority, setPriority } from 'node:os'
import { UsageError } from 'vnet'
import { collect, defineCommand, type Io, type LazyCommand, option, shared } from 'vnet/kit/cli'
import { type Address, parseAddress } from '../http/address.ts'

/** The nice value of a server: requests of strangers must not take the CPU from frames. */
const NICE = 10

export interface ServerCommandOptions {
  /** True for the vnets of all network namespaces. */
  readonly all: boolean | undefined
  /** Names of the server, besides its addresses. */
  readonly host: readonly string[] | undefined
  readonly json: boolean | undefined
  /** Query this user's vnets instead of root's and the caller's. */
  readonly user: number | undefined
}

const serverOptions = [
  option('--all', 'serve the vnets of all network namespaces'),
  option('--host <name>', 'also take requests for this name; may be repeated', {
    parse: collect(String),
  }),
  shared.json,
  shared.user,
] as const

export const commands: readonly LazyCommand[] = [
  defineCommand({
    name: 'metrics',
    group: 'Monitoring:',
    description: 'serve the counters of running vnets at /metrics, for Prometheus, until Ctrl-C',
    args: ['<ADDRESS>'],
    options: serverOptions,
    examples: { 'vnet metrics 9100': 'at http://127.0.0.1:9100/metrics' },
    run: async (io, address, options) =>
      (await import('./metrics.ts')).metrics(addressFor('metrics', address, io), options, io),
  }),
  defineCommand({
    name: 'web',
    group: 'Monitoring:',
    description: 'serve a live page of running vnets until Ctrl-C, and print its URL',
    args: ['<ADDRESS>', '[IF...]'],
    options: serverOptions,
    examples: {
      'vnet web 8080': 'all running vnets, on 127.0.0.1',
      'vnet web 0.0.0.0:8080 --host box sn0': 'sn0, for other machines too',
    },
    run: async (io, address, names, options) =>
      (await import('./web.ts')).web(addressFor('web', address, io), names, options, io),
  }),
]

/** Prepares the process to serve at an address, and returns it parsed. Throws a UsageError. */
function addressFor(command: string, text: string, io: Io): Address {
  const address = parseAddress(text)
  if (address === undefined) throw new UsageError(`${command}: '${text}' is not [ADDR:]PORT`)
  // An ordinary user may not raise the priority.
  if (io.own) {
    setPriority(Math.max(NICE, getPriority()))
  }
  return address
}
