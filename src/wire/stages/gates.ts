/**
 * Gates let nothing pass. `partition` and `blackhole` drop everything. They differ in their
 * purpose: a partition cuts the link, so it belongs in both directions; a blackhole is one
 * direction, while the other works. `hold` keeps everything until it is released.
 */
import type { SkBuff } from '../../skb/sk-buff.ts'
import { type StageKind, stageOf } from '../grammar/groups.ts'
import {
  type Impairment,
  impairment,
  type LimitSpec,
  StageWire,
  type Wire,
  type WireEnv,
} from '../wire.ts'
import { PacketQueue, type QueueParams, queueParams } from './queue.ts'

type GateSpec = Readonly<Record<string, never>>

/** Returns a gate that drops everything, with its kind as the reason. */
function dropAll(kind: string): StageKind<GateSpec> {
  const make = (_params: null, _next: Wire, env: WireEnv): Wire => ({
    push: skb => env.drop(skb, kind),
    change: () => () => {},
  })
  return {
    kind,
    read: () => ({}),
    print: () => kind,
    build: (_, { text }) => impairment(kind, null, make, { text, takesGso: true }),
  }
}

export const partitionKind: StageKind<GateSpec> = dropAll('partition')
export const blackholeKind: StageKind<GateSpec> = dropAll('blackhole')

/** Returns an impairment that drops everything, as `partition`. Give it to both directions. */
export function partition(): Impairment {
  return stageOf(partitionKind, {})
}

/** Returns an impairment that drops everything, as `blackhole`. */
export function blackhole(): Impairment {
  return stageOf(blackholeKind, {})
}

/** An impairment that holds packets until it is released. */
export interface HoldGate extends Impairment {
  /** Delivers held packets, in order, on every wire that has the gate. Later packets pass. */
  release(): void
}

interface HoldParams extends QueueParams {
  readonly stages: Set<HoldWire>
}

class HoldWire extends StageWire<HoldParams> implements Wire {
  #open = false
  readonly #queue: PacketQueue

  constructor(params: HoldParams, next: Wire, env: WireEnv) {
    super(params, next, env)
    this.#queue = new PacketQueue(params, env)
    params.stages.add(this)
  }

  push(skb: SkBuff): void {
    if (this.#open) {
      this.next.push(skb)
    } else {
      this.#queue.push(skb)
    }
  }

  /** Keeps its held packets. A released hold holds again. */
  protected override update(params: HoldParams): void {
    this.params.stages.delete(this)
    super.update(params)
    params.stages.add(this)
    this.#open = false
    this.#queue.change(params)
  }

  close(): void {
    this.params.stages.delete(this)
    this.#queue.close()
  }

  /** Time stands still, so that the decisions have the time of the change that is logged. */
  retire(): void {
    this.params.stages.delete(this)
    this.#deliver()
  }

  release(): void {
    this.env.advance()
    this.#deliver()
  }

  #deliver(): void {
    const { env } = this
    this.#open = true
    for (let skb = this.#queue.take(); skb !== undefined; skb = this.#queue.take()) {
      env.decided('delay', skb, env.clock.now() - this.#queue.takenArrived)
      this.next.push(this.#queue.leave())
    }
  }
}

export const holdKind: StageKind<GateSpec> = {
  kind: 'hold',
  holds: true,
  read: () => ({}),
  print: () => 'hold',
  build: (_, { text, limit }) => holdGate(limit, text),
}

function holdGate(limit: LimitSpec | undefined, text: string): HoldGate {
  const params: HoldParams = { ...queueParams(limit), stages: new Set() }
  const gate = impairment('hold', params, (p, next, env) => new HoldWire(p, next, env), {
    text,
    takesGso: true,
  })
  return Object.assign(gate, {
    release: () => {
      for (const stage of [...params.stages]) {
        stage.release()
      }
    },
  })
}

/**
 * Returns an impairment that holds packets until it is released or removed from its wire. It drops
 * packets over the limit, 1000 packets by default, with the reason `limit`.
 */
export function hold({ limit }: { limit?: LimitSpec } = {}): HoldGate {
  return stageOf(holdKind, {}, { limit }) as HoldGate
}
