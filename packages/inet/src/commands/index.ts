/** The commands of inet. Each loads its code when it runs. */
import { Argument, InvalidArgumentError, type LazyCommand, Option } from 'vnet/internal/cli/parse/option'
import { wholeNumber } from 'vnet/internal/cli/parse/options'
import { parseAddress } from 'vnet/internal/packet/address'

function addresses(text: string, before: readonly Uint8Array[] = []): readonly Uint8Array[] {
  const address = parseAddress(text)
  if (address === undefined) throw new InvalidArgumentError('must be an address such as 192.0.2.2 or 2001:db8::2')
  if (before.some(({ length }) => length === address.length))
    throw new InvalidArgumentError('must be one address of IPv4, one of IPv6, or both')
  return [...before, address]
}

function controlPort(text: string): { readonly host: string; readonly port: number } {
  const [, host = '127.0.0.1', port] = /^(?:(.+):)?(\d{1,5})$/.exec(text) ?? []
  if (port === undefined || Number(port) > 0xffff) throw new InvalidArgumentError('must be [HOST:]PORT, such as 7000')
  return { host: host.replace(/^\[(.*)\]$/, '$1'), port: Number(port) }
}

export const commands: readonly LazyCommand[] = [
  {
    name: 'conform',
    group: 'Labs:',
    description: 'check a TCP/IP stack behind an interface against the RFCs',
    args: [new Argument('[[NETNS/]IF]')],
    options: [
      new Option('--address <address>', 'address of the stack; once for IPv4, once for IPv6').argParser(addresses),
      new Option('--peer <address>', 'address that vnet uses itself (default: a free one)').argParser(addresses),
      new Option('--control <[host:]port>', 'control port of a program on the host, for all cases').argParser(
        controlPort,
      ),
      new Option('--only <pattern>', 'run only cases whose name or group matches, with * for any text'),
      new Option('--list', 'list the cases instead of running them'),
      new Option('--captures <directory>', 'write a capture of each failure there').default('conform'),
      new Option('--junit <file>', 'write the results as JUnit XML, too'),
      new Option('--pace <ms>', 'milliseconds to wait between two cases').default(0).argParser(wholeNumber(0, 60_000)),
      new Option('--json', 'print one JSON object for each case, and one with the counts'),
    ],
    examples: [
      ['vnet conform tap0 --address 192.0.2.2', 'check a stack that serves echo, discard and chargen'],
      ["vnet conform tap0 --address 192.0.2.2 --only 'arp*'", 'the cases of ARP'],
      ['vnet conform --list', 'all cases, with level, RFC and section'],
    ],
    run: async (io, name, options) => (await import('./conform.ts')).conform(name, options, io),
  },
]
