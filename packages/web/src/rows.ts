/** Devices, and the frames of a capture, as the page shows them. */

import { formatAddress, IFF_UP, type Prefix, parsePrefix } from 'vnet'
import type { CaptureRecord } from 'vnet/capture'
import type { DeviceStats, FoundDevice, StepHalt } from 'vnet/control'
import { printable } from 'vnet/kit/base'
import { type CapturedFrame, directionOf, dropComment, FramePrinter } from 'vnet/kit/capture'
import { labPlace } from 'vnet/kit/control'
import { flipAddress } from 'vnet/kit/drivers'
import { dropText, stageDropText } from 'vnet/kit/netdev'
import { headersOf, isInPrefix } from 'vnet/kit/packet'
import { PRESETS } from 'vnet/kit/wire'
import type {
  DeviceCounters,
  DeviceId,
  DeviceRow,
  FlightDrop,
  FlightRow,
  FrameContents,
  FrameRow,
  StepInfo,
  VnetRow,
} from './feed-types.ts'
import { distinct } from './http/distinct.ts'

/** The links of `preset NAME`. */
export const presets = [...PRESETS].map(([name, { up, down }]) => ({ name, up, down }))

type Identity = Pick<FoundDevice, 'vnet' | 'pid' | 'name' | 'netns'>

/** Returns a stable id that a URL can hold: a name may have bytes that are not UTF-8. */
export const deviceId = ({ vnet, pid, name, netns = '' }: Identity): DeviceId =>
  `${processOf({ vnet, pid })}/${distinct(netns)}/${distinct(name)}`

/** The process of a vnet; in another pid namespace, the number that it has there. */
const processOf = ({ vnet, pid }: Pick<Identity, 'vnet' | 'pid'>): number =>
  pid ?? Number(/(\d+)-[^/]*$/.exec(vnet)?.[1] ?? 0)

/** Returns the addresses of a device; undefined if they are not known. */
export type ReadAddresses = (device: FoundDevice) => readonly string[] | undefined

/** Devices by vnet, in the order in which they were found. */
export function vnetRows(
  devices: readonly FoundDevice[],
  addressesOf: ReadAddresses = () => undefined,
): VnetRow[] {
  const vnets = new Map<string, FoundDevice[]>()
  for (const device of devices) {
    vnets.set(device.vnet, [...(vnets.get(device.vnet) ?? []), device])
  }
  return [...vnets.values()].map(ofVnet => {
    const [first] = ofVnet as [FoundDevice]
    const addresses = new Map(ofVnet.map(device => [device, addressesOf(device)]))
    const rows = ofVnet.map(device => ({
      ...deviceRow(device),
      addresses: addresses.get(device),
      hint: hintOf(device, addresses),
    }))
    return { pid: processOf(first), driver: first.driver ?? '', devices: rows }
  })
}

/** Returns a ping through a device: of a flipped address, or of a peer in another kernel. */
function hintOf(
  device: FoundDevice,
  addresses: ReadonlyMap<FoundDevice, readonly string[] | undefined>,
) {
  const others = [...addresses.keys()]
  const ends = device.flips
    ? others
    : others.filter(other => isPeer(other, device) && other.netns !== device.netns)
  const prefixes = (of: FoundDevice): readonly Prefix[] =>
    (addresses.get(of) ?? []).flatMap(cidr => parsePrefix(cidr) ?? [])
  const far = ends.flatMap(prefixes).map(({ bytes }) => (device.flips ? flipAddress(bytes) : bytes))
  const [found] = prefixes(device).flatMap(own => far.filter(address => isInPrefix(address, own)))
  if (found === undefined) return undefined
  const { netns = '' } = device
  const named = netns.includes('/') ? `nsenter --net=${netns}` : `ip netns exec ${netns}`
  const enter = netns === '' ? '' : named
  return printable(`${enter} ping ${formatAddress(found)}`.trim())
}

/** Whether the first device is at the other end of the second one's cable. */
export const isPeer = ({ name, netns }: FoundDevice, { peer }: FoundDevice) =>
  peer === (netns === undefined ? name : `${netns}/${name}`)

function deviceRow(device: FoundDevice): DeviceRow {
  const {
    name,
    netns,
    place = netns,
    driver = '',
    mac,
    mtu,
    flags,
    carrier,
    cut: isCut,
    txQueues,
    rxQueues,
  } = device
  const { faults, faultTexts, onSegment = false, attached: isAttached, flips } = device
  const at = labPlace(place)
  // The vnet itself does not know that another lab has the same name.
  const peer = at === undefined ? device.peer : device.peer?.replace(/^[^:]*/, at.lab)
  return {
    id: deviceId(device),
    label: printable(place === undefined ? name : `${place}/${name}`),
    name,
    driver,
    mac,
    mtu,
    isUp: (flags & IFF_UP) !== 0,
    carrier,
    isCut,
    txQueues,
    rxQueues,
    faults,
    faultTexts,
    peer: peer === undefined ? undefined : printable(peer),
    isAttached,
    flips,
    onSegment,
    lab: at && {
      name: at.lab,
      host: at.host,
      isRouter: device.router,
      segment: device.labSegment && printable(device.labSegment),
      nat: device.labNat,
    },
  }
}

/** Returns a device's counters for the page; error counters of 0 are left out. */
export function rowCounters(id: DeviceId, { total, held, drops }: DeviceStats): DeviceCounters {
  const { txPackets, txBytes, rxPackets, rxBytes, txErrors, rxErrors, txTimeouts } = total
  const trouble = Object.entries({ txErrors, rxErrors, txTimeouts }).filter(
    ([, count]) => count > 0,
  )
  return { id, txPackets, txBytes, rxPackets, rxBytes, ...Object.fromEntries(trouble), held, drops }
}

/** Returns a halted frame for the page. */
export function stepInfo(
  { vnet, pid }: Pick<FoundDevice, 'vnet' | 'pid'>,
  halt: StepHalt,
): StepInfo {
  const { number, device, frame, ...rest } = halt
  const { length: originalLength = 0, bytes = new Uint8Array(0) } = frame ?? {}
  return {
    ...rest,
    id: deviceId({ vnet, pid, ...device }),
    step: number as StepInfo['step'],
    frame: frame && frameContents({ bytes, at: 0, capturedLength: bytes.length, originalLength }),
  }
}

/** Bytes of a frame that a page gets. */
const SHOWN = 128

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

/** Returns a frame as the page shows it: one line, its headers, its first bytes. */
function frameContents(frame: CapturedFrame, printer = new FramePrinter()): FrameContents {
  const { bytes, at, capturedLength, originalLength: length } = frame
  let hex = ''
  for (let i = at; i < at + Math.min(capturedLength, SHOWN); i++) {
    hex += HEX[bytes[i] as number]
  }
  return {
    length,
    text: printable(printer.print(frame)),
    headers: headersOf(bytes, at, capturedLength),
    bytes: hex,
  }
}

/** Returns a captured frame for the page. `printer` may be used for any number of frames. */
export function frameRow(
  packet: CaptureRecord,
  { id, number }: Pick<FrameRow, 'id' | 'number'>,
  printer: FramePrinter,
): FrameRow {
  const { queue = 0 } = packet
  const dropped = dropComment(packet)
  return {
    number,
    time: timeOf(packet),
    id,
    direction: directionOf(packet),
    queue,
    dropped: dropped === undefined ? undefined : printable(dropped),
    ...frameContents(packet, printer),
  }
}

/** Returns a captured frame as a moment of its flight. */
export function flightRow(packet: CaptureRecord, isFar: boolean): FlightRow {
  const { packetId = 0 } = packet
  return {
    packet: packetId,
    time: timeOf(packet),
    direction: directionOf(packet),
    isFar,
    dropped: dropOf(packet),
  }
}

/** Milliseconds since 1970. */
const timeOf = ({ seconds, nanoseconds }: CaptureRecord): number =>
  seconds * 1000 + nanoseconds / 1e6

/** An earlier vnet sends no fields. */
function dropOf(packet: CaptureRecord): FlightDrop | undefined {
  const reason = dropComment(packet)
  if (reason === undefined) return undefined
  const { drop = { reason } } = packet
  const { wire } = drop
  const stage = wire && { place: wire.place, text: printable(stageDropText(wire)) }
  return { text: printable(dropText(drop)), stage }
}
