/** A captured frame as text: its contents, its direction, and why it was dropped. */
import { print } from '../packet/print.ts'
import {
  type CapturedPacket,
  FLAG_INBOUND,
  FLAG_OUTBOUND,
  FLAG_TCP_SEGMENTATION_OFFLOADED,
} from './packet.ts'

/** Bytes of a frame that are printed: Ethernet, two VLAN tags, and the longest headers of TCP. */
export const PRINTED = 256

const DIRECTIONS = FLAG_INBOUND | FLAG_OUTBOUND
const MAX_FRAME = 65_536 + 64

/** The frame of a packet, of which `capturedLength` bytes are present. */
export type CapturedFrame = Pick<
  CapturedPacket,
  'bytes' | 'at' | 'capturedLength' | 'originalLength'
>

/** Prints frames with at least their first PRINTED bytes in a capture. */
export class FramePrinter {
  /** A frame of its original length: the captured bytes, then zeros, which are not printed. */
  readonly #whole = new Uint8Array(MAX_FRAME)

  print({ bytes, at, capturedLength, originalLength }: CapturedFrame): string {
    const [kept, length] = [
      Math.min(capturedLength, MAX_FRAME),
      Math.min(originalLength, MAX_FRAME),
    ]
    if (kept === length || kept < PRINTED) return print(bytes, at, kept)
    this.#whole.set(bytes.subarray(at, at + kept))
    const text = print(this.#whole, 0, length)
    this.#whole.fill(0, 0, kept)
    return text
  }
}

export const isGso = ({ flags = 0 }: CapturedPacket): boolean =>
  (flags & FLAG_TCP_SEGMENTATION_OFFLOADED) !== 0

/**
 * Returns `rx` for a frame that the kernel received, and `tx` for all others, also without flags.
 */
export function directionOf({ flags = 0 }: CapturedPacket): 'tx' | 'rx' {
  return (flags & DIRECTIONS) === FLAG_INBOUND ? 'rx' : 'tx'
}

/**
 * Returns what the comment of a dropped frame says: `wire ab, stage 1 loss 5% (...)`, or `dropped`
 * without one; undefined for a frame that passed.
 */
export function dropComment({ verdict, comments = [] }: CapturedPacket): string | undefined {
  if (verdict === undefined) return undefined
  const comment = comments.find(each => each.startsWith('dropped')) ?? 'dropped'
  return comment.replace(/^dropped: /, '')
}
