/** PacketName: identifies a packet of a run, by a text that means the same in another run. */
import { UsageError } from 'vnet'
import type { FaultVerb } from 'vnet/kit/wire'
import type { Direction } from 'vnet/wire'
import type { ConnectionVerb, NemesisVerb } from './verbs.ts'

/**
 * How a packet is counted within its direction of a flow. `seq` is a TCP segment with data, SYN or
 * FIN, by its first byte relative to the SYN. `byte` is the segment with a byte of the stream: 0 is
 * the first of the payload, -1 the SYN. `ack` and `rst` count TCP segments without any of these.
 * `packet` counts the packets of other protocols.
 */
export type PacketPart = 'seq' | 'byte' | 'ack' | 'rst' | 'packet'

/**
 * Means one packet of a link, in every run of the same scenario. It is made from the headers of the
 * packet, not from its time, so that another run with other times has the same names.
 */
export interface PacketName {
  /** The ends of the link: `client-server`. */
  readonly link: string
  readonly direction: Direction
  /** From the packet's source: `tcp client:* > server:80`, where `*` is an ephemeral port. */
  readonly flow: string
  readonly part: PacketPart
  /** The first byte of a `seq`, a `byte`, or a number from 1 on. */
  readonly n: number
  /** The transmissions of these bytes up to this one: 1, or more for retransmissions. */
  readonly copy: number
}

/**
 * A fault at one packet of a link. It is a fault of the packet, or of a link or of hosts from this
 * packet on.
 */
export interface PlannedFault extends PacketName {
  readonly verb: FaultVerb | ConnectionVerb | NemesisVerb
  /** How long a delay or a fault of a link or host lasts, or by how much a clock jumps, in ns. */
  readonly time: number
  /** The name of the host that is hit. */
  readonly on?: string | undefined
  /** Set for the hosts that the option `hit` names when it happens. */
  readonly isAsked?: true | undefined
}

/** A packet that a watched link carried. */
export interface WatchedPacket extends Omit<PacketName, 'link'> {
  /** When it entered the wire, in ns of the clock of the run. */
  readonly time: number
  /** Its number in its direction of the flow, from 1 on. */
  readonly number: number
  /** The sequence number after a `seq`, relative to the SYN. */
  readonly end: number
  /** The length of the frame, and its first bytes. */
  readonly length: number
  readonly head: Uint8Array
  /** Whether a planned fault has hit it. */
  readonly hit: boolean
  /** Whether a dead link or an extra wire has lost it, or the wire still has it. */
  readonly lost: boolean
}

/** Returns the name of a packet, without its other properties. */
export function nameOf({ link, direction, flow, part, n, copy }: PacketName): PacketName {
  return { link, direction, flow, part, n, copy }
}

/** Returns whether a fault means a packet of its link, or another transmission of it. */
export function isMeant(
  {
    direction,
    flow,
    part,
    n,
    end,
  }: Pick<WatchedPacket, 'direction' | 'flow' | 'part' | 'n' | 'end'>,
  fault: PacketName,
): boolean {
  if (direction !== fault.direction || flow !== fault.flow) return false
  const isByte = fault.part === 'byte'
  if (part !== (isByte ? 'seq' : fault.part)) return false
  const meant = isByte ? fault.n + 1 : fault.n
  // Another run may cut the same bytes into other segments.
  return part === 'seq' ? n <= meant && meant < end : n === meant
}

/** Returns a name as a text, as reports print it and parseName reads it. */
export function formatName({ link, direction, flow, part, n, copy }: PacketName): string {
  return `${link} ${direction} ${flow} ${part} ${n}${copy === 1 ? '' : ` copy ${copy}`}`
}

const NAME =
  /^(\S+) (ab|ba) (\S+ \S+ > \S+) (seq|byte|ack|rst|packet) (\d+|(?<=byte )-1)(?: copy (\d+))?$/

/** Returns the name that formatName has written. Throws a UsageError for any other text. */
export function parseName(text: string): PacketName {
  const [, link = '', direction, flow = '', part, n, copy = '1'] = NAME.exec(text.trim()) ?? []
  if (direction === undefined) {
    throw new UsageError(
      `'${text}' is not the name of a packet, such as 'client-server ab tcp client:* > server:80 seq 1'`,
    )
  }
  return {
    link,
    direction: direction as Direction,
    flow,
    part: part as PacketPart,
    n: Number(n),
    copy: Number(copy),
  }
}

/**
 * Returns the names of the hosts of a flow such as `tcp client:*#2 > server:80`. An end that has
 * only an address is left out.
 */
export function hostsOfFlow(flow: string): string[] {
  const [, from = '', , to = ''] = flow.split(' ')
  return [from, to].flatMap(end => /^([\w-]+)(:[\d*]+)?(#\w+)?$/.exec(end)?.[1] ?? [])
}
