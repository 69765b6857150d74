/**
 * GuardedSkb: an SkBuff that records its owner, since when and from where, and every use of it. A
 * slot has a new GuardedSkb for each frame, so that a stale reference never becomes another frame.
 */
import { OWNER_FREE, OWNER_HOLDER, OWNER_PORT } from '../../skb/error.ts'
import type { SkBuffPool, SlotClass } from '../../skb/pool.ts'
import { SkBuff } from '../../skb/sk-buff.ts'
import type { Trace } from './trace.ts'

/** Receives the events of a GuardedSkb. */
export interface SkbWatcher {
  /** Returns the arena as a driver sees it: each access is checked. */
  checked(skb: GuardedSkb): Uint8Array
  /** The owner was changed from `before`. */
  owned(skb: GuardedSkb, before: number): void
  /**
   * A frame that was handed on is used: by a verb, which then refuses, or by reading a field.
   * Returns whether the framework does that, which it may.
   */
  used(skb: GuardedSkb, isVerb: boolean): boolean
}

/** The values of a frame that are watched, and its history. */
export interface Life {
  data: number
  len: number
  owner: number
  bytes: Uint8Array | undefined
  /** The name of the device that it was on when it was freed. */
  name: string | undefined
  /** The time in ns at which its present owner got it. */
  since: number
  /** True if the driver allocated it: it was neither copied nor read by a port. */
  isMade: boolean
  /** Where it was allocated, was last taken by a driver, handed on and freed. */
  taken: Trace | undefined
  held: Trace | undefined
  handedOn: Trace | undefined
  freed: Trace | undefined
  /** The position after the last byte that was ever in the frame, or was read. */
  extent: number
  readTo: number
  /** The first write past the end of the frame, and where it was. */
  past: { readonly to: number; readonly at: Trace } | undefined
  /** Where a full ring refused it, since its owner got it. */
  refused: Trace | undefined
  /** Places whose use of the frame was reported before. */
  readonly reported: Set<string>
}

export class GuardedSkb extends SkBuff {
  readonly watcher: SkbWatcher
  readonly life: Life = {
    data: 0,
    len: 0,
    owner: OWNER_FREE,
    bytes: undefined,
    name: undefined,
    since: 0,
    isMade: false,
    taken: undefined,
    held: undefined,
    handedOn: undefined,
    freed: undefined,
    extent: 0,
    readTo: 0,
    past: undefined,
    refused: undefined,
    reported: new Set(),
  }

  constructor(pool: SkBuffPool & SkbWatcher, slots: SlotClass) {
    super(pool, slots)
    this.watcher = pool
    Object.defineProperties(this, WATCHED)
  }
}

function position(name: 'data' | 'len'): PropertyDescriptor & ThisType<GuardedSkb> {
  return {
    enumerable: true,
    get() {
      if (this.life.owner < OWNER_HOLDER) this.watcher.used(this, false)
      return this.life[name]
    },
    set(value: number) {
      if (this.life.owner < OWNER_HOLDER) this.watcher.used(this, false)
      const { life } = this
      life[name] = value
      if (life.data + life.len > life.extent) life.extent = life.data + life.len
    },
  }
}

const WATCHED: Record<string, PropertyDescriptor & ThisType<GuardedSkb>> = {
  data: position('data'),
  len: position('len'),
  bytes: {
    enumerable: true,
    get() {
      const { life } = this
      // A port or a wire has it: no driver runs meanwhile.
      if (life.owner >= OWNER_PORT) return this.pool.bytes
      if (life.owner < OWNER_HOLDER && this.watcher.used(this, false)) return this.pool.bytes
      life.bytes ??= this.watcher.checked(this)
      return life.bytes
    },
  },
  owner: {
    enumerable: true,
    get() {
      // A verb looks at the owner first.
      if (this.life.owner < OWNER_HOLDER) this.watcher.used(this, true)
      return this.life.owner
    },
    set(owner: number) {
      const before = this.life.owner
      this.life.owner = owner
      this.watcher.owned(this, before)
    },
  },
}
