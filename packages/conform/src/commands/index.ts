/** The command `vnet conform`, which loads its code when it runs. */

import { parseAddress } from 'vnet'
import {
  defineCommand,
  InvalidArgumentError,
  type LazyCommand,
  option,
  shared,
  wholeNumber,
} from 'vnet/kit/cli'

function addresses(text: string, before: readonly Uint8Array[] = []): readonly Uint8Array[] {
  const address = parseAddress(text)
  if (address === undefined) {
    throw new InvalidArgumentError('must be an address such as 192.0.2.2 or 2001:db8::2')
  }
  if (before.some(({ length }) => length === address.length)) {
    throw new InvalidArgumentError('must be one address of IPv4, one of IPv6, or both')
  }
  return [...before, address]
}

function controlPort(text: string): { readonly host: string; readonly port: number } {
  const [, host = '127.0.0.1', port] = /^(?:(.+):)?(\d{1,5})$/.exec(text) ?? []
  if (port === undefined || Number(port) > 0xffff) {
    throw new InvalidArgumentError('must be [HOST:]PORT, such as 7000')
  }
  return { host: host.replace(/^\[(.*)\]$/, '$1'), port: Number(port) }
}

export const commands: readonly LazyCommand[] = [
  defineCommand({
    name: 'conform',
    group: 'Labs:',
    description: 'check a TCP/IP stack at an interface against the RFCs',
    args: ['[[NETNS/]IF]'],
    options: [
      option('--address <address>', 'address of the stack; once for IPv4, once for IPv6', {
        parse: addresses,
      }),
      option('--peer <address>', 'address that vnet uses itself (default: a free one)', {
        parse: addresses,
      }),
      option('--control <[host:]port>', 'control port of a program on the host, for all cases', {
        parse: controlPort,
      }),
      option('--only <pattern>', 'run only cases whose name or group matches, with * for any text'),
      option('--slow', 'also run cases that wait for minutes'),
      option('--list', 'list the cases instead of running them', {
        conflicts: ['address', 'peer', 'control', 'slow', 'captures', 'junit', 'pace'],
      }),
      option('--captures <directory>', 'write a capture of each failure there', {
        default: 'conform',
      }),
      option('--junit <file>', 'write the results as JUnit XML, too'),
      option('--pace <ms>', 'milliseconds to wait between two cases', {
        parse: wholeNumber(0, 60_000),
        default: '0',
      }),
      {
        ...shared.json,
        description: 'print one JSON object for each case, and one with the counts',
      },
    ],
    examples: {
      'vnet conform tap0 --address 192.0.2.2':
        'check a stack that serves echo, discard and chargen',
      "vnet conform tap0 --address 192.0.2.2 --only 'arp*'": 'the cases of ARP',
      'vnet conform --list': 'all cases, with level, RFC and section',
    },
    run: async (io, name, options) => (await import('./conform.ts')).conform(name, options, io),
  }),
]
