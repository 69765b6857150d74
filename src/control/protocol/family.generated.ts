/**
 * The requests that a running vnet serves, for its command line and for other programs. Messages
 * have the framing of generic netlink and travel over the Unix stream socket of the vnet, which
 * also serves nlctrl. docs/control-programs.md describes the transport.
 *
 * Generated from docs/vnet_nl.yaml and presence.yaml: edit these files, then `npm run generate`.
 */

import {
  binary,
  flag,
  indexedArray,
  name,
  nested,
  policy,
  required,
  s32,
  string,
  u8,
  u32,
  withDefault,
} from '../../netlink/index.ts'
import { address, bool, count, flags, mac, oneOf, strict } from './codec.ts'

export const VNET_GENL_NAME = 'vnet_nl'
export const VNET_GENL_VERSION = 1
export const VNET_MCGRP_EVENTS_NAME = 'events'

/** Message type of the family; clients get it from nlctrl. */
export const VNET_GENL_ID = 0x3f0

/**
 * Number of the group `events` for programs under `vnet exec`, also returned by nlctrl. No group
 * of the kernel has it. Programs that talk to a vnet directly use SUBSCRIBE.
 */
export const VNET_MCGRP_EVENTS = 0x766e6574

/** Address at which the driver finds ioctl-data if ifr_data is 0 in the request. */
export const VNET_IOCTL_DATA_ADDRESS = 0x1000

/** Maximum length of ioctl-data, in bytes. */
export const VNET_IOCTL_DATA_MAX = 16384

/** sizeof(struct ifreq) */
export const VNET_IFREQ_LEN = 40

/** Maximum length of the name of a network namespace, in bytes. */
export const VNET_NETNS_MAX = 4096

/** Maximum length of the name of a parameter, in bytes. */
export const VNET_PARAM_NAME_MAX = 64

/** Maximum length of the value of a parameter, in bytes. */
export const VNET_PARAM_VALUE_MAX = 1024

/** Maximum length of the name of a fault, in bytes. */
export const VNET_FAULT_MAX = 64

/** Maximum length of the text of a wire, in bytes. */
export const VNET_WIRE_TEXT_MAX = 4096

/** Maximum length of all attachments of a SET_WIRE together, in bytes. */
export const VNET_WIRE_ATTACHMENTS_MAX = 60000

/** Maximum length of the frames of an INJECT together, in bytes, with their lengths. */
export const VNET_INJECT_FRAMES_MAX = 60000

/** Maximum length of the text of a filter, in bytes. */
export const VNET_CAPTURE_FILTER_MAX = 4000

/** Maximum length of the program of a filter, in bytes. */
export const VNET_CAPTURE_PROGRAM_MAX = 32768

/** The direction of a wire. */
export const wireDirectionNumbers = {
  /** From the first interface to the second, or from an interface to its segment. */
  ab: 0,
  /** From the second interface to the first, or from the segment to its interface. */
  ba: 1,
} as const

/** Statistics that a dump has besides the sums of a device, or lacks. */
export const scopeNumbers = {
  /** One message for each queue. Message q is transmit queue q and receive queue q. */
  queue: 1,
  /** No `kernel-stats`, each of which takes a request to the kernel, and no counters that are 0. */
  own: 2,
} as const

/** Direction of frames. */
export const directionNumbers = {
  /** Frames that the kernel sent. */
  tx: 0,
  /** Frames for the kernel. */
  rx: 1,
} as const

/** Kinds of entries of a segment. */
export const segmentPartNumbers = {
  host: 1,
  lease: 2,
  neighbour: 4,
  station: 8,
  counter: 16,
} as const

/** What a counter of a segment counts. */
export const counterGroupNumbers = {
  /** All frames; in = out + taken + dropped + held. */
  frames: 0,
  /** Frames dropped on the segment, by reason. */
  dropped: 1,
  /** Frames that hosts sent, in reply or by themselves, by kind. */
  answered: 2,
} as const

/** What a part of a device is. */
export const partKindNumbers = {
  /** A transmit queue. */
  queue: 0,
  /** Frames in order. */
  ring: 1,
  /** Places for frames that are not in order. */
  buffers: 2,
  /** An interrupt line. */
  irq: 3,
  /** A poll. */
  napi: 4,
  /** The device's share of the frame memory. */
  pool: 5,
} as const

/** What happened to a device. */
export const eventNumbers = {
  registered: 1,
  unregistered: 2,
  up: 3,
  down: 4,
  /** Transmit queue `queue` was stopped for too long; `tx-timeouts` counts these. */
  timeout: 5,
  /** The device has dropped at least `drop-threshold` more frames. */
  drops: 6,
  /** The device has a carrier. */
  'carrier-on': 7,
  /** The device lost its carrier. */
  'carrier-off': 8,
  /** The cable of the device was cut, at either end. */
  cut: 9,
  /** The cable of the device was plugged in again. */
  plugged: 10,
  /**
   * The stages of the wire of the device were changed, in direction `wire-direction`. `driver` is
   * the driver of the device; if it is `attach`, ab is what the interface receives.
   */
  wire: 11,
  /**
   * A frame of the device waits for a step (`step`), or stepping was turned on or off
   * (`step-mode`).
   */
  step: 12,
} as const

/** Whether frames wait for steps. */
export const stepModeNumbers = {
  /** Frames pass. In a request, waiting frames continue, in order. */
  off: 0,
  /** Each frame waits before each step of its path. */
  on: 1,
  /** In a request, run the step for which a frame waits. */
  next: 2,
} as const

/** Attributes of ECHO, those of the sample programs for the driver in the kernel. */
export const echoAttributes = { text: string(1) }

/** Fields of struct rtnl_link_stats64, in its order. */
export const linkStatsPolicy = policy({
  rxPackets: withDefault(count(1), 0),
  txPackets: withDefault(count(2), 0),
  rxBytes: withDefault(count(3), 0),
  txBytes: withDefault(count(4), 0),
  rxErrors: withDefault(count(5), 0),
  txErrors: withDefault(count(6), 0),
  rxDropped: withDefault(count(7), 0),
  txDropped: withDefault(count(8), 0),
  multicast: withDefault(count(9), 0),
  collisions: withDefault(count(10), 0),
  rxLengthErrors: withDefault(count(11), 0),
  rxOverErrors: withDefault(count(12), 0),
  rxCrcErrors: withDefault(count(13), 0),
  rxFrameErrors: withDefault(count(14), 0),
  rxFifoErrors: withDefault(count(15), 0),
  rxMissedErrors: withDefault(count(16), 0),
  txAbortedErrors: withDefault(count(17), 0),
  txCarrierErrors: withDefault(count(18), 0),
  txFifoErrors: withDefault(count(19), 0),
  txHeartbeatErrors: withDefault(count(20), 0),
  txWindowErrors: withDefault(count(21), 0),
  rxCompressed: withDefault(count(22), 0),
  txCompressed: withDefault(count(23), 0),
  rxNohandler: withDefault(count(24), 0),
  rxOtherhostDropped: withDefault(count(25), 0),
})

/** Frames dropped for one reason, in one direction. */
export const dropPolicy = policy({
  direction: required(oneOf(u8(1), 'direction', directionNumbers)),
  /** SKB_DROP_REASON_*, without the prefix. */
  reason: required(string(2)),
  frames: required(count(3)),
})

/** An address of a host. */
export const segmentAddressPolicy = policy({ address: required(address(1)) })

/** A simulated host or the gateway. */
export const segmentHostPolicy = policy({
  name: string(1),
  mac: required(mac(2)),
  /** The link-local address comes last. */
  addresses: withDefault(indexedArray(3, segmentAddressPolicy), []),
  /** Present if the host claims to be a router. */
  router: flag(4),
})

/** A lease of the DHCP server. */
export const segmentLeasePolicy = policy({
  address: required(address(1)),
  /** `02:00:00:00:00:01`; after `N-` if the hardware is not Ethernet but ARP type N. */
  mac: required(string(2)),
  /** Bytes in hexadecimal, separated by colons; absent if the client sent none. */
  clientId: string(3),
  hostname: string(4),
  /** Milliseconds since 1970; absent if the lease does not expire. */
  expires: withDefault(count(5), Infinity),
})

/** A machine that was heard to have an address, and that is not simulated by the segment. */
export const segmentNeighbourPolicy = policy({
  address: required(address(1)),
  mac: required(mac(2)),
})

/**
 * A port of the segment, once for each hardware address that was heard behind it, or once
 * without.
 */
export const segmentStationPolicy = policy({ name: required(string(1)), mac: mac(2) })

/** Frames since the segment started. */
export const segmentCounterPolicy = policy({
  group: required(oneOf(u32(1), 'counter-group', counterGroupNumbers)),
  name: required(string(2)),
  value: required(count(3)),
})

/** A file or a filter that the text of a wire names. */
export const wireAttachmentPolicy = policy({
  /** Path of a file, as in the text; `bytes` are its text. */
  file: string(1),
  /**
   * Text of a filter, as in the text; `bytes` is its program, an array of struct sock_filter in the
   * byte order of the host.
   */
  filter: string(2),
  bytes: required(binary(3)),
})

/** Packets that a stage dropped for one reason. */
export const wireDropPolicy = policy({ reason: required(string(1)), packets: required(count(2)) })

/** A stage of a wire and its counts of packets. in + duplicated = out + dropped + held. */
export const wireStagePolicy = policy({
  /** Its kind, and a number if the wire has several. */
  stage: required(string(1)),
  /** The stages that it lies in, such as `match then `; empty at the top. */
  path: required(string(2)),
  direction: required(oneOf(u8(3), 'wire-direction', wireDirectionNumbers)),
  text: required(string(4)),
  in: required(count(5)),
  out: required(count(6)),
  held: required(count(7)),
  dropped: required(count(8)),
  drops: withDefault(indexedArray(9, wireDropPolicy), []),
  duplicated: required(count(10)),
  corrupted: required(count(11)),
  reordered: required(count(12)),
  marked: required(count(13)),
  /**
   * How much later than asked half of its packets left at most, in ns; absent if it delays none.
   */
  lateP50: count(14),
  /** The same for 99 of 100 packets. */
  lateP99: count(15),
  /**
   * The packets of late-p50 by how late they left: pairs of u64, a time in ns and the number of
   * packets that were later than the time before, and at most this late. The times ascend.
   */
  lateCounts: binary(16),
  /** Present if the stage was replaced, or removed, and had dropped packets. */
  former: flag(17),
  /** Present if the kind of the stage holds packets, such as delay and rate. */
  holds: flag(18),
})

/** An interface to capture, by its index, its name or both, and by its namespace. */
export const captureDevicePolicy = policy({
  ifindex: u32(1),
  ifname: name(2, 15),
  netns: string(3, VNET_NETNS_MAX),
})

/** A part of a device as it is at this moment. Absent attributes mean nothing to its kind. */
export const partPolicy = policy({
  kind: required(oneOf(u32(1), 'part-kind', partKindNumbers)),
  /** Unique among the parts of a device, such as `tx 0` or `rx ring`. */
  name: required(string(2)),
  /** Frames in it. */
  length: u32(3),
  /** Frames that it has room for. */
  capacity: u32(4),
  /** What it does, in a word or two, such as `stopped` or `masked 0x3`. */
  state: string(5),
  /** How often it was used, such as the number of interrupts taken. */
  count: count(6),
  /** The direction of the frames that pass it. Absent if both do, or none. */
  direction: oneOf(u8(7), 'direction', directionNumbers),
})

/** A scenario file that changes the wire and the cable of a device. */
export const scenarioPolicy = policy({
  file: required(string(1)),
  /** When its time 0 was, in milliseconds since 1970; absent until the device first comes up. */
  started: count(2),
  /** The length of a round in nanoseconds; absent if the steps run once. */
  repeat: count(3),
})

/** A step of a scenario. */
export const scenarioStepPolicy = policy({
  /** When, in nanoseconds after the start of the scenario, or of each round. */
  at: required(count(1)),
  /** What changes, such as `wire loss 5%, carrier off`. */
  text: required(string(2)),
})

/**
 * What waits for a step. An event has only the number, the queue and `next`: no bytes of frames.
 */
export const stepPolicy = policy({
  /**
   * 1, read from the kernel; 2, ndoStartXmit; 3, interrupt, poll, alarm, ndoTxTimeout or delivery
   * by a wire; 4, netifRx; 5, write to the kernel.
   */
  number: required(u32(1)),
  /** The device where it waits. */
  ifindex: required(u32(2)),
  ifname: required(name(3)),
  netns: string(4),
  queue: withDefault(u32(5), 0),
  /** What runs next, such as `ndoStartXmit`. */
  next: required(string(6)),
  /** Bytes of the frame; absent, as `frame` is, if none is there or it is in the kernel. */
  length: u32(7),
  /** Its first bytes, at most 256. */
  frame: binary(8),
  /** The file of the lines of the driver that run next; absent if they are not known. */
  file: string(9),
  /** The number of the line that runs next. */
  line: u32(10),
  /** These lines, with some around them. */
  lines: string(11),
  /** The number of the first of them; that of `line` if absent. */
  first: u32(12),
})

/** How much later than asked a timer expired, over all its expirations. */
export const loopDelayPolicy = policy({
  min: required(count(1)),
  mean: required(count(2)),
  max: required(count(3)),
  stddev: required(count(4)),
  /** The median. */
  p50: required(count(5)),
  p90: required(count(6)),
  p99: required(count(7)),
})

/** Pauses of one kind. */
export const gcPolicy = policy({
  /** `minor`, `major`, `incremental` or `weakcb`. */
  kind: required(string(1)),
  count: required(count(2)),
  /** All of them together. */
  time: required(count(3)),
})

/** The program of a vnet at this moment. Times are in nanoseconds, memory in bytes. */
export const runtimePolicy = policy({
  /** Time that the event loop has worked since the program started. */
  loopActive: required(count(1)),
  /** Time that it has waited for events. */
  loopIdle: required(count(2)),
  /**
   * How late the event loop was since the last GET_RUNTIME, absent in the first reply: it is
   * watched from the first request until there was none for 90 seconds.
   */
  loopDelay: nested(3, loopDelayPolicy),
  /** Pauses for garbage collection, as long as they were watched, likewise. */
  gc: withDefault(indexedArray(4, gcPolicy), []),
  /** Memory for objects of JavaScript. */
  heapTotal: required(count(5)),
  heapUsed: required(count(6)),
  /** Memory of C++ objects that objects of JavaScript keep. */
  external: required(count(7)),
  /** Memory of ArrayBuffers, in use or not; the frame memory is part of it. */
  arrayBuffers: required(count(8)),
  /** Memory of the process that is in RAM. */
  resident: required(count(9)),
  /** CPU time of all threads. */
  cpuUser: required(count(10)),
  cpuSystem: required(count(11)),
  /** Slots of the frame memory that hold a frame. */
  poolUsed: required(u32(12)),
  /** All slots. */
  poolCapacity: required(u32(13)),
})

/** A container or pod that has no wire, or not the wanted one, because of a mistake. */
export const mistakePolicy = policy({
  /** Such as `container web` or `pod shop/web-7f`. */
  who: required(string(1)),
  why: required(string(2)),
})

/** A container or pod. */
export const ownerPolicy = policy({
  /** The name of the container; absent in a pod. */
  container: string(1),
  id: string(2),
  pod: string(3),
  /** The namespace of the pod, as Kubernetes calls it. */
  namespace: string(4),
  /** The name of the interface inside. */
  interface: string(5),
})

/** Attributes of every command but ECHO. */
export const vnetAttributes = {
  ifindex: u32(1),
  ifname: name(2, 15),
  /**
   * The network namespace that the interface is in, by its name in /run/netns or as net:[INODE];
   * absent for that of the vnet.
   */
  netns: string(3, VNET_NETNS_MAX),
  txQueues: u32(4),
  rxQueues: u32(5),
  /** In a request for statistics, what the dump has besides the sums of a device, or lacks. */
  scope: flags(6, 0x3),
  /** Statistics as counted by vnet. */
  stats: nested(7, linkStatsPolicy),
  /**
   * The same, as counted by the kernel; absent for clients without rights, and while the interface
   * is being deleted.
   */
  kernelStats: nested(8, linkStatsPolicy),
  drops: indexedArray(9, dropPolicy),
  /**
   * In a reply with statistics, the queue that they are of; absent if they are those of the device.
   * In TRIGGER and in events, the transmit queue.
   */
  queue: u32(10),
  /** Times that the driver was offered a frame again, for the device or `queue`. */
  requeues: count(11),
  /** Times that a queue was stopped for too long, for the device or `queue`. */
  txTimeouts: count(12),
  /** Frames that the driver of the device and its rings hold. */
  held: count(13),
  /** Received frames merged into the one before, for the device or `queue`. */
  groMerged: count(14),
  paramName: string(15, VNET_PARAM_NAME_MAX),
  /** Text as on the command line; empty if the parameter has no value. */
  paramValue: string(16, VNET_PARAM_VALUE_MAX),
  /** `int`, `bool` or `string`. */
  paramType: string(17),
  /** Present if the parameter can be set while the driver runs. */
  paramLive: flag(18),
  paramDescription: string(19),
  /** Valid values in words, such as `1 to 64`; absent if there is nothing to say. */
  paramRange: string(20),
  /** 1 if there is a carrier, 0 if not, as last set by the driver. */
  carrier: bool(21),
  /** One of `faults`, or another that the driver has. */
  fault: string(22, VNET_FAULT_MAX),
  ioctlCmd: u32(23),
  /** struct ifreq of the caller; in a reply, as the driver left it. */
  ioctlIfreq: binary(24, VNET_IFREQ_LEN, VNET_IFREQ_LEN),
  /**
   * In a request, the memory of the caller that ifr_data points to; the driver can access this and
   * no more. In a reply, the part that the driver wrote; absent if it wrote nothing.
   */
  ioctlData: binary(26, 0, VNET_IOCTL_DATA_MAX),
  /** What ioctl(2) returns, 0 or more, or -errno. */
  ioctlResult: s32(27),
  event: oneOf(u32(28), 'event', eventNumbers),
  /** Events that are sent; all if absent. 0 ends the subscription. */
  events: flags(29, 0x1ffe),
  /** Drops of a device between one `drops` event and the next; no such event if 0 or absent. */
  dropThreshold: count(30),
  /** In a `drops` event, all frames dropped since registration or the last reset. */
  dropped: count(31),
  /** IFF_* */
  flags: u32(32),
  mtu: u32(33),
  /** Hardware address. */
  mac: mac(34),
  /** Name of the driver. */
  driver: string(35),
  /** Kinds of entries that are requested; all if absent. */
  segmentParts: flags(40, 0x1f),
  segmentHost: nested(41, segmentHostPolicy),
  segmentLease: nested(42, segmentLeasePolicy),
  segmentNeighbour: nested(43, segmentNeighbourPolicy),
  segmentStation: nested(44, segmentStationPolicy),
  segmentCounter: nested(45, segmentCounterPolicy),
  /** When the event happened or the statistics were read, in milliseconds since 1970. */
  time: count(46),
  /**
   * Frames made from transmitted ones on their way, for the device or `queue`: segments of a GSO
   * frame but the first, and duplicates. Also frames of INJECT.
   */
  made: count(47),
  /** 1 if the cable is cut, 0 if not. */
  cut: bool(48),
  /** In SET_WIRE, the direction that is changed; both if absent. */
  wireDirection: oneOf(u8(49), 'wire-direction', wireDirectionNumbers),
  /**
   * The text of the stages of one direction. In SET_WIRE, absent to take all stages out; in a reply
   * or an event, empty if there is none.
   */
  wireText: string(50, VNET_WIRE_TEXT_MAX),
  /**
   * What the text refers to. The vnet opens no file and resolves no name for a client: the client
   * reads and compiles with its own rights.
   */
  wireAttachments: indexedArray(51, wireAttachmentPolicy),
  wireStage: nested(52, wireStagePolicy),
  /** The interfaces that are captured; absent for all, also those that are registered later. */
  captureDevices: indexedArray(53, captureDevicePolicy),
  /** Bytes of a frame that are kept, at least 1; all if absent. */
  captureSnaplen: u32(54),
  /** Text of a filter, for the capture file; `capture-program` decides. */
  captureFilter: string(55, VNET_CAPTURE_FILTER_MAX),
  /**
   * Program of a filter, an array of struct sock_filter in the byte order of the host; absent to
   * capture every frame. The vnet compiles no filter for a client.
   */
  captureProgram: binary(56, 0, VNET_CAPTURE_PROGRAM_MAX),
  /** Present to capture only frames that are dropped. */
  captureDrops: flag(57),
  /**
   * Ethernet frames without their check sequence. Each comes after its length in bytes, two bytes
   * in network byte order; nothing is padded.
   */
  injectFrames: binary(60, 0, VNET_INJECT_FRAMES_MAX),
  /**
   * How many of the frames were received or dropped, from the first on. There was no room for the
   * others, which the client may send again.
   */
  injectTaken: u32(61),
  /**
   * How many of these were dropped, as PKT_TOO_SMALL or PKT_TOO_BIG: shorter than an Ethernet
   * header, or longer than the MTU, the header and a VLAN tag.
   */
  injectRefused: u32(62),
  /**
   * Names of the faults that TRIGGER can cause, separated by spaces; empty if the driver has none,
   * absent if it does not list them.
   */
  faults: string(63),
  part: nested(64, partPolicy),
  scenario: nested(65, scenarioPolicy),
  scenarioStep: nested(66, scenarioStepPolicy),
  /** In STEP what to do, nothing if absent; in a reply and an event the present mode. */
  stepMode: oneOf(u8(67), 'step-mode', stepModeNumbers),
  /** Milliseconds after which a waiting frame continues by itself; never if 0 or absent. */
  stepEvery: u32(68),
  /** The step that is done next; absent if nothing waits. */
  step: nested(69, stepPolicy),
  runtime: nested(70, runtimePolicy),
  /**
   * What each of `faults` does, one a line, in their order; absent if the driver does not say it.
   */
  faultTexts: string(71),
  /**
   * The device at the other end of the cable, as NETNS/NAME or NAME; absent if it is unknown or
   * gone.
   */
  peer: string(72),
  /** Present if the device is a port of the segment that GET_SEGMENT lists. */
  onSegment: flag(73),
  /** Present if the device belongs to a router of a lab. */
  router: flag(74),
  /**
   * The segment of a lab that the device is a port of, by a name that no other segment of the lab
   * has; absent if it is none.
   */
  labSegment: string(75),
  /**
   * The number of steps that have run. In a request `next`: run a step only if this is still their
   * number, so that two clients do not run two steps for one waiting frame.
   */
  stepCount: u32(76),
  /**
   * Present if vnet did not make the interface. Its wire directions are also called `in` (ab) and
   * `out` (ba).
   */
  attached: flag(77),
  /**
   * Present if the driver flips the lowest bit of the network number in the addresses of frames, so
   * that one machine can reach itself through its interfaces.
   */
  flips: flag(78),
  /**
   * The translation of addresses that a router of a lab does on the device, such as `home`; absent
   * if it does none.
   */
  labNat: string(79),
  /** Present if frames that the interface transmits take this direction. */
  wireOutgoing: flag(80),
  /**
   * Milliseconds for which the thread of the vnet has not returned from its driver. Another thread
   * then replies with the last values that it knows. Absent otherwise.
   */
  busy: u32(81),
  /**
   * The filter of an attachment: frames that it does not match pass in the kernel, and not the
   * wire. In SET_WIRE, which then changes no stages, its program is attached; empty for all frames.
   */
  wireOnly: string(82, VNET_WIRE_TEXT_MAX),
  /** How many frames of the direction have passed in the kernel. */
  wirePassed: count(83),
  /**
   * The seed of the run, which `--seed` takes to repeat the random decisions of the wires of the
   * device. Absent without wires, and where no command takes it.
   */
  wireSeed: count(84),
  /**
   * Frames that the kernel dropped in front of vnet, because the queue of the interface was full:
   * of the interface or, in GET_WIRE, of the direction. Not those without a carrier.
   */
  beforeVnet: count(85),
  mistake: nested(86, mistakePolicy),
  /** How many mistakes there were since the daemon started. */
  mistakeCount: count(87),
  /**
   * Frames that passed the interface of an attachment without its wire, because vnet hung, was
   * down, or attached late: of the interface or, in GET_WIRE, of the direction.
   */
  bypassed: count(88),
  /** The container or pod that an attachment of `vnet node` is for. */
  owner: nested(89, ownerPolicy),
}
const which = {
  ifindex: vnetAttributes.ifindex,
  ifname: vnetAttributes.ifname,
  netns: vnetAttributes.netns,
}

export const commands = {
  /** Returns a text byte for byte. */
  echo: {
    name: 'ECHO',
    cmd: 1,
    request: strict({ text: echoAttributes.text }),
    reply: policy({ text: echoAttributes.text }),
  },
  /**
   * Returns the interfaces of a vnet, or one of them: name, index, driver, flags, carrier, MTU,
   * address, queues, peer, faults and their descriptions; in a lab also whether it is a router's,
   * and its segment.
   */
  getDevices: {
    name: 'GET_DEVICES',
    cmd: 2,
    request: strict({ ...which }),
    reply: policy({
      ifindex: required(vnetAttributes.ifindex),
      ifname: required(vnetAttributes.ifname),
      netns: vnetAttributes.netns,
      txQueues: required(vnetAttributes.txQueues),
      rxQueues: required(vnetAttributes.rxQueues),
      carrier: required(vnetAttributes.carrier),
      flags: required(vnetAttributes.flags),
      mtu: required(vnetAttributes.mtu),
      mac: required(vnetAttributes.mac),
      driver: vnetAttributes.driver,
      cut: required(vnetAttributes.cut),
      faults: vnetAttributes.faults,
      faultTexts: vnetAttributes.faultTexts,
      peer: vnetAttributes.peer,
      onSegment: vnetAttributes.onSegment,
      router: vnetAttributes.router,
      labSegment: vnetAttributes.labSegment,
      labNat: vnetAttributes.labNat,
      attached: vnetAttributes.attached,
      flips: vnetAttributes.flips,
      busy: vnetAttributes.busy,
      owner: vnetAttributes.owner,
    }),
  },
  /**
   * Returns every field of rtnl_link_stats64, as counted by vnet and, for root and the owner, by
   * the kernel, drops by reason, and the time; with VNET_SCOPE_QUEUE also the counters of each
   * queue; with VNET_SCOPE_OWN without the kernel's counters and without counters that are 0.
   */
  getStats: {
    name: 'GET_STATS',
    cmd: 3,
    request: strict({ ...which, scope: vnetAttributes.scope }),
    reply: policy({
      ifindex: required(vnetAttributes.ifindex),
      ifname: required(vnetAttributes.ifname),
      netns: vnetAttributes.netns,
      txQueues: vnetAttributes.txQueues,
      rxQueues: withDefault(vnetAttributes.rxQueues, 0),
      stats: vnetAttributes.stats,
      kernelStats: vnetAttributes.kernelStats,
      drops: withDefault(vnetAttributes.drops, []),
      queue: vnetAttributes.queue,
      requeues: withDefault(vnetAttributes.requeues, 0),
      txTimeouts: withDefault(vnetAttributes.txTimeouts, 0),
      held: withDefault(vnetAttributes.held, 0),
      groMerged: withDefault(vnetAttributes.groMerged, 0),
      time: required(vnetAttributes.time),
      made: withDefault(vnetAttributes.made, 0),
      busy: vnetAttributes.busy,
      beforeVnet: withDefault(vnetAttributes.beforeVnet, 0),
      bypassed: vnetAttributes.bypassed,
    }),
  },
  /** Sets the statistics of an interface to 0, including `kernel-stats`. */
  resetStats: { name: 'RESET_STATS', cmd: 4, changes: true, request: strict({ ...which }) },
  /**
   * Turns the carrier of one end on or off, as its driver would: the other end keeps its carrier,
   * frames may still pass, and the driver may turn it on again when a link goes down and up.
   */
  setCarrier: {
    name: 'SET_CARRIER',
    cmd: 5,
    changes: true,
    request: strict({ ...which, carrier: required(vnetAttributes.carrier) }),
  },
  /**
   * Returns a parameter of the driver, as in /sys/module/NAME/parameters, or a dump of all: value,
   * type, range, and whether it can be set while the driver runs. If the request names an
   * interface, it must exist; the parameters are the same for all interfaces of the vnet.
   */
  getParam: {
    name: 'GET_PARAM',
    cmd: 6,
    request: strict({ ...which, name: vnetAttributes.paramName }),
    reply: policy({
      driver: required(vnetAttributes.driver),
      name: required(vnetAttributes.paramName),
      value: required(vnetAttributes.paramValue),
      type: required(vnetAttributes.paramType),
      live: vnetAttributes.paramLive,
      description: withDefault(vnetAttributes.paramDescription, ''),
      range: vnetAttributes.paramRange,
    }),
  },
  /** Sets a parameter while the driver runs. */
  setParam: {
    name: 'SET_PARAM',
    cmd: 7,
    changes: true,
    request: strict({
      ...which,
      name: required(vnetAttributes.paramName),
      value: required(vnetAttributes.paramValue),
    }),
  },
  /**
   * Causes one fault now, on `queue` if it is a fault of a queue: one that GET_DEVICES lists (snull
   * has `lockup`, `lost-interrupt`, `stuck`, `flap`), or another that the driver has. The text of
   * EOPNOTSUPP names the nearest fault, or lists them all.
   */
  trigger: {
    name: 'TRIGGER',
    cmd: 8,
    changes: true,
    request: strict({
      ...which,
      fault: required(vnetAttributes.fault),
      queue: vnetAttributes.queue,
    }),
  },
  /** Runs a private ioctl of the driver, SIOCSIFMAP or SIOCGIFMAP. */
  ioctl: {
    name: 'IOCTL',
    cmd: 9,
    request: strict({
      ...which,
      cmd: required(vnetAttributes.ioctlCmd),
      ifreq: required(vnetAttributes.ioctlIfreq),
      data: vnetAttributes.ioctlData,
    }),
    reply: policy({
      result: required(vnetAttributes.ioctlResult),
      ifreq: required(vnetAttributes.ioctlIfreq),
      data: vnetAttributes.ioctlData,
    }),
  },
  /**
   * Sends events on the connection of the request from now on, of all interfaces or of one, which
   * need not exist yet: registered, unregistered, up, down, timeout, drops, carrier-on,
   * carrier-off, cut, plugged, wire (with the new text of a direction), step (where a frame waits,
   * without its bytes), each with its time. The next SUBSCRIBE replaces this one. A client that
   * does not read in time loses events; NLMSG_OVERRUN stands in their place.
   */
  subscribe: {
    name: 'SUBSCRIBE',
    cmd: 10,
    request: strict({
      ...which,
      events: vnetAttributes.events,
      dropThreshold: vnetAttributes.dropThreshold,
    }),
  },
  /** An event for a subscriber, with sequence number 0. Not a request. */
  event: {
    name: 'EVENT',
    cmd: 11,
    reply: policy({
      ifindex: required(vnetAttributes.ifindex),
      ifname: required(vnetAttributes.ifname),
      netns: vnetAttributes.netns,
      event: required(vnetAttributes.event),
      time: vnetAttributes.time,
      queue: vnetAttributes.queue,
      txTimeouts: vnetAttributes.txTimeouts,
      dropped: vnetAttributes.dropped,
      wireDirection: vnetAttributes.wireDirection,
      wireText: vnetAttributes.wireText,
      attached: vnetAttributes.attached,
      stepMode: vnetAttributes.stepMode,
      step: vnetAttributes.step,
    }),
  },
  /**
   * Returns the contents of the segment of the interfaces, one entry a message: hosts, leases,
   * neighbours, stations, counters. If the request names an interface, it must exist. EOPNOTSUPP if
   * the driver has no segment.
   */
  getSegment: {
    name: 'GET_SEGMENT',
    cmd: 13,
    request: strict({ ...which, parts: vnetAttributes.segmentParts }),
    reply: policy({
      host: vnetAttributes.segmentHost,
      lease: vnetAttributes.segmentLease,
      neighbour: vnetAttributes.segmentNeighbour,
      station: vnetAttributes.segmentStation,
      counter: vnetAttributes.segmentCounter,
    }),
  },
  /**
   * Cuts the cable of an interface. Until PLUG neither end has a carrier, even after a link went
   * down and up. The kernel drops and counts frames sent from then on (tx_dropped, in its own
   * column); frames that it had already queued are dropped as TX_CARRIER.
   */
  cut: { name: 'CUT', cmd: 14, changes: true, request: strict({ ...which }) },
  /** Plugs the cable in again, at both ends. */
  plug: { name: 'PLUG', cmd: 15, changes: true, request: strict({ ...which }) },
  /**
   * Returns the wire of an interface: a message for each direction with its text and whether the
   * interface transmits in it, and then one for each stage with its counts. EOPNOTSUPP if the
   * interface has no wire.
   */
  getWire: {
    name: 'GET_WIRE',
    cmd: 16,
    request: strict({ ...which }),
    reply: policy({
      time: required(vnetAttributes.time),
      direction: vnetAttributes.wireDirection,
      text: vnetAttributes.wireText,
      outgoing: vnetAttributes.wireOutgoing,
      only: vnetAttributes.wireOnly,
      passed: vnetAttributes.wirePassed,
      stage: vnetAttributes.wireStage,
      seed: vnetAttributes.wireSeed,
      beforeVnet: vnetAttributes.beforeVnet,
      bypassed: vnetAttributes.bypassed,
    }),
  },
  /** Replaces the stages of both directions or of one. Packets in flight are not lost. */
  setWire: {
    name: 'SET_WIRE',
    cmd: 17,
    changes: true,
    request: strict({
      ...which,
      direction: vnetAttributes.wireDirection,
      text: vnetAttributes.wireText,
      only: vnetAttributes.wireOnly,
      attachments: withDefault(vnetAttributes.wireAttachments, []),
    }),
  },
  /**
   * Captures the frames of interfaces: of all, also later ones, or of a list; with a snaplen, a
   * filter, or drops only. After the acknowledgement the connection carries no more messages, but a
   * pcapng stream. The client ends it by any byte, by shutting down its writing end, or by closing
   * the connection. Unless that is closed, the vnet then sends the interface statistics and closes
   * it.
   */
  capture: {
    name: 'CAPTURE',
    cmd: 18,
    request: strict({
      devices: vnetAttributes.captureDevices,
      snaplen: vnetAttributes.captureSnaplen,
      filter: vnetAttributes.captureFilter,
      program: vnetAttributes.captureProgram,
      drops: vnetAttributes.captureDrops,
    }),
  },
  /**
   * Makes an interface receive frames, in order. Returns how many it took, and how many of these it
   * dropped: shorter than an Ethernet header, or longer than the MTU, the header and a VLAN tag.
   * They are counted as made by the interface. ENETDOWN if it is down.
   */
  inject: {
    name: 'INJECT',
    cmd: 19,
    changes: true,
    request: strict({ ...which, frames: required(vnetAttributes.injectFrames) }),
    reply: policy({
      taken: required(vnetAttributes.injectTaken),
      refused: required(vnetAttributes.injectRefused),
    }),
  },
  /**
   * Returns the parts of an interface as they are at this moment, one a message: its transmit
   * queues, the rings and buffers of its driver (`ndoGetParts`, or the rings in its `priv`), its
   * interrupts and polls, and its share of the frame memory.
   */
  getParts: {
    name: 'GET_PARTS',
    cmd: 20,
    request: strict({ ...which }),
    reply: policy({ part: required(vnetAttributes.part) }),
  },
  /**
   * Makes each frame of the vnet wait before each step of its path, runs the next step, or turns
   * that off. All interfaces of the vnet wait, since a frame passes from one to another. Returns
   * the waiting frame: the step, the interface, the first 256 bytes of the frame, and the lines of
   * the driver that run next. EINVAL for `next` while the mode is off.
   */
  step: {
    name: 'STEP',
    cmd: 21,
    changes: true,
    request: strict({
      ...which,
      mode: vnetAttributes.stepMode,
      every: vnetAttributes.stepEvery,
      count: vnetAttributes.stepCount,
    }),
    reply: policy({
      mode: required(vnetAttributes.stepMode),
      every: withDefault(vnetAttributes.stepEvery, 0),
      step: vnetAttributes.step,
      count: withDefault(vnetAttributes.stepCount, 0),
    }),
  },
  /**
   * Returns the program's resource use: time that its event loop worked and waited, the delay of
   * the loop since the last request, pauses for garbage collection, memory, CPU time, slots of the
   * frame memory. Delay and pauses are measured from the first request until 90 seconds after the
   * last.
   */
  getRuntime: {
    name: 'GET_RUNTIME',
    cmd: 22,
    request: strict({}),
    reply: policy({
      time: required(vnetAttributes.time),
      runtime: required(vnetAttributes.runtime),
    }),
  },
  /**
   * Returns the scenario of the wire of an interface (`--scenario`): a message with its file, when
   * its time 0 was, and the length of a round, and then one for each step with its time and its
   * changes, as text. EOPNOTSUPP if the interface has none.
   */
  getScenario: {
    name: 'GET_SCENARIO',
    cmd: 23,
    request: strict({ ...which }),
    reply: policy({ scenario: vnetAttributes.scenario, step: vnetAttributes.scenarioStep }),
  },
  /**
   * Returns the mistakes of `vnet node`: a message with how many there were, and then one for each
   * that still is. EOPNOTSUPP if the vnet is another program.
   */
  getMistakes: {
    name: 'GET_MISTAKES',
    cmd: 24,
    request: strict({}),
    reply: policy({ mistake: vnetAttributes.mistake, mistakeCount: vnetAttributes.mistakeCount }),
  },
}
