/**
 * GuardedSkb: an SkBuff that records its owner, since when and from where, and every use of it. A
 * slot has a new GuardedSkb for each frame, so that a stale reference never becomes another frame.
 */
import {
  OWNER_DMA,
  OWNER_FREE,
  OWNER_HOLDER,
  OWNER_PORT,
  SkBuff,
  type SlotClass,
} from '../../skb/index.ts'
import type { GuardedPool } from './guarded-pool.ts'
import type { Trace } from './trace.ts'

/** Returns the values of a frame that are watched, and its history. */
function newLife() {
  return {
    data: 0,
    len: 0,
    owner: OWNER_FREE,
    bytes: undefined as Uint8Array | undefined,
    /** The name of the device that it was on when it was freed. */
    name: undefined as string | undefined,
    /** The time in ns at which its present owner got it. */
    since: 0,
    /** True if the driver allocated it: it was neither copied nor read by a port. */
    isMade: false,
    /** Where it was allocated, was last taken by a driver, handed on and freed. */
    taken: undefined as Trace | undefined,
    held: undefined as Trace | undefined,
    handedOn: undefined as Trace | undefined,
    freed: undefined as Trace | undefined,
    /** The position after the last byte that was ever in the frame, or was read. */
    extent: 0,
    readTo: 0,
    /** The first write past the end of the frame, and where it was. */
    past: undefined as { readonly to: number; readonly at: Trace } | undefined,
    /** Where a full ring refused it, since its owner got it. */
    refused: undefined as Trace | undefined,
    /** Places with uses of the frame that were reported before. */
    reported: new Set<string>(),
  }
}
export type Life = ReturnType<typeof newLife>

export class GuardedSkb extends SkBuff {
  declare readonly pool: GuardedPool
  readonly life: Life = newLife()

  constructor(pool: GuardedPool, slots: SlotClass) {
    super(pool, slots)
    Object.defineProperties(this, WATCHED)
  }
}

function position(name: 'data' | 'len'): PropertyDescriptor & ThisType<GuardedSkb> {
  return {
    enumerable: true,
    get() {
      // A card has the bytes of a frame, not its length.
      if (this.life.owner < OWNER_HOLDER && this.life.owner !== OWNER_DMA) {
        this.pool.used(this, false)
      }
      return this.life[name]
    },
    set(value: number) {
      if (this.life.owner < OWNER_HOLDER) {
        this.pool.used(this, false)
      }
      const { life } = this
      life[name] = value
      if (life.data + life.len > life.extent) {
        life.extent = life.data + life.len
      }
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
      if (life.owner < OWNER_HOLDER && this.pool.used(this, false)) return this.pool.bytes
      life.bytes ??= this.pool.checked(this)
      return life.bytes
    },
  },
  owner: {
    enumerable: true,
    get() {
      // A verb looks at the owner first.
      if (this.life.owner < OWNER_HOLDER) {
        this.pool.used(this, true)
      }
      return this.life.owner
    },
    set(owner: number) {
      const before = this.life.owner
      this.life.owner = owner
      this.pool.owned(this, before)
    },
  },
}
