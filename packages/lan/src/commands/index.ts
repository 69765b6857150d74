/** The commands of a running lan, which load their code when they run. */
import { defineCommand, type LazyCommand, option, shared } from 'vnet/kit/cli'

export const commands: readonly LazyCommand[] = [
  defineCommand({
    name: 'show',
    under: 'lan',
    group: 'Monitoring:',
    description: 'hosts, leases and counters of a `vnet lan`',
    args: ['[IF]'],
    options: [
      option('--hosts', 'show only hosts; can be combined with the other options'),
      option('--leases', 'show DHCP leases'),
      option('--neighbours', 'show IP addresses and the MAC each was seen with'),
      option('--stations', 'show MAC addresses and the port each was seen on'),
      option('--counters', 'show counters: frames, drops, replies'),
      shared.json,
      shared.user,
    ],
    examples: {
      'vnet lan show': 'hosts, leases and counters',
      'vnet lan show eth9 --leases': 'only the leases',
    },
    run: async (io, name, options) => (await import('./lan-show.ts')).lanShow(name, options, io),
  }),
]
