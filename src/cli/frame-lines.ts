/** Frames of a capture as lines of text, and as JSON objects. */

import { printable } from '../base/printable.ts'
import { directionOf, dropReasonOf, FramePrinter, isGso } from '../capture/frame-text.ts'
import type { CapturedPacket } from '../capture/packet.ts'

export class FrameLines {
  readonly #printer = new FramePrinter()

  /**
   * Returns `02:00:00.125000 red/eth0 tx-0 IP 198.18.0.1 > ...`: the local time, the interface, its
   * direction and queue, the frame as tcpdump prints it, and why it was dropped.
   */
  line(device: string, packet: CapturedPacket): string {
    const reason = dropReasonOf(packet)
    const why = reason === 'dropped' ? reason : `dropped: ${reason}`
    const gso = isGso(packet) ? ', gso' : ''
    const at = `${device} ${directionOf(packet)}-${packet.queue ?? 0}`
    const text = `${timeOfDay(packet)} ${at} ${this.#printer.print(packet)}${gso}`
    return `${printable(reason === undefined ? text : `${text}, ${why}`)}\n`
  }

  /** Returns the same as a line of JSON. `time` is in seconds since 1970. */
  json(device: string, packet: CapturedPacket): string {
    const { seconds, nanoseconds, queue = 0, originalLength: length, packetId: id = null } = packet
    return `${JSON.stringify({
      event: 'frame',
      time: `${seconds}.${`${nanoseconds}`.padStart(9, '0')}`,
      interface: device,
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

/** Returns the local time as tcpdump prints it. */
function timeOfDay({ seconds, nanoseconds }: CapturedPacket): string {
  const date = new Date(seconds * 1000)
  const two = (n: number) => `${n}`.padStart(2, '0')
  const fraction = `${Math.floor(nanoseconds / 1000)}`.padStart(6, '0')
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${fraction}`
}
