/** The messages between a lab's thread and the worker that carries its frames. */
import type { LanFile } from '@vnet/lan/kit'
import type { VnetError } from 'vnet'
import type { StageReport } from 'vnet/control'
import type { WireAttachment } from 'vnet/kit/control'
import type { Direction, FaultAction, FaultWhen } from 'vnet/wire'
import type { PlannedFault } from '../model/packet-name.ts'
import type { NatSpec } from '../nat/nat-table.ts'

/** The compiled filters of a text; undefined if it has none. */
export type Filters = readonly WireAttachment[] | undefined

/** An end of a link that has an interface: where the interface is made, and its addresses. */
export interface EndSpec {
  /** Its name, for captures. */
  readonly host: string
  readonly isRouter: boolean
  /** The network namespace and the interface, as drivers name them: `/proc/self/fd/23/server`. */
  readonly path: string
  /** The hardware address, 6 bytes. */
  readonly mac: Uint8Array
  /** With their prefix: `198.18.0.1/24`. */
  readonly addresses: readonly string[]
}

/** The settings of a cable, or of each port of a segment. */
export interface LinkSpec {
  /** The name of the lab; empty for one that clients do not see. */
  readonly lab: string
  /** The wire specs from a to b and back, or to the segment and back. */
  readonly ab: string
  readonly ba: string
  readonly filters?: Filters
  /** The files of own stages that the texts may name. */
  readonly stages?: readonly string[]
  /** At least 1. */
  readonly seed: number
  readonly mtu: number | undefined
  /** The file that records its frames; undefined for none. */
  readonly capture: string | undefined
}

/** A cable between two hosts or routers. */
export interface CableSpec extends LinkSpec {
  readonly a: EndSpec
  readonly b: EndSpec
  /** Makes `a`, a router, translate packets between it and `b`. */
  readonly nat?: NatSpec | undefined
  /** Records its packets by name, and applies planned faults. */
  readonly watch?: WatchSpec | undefined
  /** The end from which a router advertises its NAT64. */
  readonly pref64?: AdvertSpec | undefined
}

/** The network namespace of a router, and its interface. */
export type AdvertSpec = Readonly<{ nsfd: number; name: string; mac: Uint8Array }>

/**
 * How the packets of a link are recorded, and the faults planned for them, as in an exploration.
 */
export interface WatchSpec {
  /** The lab, by a text that no other lab of the thread has. */
  readonly lab: string
  /** The name of the link: `client-server`. */
  readonly link: string
  /** The names of the hosts at its ends; the second one of a port is the segment. */
  readonly ends: readonly [string, string]
  /** Wires before the link's own, with their compiled filters. */
  readonly ab: string
  readonly ba: string
  readonly filters?: readonly WireAttachment[] | undefined
  /** The names of the addresses of the lab up to now. */
  readonly hosts: readonly (readonly [address: string, host: string])[]
  /** The faults of all links of the lab. */
  readonly plan: readonly PlannedFault[]
  /** Same as in LabSetup. */
  readonly stops?: boolean | undefined
}

/** A fault of links or hosts happens now. For hosts, all links hold their packets until `thaw`. */
export interface FaultEvent {
  readonly fault: PlannedFault
  /** A name for its cut, for `mend`. */
  readonly id: string
  /** In ns of the clock of the run. */
  readonly time: number
  /** The first bytes of the packet. */
  readonly head: Uint8Array
}

export type FaultListener = (event: FaultEvent) => void

/** A segment of `vnet lan`. Its ports are links of the lab. */
export interface LanSpec extends LinkSpec {
  /** A name that no other segment of the lab has, for drawings. */
  readonly name: string
  readonly ports: readonly EndSpec[]
  /** The description of the segment, as in a file of `vnet lan`. */
  readonly file: LanFile
  /** As in CableSpec, for each port. */
  readonly watches?: readonly WatchSpec[] | undefined
}

/**
 * One direction of a link, as `link.report()` returns it. Counters count since the link was made or
 * last reset.
 */
export interface DirectionReport {
  readonly text: string
  /** The faults, then the stages of the text. */
  readonly stages: readonly StageReport[]
  /** Ended stages, faults and partitions, if they hit packets. */
  readonly former: readonly StageReport[]
  /** What GSO frames of the sender have become more by being cut for the wire, since a reset. */
  readonly extra: { readonly packets: number; readonly bytes: number }
}

/**
 * The frames of one end of a link, seen from its kernel. They count since the link was made or last
 * reset. An end without an interface, such as the segment past a port, has zeros.
 */
export interface EndReport {
  /** Frames that the kernel of this end sent. */
  readonly sent: number
  /** Their bytes, with Ethernet headers. */
  readonly sentBytes: number
  /** Frames that it received. */
  readonly received: number
  /** Frames dropped, by reason. */
  readonly drops: Readonly<Record<string, number>>
  /** Frames that its kernel dropped because the queue to vnet was full; no wire had them. */
  readonly beforeVnet: number
}

/**
 * The counters of a link at one time, as `link.report()` returns them. `a` and `b` are its ends in
 * the order in which the link was made, and `ab` and `ba` the directions from one to the other.
 */
export interface LinkReport {
  readonly a: EndReport
  readonly b: EndReport
  readonly ab: DirectionReport
  readonly ba: DirectionReport
}

/** The faults of a wire, and `silence`: no more frames of the link, from a byte of a stream on. */
export type LabFaultAction = FaultAction | 'silence'

/** The faults at a byte of a stream. */
export type ByteFaultAction = 'fin' | 'reset' | 'mute' | 'silence'

/**
 * A fault that a test adds to one direction of a link: its action, and the packets that it hits.
 */
export interface FaultSpec {
  readonly direction: Direction
  /** `pass` only counts packets. */
  readonly action: LabFaultAction | 'pass'
  /** A filter of pcap-filter(7); undefined matches every packet. */
  readonly filter: string | undefined
  readonly filters?: Filters
  readonly when: FaultWhen
  /**
   * With a byte, the number of the only connection that is hit, in the order of their SYNs.
   * Segments of connections that are older than the fault are then dropped.
   */
  readonly connection?: number | undefined
  /** Where the worker counts hits: an Int32Array of one number. */
  readonly hits: SharedArrayBuffer
}

/**
 * A call from the lab's thread. Its reply has the same `id`; replies come in the order in which
 * calls settle.
 */
export type WorkerRequest = Readonly<{ id: number; call: string; args: readonly unknown[] }>

/** The class of an error in the worker. */
export interface ErrorForm {
  /** The parts of a VnetError. */
  readonly call?: Pick<VnetError, 'errno' | 'what' | 'advice'> | undefined
  readonly usage: boolean
  /** Set for a FileError, which is a UsageError, too. */
  readonly file: { readonly column: number | undefined } | undefined
  /** The cause is a call that failed. */
  readonly failed: boolean
}

/**
 * A message from the worker: the value or the error of a call, a line for standard error, or a
 * fault that happens in a lab.
 */
export type WorkerReply =
  | { readonly id: number; readonly value: unknown }
  | ({ readonly id: number; readonly error: string } & ErrorForm)
  | { readonly warning: string }
  | { readonly lab: string; readonly fault: FaultEvent }
