/**
 * Wire: carries packets in one direction between two devices. A packet leaves later, changed, twice
 * or not at all, and at any moment
 *
 *     in + duplicated = out + dropped + held
 *
 * A Chain (chain.ts) is the wire of one direction. It is made of stages, each of which is an
 * Impairment: a function that wraps the next wire in another. The chain counts the packets that
 * enter and leave every stage. So a stage reports only its deliberate decisions, through its
 * WireEnv.
 */
import type { Clock, Random } from '../base/index.ts'
import type { SkBuff } from '../skb/sk-buff.ts'

/**
 * A wire, or a stage of one, as the sender of its packets sees it. `push` takes over the packet:
 * the wire hands it on, drops it or holds it, exactly once, and the caller must not touch it again.
 */
export interface Wire {
  push(skb: SkBuff): void
  /** Drops the packets it holds (`env.drop(skb, 'closed')`). May be called again. */
  close?(): void
  /**
   * Returns a function that takes over the parameters of an impairment of the same kind, and keeps
   * the held packets. Returns undefined if the stage cannot; it then continues unchanged until it
   * is empty. The chain calls the function after it has made all new stages: if it cannot make one,
   * no stage changes.
   */
  change?(params: unknown): (() => void) | undefined
  /** Called when the stage is removed: passes on packets that it would hold forever. */
  retire?(): void
}

/** The services of a chain for its stages. */
export interface WireEnv {
  readonly direction: Direction
  /** The name of the stage: its kind, and a number if the chain has several: `loss`, `loss 2`. */
  readonly stage: string
  /**
   * The time of the wire: when the packet that is being handled arrived at the chain or at the
   * stage. It does not depend on how late a timer rings, so that the same arrivals give the same
   * decisions. An alarm rings between the arrivals, at its moment.
   */
  readonly clock: Clock
  /** The stage's own stream of random numbers, by seed, direction, kind and ordinal. */
  readonly random: Random
  /** Moves the time to the present. For code that neither `push` nor an alarm runs. */
  advance(): void
  /** Drops a packet that the stage owns, counts it under `why`, and logs the decision. */
  drop(skb: SkBuff, why: string, reason?: number): void
  /**
   * Returns a copy with the same packet id, owned by the caller, and counts it as duplicated.
   * Undefined if the frame memory has no slot left, or if the packet that arrived has become 64
   * frames: the copy is then dropped, as `copies`.
   */
  duplicate(skb: SkBuff): SkBuff | undefined
  /** Counts a packet that was changed, that overtook others or was marked, and logs it. */
  note(verdict: NotedVerdict, skb: SkBuff, amount?: number): void
  /** Logs a decision that is not counted, such as a delay in ns. */
  decided(verdict: string, skb: SkBuff, amount?: number): void
  /**
   * Moves a packet that the stage will keep out of the memory that reads need. Returns false if no
   * other memory is left; the packet has then been dropped as `memory`.
   */
  hold(skb: SkBuff): boolean
  /** Makes the chain measure how late packets leave this stage. */
  timed(): void
  /**
   * Returns an empty frame with room for `size` bytes, in reply to `skb`; undefined without memory.
   * The caller fills it and calls `reply` or `inject`, or frees it. It counts toward the 64 frames
   * that the packet of `skb` may become.
   */
  alloc(size: number, skb: SkBuff): SkBuff | undefined
  /** Sends a packet that the stage owns back to its sender. It passes no further stage. */
  turn(skb: SkBuff): void
  /** Sends a frame of `alloc` to the sender of the packets. It passes no stage. */
  reply(skb: SkBuff): void
  /** Sends a frame of `alloc` on to the receiver. It passes no further stage. */
  inject(skb: SkBuff): void
  /**
   * Builds the stages inside this one, a branch of `match`. Returns a wire that leads through them
   * and on to the stage after this one. A packet that enters them has left this stage. Called again
   * by `change` with other stages, it changes them as Chain.set does.
   */
  inner(branch: string, stages: readonly Impairment[]): Wire
  /** Returns the shared count for a limit, the same for every stage with the same `spec`. */
  limit(spec: LimitSpec): Limit
}

/** The part of WireEnv that a queue uses. */
export type QueueEnv = Pick<
  WireEnv,
  'clock' | 'random' | 'drop' | 'note' | 'decided' | 'hold' | 'timed' | 'limit'
>

export type NotedVerdict = 'corrupt' | 'reorder' | 'mark'
export type Direction = 'ab' | 'ba'

/** The most that stages may hold together. A GSO frame is one frame of many packets. */
export type LimitSpec = Readonly<{ frames?: number; packets?: number; bytes?: number }>

export type Packets = Readonly<{ length: number; bytes: number }>

/** The packets held by stages that share a limit. */
export interface Limit {
  readonly held: number
  readonly bytes: number
  /** True if there is room for `skb`, once the packets `without` have left. */
  admits(skb: SkBuff, without?: Packets): boolean
  add(skb: SkBuff): void
  remove(skb: SkBuff): void
}

/** Returns true if the frame of `length` bytes at `at` matches. `text` is the filter's source. */
export type WireFilter = ((bytes: Uint8Array, at: number, length: number) => boolean) & {
  readonly text?: string
}

/** Whether two filters select the same frames; without a filter all frames are selected. */
export function isSameFilter(a: WireFilter | undefined, b: WireFilter | undefined): boolean {
  return a === b || (a?.text !== undefined && a.text === b?.text)
}

/**
 * Wraps a wire in one that impairs its packets. A plain function will do. Those of this folder also
 * have a kind, a text and parameters; `impairment` makes them.
 */
export interface Impairment {
  (next: Wire, env: WireEnv): Wire
  /** Names its stages; by default the name of the function. */
  readonly kind?: string
  readonly text?: string
  /** True if a GSO frame may pass it whole. */
  readonly takesGso?: boolean
  readonly holds?: boolean
  /** Passed to Wire.change. */
  readonly params?: unknown
  /** The function of an own stage. The same text means the same stage. */
  readonly source?: unknown
}

/** A running stage. A change replaces its parameters from the next packet on. */
export abstract class StageWire<P, E = WireEnv> {
  protected params: P
  protected readonly next: Wire
  protected readonly env: E

  constructor(params: P, next: Wire, env: E) {
    this.params = params
    this.next = next
    this.env = env
  }

  change(params: unknown): (() => void) | undefined {
    return this.accepts(params) ? () => this.update(params as P) : undefined
  }

  /** Returns whether the stage can take over the parameters of an impairment of its kind. */
  protected accepts(_params: unknown): boolean {
    return true
  }

  protected update(params: P): void {
    this.params = params
  }
}

/** Returns an impairment with a kind and parameters. */
export function impairment<P>(
  kind: string,
  params: P,
  make: (params: P, next: Wire, env: WireEnv) => Wire,
  { text, takesGso = false }: { text?: string; takesGso?: boolean } = {},
): Impairment {
  return Object.assign((next: Wire, env: WireEnv) => make(params, next, env), {
    kind,
    params,
    takesGso,
    ...(text !== undefined && { text }),
  })
}

/** Returns the text of stages. */
export function textOf(stages: readonly Impairment[]): string {
  return stages.map(({ text, kind, name }) => text ?? kind ?? name).join(' | ')
}
