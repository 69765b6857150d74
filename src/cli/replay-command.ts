/** `vnet replay`: its words and options. Its code is loaded when it runs. */
import { type Command, InvalidArgumentError, Option } from 'commander'
import { parseAddress, parseMac, parsePrefix } from '../packet/address.ts'
import type { AddressMapping } from '../packet/rewrite.ts'
import { commandHelp } from './help.ts'
import type { Io } from './io.ts'
import { wholeNumber } from './options.ts'
import type { ReplayOptions } from './replay/options.ts'
import { DIRECTIONS } from './replay/selection.ts'

const SPEEDS = ['multiplier', 'mbps', 'pps', 'topspeed']
const MAX = Number.MAX_SAFE_INTEGER

export function replayCommand(command: Command, io: Io, done: (status: number) => void): Command {
  command.usage('[OPTIONS] FILE').argument('<FILE>')
  command.description('send the frames of a capture, or have a vnet receive them')
  const speed = (flags: string, description: string) => {
    const option = new Option(flags, description)
    return option.conflicts(SPEEDS.filter(name => name !== option.attributeName()))
  }
  const groups: Record<string, readonly Option[]> = {
    'Where:': [
      new Option('--to <[netns/]if>', 'send the frames out of this interface, which may be any Ethernet interface'),
      new Option('--receive <[netns/]if>', 'have this interface of a running vnet receive the frames').conflicts('to'),
    ],
    'How fast (as recorded unless given):': [
      speed('--multiplier <x>', 'X times as fast as recorded').argParser(positive),
      speed('--mbps <n>', 'N million bits of frames per second').argParser(positive),
      speed('--pps <n>', 'N frames per second').argParser(positive),
      speed('--topspeed', 'as fast as the interface takes them'),
    ],
    'What:': [
      new Option('--interface <name>', 'only packets of the captured interface of this name (pcapng)'),
      new Option(
        '--direction <direction>',
        'only frames that the captured interface sent (out) or received (in), or all; unless given, a frame that ' +
          'a vnet captured at both ends is played once, as sent (pcapng)',
      ).choices(DIRECTIONS),
      new Option('--loop <n>', 'play the capture N times; 0 is until Ctrl-C').argParser(wholeNumber(0, MAX)),
      new Option('--limit <n>', 'end after N frames').argParser(wholeNumber(1, MAX)),
    ],
    'Changes:': [
      new Option(
        '--map <a=b>',
        'replace address A by B: two MAC or IP addresses, or prefixes of one length; the first that matches counts; ' +
          'repeat for more',
      ).argParser((text: string, before: readonly AddressMapping[] | undefined) => [...(before ?? []), mapping(text)]),
    ],
  }
  for (const [heading, options] of Object.entries(groups)) {
    for (const option of options) command.addOption(option.helpGroup(heading))
  }
  commandHelp(command)
  return command.action(async (file: string, options: ReplayOptions) => {
    const { replay } = await import('./commands/replay.ts')
    done(await replay(file, options, io))
  })
}

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
