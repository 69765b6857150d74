/**
 * The commands other than drivers and commands for running vnets. Each loads its code when it runs.
 */
import { NSEC_PER_MSEC, NSEC_PER_SEC } from '../base/clock.ts'
import { durationOf } from '../base/duration.ts'
import { parseAddress, parseMac, parsePrefix } from '../packet/address.ts'
import type { AddressMapping } from '../packet/rewrite.ts'
import { json, type LazyCommand } from './lazy-command.ts'
import { Argument, InvalidArgumentError, Option } from './option.ts'
import { wholeNumber } from './options.ts'
import { DIRECTIONS } from './replay/selection.ts'

const SPEEDS = ['multiplier', 'mbps', 'pps', 'topspeed']
const MAX = Number.MAX_SAFE_INTEGER

const speed = (flags: string, description: string) => {
  const option = new Option(flags, description)
  return option.conflicts(SPEEDS.filter(name => name !== option.key))
}
const under = (heading: string, options: readonly Option[]) => options.map(option => option.helpGroup(heading))

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
    run: async (io, file, options) => (await import('./commands/simulate.ts')).simulate(file, options, io),
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
    run: async (io, target, options) => (await import('./commands/record.ts')).record(target, options, io),
  },
  {
    name: 'replay',
    group: 'Captures:',
    description: 'send the frames of a capture, or have a vnet receive them',
    args: [new Argument('<FILE>')],
    usage: '[OPTIONS] FILE',
    options: [
      ...under('Where:', [
        new Option('--to <[netns/]if>', 'send the frames out of this interface, which may be any Ethernet interface'),
        new Option('--receive <[netns/]if>', 'have this interface of a running vnet receive the frames').conflicts(
          'to',
        ),
      ]),
      ...under('How fast (as recorded unless given):', [
        speed('--multiplier <x>', 'X times as fast as recorded').argParser(positive),
        speed('--mbps <n>', 'N million bits of frames per second').argParser(positive),
        speed('--pps <n>', 'N frames per second').argParser(positive),
        speed('--topspeed', 'as fast as the interface takes them'),
      ]),
      ...under('What:', [
        new Option('--interface <name>', 'only packets of the captured interface of this name (pcapng)'),
        new Option(
          '--direction <dir>',
          'only frames that the captured interface sent (out) or received (in), or all; unless given, a frame that ' +
            'a vnet captured at both ends is played once, as sent (pcapng)',
        ).choices(DIRECTIONS),
        new Option('--loop <n>', 'play the capture N times; 0 is until Ctrl-C').argParser(wholeNumber(0, MAX)),
        new Option('--limit <n>', 'end after N frames').argParser(wholeNumber(1, MAX)),
        json(),
      ]),
      ...under('Changes:', [
        new Option(
          '--map <a=b>',
          'replace address A by B: two MAC or IP addresses, or prefixes of one length; the first that matches ' +
            'counts; repeat for more',
        ).argParser((text: string, before: readonly AddressMapping[] | undefined) => [
          ...(before ?? []),
          mapping(text),
        ]),
      ]),
    ],
    examples: [
      ['vnet replay a.pcap --to red/eth0', 'send the frames of a capture'],
      ['vnet replay a.pcap --receive sn0 --topspeed', 'make sn0 receive them'],
    ],
    run: async (io, file, options) => (await import('./commands/replay.ts')).replay(file, options, io),
  },
  {
    name: 'rootless',
    group: 'Programs:',
    description: 'run a command as root of a network of its own; needs no root',
    args: [new Argument('<command>'), new Argument('[args...]')],
    usage: '[--] COMMAND [ARGS...]',
    passThrough: true,
    examples: [
      ['vnet rootless -- npx vitest run', 'tests with interfaces, without root'],
      ['vnet rootless -- bash', 'a shell with a network of its own'],
    ],
    run: async (_, command, args) => (await import('./commands/rootless.ts')).rootless([command, ...args]),
  },
]

function positive(text: string): number {
  const n = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN
  if (!(n > 0 && n <= MAX)) throw new InvalidArgumentError('must be a number above 0, such as 10 or 0.5')
  return n
}

/** Parses `10.0.0.1=198.18.0.1`, `10.0.0.0/24=198.18.5.0/24`, or two MAC addresses. */
export function mapping(text: string): AddressMapping {
  const [one = '', other = '', ...rest] = text.split('=')
  const [from, to] = [addresses(one), addresses(other)]
  if (from === undefined || to === undefined || rest.length > 0) {
    throw new InvalidArgumentError('must be two addresses, such as 10.0.0.1=198.18.0.1, or 10.0.0.0/8=198.0.0.0/8')
  }
  if (from.bytes.length !== to.bytes.length) {
    throw new InvalidArgumentError('both must be MAC addresses, or IPv4, or IPv6')
  }
  if (from.prefixLen !== to.prefixLen) throw new InvalidArgumentError('both must have the same prefix length')
  return { from: from.bytes, to: to.bytes, bits: from.prefixLen }
}

/** An address as the prefix that holds it alone. */
function addresses(text: string): { readonly bytes: Uint8Array; readonly prefixLen: number } | undefined {
  const bytes = parseMac(text) ?? parseAddress(text)
  return bytes === undefined ? parsePrefix(text) : { bytes, prefixLen: 8 * bytes.length }
}
