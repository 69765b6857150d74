/** Story: what a capture shows of the network between its hosts, as `vnet test-from` prints it. */
import type { FaultVerb } from 'vnet/kit/wire'
import type { Direction } from 'vnet/wire'
import type { PacketPart } from '../model/packet-name.ts'

/**
 * How certain a statement is: `seen` in frames, `inferred` from frames as the only explanation, or
 * a `guess`, one of several explanations.
 */
export type Certainty = 'seen' | 'inferred' | 'guess'

/** `ab` leads from the client, which sent the first packet or SYN, to the server. */
export type Way = Direction

export type StatementKind =
  | 'lost'
  | 'repeated'
  | 'reordered'
  | 'duplicated'
  | 'delayed'
  | 'zero-window'
  | 'reset'
  | 'unreachable'
  | 'silence'
  | 'forgotten'
  | 'black-hole'
  | 'syn-repeated'
  | 'half-open'
  | 'tls-stopped'
  | 'query-repeated'
  | 'reply-lost'
  | 'queue-full'
  | 'slow-reply'

/** A packet by the position that a `PlannedFault` gives it. */
export interface StoryPacket {
  readonly part: PacketPart
  /** The first byte of a `seq` relative to the SYN, or a number from 1 on. */
  readonly n: number
  readonly copy: number
}

/**
 * One thing that happened to the packets of a flow, with how certain it is, the frames that show
 * it, and, if it can be repeated, the fault that repeats it.
 */
export interface Statement {
  readonly kind: StatementKind
  readonly way: Way
  readonly certainty: Certainty
  /** Nanoseconds from the first frame of the capture. */
  readonly time: number
  /** Numbers of the frames that show it, from 1 on as in Wireshark; at most 8. */
  readonly frames: readonly number[]
  /** One line without the flow, such as `segment 1449 was lost after this capture`. */
  readonly text: string
  /** The packet that a fault must hit to make this happen again, if one must. */
  readonly packet?: StoryPacket
  /** The direction of \`packet\`, if it is not \`way\`. */
  readonly packetWay?: Way
  /** The fault that makes it happen again. */
  readonly verb?: FaultVerb | 'silence' | 'mute' | 'rebind' | 'reset'
  /** The payload of the segment that a black hole loses, in bytes. */
  readonly size?: number
  /** How long it lasted, in ns: a delay or a silence. */
  readonly lasted?: number
}

/** Bytes that one end sent before the other end sent any. */
export interface Message {
  readonly way: Way
  readonly time: number
  readonly length: number
  /** Its first bytes, at most CONTENT_MAX, without gaps. */
  readonly content: Uint8Array
}

/**
 * The distribution of round trips. `median` and `p95` are of the kept samples, evenly spread over
 * time.
 */
export interface Distribution {
  readonly samples: number
  /** Nanoseconds. */
  readonly min: number
  readonly median: number
  readonly p95: number
  readonly max: number
  /** Times and round trips of at most 64 samples, if they change slowly; otherwise undefined. */
  readonly trend?: readonly (readonly [time: number, roundTrip: number])[]
}

/** One direction of a flow. A value that the capture does not show is undefined. */
export interface WayStory {
  readonly packets: number
  /** Payload of TCP and UDP, in bytes, without repeated bytes. */
  readonly bytes: number
  /** Bits a second of IP packets where the bottleneck was busy for 200 packets, or undefined. */
  readonly rate: number | undefined
  /** The longest time that a packet waited in the queue of the bottleneck, in ns, or undefined. */
  readonly queue: number | undefined
}

/**
 * One connection of TCP, or the UDP packets between two endpoints. Times are nanoseconds from the
 * first frame of the capture. A value that the capture does not show is undefined.
 */
export interface FlowStory {
  readonly protocol: 'tcp' | 'udp'
  readonly client: { readonly address: string; readonly port: number }
  readonly server: { readonly address: string; readonly port: number }
  /** Whether the capture has its first SYN; a flow of UDP always. */
  readonly isWhole: boolean
  /** How it ended: by FIN or RST, or not in this capture. */
  readonly end: 'fin' | 'reset' | 'open'
  /** Where the capture was made, if RTTs show it. */
  readonly place: 'client' | 'server' | 'middle' | undefined
  readonly begin: number
  readonly last: number
  /** Whether its packets have times. Otherwise only their order is known. */
  readonly isTimed: boolean
  /** The protocol over it, if its first bytes show it. */
  readonly application: 'http' | 'tls' | 'dns' | 'quic' | undefined
  /** Round trips from the capture to the server and back (`ab`), and to the client (`ba`). */
  readonly rtt: Readonly<Record<Way, Distribution | undefined>>
  readonly ways: Readonly<Record<Way, WayStory>>
  readonly mss: number | undefined
  readonly statements: readonly Statement[]
  /** Statements that did not fit. */
  readonly more: number
  /** The first MESSAGES_MAX messages of a flow that is kept. */
  readonly messages: readonly Message[]
}

/** The contents of a capture, as data. `vnet test-from` makes a test of it. */
export interface Story {
  readonly packets: number
  /** Packets without a time. */
  readonly untimed: number
  /** Seconds from 1970 of the first frame. */
  readonly seconds: number
  /** Nanoseconds from the first to the last frame. */
  readonly lasted: number
  /** At most FLOWS_MAX flows in the order of their first frames; with statements first. */
  readonly flows: readonly FlowStory[]
  /** Flows that were closed and forgotten, which `flows` does not have. */
  readonly forgotten: number
  /** Other frames, by their kind: `arp`, `vxlan tunnel`, `cut`. */
  readonly others: ReadonlyMap<string, number>
  /** About the capture: clock steps, offloads, frames that its program did not see. */
  readonly notes: readonly string[]
}
