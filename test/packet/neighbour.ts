/**
 * Builds ARP packets and neighbour discovery messages, with every checksum computed the slow way.
 */
import { naiveChecksum, pseudoHeader, word } from './naive.ts'

export interface Link {
  readonly to: number[]
  readonly from: number[]
  readonly tags?: readonly { readonly type: number; readonly tci: number }[]
  readonly padding?: number[]
}

export interface Arp extends Link {
  readonly op: number
  readonly sha: number[]
  readonly spa: number[]
  readonly tha: number[]
  readonly tpa: number[]
}

/** A neighbour solicitation (type 135) or advertisement (136). */
export interface Neighbour extends Link {
  readonly type: number
  readonly code?: number
  readonly flags?: number[]
  readonly source: number[]
  readonly destination: number[]
  readonly target: number[]
  readonly options: number[]
  readonly hops?: number
  /** Added to the checksum to make it wrong. */
  readonly wrong?: number
}

function framed(
  { to, from, tags = [], padding = [] }: Link,
  type: number,
  payload: number[],
): number[] {
  return [
    ...to,
    ...from,
    ...tags.flatMap(tag => [...word(tag.type), ...word(tag.tci)]),
    ...word(type),
    ...payload,
    ...padding,
  ]
}

export function buildArp(arp: Arp): number[] {
  const { op, sha, spa, tha, tpa } = arp
  return framed(arp, 0x0806, [0, 1, 8, 0, 6, 4, ...word(op), ...sha, ...spa, ...tha, ...tpa])
}

export function buildNeighbour(neighbour: Neighbour): number[] {
  const {
    type,
    code = 0,
    flags = [0, 0, 0, 0],
    source,
    destination,
    target,
    options,
    hops = 255,
    wrong = 0,
  } = neighbour
  const message = [type, code, 0, 0, ...flags, ...target, ...options]
  const check = naiveChecksum([
    ...pseudoHeader(source, destination, 58, message.length),
    ...message,
  ])
  message.splice(2, 2, ...word((check + wrong) % 0xffff))
  const header = [0x60, 0, 0, 0, ...word(message.length), 58, hops, ...source, ...destination]
  return framed(neighbour, 0x86dd, [...header, ...message])
}
