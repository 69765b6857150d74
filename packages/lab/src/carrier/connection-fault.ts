/**
 * ConnectionFault: a fault at a byte of one connection of a link, for commands that are explored in
 * a lab that is kept. Connections are numbered by their SYNs alone, from the first one that the
 * fault sees, so that what an earlier run still sends is not counted.
 */
import { ipv4, type SkBuff } from 'vnet'
import { wholeTransport } from 'vnet/kit/packet'
import { Streams } from 'vnet/kit/wire'
import { type Direction, type Impairment, impairment, type Wire, type WireEnv } from 'vnet/wire'
import { opensConnection } from './flows.ts'
import type { ByteFaultAction, FaultSpec } from './protocol.ts'

/** Why a segment of a connection that is older than the fault is dropped. */
const OLDER = 'older connection'

interface ConnectionFault {
  readonly action: ByteFaultAction
  /** The direction of the byte. */
  readonly direction: Direction
  /** 0 is the first byte of the payload, -1 the SYN. */
  readonly byte: number
  /** The number of the connection that is hit, in the order of their SYNs, from 1 on. */
  readonly connection: number
  readonly onHit: () => void
}

type Segment = NonNullable<ReturnType<Streams['see']>>

/** What both directions of a link know. */
class ConnectionState {
  readonly streams = new Streams(true)
  isHit = false
  /** Whether the link is silent: in the direction of the byte, or for `silence` in both. */
  isDead = false
  readonly #numbers = new Map<Segment['connection'], number>()

  /** Returns the number of the connection of a segment; undefined if it is older than the fault. */
  numberOf({ connection, h }: Segment, { bytes }: SkBuff): number | undefined {
    const known = this.#numbers.get(connection)
    // A server repeats the SYN of an earlier run, with an acknowledgment.
    if (known !== undefined || !opensConnection(bytes, h)) return known
    const number = this.#numbers.size + 1
    this.#numbers.set(connection, number)
    return number
  }
}

class ConnectionFaultWire implements Wire {
  readonly #fault: ConnectionFault
  readonly #next: Wire
  readonly #env: WireEnv
  readonly #state: ConnectionState

  constructor(fault: ConnectionFault, next: Wire, env: WireEnv, state: ConnectionState) {
    this.#fault = fault
    this.#next = next
    this.#env = env
    this.#state = state
  }

  push(skb: SkBuff): void {
    const { action, direction } = this.#fault
    const { streams, isDead } = this.#state
    if (isDead && (action === 'silence' || this.#env.direction === direction)) {
      this.#env.drop(skb, action)
      return
    }
    const segment = streams.see(skb, this.#env.direction)
    const number = segment && this.#state.numberOf(segment, skb)
    if (segment === undefined || number === undefined) {
      this.#pushOther(skb)
    } else if (segment.connection.cut !== undefined) {
      streams.later(skb, segment, this.#next, this.#env)
    } else if (this.#isHit(segment, number)) {
      this.#hit(skb, segment)
    } else {
      this.#next.push(skb)
    }
  }

  #pushOther(skb: SkBuff): void {
    const { bytes, data, len } = skb
    if (wholeTransport(bytes, data, len)?.protocol === ipv4.IPPROTO_TCP) {
      this.#env.drop(skb, OLDER)
    } else {
      this.#next.push(skb)
    }
  }

  #isHit({ first, end }: Segment, number: number): boolean {
    const { direction, connection, byte } = this.#fault
    const isMeant = this.#env.direction === direction && number === connection
    return isMeant && !this.#state.isHit && first <= byte && byte < end
  }

  #hit(skb: SkBuff, segment: Segment): void {
    const { action, byte, onHit } = this.#fault
    const { streams } = this.#state
    this.#state.isHit = true
    onHit()
    if (action === 'fin' || action === 'reset') {
      streams.cut(action, skb, segment, byte, this.#next, this.#env)
    } else {
      this.#state.isDead = true
      streams.passBefore(skb, segment, byte, action, this.#next, this.#env)
    }
  }
}

/** Returns the stages of a fault, for the direction of its byte and for the other one. */
export function connectionFault(
  { action: given, direction, when, connection = 1 }: FaultSpec,
  onHit: () => void,
): readonly [stage: Impairment, back: Impairment] {
  const state = new ConnectionState()
  const [action, byte] = [given as ByteFaultAction, when.byte ?? 0]
  const fault: ConnectionFault = { action, direction, byte, connection, onHit }
  const text = `${action} byte ${byte} of connection ${connection}`
  const stage = (name: string) =>
    impairment(
      'fault',
      fault,
      (params, next, env) => new ConnectionFaultWire(params, next, env, state),
      { text: name },
    )
  return [stage(text), stage(`back from ${text}`)]
}
