/** The other commands than drivers and queries of vnets. Each loads its code when it runs. */
import { durationOf, NSEC_PER_MSEC, NSEC_PER_SEC } from '../../base/index.ts'
import { Argument, type LazyCommand, Option } from '../parse/option.ts'
import { json, wholeNumber } from '../parse/options.ts'
import { DIRECTIONS } from '../replay/selection.ts'

const MAX = Number.MAX_SAFE_INTEGER

export const toolCommands: readonly LazyCommand[] = [
  {
    name: 'simulate',
    group: 'Captures:',
    description: 'run the frames of a capture or log through a wire, in virtual time',
    args: [new Argument('<FILE>')],
    usage: '[OPTIONS] CAPTURE|LOG',
    options: [
      new Option('--wire <spec>', "impairments, such as 'delay 20ms loss 1%'; default: the log's"),
      new Option('--wire-ab <spec>', 'the same for direction ab only: outbound frames, or those sent by interface 0'),
      new Option('--wire-ba <spec>', 'the same for direction ba only: all other frames'),
      new Option('--scenario <file>', 'YAML file of changes of the wire; time 0 is the first arrival'),
      new Option('--stage <file>', "JavaScript file that exports stages, for 'stage NAME' in a wire"),
      new Option(
        '--seed <n>',
        "seed of all random decisions (by default the seed in the log or in the capture's comments, or 1)",
      ).argParser(wholeNumber(1, MAX)),
      new Option('--out <file>', 'pcapng file for the frames that leave the wire, with the times at which they do'),
      new Option('--log <file>', 'file for every decision of the wire, one JSON line each'),
      new Option('--json', 'print one JSON object for each stage'),
    ],
    examples: [["vnet simulate a.pcapng --wire 'loss 1%'", 'what a wire would do to a capture']],
    run: async (io, file, options) => (await import('./simulate.ts')).simulate(file, options, io),
  },
  {
    name: 'record',
    group: 'Captures:',
    description: 'measure a path by pings, and write a trace and a wire that resemble it',
    args: [new Argument('<TARGET>')],
    usage: '[OPTIONS] HOST|IF',
    options: [
      new Option('--time <time>', 'time to measure').argParser(durationOf).default(30 * NSEC_PER_SEC, '30s'),
      new Option('--interval <time>', 'time between probes').argParser(durationOf).default(20 * NSEC_PER_MSEC, '20ms'),
      new Option('--out <file>', 'file for the trace in CSV').default('record.csv'),
      json(),
    ],
    examples: [
      ['vnet record example.org', 'measure the path for 30 seconds'],
      ['vnet record 192.0.2.1 --time 10s --out path.csv', 'for 10 seconds, to another file'],
    ],
    run: async (io, target, options) => (await import('./record.ts')).record(target, options, io),
  },
  {
    name: 'replay',
    group: 'Captures:',
    description: 'have a vnet receive the frames of a capture, at the pace at which they were captured',
    args: [new Argument('<FILE>')],
    usage: '[OPTIONS] FILE',
    options: [
      new Option('--receive <[netns/]if>', 'have this interface of a running vnet receive the frames'),
      new Option('--interface <name>', 'only packets of the captured interface of this name (pcapng)'),
      new Option(
        '--direction <dir>',
        'only frames that the captured interface sent (out) or received (in), or all; unless given, a frame that ' +
          'a vnet captured at both ends is played once, as sent (pcapng)',
      ).choices(DIRECTIONS),
      new Option('--limit <n>', 'end after N frames').argParser(wholeNumber(1, MAX)),
      json(),
    ],
    examples: [['vnet replay a.pcap --receive sn0', 'make sn0 receive the frames of a capture']],
    run: async (io, file, options) => (await import('./replay.ts')).replay(file, options, io),
  },
  {
    name: 'rootless',
    group: 'Programs:',
    description: 'run a command as root of a network of its own; needs no root',
    args: [new Argument('<command>'), new Argument('[args...]')],
    usage: '[OPTIONS] [--] COMMAND [ARGS...]',
    options: [new Option('--internet', 'connect it to the network of the machine')],
    passThrough: true,
    examples: [
      ['vnet rootless -- npx vitest run', 'tests with interfaces, without root'],
      ['vnet rootless -- bash', 'a shell with a network of its own'],
    ],
    run: async (_, command, args, options) => (await import('./rootless.ts')).rootless([command, ...args], options),
  },
  {
    name: 'doctor',
    group: 'Help:',
    description: 'show what works on this machine, and the commands that mend what does not',
    options: [new Option('--json', 'print one JSON object for each requirement')],
    examples: [['vnet doctor', 'after the installation, or when a command refuses to run']],
    run: async (io, options) => (await import('./doctor.ts')).doctor(options, io),
  },
]
