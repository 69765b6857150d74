/** Frames of a capture as lines of text, and as JSON objects. */

import { printable } from '../base/printable.ts'
import { directionOf, dropReasonOf, FramePrinter, isGso } from '../capture/frame-text.ts'
import type { CapturedPacket } from '../capture/packet.ts'
import type { NamedDevice } from './device-text.ts'

export class FrameLines {
  readonly #printer = new FramePrinter()

  /**
   * Returns `02:00:00.125000 red/eth0 tx-0 IP 198.18.0.1 > ...`: the time in UTC, the interface,
   * its direction and queue, the frame as tcpdump prints it, and why it was dropped.
   */
  line(device: string, packet: CapturedPacket): string {
    const reason = dropReasonOf(packet)
    const why = reason === 'dropped' ? reason : `dropped: ${reason}`
    const gso = isGso(packet) ? ', gso' : ''
    const at = `${device} ${directionOf(packet)}-${packet.queue ?? 0}`
    const text = `${timeOfDay(packet)} ${at} ${this.#printer.print(packet)}${gso}`
    return `${printable(reason === undefined ? text : `${text}, ${why}`)}\n`
  }

  /** Returns the same as a line of JSON. `time` is in milliseconds since 1970. */
  json({ name, netns }: NamedDevice, packet: CapturedPacket): string {
    const { seconds, nanoseconds, queue = 0, originalLength: length, packetId: id = null } = packet
    return `${JSON.stringify({
      event: 'frame',
      time: seconds * 1000 + nanoseconds / 1e6,
      name,
      netns: netns ?? null,
      direction: directionOf(packet),
      queue,
      id,
      length,
      gso: isGso(packet),
      dropped: dropReasonOf(packet) ?? null,
      text: this.#printer.print(packet),
    })}\n`
  }
}

/** Returns the time in UTC, as in `vnet events`. */
function timeOfDay({ seconds, nanoseconds }: CapturedPacket): string {
  const date = new Date(seconds * 1000)
  const two = (n: number) => `${n}`.padStart(2, '0')
  const fraction = `${Math.floor(nanoseconds / 1000)}`.padStart(6, '0')
  return `${two(date.getUTCHours())}:${two(date.getUTCMinutes())}:${two(date.getUTCSeconds())}.${fraction}`
}
