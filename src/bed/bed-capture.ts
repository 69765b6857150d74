/** BedCapture: the frames of a test bed, as a capture file and from one. */
import { NSEC_PER_SEC } from '../base/clock.ts'
import { captureBytes } from '../capture/capture-bytes.node.ts'
import { FLAG_INBOUND, FLAG_OUTBOUND } from '../capture/packet.ts'
import {
  PACKET_OVERHEAD,
  writeInterface,
  writePacket,
  writeSection,
} from '../capture/pcapng-writer.ts'
import { CaptureReader } from '../capture/reader.ts'
import type { AnyDevice } from '../netdev/driver.ts'

/** The maximum size of a section or an interface without its name, in bytes. */
const HEADER = 256

type Captured = Readonly<{ interfaceIndex: number; bytes: Uint8Array; ns: number; flags: number }>

export class BedCapture {
  readonly #frames: Captured[] = []

  /** Keeps a frame; `inbound` if the kernel received it. */
  add(interfaceIndex: number, bytes: Uint8Array, ns: number, inbound: boolean): void {
    this.#frames.push({ interfaceIndex, bytes, ns, flags: inbound ? FLAG_INBOUND : FLAG_OUTBOUND })
  }

  /** Returns all frames as a pcapng file with one interface for each device. */
  file(devices: readonly AnyDevice[]): Uint8Array {
    const frames = this.#frames.reduce((sum, { bytes }) => sum + bytes.length + PACKET_OVERHEAD, 0)
    const to = new Uint8Array(frames + HEADER * (devices.length + 1))
    let end = writeSection(to, 0, { userAppl: 'vnet' })
    for (const { name } of devices) {
      end = writeInterface(to, end, { name })
    }
    for (const { interfaceIndex, bytes, ns, flags } of this.#frames) {
      end = writePacket(to, end, {
        seconds: Math.floor(ns / NSEC_PER_SEC),
        nanoseconds: ns % NSEC_PER_SEC,
        interfaceIndex,
        bytes,
        at: 0,
        capturedLength: bytes.length,
        originalLength: bytes.length,
        flags,
      })
    }
    return to.slice(0, end)
  }
}

/** Reads a capture file, by its bytes or name, without frames marked received. `gap` is in ns. */
export function* capturedFrames(
  file: Uint8Array | string,
): Generator<{ bytes: Uint8Array; gap: number }> {
  const reader = new CaptureReader(typeof file === 'string' ? file : 'the capture')
  reader.push(typeof file === 'string' ? captureBytes(file) : file)
  reader.end()
  let before: { seconds: number; nanoseconds: number } | undefined
  for (let record = reader.next(); record !== undefined; record = reader.next()) {
    if (((record.flags ?? 0) & FLAG_INBOUND) !== 0) continue
    // A packet without a time follows the one before it immediately.
    const { seconds, nanoseconds } = record.hasTime ? record : (before ?? record)
    const last = before ?? { seconds, nanoseconds }
    const gap = (seconds - last.seconds) * NSEC_PER_SEC + nanoseconds - last.nanoseconds
    if (record.hasTime) {
      before = { seconds, nanoseconds }
    }
    yield { bytes: record.frame.slice(), gap: Math.max(gap, 0) }
  }
}
