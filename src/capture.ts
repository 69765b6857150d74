/**
 * 'vnet/capture': records the frames of devices and cables in a file, reads pcapng and classic
 * pcap, and writes pcapng.
 *
 *     await using link = await openCable('left/a', 'right/b', { ab: 'loss 1%' })
 *     await using recording = capture(link, 'a.pcapng', { snaplen: 128 })
 *     ...
 *     await recording.stop()
 *     console.log(recording.frames, recording.lost)
 */
import './base/dispose.ts'
import { UsageError } from './base/usage-error.ts'
import { CaptureFile, type CaptureFileOptions } from './capture/capture-file.node.ts'
import { Recording } from './capture/recording.node.ts'
import { compileFilter } from './linux/pcap-filter.ts'
import { TapPort } from './linux/tap/port.ts'
import type { Net, NetDevice } from './netdev/index.ts'
import type { PacketFilter } from './packet/bpf.ts'
import type { Cable } from './wire.ts'

export type { FileRing } from './capture/capture-file.node.ts'
export { CaptureError } from './capture/input.ts'
export {
  type CapturedPacket,
  FLAG_CHECKSUM_NOT_READY,
  FLAG_INBOUND,
  FLAG_OUTBOUND,
  FLAG_TCP_SEGMENTATION_OFFLOADED,
  LINKTYPE_ETHERNET,
  type Moment,
  TC_ACT_SHOT,
  VERDICT_TC,
  VERDICT_XDP,
} from './capture/packet.ts'
export { PcapngWriter } from './capture/pcapng-stream.node.ts'
export * from './capture/pcapng-writer.ts'
export { CaptureReader } from './capture/reader.ts'
export type { CaptureRecord } from './capture/record.ts'
export type { FrameDrop, WireDrop } from './netdev/frame-drop.ts'
export { print } from './packet/print.ts'

/**
 * The frames that a capture records, and the file that it writes. Options are read once, at the
 * start.
 */
export interface CaptureOptions extends Pick<CaptureFileOptions, 'ring' | 'tlsKeys'> {
  /** Bytes of each frame that are kept, at least 1; all by default. */
  readonly snaplen?: number
  /**
   * Frames that do not match are left out; frames for which it throws are kept. Text is in the
   * language of pcap-filter(7).
   */
  readonly filter?: string | PacketFilter
  /** Records only frames that were dropped. */
  readonly dropsOnly?: boolean
}

/** A capture that runs. Disposing of it is as stop(). */
export type RunningCapture = AsyncDisposable & Pick<Recording, 'frames' | 'lost' | 'stop'>

/** An object that can be captured: a cable, at both ends, or a device. */
export type Captured = Cable | NetDevice<never> | NetDevice

/**
 * Records the frames of a cable, a registered device, or a list of them, in `file`, until it is
 * stopped or the devices are unregistered. Each device is two interfaces of the file: its transmit
 * side and its receive side. Frames never wait for the file. It is emptied if it exists, and has
 * mode 0600.
 *
 * Throws a UsageError if the file cannot be created or an option is wrong, and a VnetError for a
 * device that is not registered.
 */
export function capture(
  link: Captured | readonly Captured[],
  file: string,
  options: CaptureOptions = {},
): RunningCapture {
  const { snaplen, filter, dropsOnly, ring, tlsKeys } = options
  if (snaplen !== undefined && !isCount(snaplen)) {
    throw new UsageError('snaplen: must be a whole number of bytes from 1')
  }
  if (ring !== undefined && !(isCount(ring.files) && isCount(ring.bytes))) {
    throw new UsageError('ring: files and bytes must be whole numbers from 1')
  }
  const links = Array.isArray(link) ? (link as readonly Captured[]) : [link as Captured]
  const devices = new Set(
    links.flatMap(each => ('ab' in each ? [each.a, each.b] : [each as NetDevice])),
  )
  if (devices.size === 0) {
    throw new UsageError('there is nothing to capture: name a cable or a device')
  }
  const nets = new Set<Net>([...devices].map(({ net }) => net))
  const compiled = typeof filter === 'string' ? compileFilter(filter) : filter
  const recording = new Recording(new CaptureFile(file, { ring, tlsKeys }))
  const netnsOf = ({ port }: NetDevice) => (port instanceof TapPort ? port.netns : undefined)
  for (const net of nets) {
    recording.follow({ net, snaplen, filter: compiled, dropsOnly, netnsOf }, dev =>
      devices.has(dev),
    )
  }
  return recording
}

const isCount = (n: number): boolean => Number.isSafeInteger(n) && n >= 1
