/**
 * The commands other than drivers and commands for running vnets. Each loads its code when it runs.
 */
import { Argument, InvalidArgumentError, Option } from 'commander'
import { parseAddress, parseMac, parsePrefix } from '../packet/address.ts'
import type { AddressMapping } from '../packet/rewrite.ts'
import type { LazyCommand } from './lazy-command.ts'
import { wholeNumber } from './options.ts'
import { DIRECTIONS } from './replay/selection.ts'

const COURSE = 'Course:'
const SPEEDS = ['multiplier', 'mbps', 'pps', 'topspeed']
const MAX = Number.MAX_SAFE_INTEGER

const speed = (flags: string, description: string) => {
  const option = new Option(flags, description)
  return option.conflicts(SPEEDS.filter(name => name !== option.attributeName()))
}
const under = (heading: string, options: readonly Option[]) => options.map(option => option.helpGroup(heading))

export const toolCommands: readonly LazyCommand[] = [
  {
    name: 'simulate',
    description: 'run the frames of a capture or log through a wire, in virtual time',
    args: [new Argument('<FILE>')],
    usage: '[OPTIONS] CAPTURE|LOG',
    options: [
      new Option('--wire <spec>', "impairments, such as 'delay 20ms loss 1%'; by default those of the log"),
      new Option('--wire-ab <spec>', 'the same for direction ab only: outbound frames, or those sent by interface 0'),
      new Option('--wire-ba <spec>', 'the same for direction ba only: all other frames'),
      new Option('--scenario <file>', 'YAML file of changes of the wire; time 0 is the first arrival'),
      new Option('--seed <n>', 'seed of all random decisions (that of the log, or 1)').argParser(wholeNumber(1, MAX)),
      new Option('--out <file>', 'pcapng file for the frames that leave the wire, with the times at which they do'),
      new Option('--log <file>', 'file for every decision of the wire, one JSON line each'),
      new Option('--json', 'print one JSON object for each stage'),
    ],
    run: async (io, file, options) => (await import('./commands/simulate.ts')).simulate(file, options, io),
  },
  {
    name: 'replay',
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
    run: async (io, file, options) => (await import('./commands/replay.ts')).replay(file, options, io),
  },
  {
    name: 'rootless',
    description: 'run a command as root of a network of its own; needs no root',
    args: [new Argument('<command>'), new Argument('[args...]')],
    usage: '[--] COMMAND [ARGS...]',
    passThrough: true,
    run: async (_, command, args) => (await import('./commands/rootless.ts')).rootless([command, ...args]),
  },
  {
    name: 'learn',
    description: 'list the exercises of the course in drivers, or write the files of one',
    group: COURSE,
    args: [new Argument('[EXERCISE]')],
    options: [new Option('--json', 'print one JSON object a line')],
    run: async (io, name, options) => (await import('./commands/learn.ts')).learn(name, options, io),
  },
  {
    name: 'check',
    description: 'check the driver of an exercise, in memory and on a live interface',
    group: COURSE,
    args: [new Argument('[EXERCISE|FILE]')],
    usage: '[OPTIONS] [EXERCISE|DIRECTORY|FILE]',
    options: [
      new Option('--memory-only', 'run no checks on live interfaces'),
      new Option('--json', 'print one JSON object for each check'),
    ],
    run: async (io, what, options) => (await import('./commands/check.ts')).check(what, options, io),
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
