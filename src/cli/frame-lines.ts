/** Frames of a capture as lines of text, and as JSON objects. */
import { type CapturedPacket, FLAG_INBOUND, FLAG_OUTBOUND, FLAG_TCP_SEGMENTATION_OFFLOADED } from '../capture/packet.ts'
import { printable } from '../netdev/printable.ts'
import { print } from '../packet/print.ts'

/** Bytes of a frame that are printed: Ethernet, two VLAN tags, and the longest headers of TCP. */
export const PRINTED = 256

const DIRECTIONS = FLAG_INBOUND | FLAG_OUTBOUND
const MAX_FRAME = 65_536 + 64

export class FrameLines {
  /** A frame as long as it was: what was captured, then zeros, of which none is printed. */
  readonly #whole = new Uint8Array(MAX_FRAME)

  /**
   * Returns `02:00:00.125000 red/eth0 tx-0 IP 198.18.0.1 > ...`: the local time, the interface, its
   * direction and queue, the frame as tcpdump prints it, and why it was dropped.
   */
  line(device: string, packet: CapturedPacket): string {
    const why = reasonOf(packet)
    const gso = isGso(packet) ? ', gso' : ''
    const at = `${device} ${wayOf(packet)}-${packet.queue ?? 0}`
    const text = `${timeOfDay(packet)} ${at} ${this.#print(packet)}${gso}`
    return `${printable(why === undefined ? text : `${text}, ${why}`)}\n`
  }

  /** Returns the same as a line of JSON. `time` is in seconds since 1970. */
  json(device: string, packet: CapturedPacket): string {
    const { seconds, nanoseconds, queue = 0, originalLength: length, packetId: id = null } = packet
    return `${JSON.stringify({
      event: 'frame',
      time: `${seconds}.${`${nanoseconds}`.padStart(9, '0')}`,
      interface: device,
      way: wayOf(packet),
      queue,
      id,
      length,
      gso: isGso(packet),
      dropped: reasonOf(packet)?.replace(/^dropped: /, '') ?? null,
      text: this.#print(packet),
    })}\n`
  }

  #print({ bytes, at, capturedLength, originalLength }: CapturedPacket): string {
    const [kept, length] = [Math.min(capturedLength, MAX_FRAME), Math.min(originalLength, MAX_FRAME)]
    if (kept === length || kept < PRINTED) return print(bytes, at, kept)
    this.#whole.set(bytes.subarray(at, at + kept))
    const text = print(this.#whole, 0, length)
    this.#whole.fill(0, 0, kept)
    return text
  }
}

function isGso({ flags = 0 }: CapturedPacket): boolean {
  return (flags & FLAG_TCP_SEGMENTATION_OFFLOADED) !== 0
}

function wayOf({ flags = 0 }: CapturedPacket): 'tx' | 'rx' {
  return (flags & DIRECTIONS) === FLAG_INBOUND ? 'rx' : 'tx'
}

/** Returns `dropped: wire ab, stage 1 loss 5% (...)`; undefined for a frame that passed. */
function reasonOf({ verdict, comments = [] }: CapturedPacket): string | undefined {
  if (verdict === undefined) return undefined
  return comments.find(comment => comment.startsWith('dropped')) ?? 'dropped'
}

/** Returns the local time as tcpdump prints it. */
function timeOfDay({ seconds, nanoseconds }: CapturedPacket): string {
  const date = new Date(seconds * 1000)
  const two = (n: number) => `${n}`.padStart(2, '0')
  const fraction = `${Math.floor(nanoseconds / 1000)}`.padStart(6, '0')
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${fraction}`
}
