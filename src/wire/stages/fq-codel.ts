/**
 * FQ-CoDel, "flow queue CoDel" (RFC 8290): a queue for each flow, CoDel in each, and deficit round
 * robin between them. Each queue may send `quantum` bytes in its turn. Queues that just became
 * active come first, so sparse flows do not wait for others. The names are from the RFC (sec. 4).
 *
 * Flows are sorted into the queues by a hash with a random key. Packets that are not IP share a
 * queue. Over the limit, packets of the queue with the most bytes are dropped from its head, at
 * most half of them or 64, as `limit`.
 */
import { UsageError } from '../../base/usage-error.ts'
import { SKB_DROP_REASON_QDISC_OVERLIMIT } from '../../skb/drop-reason.ts'
import type { SkBuff } from '../../skb/sk-buff.ts'
import { HeldPackets } from '../held.ts'
import { join } from '../units.ts'
import type { CodelOptions, CodelParams, CodelQueue, CodelSpec } from './codel.ts'
import { Codel, codelKind, codelParams, codelSpec } from './codel.ts'
import type { PacketStore } from './delay-queue.ts'
import { flowHash } from './flow.ts'
import type { Discipline, DisciplineKind, PacketQueue, QueueSpec } from './queue.ts'

/** The default of RFC 8290: an Ethernet frame. */
const QUANTUM = 1514
/** Queues; a power of two. */
const FLOWS = 1024
/** The most packets that a full queue loses at a time. */
const BATCH = 64

/** The options of fqCodel(), RFC 8290: CoDel's for each of its queues, and the turn of a queue. */
export interface FqCodelOptions extends CodelOptions {
  /** Bytes that a queue may send in its turn; default 1514. */
  readonly quantum?: number
}

interface FqCodelParams extends CodelParams {
  readonly quantum: number
}

class FlowQueue implements CodelQueue {
  readonly held = new HeldPackets()
  readonly codel: Codel
  readonly env: CodelQueue['env']
  bytes = 0
  arrived = 0
  deficit = 0
  list: FlowList | undefined
  after: FlowQueue | undefined
  readonly #store: FlowStore

  constructor(params: CodelParams, store: FlowStore) {
    this.#store = store
    this.env = store.queue.env
    this.codel = new Codel(params, this)
  }

  shift(): SkBuff | undefined {
    this.arrived = this.held.first
    const skb = this.held.shift()
    if (skb === undefined) return undefined
    this.bytes -= skb.len
    this.#store.taken(skb)
    return skb
  }

  drop(skb: SkBuff, why: string): void {
    this.#store.queue.drop(skb, why)
  }
}

class FlowList {
  first: FlowQueue | undefined
  #last: FlowQueue | undefined

  add(flow: FlowQueue): void {
    flow.list = this
    flow.after = undefined
    if (this.#last === undefined) {
      this.first = flow
    } else {
      this.#last.after = flow
    }
    this.#last = flow
  }

  shift(): void {
    const { first } = this
    if (first === undefined) return
    this.first = first.after
    if (this.first === undefined) {
      this.#last = undefined
    }
    first.list = undefined
    first.after = undefined
  }
}

class FlowStore implements PacketStore {
  length = 0
  readonly queue: PacketQueue
  readonly newFlows = new FlowList()
  readonly oldFlows = new FlowList()
  readonly flows: (FlowQueue | undefined)[] = new Array(FLOWS).fill(undefined)
  params: FqCodelParams
  readonly #key: number

  constructor(params: FqCodelParams, queue: PacketQueue) {
    this.params = params
    this.queue = queue
    this.#key = queue.env.random.below(2 ** 32)
  }

  get #active(): FlowQueue | undefined {
    for (let flow = this.newFlows.first; flow !== undefined; flow = flow.after) {
      if (flow.held.length !== 0) {
        return flow
      }
    }
    for (let flow = this.oldFlows.first; flow !== undefined; flow = flow.after) {
      if (flow.held.length !== 0) {
        return flow
      }
    }
    return undefined
  }

  get first(): number {
    return this.#active?.held.first ?? Number.POSITIVE_INFINITY
  }

  add(skb: SkBuff, moment: number): void {
    const flow = this.#flowOf(skb)
    flow.held.add(skb, moment)
    flow.bytes += skb.len
    this.length++
    if (flow.list !== undefined) return
    flow.deficit = this.params.quantum
    this.newFlows.add(flow)
  }

  /** Takes any packet, for a queue that is closed or gets another discipline. */
  shift(): SkBuff | undefined {
    const flow = this.#active
    const skb = flow?.held.shift()
    if (flow === undefined || skb === undefined) return undefined
    flow.bytes -= skb.len
    this.length--
    return skb
  }

  each(fn: (skb: SkBuff) => void): void {
    for (const flow of this.flows) {
      flow?.held.each(fn)
    }
  }

  taken(skb: SkBuff): void {
    this.length--
    this.queue.bytes -= skb.len
  }

  get fattest(): FlowQueue | undefined {
    let most: FlowQueue | undefined
    for (const flow of this.flows) {
      if (flow !== undefined && flow.bytes > (most?.bytes ?? 0)) {
        most = flow
      }
    }
    return most
  }

  #flowOf(skb: SkBuff): FlowQueue {
    const at = flowHash(skb, this.#key) & (FLOWS - 1)
    const known = this.flows[at]
    if (known !== undefined) return known
    const flow = new FlowQueue(this.params, this)
    this.flows[at] = flow
    return flow
  }
}

class FqCodel implements Discipline {
  readonly store: FlowStore
  readonly #queue: PacketQueue

  constructor(params: FqCodelParams, queue: PacketQueue) {
    this.#queue = queue
    this.store = new FlowStore(params, queue)
  }

  change(params: unknown): void {
    this.store.params = params as FqCodelParams
    for (const flow of this.store.flows) {
      flow?.codel.change(params)
    }
  }

  makeRoom(skb: SkBuff): void {
    while (!this.#queue.admits(skb)) {
      const flow = this.store.fattest
      if (flow === undefined) return
      for (let n = Math.min(BATCH, Math.ceil(flow.held.length / 2)); n > 0; n--) {
        const first = flow.shift()
        if (first !== undefined) {
          this.#queue.drop(first, 'limit', SKB_DROP_REASON_QDISC_OVERLIMIT)
        }
      }
    }
  }

  next(): SkBuff | undefined {
    const { newFlows, oldFlows, params } = this.store
    for (;;) {
      const list = newFlows.first === undefined ? oldFlows : newFlows
      const flow = list.first
      if (flow === undefined) return undefined
      if (flow.deficit <= 0) {
        flow.deficit += params.quantum
        list.shift()
        oldFlows.add(flow)
        continue
      }
      const skb = flow.codel.next()
      if (skb !== undefined) {
        flow.deficit -= skb.len
        this.#queue.arrived = flow.arrived
        return skb
      }
      list.shift()
      // An empty queue takes one more turn among the old ones, so that they cannot starve.
      if (list === newFlows) {
        oldFlows.add(flow)
      }
    }
  }
}

type FqCodelSpec = CodelSpec & { readonly quantum?: number }

export const fqCodelKind: DisciplineKind<FqCodelSpec> = {
  read(c) {
    if (!c.takes('quantum')) return codelKind.read(c)
    const quantum = c.whole('quantum needs bytes: quantum 300', 'a number of bytes')
    return { ...codelKind.read(c), quantum }
  },
  print({ quantum, ...spec }) {
    return join([
      'fq_codel',
      quantum !== undefined && `quantum ${quantum}`,
      codelKind.print(spec).slice('codel '.length),
    ])
  },
  build: queueOf,
}

function queueOf({ quantum = QUANTUM, ...spec }: FqCodelSpec): QueueSpec {
  const params: FqCodelParams = { ...codelParams('fq_codel', spec), quantum }
  return { kind: 'fq_codel', params, make: queue => new FqCodel(params, queue) }
}

/** Returns FQ-CoDel as the queue of a rate or a trace. Throws a UsageError. */
export function fqCodel({ quantum = QUANTUM, ...options }: FqCodelOptions = {}): QueueSpec {
  if (!(Number.isInteger(quantum) && quantum > 0)) {
    throw new UsageError(`quantum ${quantum}: it must be at least 1`)
  }
  return queueOf({ ...codelSpec(options), quantum })
}
