/** The feed: server-sent events, each one JSON object; and the commands of POST /command. */
import type {
  DeviceEvent,
  DeviceInfo,
  DeviceStats,
  DriverParam,
  PartInfo,
  ScenarioInfo,
  SegmentInfo,
  StepHalt,
  WireDirection,
  WireInfo,
} from 'vnet/control'
import type { BpfInstruction, Header } from 'vnet/kit/packet'

export type { DriverParam, PartInfo, ScenarioInfo, SegmentInfo, WireInfo } from 'vnet/control'

export type StageReport = WireInfo['stages'][number]

/** The vnet's process, a netns that is not the vnet's, the name: `4711/red/eth0`, `4711//sn0`. */
export type DeviceId = string

type Kept =
  | 'name'
  | 'mac'
  | 'mtu'
  | 'carrier'
  | 'txQueues'
  | 'rxQueues'
  | 'faults'
  | 'faultTexts'
  | 'flips'
/** The properties of a device that rarely change. */
export interface DeviceRow extends Pick<DeviceInfo, Kept> {
  readonly id: DeviceId
  /** The name in command lines: `sn0`, `red/eth0`. */
  readonly label: string
  readonly driver: string
  readonly isUp: boolean
  readonly isCut: boolean
  /** The label of the device at the other end of the cable, if known and of the same vnet. */
  readonly peer: string | undefined
  /** Whether vnet is attached to it, and did not make it. */
  readonly isAttached?: boolean | undefined
  /** Whether it is a port of a simulated network. */
  readonly onSegment: boolean
  /** With prefix lengths, without link-local ones; undefined if they cannot be read. */
  readonly addresses?: readonly string[] | undefined
  /** A command that sends frames through it: `ping 198.18.0.2`; undefined if none is known. */
  readonly hint?: string | undefined
  /** Its place in a running lab; undefined for interfaces that are in none. */
  readonly lab?:
    | {
        /** As in command lines: `LAB`, or `LAB-PID` if another lab has the same name. */
        readonly name: string
        readonly host: string
        readonly isRouter: boolean
        /** For the port of a segment, the segment's name, which no other one of the lab has. */
        readonly segment: string | undefined
        /** The translation of addresses that its router does on it. */
        readonly nat?: string | undefined
      }
    | undefined
}

/** A vnet with its devices. `pid` is the process id in the server's namespace. */
export type VnetRow = Readonly<{ pid: number; driver: string; devices: readonly DeviceRow[] }>

type Total = DeviceStats['total']
type Passed = 'txPackets' | 'txBytes' | 'rxPackets' | 'rxBytes'
/** Counters since the device opened. Rates are the page's work. */
export interface DeviceCounters
  extends Pick<DeviceStats, 'held' | 'drops'>,
    Readonly<Pick<Total, Passed>> {
  readonly id: DeviceId
  /** Left out if they are 0, as they are for most devices. */
  readonly txErrors?: number
  readonly rxErrors?: number
  readonly txTimeouts?: number
}

/** A frame as the page shows it. */
export interface FrameContents {
  readonly length: number
  /** The frame in tcpdump's format. */
  readonly text: string
  readonly headers: readonly Header[]
  /** Its first bytes, at most 128, in hexadecimal digits. */
  readonly bytes: string
}

/** A frame that passed a device, or was dropped. */
export interface FrameRow extends FrameContents {
  /** Counts the device's frames from 1 since a page started to watch, with most skipped ones. */
  readonly number: number
  /** Milliseconds since 1970, with a fraction. */
  readonly time: number
  readonly id: DeviceId
  readonly direction: 'tx' | 'rx'
  readonly queue: number
  /** Why it was dropped: `wire ab, stage 1 loss 5%`; undefined for a frame that passed. */
  readonly dropped: string | undefined
}

/** A frame in flight: sent, arrived, or dropped. */
export interface FlightRow {
  /** The same where a frame is sent, where it arrives, and where it is dropped. */
  readonly packet: number
  /** Milliseconds since 1970, with a fraction. */
  readonly time: number
  readonly direction: 'tx' | 'rx'
  /** Whether this happened at the peer of the device. */
  readonly isFar: boolean
  /** Why it was dropped; undefined for a frame that passed. */
  readonly dropped: FlightDrop | undefined
}

/** Why and where a frame in flight was dropped. */
export interface FlightDrop {
  /** `wire ab, stage 1 loss 5%`, `NEIGH`. */
  readonly text: string
  /** The stage that dropped it, if any: its place in the wire, as in WireDrop, and `loss 5%`. */
  readonly stage?: { readonly place: number; readonly text: string } | undefined
}

/** A frame that waits for a step of its path. */
export interface StepInfo extends Pick<StepHalt, 'next' | 'queue' | 'count' | 'source'> {
  readonly id: DeviceId
  /** As in StepPlace. */
  readonly step: 1 | 2 | 3 | 4 | 5
  /** The frame at this point; undefined while it is still in the kernel. */
  readonly frame: FrameContents | undefined
}

/** The messages of one type. */
export type Message<T extends FeedMessage['type']> = Extract<FeedMessage, { readonly type: T }>

/** A message from the server to the page. */
export type FeedMessage =
  /** The first message, repeated whenever a vnet or a device is added, removed or changed. */
  | {
      readonly type: 'hello'
      readonly version: string
      readonly vnets: readonly VnetRow[]
      /** Whether the page has the token, and may change things and see frames. */
      readonly mayChange: boolean
      /** The links of `preset NAME`: the text of direction ab, and of ba. */
      readonly presets: readonly {
        readonly name: string
        readonly up: string
        readonly down: string
      }[]
    }
  /** Every second, of all devices. `time` is in milliseconds since 1970, as everywhere here. */
  | { readonly type: 'stats'; readonly time: number; readonly devices: readonly DeviceCounters[] }
  /** The parts of the selected device, four times a second, and of its peer (`peer=ID`). */
  | {
      readonly type: 'parts'
      readonly time: number
      readonly id: DeviceId
      readonly parts: readonly PartInfo[]
    }
  /** The wires of the selected device, every second; undefined if it has none. */
  | {
      readonly type: 'wire'
      readonly time: number
      readonly id: DeviceId
      readonly wire: WireInfo | undefined
    }
  /**
   * Every two seconds: for each device with a delay in its wire, the lateness in ms that 99 % of
   * the packets since the message before did not exceed, in the stage where it was most.
   */
  | {
      readonly type: 'late'
      readonly id: DeviceId
      readonly p99: Readonly<Record<DeviceId, number>>
      /** The wires of labs, by one end of each: the texts for its sent and received frames. */
      readonly wires?: Readonly<Record<DeviceId, { readonly out: string; readonly in: string }>>
    }
  /** The parameters of the selected device, when it is selected and after each change. */
  | { readonly type: 'params'; readonly id: DeviceId; readonly params: readonly DriverParam[] }
  /** At most 200 frames, five times a second. `dhcp`: DHCP frames, even if others are too many. */
  | {
      readonly type: 'frames' | 'dhcp'
      readonly id: DeviceId
      readonly frames: readonly FrameRow[]
      /** Frames that passed and are not listed, because they were too many. */
      readonly skipped: number
    }
  /**
   * The frames of the selected device and its peer, while they are few; `time` is when it is sent.
   * `isStart`: the capture starts, so frames that were in flight may have arrived unseen.
   */
  | {
      readonly type: 'flights'
      readonly time: number
      readonly id: DeviceId
      readonly frames: readonly FlightRow[]
      readonly isStart?: boolean
    }
  /** An event of any device, immediately. */
  | {
      readonly type: 'event'
      readonly id: DeviceId
      readonly time: number
      readonly event: DeviceEvent
    }
  /** The segment of a `vnet lan`, every two seconds; undefined for other vnets. */
  | {
      readonly type: 'segment'
      readonly id: DeviceId
      readonly segment: SegmentInfo | undefined
      /** The number of hosts, if not all are listed. */
      readonly allHosts?: number
    }
  /** The scenario of the selected device, when it is selected; undefined without a scenario. */
  | {
      readonly type: 'scenario'
      readonly id: DeviceId
      readonly scenario: ScenarioInfo | undefined
    }
  /** Whenever a frame waits for a step, and with `step` undefined when stepping ends. */
  | {
      readonly type: 'step'
      readonly id: DeviceId
      readonly mode: 'on' | 'off'
      /** Milliseconds after which a frame continues by itself; 0 or absent is never. */
      readonly every?: number
      readonly step: StepInfo | undefined
    }
  /** Something that the server could not read, in a sentence. */
  | { readonly type: 'problem'; readonly text: string }

/** The messages that a feed can request; it always has `hello`, `stats` and `event`. */
export const WANTS = [
  'parts',
  'wire',
  'late',
  'params',
  'frames',
  'flights',
  'dhcp',
  'segment',
  'scenario',
  'step',
] as const
/** A type of messages that a page can ask for, besides `hello`, `stats` and `event`. */
export type Want = (typeof WANTS)[number]
/** The messages that a page gets only with the token. */
export const SECRET_WANTS: readonly Want[] = ['frames', 'flights', 'dhcp']

/** A change. Each is a command of the control plane, and of the command line. */
export type PageCommand =
  | { readonly do: 'cut' | 'plug' | 'reset' }
  | { readonly do: 'carrier'; readonly on: boolean }
  | { readonly do: 'param'; readonly name: string; readonly value: string }
  | { readonly do: 'trigger'; readonly fault: string; readonly queue?: number }
  /** `text` undefined takes all stages out. Both directions without `direction`. */
  | { readonly do: 'wire'; readonly text: string | undefined; readonly direction?: WireDirection }
  /** Changes nothing: checks whether a text is right. */
  | { readonly do: 'check-wire'; readonly text: string }
  /** Changes nothing: compiles a pcap-filter(7) expression. */
  | { readonly do: 'filter'; readonly text: string }
  /** `every`: milliseconds after which a frame continues by itself. */
  | {
      readonly do: 'step'
      readonly mode: 'on' | 'off' | 'next'
      readonly every?: number
      readonly count?: number
    }

/** The body of POST /command, JSON. */
export type CommandRequest = Readonly<{ id: DeviceId; command: PageCommand }>

/** The reply to POST /command, JSON. */
export type CommandResult =
  /** `program`: the compiled filter. */
  | { readonly ok: true; readonly program?: readonly BpfInstruction[] }
  /** A message about a wire's text has three lines: the error, the text, carets under the error. */
  | { readonly ok: false; readonly message: string }
