/**
 * Rewriter: changes the TCP segments of a host where they leave its network stack, which does not
 * notice: to a peer the host looks like one with such a TCP.
 */
import type { IpStack } from '@vnet/inet'
import { WINDOW_SCALE } from '@vnet/inet/kit'
import { tcp } from 'vnet'
import { put16 } from 'vnet/kit/packet'
import type { WireFilter } from 'vnet/wire'
import { changed, endsOf, has, like, nextOf, type Segment, segmentOf } from './segment.ts'
import type { Action } from './words.ts'

/** Which segments, of those to which a word applies: all for a time in ns, the first N, the Nth. */
export type When = Readonly<{ for?: number; first?: number; nth?: number; every?: number }>

/** One word of host.misbehave, with the segments that it applies to. */
export interface Rule {
  readonly action: Action
  /** All of them match the segments. */
  readonly filters: readonly WireFilter[]
  readonly when: When
  /** The place of its word in WORDS. */
  readonly order: number
}

/** The state of a connection, from its segments since the rules were set. */
export interface Connection {
  /** The moment of its first segment, and the sequence number of its first byte. */
  readonly began: number
  readonly start: number
  /** The number that would acknowledge the peer's FIN; undefined before that. */
  finAck: number | undefined
  /** The last segment, as the host's TCP has made it. */
  last: Segment | undefined
  readonly hits: Map<Rule, number>
}

/** Connections that are remembered. The oldest is forgotten. */
const CONNECTIONS_MAX = 4096
const ALL = Number.POSITIVE_INFINITY

type Emit = (frame: Uint8Array) => void

export class Rewriter {
  readonly ip: IpStack
  readonly #rules: readonly Rule[]
  readonly #connections = new Map<string, Connection>()
  /** Sends a frame by the interface of the segment that is being rewritten. */
  #emit: Emit = () => {}

  constructor(ip: IpStack, rules: readonly Rule[]) {
    this.ip = ip
    this.#rules = rules
  }

  /** Takes over a frame that leaves the host. Calls `emit` with each frame that leaves in place. */
  send(frame: Uint8Array, emit: Emit): void {
    const segment = segmentOf(frame)
    if (segment === undefined) {
      emit(frame)
      return
    }
    this.#emit = emit
    const connection = this.#connectionOf(segment)
    connection.last = segment
    let segments: readonly Segment[] = [segment]
    for (const rule of this.#rules) {
      segments = segments.flatMap(each => this.#apply(rule, each, connection))
    }
    for (const each of segments) {
      emit(each.frame)
    }
  }

  /** Takes note of a frame that the host receives, which is lent. */
  received(frame: Uint8Array): void {
    const segment = segmentOf(frame)
    if (segment === undefined || !has(segment, tcp.TCP_FIN)) return
    const key = endsOf(segment).reverse().join()
    const connection = this.#connections.get(key) ?? this.#add(key, segment.acknowledgment)
    connection.finAck = nextOf(segment)
  }

  /** Sends a segment after `time` ns. */
  after(time: number, make: () => Segment): void {
    const emit = this.#emit
    const { clock } = this.ip
    clock.alarm(() => emit(make().frame)).at(clock.now() + time)
  }

  #apply(rule: Rule, segment: Segment, connection: Connection): readonly Segment[] {
    const { action, filters, when } = rule
    const { for: time = ALL, nth, every = 1, first = ALL } = when
    const left = connection.began + time - this.ip.clock.now()
    const { frame } = segment
    const isMeant = left > 0 && action.applies(segment, connection)
    if (!isMeant || !filters.every(filter => filter(frame, 0, frame.length))) return [segment]
    const n = (connection.hits.get(rule) ?? 0) + 1
    connection.hits.set(rule, n)
    if (n > first || n % every !== 0 || (nth ?? n) !== n) return [segment]
    if (n === 1 && action.isWindow && left < ALL) {
      this.after(left, () => announcement(connection.last ?? segment))
    }
    return action.act(segment, connection, n, this)
  }

  #connectionOf(segment: Segment): Connection {
    const key = endsOf(segment).join()
    const known = this.#connections.get(key)
    const isSyn = has(segment, tcp.TCP_SYN)
    const start = (segment.sequence + (isSyn ? 1 : 0)) >>> 0
    return known === undefined || (isSyn && known.start !== start) ? this.#add(key, start) : known
  }

  #add(key: string, start: number): Connection {
    const began = this.ip.clock.now()
    const made: Connection = { began, start, finAck: undefined, last: undefined, hits: new Map() }
    const [oldest] = this.#connections.keys()
    if (this.#connections.size >= CONNECTIONS_MAX && oldest !== undefined) {
      this.#connections.delete(oldest)
    }
    this.#connections.set(key, made)
    return made
  }
}

/** Returns the field of a window, which is not scaled in a SYN. */
export function windowField(bytes: number, segment: Segment): number {
  return Math.ceil(has(segment, tcp.TCP_SYN) ? bytes : bytes / 2 ** WINDOW_SCALE)
}

/** Returns a segment with only the acknowledgment and the window that the host's TCP has sent. */
function announcement(last: Segment): Segment {
  const field = has(last, tcp.TCP_SYN) ? last.window >>> WINDOW_SCALE : last.window
  return changed(like(last, nextOf(last), tcp.TCP_ACK), (frame, h) => put16(frame, h + 14, field))
}
