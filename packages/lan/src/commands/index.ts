/** The driver lan, and the commands of a running one, which load their code when they run. */
import { Argument, type LazyCommand, Option } from 'vnet/internal/cli/parse/option'
import { json, user } from 'vnet/internal/cli/parse/options'

export const commands: readonly LazyCommand[] = [
  {
    name: 'show',
    under: 'lan',
    group: 'Monitoring:',
    description: 'hosts, leases and counters of a `vnet lan`',
    args: [new Argument('[IF]')],
    options: [
      new Option('--hosts', 'show only hosts; can be combined with the other options'),
      new Option('--leases', 'show DHCP leases'),
      new Option('--neighbours', 'show IP addresses and the MAC each was seen with'),
      new Option('--stations', 'show MAC addresses and the port each was seen on'),
      new Option('--counters', 'show counters: frames, drops, replies'),
      json(),
      user(),
    ],
    examples: [
      ['vnet lan show', 'hosts, leases and counters'],
      ['vnet lan show eth9 --leases', 'only the leases'],
    ],
    run: async (io, name, options) => (await import('./lan-show.ts')).lanShow(name, options, io),
  },
]
