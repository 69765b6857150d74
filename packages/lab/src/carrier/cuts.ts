/** Cuts: which directions of the links of a lab are dead. All of its links share them. */
import { type Clock, ipv4, type SkBuff } from 'vnet'
import type { Direction } from 'vnet/wire'
import { type Endpoint, FOREVER, type LinkVerb } from '../model/verbs.ts'
import { flowOf, isSameEnd } from './ends.ts'

/**
 * Directions of a link; what a host sends, receives, or both; or what a host that has lost its
 * connections, or one of them, sends while the links hold their packets.
 */
export type Cut =
  | { readonly link: string; readonly directions: readonly Direction[] }
  | { readonly host: string; readonly sends: boolean; readonly receives: boolean }
  | { readonly lostBy: string; readonly connection?: readonly [local: Endpoint, remote: Endpoint] }

/** A direction of a link. `from` and `to` are the names of its ends. */
export type Place = Readonly<{ link: string; direction: Direction; from: string; to: string }>

const BOTH: readonly Direction[] = ['ab', 'ba']

/** Returns what is dead by a fault of a host. */
export function cutOfHost(verb: LinkVerb, host: string): Cut {
  return { host, sends: verb !== 'deaf', receives: verb !== 'mute' }
}

/** Returns what is dead by a fault at a packet in one direction of a link. */
export function cutOfLink(
  verb: LinkVerb,
  { link, direction }: Pick<Place, 'link' | 'direction'>,
): Cut {
  if (verb === 'silence') return { link, directions: BOTH }
  return { link, directions: BOTH.filter(each => (each === direction) === (verb === 'mute')) }
}

/**
 * The dead directions of one lab. All links of the lab share it and look at every packet that
 * enters one.
 */
export class Cuts {
  readonly #clock: Clock
  readonly #cuts = new Map<string, { readonly cuts: readonly Cut[]; readonly until: number }>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Makes links dead for `time` ns. `id` is for `mend`. */
  add(id: string, cuts: readonly Cut[], time: number): void {
    this.#cuts.set(id, {
      cuts,
      until: time === FOREVER ? Number.POSITIVE_INFINITY : this.#clock.now() + time,
    })
  }

  mend(id: string): void {
    this.#cuts.delete(id)
  }

  /** Whether a packet is lost that enters a link. */
  areDead(place: Place): boolean {
    return this.#some(cut => isCut(cut, place))
  }

  /** Whether a packet that a link holds is lost, because its host has lost the connection. */
  haveLost({ from: host }: Place, { bytes, data, len }: SkBuff): boolean {
    return this.#some(cut => {
      if (!('lostBy' in cut) || cut.lostBy !== host) return false
      if (cut.connection === undefined) return true
      const [local, remote] = cut.connection
      const flow = flowOf(bytes, data, data + len)
      return (
        flow?.protocol === ipv4.IPPROTO_TCP &&
        isSameEnd(flow.from, local) &&
        isSameEnd(flow.to, remote)
      )
    })
  }

  /** The links hold no packets any more. */
  thaw(): void {
    for (const [id, { cuts }] of this.#cuts) {
      if (cuts.every(cut => 'connection' in cut)) {
        this.#cuts.delete(id)
      }
    }
  }

  #some(isDead: (cut: Cut) => boolean): boolean {
    if (this.#cuts.size === 0) return false
    const now = this.#clock.now()
    for (const [id, { cuts, until }] of this.#cuts) {
      if (until <= now) {
        this.#cuts.delete(id)
      } else if (cuts.some(isDead)) {
        return true
      }
    }
    return false
  }
}

function isCut(cut: Cut, { link, direction, from, to }: Place): boolean {
  if ('lostBy' in cut) return false
  if ('link' in cut) return cut.link === link && cut.directions.includes(direction)
  return (cut.sends && cut.host === from) || (cut.receives && cut.host === to)
}
