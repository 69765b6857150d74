/**
 * SkBuffPool: all frame memory of a thread. One arena on a SharedArrayBuffer is divided into slots
 * of two sizes. Each slot has one SkBuff, which is made when the slot is first needed and then
 * reused. The slot freed last is used first, which keeps the working set in the processor's cache.
 *
 *     slot:  port room (16) | headroom (130 = 128 + NET_IP_ALIGN) | frame ... end
 *
 * The port room belongs to the port: a TAP keeps the vnet header there, directly before the frame,
 * even if a driver has used all headroom. NET_IP_ALIGN puts the IP header of an untagged frame at a
 * multiple of four.
 *
 * The arena is only reserved: pages that no frame has touched use no memory. glibc always reserves
 * blocks of 32 MiB or more. Once it has freed a smaller block, it takes others of that size from
 * its heap, writes zeros to all of it, and keeps it. So an arena has at least 32 MiB.
 */
import { SKB_DROP_REASON_MAX } from './drop-reason.ts'
import { OWNER_FREE, OWNER_HOLDER, SkbError, skbPanic } from './error.ts'
import { SkBuff } from './sk-buff.ts'

/** Size of a slot for a 64 KiB GSO frame, and of one for a frame of an MTU of 1500. */
export const SLOT_LARGE = 68 * 1024
export const SLOT_SMALL = 2 * 1024
/** Bytes before the headroom that belong to the port. */
export const PORT_ROOM = 16
/** Bytes a driver may push before a frame that was read. */
export const HEADROOM = 130
const FRAME_AT = PORT_ROOM + HEADROOM
/** The longest frame in a slot of each size, after the usual headroom. */
export const FRAME_MAX = SLOT_LARGE - FRAME_AT
export const FRAME_SMALL = SLOT_SMALL - FRAME_AT
/** Ports handle positions in the arena as signed 32-bit numbers. */
const ARENA_MAX = 0x7fff_ffff

/** DEFAULT_MMAP_THRESHOLD_MAX of glibc's malloc. Arenas of a few slots may be on the heap. */
const RESERVED_MIN = 32 << 20
const FEW = 1 << 20

/** Makes the record of all slots of one size, of which `count` may be in use at a time. */
function makeSlotClass(size: number, stride: number, count: number, base: number) {
  return {
    size,
    /** Bytes from the start of one slot to the start of the next. */
    stride,
    count,
    /** Position of the first slot in the arena. */
    base,
    /** free[0 .. top) are the free slots; `made` slots have an SkBuff. */
    free: [] as SkBuff[],
    top: 0,
    made: 0,
    /** Every SkBuff that was made. */
    all: [] as SkBuff[],
  }
}
export type SlotClass = ReturnType<typeof makeSlotClass>

/** Limits a device's large slots in use, so that a stuck device cannot starve the others. */
export interface SlotAccount {
  readonly pool: SkBuffPool
  quota: number
  used: number
  waiting: boolean
  /** Called once after `wait`, when a slot is available. */
  onRoom: () => void
}

/**
 * The size of a pool, which is fixed when it is made. Memory is only reserved: a slot that no frame
 * has used takes none.
 */
export interface SkBuffPoolOptions {
  /** Slots of each size. Together they have less than 2 GiB. */
  large?: number
  small?: number
  /** Small slots that `growSmall` may add. */
  reserve?: number
}

/**
 * The frame memory of a Net. A caller of `alloc` owns the frame and frees or hands it on, once. A
 * pool is not closed: its memory is garbage-collected.
 */
export class SkBuffPool {
  readonly bytes: Uint8Array
  readonly large: SlotClass
  readonly small: SlotClass
  /** Drops of frames without a device, by reason. */
  readonly drops = new Float64Array(SKB_DROP_REASON_MAX)
  /** Frames that `alloc` has returned: segments, copies and drivers' own. */
  allocated = 0
  #reserve: number
  /** The number of small slots, without the slots from growSmall. */
  readonly #small: number
  readonly #accounts: SlotAccount[] = []
  #waiting = 0

  /** `gap` bytes after each slot belong to none. */
  constructor({ large = 1024, small = 16384, reserve = 0 }: SkBuffPoolOptions = {}, gap = 0) {
    const [strideLarge, strideSmall] = [SLOT_LARGE + gap, SLOT_SMALL + gap]
    const largeBytes = large * strideLarge
    const octets = largeBytes + (small + reserve) * strideSmall
    if (octets > ARENA_MAX) {
      throw new SkbError(`a pool of ${octets} bytes: at most ${ARENA_MAX}, take fewer slots`)
    }
    const reserved = octets > FEW ? Math.max(octets, RESERVED_MIN) : octets
    // A page that is not isolated has no shared memory, and no thread to share it with.
    this.bytes = new Uint8Array(
      new (globalThis.SharedArrayBuffer ?? ArrayBuffer)(reserved),
      0,
      octets,
    )
    this.large = makeSlotClass(SLOT_LARGE, strideLarge, large, 0)
    this.small = makeSlotClass(SLOT_SMALL, strideSmall, small, largeBytes)
    this.#reserve = reserve
    this.#small = small
  }

  /** The number of slots in use: 0 at the end of a program that hands on or frees every frame. */
  get out(): number {
    return this.large.made - this.large.top + this.small.made - this.small.top
  }

  /** Returns the frames in use, to name them where none should be. */
  frames(): SkBuff[] {
    return [...this.large.all, ...this.small.all].filter(skb => skb.owner !== OWNER_FREE)
  }

  /** Returns an empty frame, the caller's, with room for `size` bytes; undefined without a slot. */
  alloc(size: number): SkBuff | undefined {
    if (!(size >= 0 && size <= FRAME_MAX)) throw sizePanic(size)
    const skb =
      size <= FRAME_SMALL
        ? (this.#take(this.small) ?? this.#take(this.large))
        : this.#take(this.large)
    if (skb !== undefined) {
      this.allocated++
      reset(skb)
    }
    return skb
  }

  /** For SkBuff.copy: an empty frame with room for `skb`, and its headroom if the slot allows. */
  allocLike(skb: SkBuff): SkBuff | undefined {
    const headroom = skb.headroom()
    // A frame that extends into the usual headroom leaves less for alloc to find after it.
    const behind = headroom < HEADROOM ? skb.len - HEADROOM + headroom : skb.len
    const like = this.alloc(behind < 0 ? 0 : behind)
    if (like !== undefined) {
      like.data = Math.min(like.head + headroom, like.end - skb.len)
    }
    return like
  }

  /**
   * Allows `n` more small slots to be in use, at most half of the reserve, so that others have some
   * left. Returns how many. A negative `n` returns them.
   */
  growSmall(n: number): number {
    const more = Math.min(n, Math.ceil(this.#reserve / 2))
    this.#reserve -= more
    this.small.count += more
    return more
  }

  /** An account's share of the small slots, without the slots from growSmall. */
  get smallShare(): number {
    return Math.floor(this.#small / Math.max(1, this.#accounts.length))
  }

  /** Opens an account for a device. Accounts share the large slots evenly. */
  openAccount(onRoom: () => void): SlotAccount {
    const account: SlotAccount = { pool: this, quota: 0, used: 0, waiting: false, onRoom }
    this.#accounts.push(account)
    this.#share()
    return account
  }

  /** Closes an account. Slots that are still in use return as they are freed. */
  closeAccount(account: SlotAccount): void {
    const i = this.#accounts.indexOf(account)
    if (i < 0) return
    this.#accounts.splice(i, 1)
    if (account.waiting) {
      account.waiting = false
      this.#waiting--
    }
    account.quota = 0
    this.#share()
  }

  /**
   * For a port that reads into slots before it takes them: writes the positions of the next large
   * slots that `take` will return to `offsets`. Returns how many, by `max` and the account's quota.
   */
  peek(account: SlotAccount, max: number, offsets: Int32Array): number {
    const { large } = this
    let n = account.quota - account.used
    if (n > max) {
      n = max
    }
    if (n <= 0) return 0
    while (large.top < n) {
      if (!this.make(large)) {
        break
      }
    }
    if (n > large.top) {
      n = large.top
    }
    for (let i = 0; i < n; i++) {
      offsets[i] = large.free[large.top - 1 - i].slot + FRAME_AT
    }
    return n
  }

  /** Returns the next slot that `peek` showed as the caller's frame, charged to the account. */
  take(account: SlotAccount, len: number): SkBuff {
    const { large } = this
    const skb = large.free[--large.top]
    reset(skb)
    skb.len = len
    account.used++
    skb.account = account
    return skb
  }

  /** For a reader that got no slot from `peek`: has `onRoom` called once, when one is available. */
  wait(account: SlotAccount): void {
    if (account.waiting) return
    account.waiting = true
    this.#waiting++
  }

  /** Takes a slot back. Only SkBuff calls this; others call `skb.free()` or `skb.drop(reason)`. */
  release(skb: SkBuff): void {
    skb.owner = OWNER_FREE
    skb.dev = undefined
    const slots = skb.slotClass
    slots.free[slots.top++] = skb
    const { account } = skb
    if (account !== undefined) {
      account.used--
      skb.account = undefined
    }
    this.wakeWaiting()
  }

  /** For SkBuff.hold: moves a frame from a large slot to a small one if it fits. */
  shrink(skb: SkBuff): boolean {
    if (skb.slotClass === this.small || skb.len > FRAME_SMALL) return true
    return this.#move(skb, this.#take(this.small))
  }

  /** For SkBuff.expand: moves a frame from a small slot to a large one. */
  expand(skb: SkBuff): boolean {
    return skb.slotClass === this.large || this.#move(skb, this.#take(this.large))
  }

  /** Moves a frame to the slot of `spare`, and frees its own. Returns false without a spare. */
  #move(skb: SkBuff, spare: SkBuff | undefined): boolean {
    if (spare === undefined) return false
    reset(spare)
    skb.copyTo(spare)
    // Slots are swapped: the caller's object remains the frame, and the spare frees the other slot.
    const { slot, head, end, slotClass } = skb
    skb.data = spare.data
    skb.csumStart = spare.csumStart
    skb.mac = spare.mac
    skb.nh = spare.nh
    skb.h = spare.h
    skb.slot = spare.slot
    skb.head = spare.head
    skb.end = spare.end
    skb.slotClass = spare.slotClass
    spare.slot = slot
    spare.head = head
    spare.end = end
    spare.slotClass = slotClass
    spare.data = slot + FRAME_AT
    spare.account = skb.account
    skb.account = undefined
    this.release(spare)
    return true
  }

  /** A full ring refused a frame. For GuardedPool. */
  refused(_skb: SkBuff): void {}

  /** Counts a drop of a frame without a device. */
  countDrop(reason: number): void {
    this.drops[reason] = this.drops[reason] + 1
  }

  #take(slots: SlotClass): SkBuff | undefined {
    if (slots.top === 0 && !this.make(slots)) return undefined
    return slots.free[--slots.top]
  }

  /** Makes the SkBuff of one more slot, and puts it at the bottom of the free list. */
  protected make(slots: SlotClass): boolean {
    if (slots.made >= slots.count) return false
    const skb = this.newSkb(slots)
    skb.slot = slots.base + slots.made * slots.stride
    skb.head = skb.slot + PORT_ROOM
    skb.end = skb.slot + slots.size
    slots.made++
    slots.all.push(skb)
    slots.free[slots.top] = slots.free[0] ?? skb
    slots.free[0] = skb
    slots.top++
    return true
  }

  protected newSkb(slots: SlotClass): SkBuff {
    return new SkBuff(this, slots)
  }

  /** Notifies the waiting accounts while slots are free. */
  protected wakeWaiting(): void {
    if (this.#waiting !== 0) {
      this.#wake()
    }
  }

  #wake(): void {
    const { large } = this
    for (const account of this.#accounts) {
      if (large.top === 0 && large.made === large.count) return
      if (!account.waiting || account.used >= account.quota) continue
      account.waiting = false
      this.#waiting--
      account.onRoom()
    }
  }

  #share(): void {
    const quota = Math.max(1, Math.floor(this.large.count / this.#accounts.length))
    for (const account of this.#accounts) {
      account.quota = quota
    }
    this.wakeWaiting()
  }
}

function sizePanic(size: number): SkbError {
  return skbPanic(
    `alloc of ${size} bytes`,
    SkBuffPool.prototype.alloc,
    `0 to ${FRAME_MAX} fit a slot`,
  )
}

/** Resets a slot's SkBuff to a new frame: empty, with the usual headroom. */
function reset(skb: SkBuff): void {
  skb.owner = OWNER_HOLDER
  skb.data = skb.slot + FRAME_AT
  skb.len = 0
  skb.protocol = 0
  skb.pktType = 0
  skb.ipSummed = 0
  skb.csumStart = 0
  skb.csumOffset = 0
  skb.gsoSize = 0
  skb.gsoType = 0
  skb.queueMapping = 0
  skb.mac = 0
  skb.nh = 0
  skb.h = 0
  skb.packetId = 0
  skb.family = 0
}
