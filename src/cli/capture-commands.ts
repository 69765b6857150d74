/** The commands that show the frames on the interfaces of running vnets. */

import { count, json, type LazyCommand, user } from './lazy-command.ts'
import { Argument, Option } from './option.ts'
import { captureFileOptions } from './options.ts'

/** An option that Wireshark gives, which the help does not list. */
const given = (flags: string) => new Option(flags).hideHelp()

export const captureCommands: readonly LazyCommand[] = [
  {
    name: 'capture',
    description: 'write frames, and why others were dropped, to a file until Ctrl-C',
    group: 'Captures:',
    args: [new Argument('<FILE...>')],
    options: [
      new Option('--filter <filter>', 'only frames that match, in the language of pcap-filter(7)'),
      new Option('--drops', 'only dropped frames'),
      ...captureFileOptions(),
      json(),
      user(),
    ],
    examples: [
      ['vnet capture sn0 a.pcapng', 'record sn0'],
      ['vnet capture sn0 - | wireshark -k -i -', 'watch its frames in Wireshark'],
      ["vnet capture --filter 'tcp port 80' a.pcapng", 'only some frames, of all interfaces'],
    ],
    run: async (io, words, options) => (await import('./commands/capture.ts')).capture(words, options, io),
  },
  {
    name: 'frames',
    description: 'print each frame that passes, and why frames were dropped, until Ctrl-C',
    args: [new Argument('[IF...]')],
    options: [
      new Option('--filter <filter>', 'only frames that match, in the language of pcap-filter(7)'),
      new Option('--drops', 'only dropped frames'),
      new Option('--json', 'print one JSON object a line'),
      user(),
    ],
    examples: [
      ['vnet frames sn0', 'as tcpdump does, with drops'],
      ["vnet frames --drops --filter 'tcp'", 'only lost TCP segments'],
    ],
    run: async (io, names, options) => (await import('./commands/frames.ts')).frames(names, options, io),
  },
  {
    name: 'extcap',
    description: 'capture for Wireshark, which runs this command once it is installed',
    group: 'Captures:',
    options: [
      new Option('--install', "put vnet's interfaces into Wireshark, for all users if root does it"),
      new Option('--uninstall', 'take them out again').conflicts('install'),
      given('--extcap-interfaces'),
      given('--extcap-interface <interface>'),
      given('--extcap-dlts'),
      given('--extcap-config'),
      given('--extcap-reload-option <option>'),
      given('--extcap-capture-filter <filter>'),
      given('--capture'),
      given('--fifo <path>'),
      given('--filter <filter>'),
      given('--drops'),
      given('--snaplen <bytes>').argParser(count),
    ],
    lenient: '--extcap-',
    examples: [['vnet extcap --install', 'for your user; with sudo for all']],
    run: async (io, options) => (await import('./commands/extcap.ts')).extcap(options, io),
  },
]
