/** The commands of the page and of the metrics. Each loads its code when it runs. */
import { UsageError } from 'vnet/internal/base/usage-error'
import { json, type LazyCommand, user } from 'vnet/internal/cli/lazy-command'
import { Argument, Option } from 'vnet/internal/cli/option'
import { type Address, parseAddress } from '../http/address.ts'

const host = () =>
  new Option('--host <name>', 'also take requests for this name; may be repeated').argParser(
    (name: string, others: readonly string[] = []) => [...others, name],
  )

export const commands: readonly LazyCommand[] = [
  {
    name: 'metrics',
    group: 'Monitoring:',
    description: 'serve the counters of running vnets at /metrics, for Prometheus, until Ctrl-C',
    args: [new Argument('<ADDRESS>')],
    options: [host(), json(), user()],
    examples: [['vnet metrics 9100', 'at http://127.0.0.1:9100/metrics']],
    run: async (io, address, options) =>
      (await import('./metrics.ts')).metrics(parsed(address, 'metrics'), options, io),
  },
  {
    name: 'web',
    group: 'Monitoring:',
    description: 'serve a live page of running vnets until Ctrl-C, and print its URL',
    args: [new Argument('<ADDRESS>'), new Argument('[IF...]')],
    options: [host(), json(), user()],
    examples: [
      ['vnet web 8080', 'all running vnets, on 127.0.0.1'],
      ['vnet web 0.0.0.0:8080 --host box sn0', 'sn0, for other machines too'],
    ],
    run: async (io, address, names, options) =>
      (await import('./web.ts')).web(parsed(address, 'web'), names, options, io),
  },
]

/** Parses the address that a command serves at. Throws a UsageError. */
function parsed(text: string, command: string): Address {
  const address = parseAddress(text)
  if (address === undefined) throw new UsageError(`${command}: '${text}' is not [ADDR:]PORT`)
  return address
}
