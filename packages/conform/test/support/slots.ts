/** A host with few places for incomplete packets, and the cases that it runs. */
import { ETH_HLEN, ETH_P_IP, ETH_P_IPV6, etherType } from '#src/packet/ethernet.ts'
import { headerLength, IPV4_HLEN } from '#src/packet/ipv4.ts'
import { IPV6_HLEN, NEXTHDR_DEST, NEXTHDR_FRAGMENT } from '#src/packet/ipv6.ts'
import { get16, get32 } from '#src/packet/octets.ts'
import { MemoryWorld } from '../../../inet/test/tcp-conformance/memory-world.ts'
import { type Case, isPassive } from '../../src/notation.ts'
import { CaseFailure, runCase } from '../../src/run-case.ts'
import type { World } from '../../src/world.ts'

interface Fragment {
  /** Addresses, protocol and identification. */
  readonly key: string
  readonly offset: number
  readonly length: number
  readonly isLast: boolean
}

/** Returns what a frame has of a packet in fragments; undefined if it is whole. */
function fragmentOf(frame: Uint8Array): Fragment | undefined {
  const ip = ETH_HLEN
  if (etherType(frame, 0) === ETH_P_IPV6) {
    const at = ip + IPV6_HLEN
    // A first fragment without the header of the upper layer is not kept.
    if (frame[ip + 6] !== NEXTHDR_FRAGMENT || frame[at] === NEXTHDR_DEST) return undefined
    const field = get16(frame, at + 2)
    const length = get16(frame, ip + 4) - 8
    const isLast = (field & 1) === 0
    return { key: `6 ${get32(frame, at + 4)}`, offset: field & 0xfff8, length, isLast }
  }
  if (etherType(frame, 0) !== ETH_P_IP || frame.length < ip + IPV4_HLEN) return undefined
  const field = get16(frame, ip + 6) & 0x3fff
  if (field === 0) return undefined
  const length = get16(frame, ip + 2) - headerLength(frame, ip)
  const key = `4 ${frame[ip + 9]} ${get16(frame, ip + 4)}`
  return { key, offset: (field & 0x1fff) * 8, length, isLast: (field & 0x2000) === 0 }
}

/** The incomplete packets of a host, which takes no more than `most`. */
export class Slots {
  readonly #most: number
  readonly #pending = new Map<string, Fragment[]>()

  constructor(most: number) {
    this.#most = most
  }

  get names(): readonly string[] {
    return [...this.#pending.keys()]
  }

  /** Whether the host takes a frame. */
  take(frame: Uint8Array): boolean {
    const fragment = fragmentOf(frame)
    if (fragment === undefined || (fragment.offset === 0 && fragment.isLast)) return true
    const { key, offset, length } = fragment
    // Such a fragment is not kept.
    if (offset + length > 0xffff || (!fragment.isLast && length % 8 !== 0)) return true
    const pieces = this.#pending.get(key) ?? []
    if (pieces.length === 0 && this.#pending.size === this.#most) return false
    pieces.push(fragment)
    this.#pending.set(key, pieces)
    let end = 0
    for (const piece of pieces.toSorted((a, b) => a.offset - b.offset)) {
      if (piece.offset <= end) {
        end = Math.max(end, piece.offset + piece.length)
      }
    }
    const last = pieces.find(({ isLast }) => isLast)
    if (last !== undefined && end >= last.offset + last.length) {
      this.#pending.delete(key)
    }
    return true
  }
}

export function withSlots(world: World, slots: Slots): World {
  const { tolerance, host, peer, port } = world
  return {
    ...{ tolerance, host, peer, port, program: undefined },
    now: () => world.now(),
    sleepUntil: moment => world.sleepUntil(moment),
    close: () => world.close(),
    inject: frame => void (slots.take(frame) && world.inject(frame)),
    next: until => world.next(until),
  }
}

/** Returns the cases that fail on a host with these places. */
export async function failedWith(slots: Slots, cases: readonly Case[]): Promise<string[]> {
  const failed: string[] = []
  for (const one of cases) {
    if (!isPassive(one) || one.linux !== undefined || one.slow !== undefined) continue
    const world = withSlots(new MemoryWorld(one.family, one.sysctls, false), slots)
    await runCase(one, world).catch(error => {
      if (!(error instanceof CaseFailure)) throw error
      failed.push(one.name)
    })
  }
  return failed
}
