/** FrameDrop: why a frame was dropped, as fields and as text for people. Captures have both. */

/** The direction of an attachment as seen from its interface: `in` is ab, `out` is ba. */
export type WireSide = 'in' | 'out'

/** Why one frame was dropped. A capture writes it with the frame and reads it back. */
export interface FrameDrop {
  /** The name of a reason, as statistics have it: `NEIGH`, `WIRE_LOSS`. */
  readonly reason: string
  /** The decision of a stage, if a stage of a wire dropped it. */
  readonly wire?: WireDrop | undefined
}

/**
 * The decision of a wire's stage that dropped a packet: enough to find it in a log of decisions, or
 * to repeat it with the same seed.
 */
export interface WireDrop {
  readonly direction: 'ab' | 'ba'
  /** Only on an attachment. */
  readonly side?: WireSide | undefined
  /** The place of the stage in the wire's text, from 1; 0 for a stage that has been removed. */
  readonly place: number
  /** The kind of the stage, and the text it was made of: `delay`, `delay 1ms limit 1`. */
  readonly kind: string
  readonly text: string
  /** The stage's reason, often its kind: `loss`, `limit`. */
  readonly why: string
  /** The seed of the wire, and the number of the packet on it. */
  readonly seed: number
  readonly packet: number
}

/** Returns `ab`, or `in (ab)` on an attachment. */
export function directionText({
  direction,
  side,
}: Pick<WireDrop, 'side'> & { readonly direction: string }): string {
  return side === undefined ? direction : `${side} (${direction})`
}

/** Returns `loss 1%`, or `delay 1ms limit 1: limit`. */
export const stageDropText = ({ kind, text, why }: WireDrop): string =>
  why === kind ? text : `${text}: ${why}`

/** Returns `wire ab, stage 2 loss 1%`, or `NEIGH`. */
export function dropText({ reason, wire }: FrameDrop): string {
  if (wire === undefined) return reason
  const stage = wire.place === 0 ? 'former stage' : `stage ${wire.place}`
  return `wire ${directionText(wire)}, ${stage} ${stageDropText(wire)}`
}

/**
 * The comment of a dropped packet in a capture: `dropped: wire ab, stage 1 loss 5% (seed 3, packet
 * 13)`, followed by the packet's `id` in the capture if that is another number.
 */
export function dropComment(drop: FrameDrop, id: number | undefined): string {
  const { wire } = drop
  const place = wire === undefined ? '' : ` (seed ${wire.seed}, packet ${wire.packet})`
  return `dropped: ${dropText(drop)}${place}${id === undefined ? '' : `, id ${id}`}`
}

/**
 * Reads the seed from a comment that dropComment() made: editcap(1) and Wireshark keep comments,
 * unlike the fields of a drop. Returns NaN for a wire's comment without a valid seed, and undefined
 * for any other comment.
 */
export function seedOfComment(comment: string): number | undefined {
  if (!/^dropped: wire (?:(?:in|out) \()?(?:ab|ba)\)?, /.test(comment)) return undefined
  const seed = Number(/\(seed (\d+), packet -?\d+\)(?:, id \d+)?$/.exec(comment)?.[1])
  return seed >= 1 && Number.isSafeInteger(seed) ? seed : Number.NaN
}

/** Returns the position of `, id N` in a comment that dropComment() made, or -1 without it. */
export const idOfComment = (comment: string): number => comment.search(/, id \d+$/)

const isText = (value: unknown) => typeof value === 'string'

/** Returns true if a value is valid for the field. */
const FIELDS: Readonly<Record<keyof WireDrop, (value: unknown) => boolean>> = {
  direction: value => value === 'ab' || value === 'ba',
  side: value => value === undefined || value === 'in' || value === 'out',
  place: Number.isInteger,
  kind: isText,
  text: isText,
  why: isText,
  seed: Number.isInteger,
  packet: Number.isInteger,
}

/** Reads the JSON text of a FrameDrop; returns undefined for anything else. */
export function parseDrop(json: string): FrameDrop | undefined {
  try {
    const { reason, wire } = JSON.parse(json)
    const isWire =
      wire === undefined || Object.entries(FIELDS).every(([name, isValid]) => isValid(wire[name]))
    return isText(reason) && isWire ? { reason, ...(wire && { wire }) } : undefined
  } catch {
    return undefined
  }
}
