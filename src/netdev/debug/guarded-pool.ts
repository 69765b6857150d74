/**
 * GuardedPool: frame memory that finds its misuse, as KASAN does in the kernel. Freed bytes are
 * poisoned, and a freed slot is kept from use for a while; the bytes after each slot, and the
 * port's room before each frame, are a red zone. A driver's accesses through `skb.bytes` are
 * checked immediately. Other changes to the memory are found when the slot is freed or used again,
 * or by a sweep.
 */
import type { SkBuff, SkBuffPoolOptions, SlotAccount, SlotClass } from '../../skb/index.ts'
import {
  OWNER_DMA,
  OWNER_FREE,
  OWNER_HOLDER,
  OWNER_PORT,
  OWNER_RING,
  OWNER_XMIT,
  SkBuffPool,
} from '../../skb/index.ts'
import type { Chaos } from './chaos.ts'
import { type Check, checkedBytes, type How } from './checked-bytes.ts'
import { GuardedSkb } from './guarded-skb.ts'
import { calledByDriver, driverPlace, isInDriver, type Trace, trace } from './trace.ts'

/** include/linux/poison.h: bytes of freed memory, and of red zones. */
const POISON_FREE = 0x6b
const SLUB_RED_ACTIVE = 0xcc
/** Bytes after each slot. */
const RED_ZONE = 64
/** Freed slots of each size that are kept from use. */
const QUARANTINE = 256
/** Bytes past the end of a frame that are checked for writes by other means than `skb.bytes`. */
const SLACK = 256
/** Slots past the last one in use that a sweep checks. */
const BEYOND = 2

/** Receives the findings of a GuardedPool and of DeviceWatches. */
export interface Reports {
  readonly pool: GuardedPool
  readonly chaos: Chaos | undefined
  now(): number
  found(rule: string, what: string, place: string | undefined, name: string | undefined): void
  /** A driver handed a frame to the kernel or to a wire. */
  handedOn(skb: GuardedSkb, at: Trace): void
  placeOf(fn: unknown): string | undefined
}

export class GuardedPool extends SkBuffPool {
  readonly #reports: Reports
  /** By slot number: the frame that has the slot, or had it last. */
  readonly #frames: GuardedSkb[] = []
  /** Freed slots of each size, the oldest first. */
  readonly #quarantine = new Map<SlotClass, GuardedSkb[]>([
    [this.large, []],
    [this.small, []],
  ])
  readonly #words: Int32Array
  /** Counts frames that were allocated and handed on, and changes of counters. */
  activity = 0

  constructor(reports: Reports, options: SkBuffPoolOptions = {}) {
    super(options, RED_ZONE)
    this.#reports = reports
    this.#words = new Int32Array(this.bytes.buffer)
  }

  override get out(): number {
    let kept = 0
    for (const slots of this.#quarantine.values()) {
      kept += slots.length
    }
    return super.out - kept
  }

  override frames(): GuardedSkb[] {
    return this.#frames.filter(skb => skb.life.owner !== OWNER_FREE)
  }

  override alloc(size: number): SkBuff | undefined {
    this.activity++
    if (this.#reports.chaos?.failsAlloc()) return undefined
    const skb = super.alloc(size) as GuardedSkb | undefined
    if (skb !== undefined) {
      skb.life.isMade = true
    }
    return skb
  }

  override allocLike(skb: SkBuff): SkBuff | undefined {
    const like = super.allocLike(skb) as GuardedSkb | undefined
    if (like !== undefined) {
      like.life.isMade = false
    }
    return like
  }

  override release(skb: SkBuff): void {
    const freed = skb as GuardedSkb
    const { account, slotClass } = freed
    this.#checkRedZones(freed)
    freed.owner = OWNER_FREE
    freed.life.name = freed.dev?.name
    freed.dev = undefined
    if (account !== undefined) {
      account.used--
    }
    freed.account = undefined
    this.#poison(freed)
    this.#frames[this.#numberAt(freed.slot)] = freed
    const kept = this.#quarantine.get(slotClass) as GuardedSkb[]
    kept.push(freed)
    // Whatever waits for a slot gets one.
    const exhausted = slotClass.top === 0 && slotClass.made === slotClass.count
    if (kept.length > QUARANTINE || exhausted) {
      this.#reuse(slotClass)
    }
    this.wakeWaiting()
  }

  override shrink(skb: SkBuff): boolean {
    const { slot } = skb
    const { owner } = (skb as GuardedSkb).life
    // The move copies the frame alone.
    if (skb.slotClass !== this.small && owner < OWNER_PORT) {
      this.#checkPast(skb as GuardedSkb, trace())
    }
    return this.#moved(skb, slot, super.shrink(skb))
  }

  override expand(skb: SkBuff): boolean {
    const { slot } = skb
    return this.#moved(skb, slot, super.expand(skb))
  }

  override refused(skb: SkBuff): void {
    ;(skb as GuardedSkb).life.refused = trace()
  }

  /** Looks at all memory that nothing may write to. */
  sweep(): void {
    for (const skb of this.#frames) {
      if (skb === undefined) continue
      if (skb.life.owner === OWNER_FREE) {
        this.#checkFree(skb)
      } else {
        this.#checkBehind(skb)
      }
    }
    for (const { base, made, count, stride } of [this.large, this.small]) {
      for (let i = made; i < count && i < made + BEYOND; i++) {
        this.#checkUnused(base + i * stride, stride)
      }
    }
  }

  /** Returns the arena as a driver sees it: each access is checked. */
  checked(skb: GuardedSkb): Uint8Array {
    const check: Check = (from, to, how) => this.#check(skb, from, to, how)
    const escaped = () => {
      skb.life.readTo = Number.POSITIVE_INFINITY
    }
    return checkedBytes(this.bytes, check, escaped)
  }

  owned(skb: GuardedSkb, before: number): void {
    const { life } = skb
    const at = trace()
    const wasDrivers = before >= OWNER_HOLDER && before < OWNER_PORT
    const isDrivers = life.owner >= OWNER_HOLDER && life.owner < OWNER_PORT
    life.refused = undefined
    if (wasDrivers && !isDrivers) {
      this.#checkPast(skb, at)
    }
    if (before < OWNER_HOLDER && life.owner === OWNER_RING) {
      // A ring does not check the frame it returns, which was freed or handed on while in the ring.
      life.owner = before
      this.#usedAfter(skb, at, 'shift()', false)
    } else if (life.owner === OWNER_FREE) {
      life.freed = at
    } else if (isDrivers) {
      if (before === OWNER_FREE) {
        life.taken = at
      }
      life.held = life.owner === OWNER_XMIT ? undefined : at
      life.since = this.#reports.now()
      life.handedOn = undefined
    } else if (wasDrivers) {
      this.activity++
      // What a card has written to it is not the driver's.
      life.isMade &&= life.owner !== OWNER_DMA
      life.handedOn = at
      this.#checkRedZones(skb, true)
      this.#reports.handedOn(skb, at)
    }
  }

  /** A verb or a field of a handed-on frame is used. Returns true if the framework does that. */
  used(skb: GuardedSkb, isVerb: boolean): boolean {
    const at = trace()
    const verb = isVerb ? calledByDriver(at) : undefined
    if (isVerb ? verb === undefined : !isInDriver(at)) return true
    this.#usedAfter(skb, at, verb === undefined ? 'use' : `${verb}()`, verb === 'free')
    return false
  }

  protected override make(slots: SlotClass): boolean {
    if (!super.make(slots)) return this.#reuse(slots)
    const skb = slots.free[0] as GuardedSkb
    this.#checkUnused(skb.slot, slots.stride)
    this.#poison(skb)
    this.#frames[this.#numberAt(skb.slot)] = skb
    return true
  }

  protected override newSkb(slots: SlotClass): SkBuff {
    return new GuardedSkb(this, slots)
  }

  override take(account: SlotAccount, len: number): SkBuff {
    const skb = super.take(account, len) as GuardedSkb
    // No driver's code did that, whatever called the port.
    Object.assign(skb.life, { isMade: false, taken: undefined, held: undefined })
    return skb
  }

  /** Makes the slot that was kept longest available again, to another frame. */
  #reuse(slots: SlotClass): boolean {
    const old = this.#quarantine.get(slots)?.shift()
    if (old === undefined) return false
    this.#checkFree(old)
    const skb = new GuardedSkb(this, slots)
    skb.slot = old.slot
    skb.head = old.head
    skb.end = old.end
    skb.life.freed = old.life.freed
    skb.life.held = old.life.held
    skb.life.name = old.life.name
    this.#frames[this.#numberAt(skb.slot)] = skb
    slots.free[slots.top++] = skb
    return true
  }

  /** A frame may have moved from the slot at `from`. */
  #moved(skb: SkBuff, from: number, moved: boolean): boolean {
    const { life } = skb as GuardedSkb
    if (skb.slot !== from) {
      Object.assign(life, { extent: life.data + life.len, past: undefined, readTo: 0 })
    }
    this.#frames[this.#numberAt(skb.slot)] = skb as GuardedSkb
    return moved
  }

  #numberAt(position: number): number {
    const { large, small } = this
    if (position < small.base) return Math.floor(position / large.stride)
    return large.count + Math.floor((position - small.base) / small.stride)
  }

  #poison({ slot, head, end }: SkBuff): void {
    this.bytes.fill(SLUB_RED_ACTIVE, slot, head)
    this.bytes.fill(POISON_FREE, head, end)
    this.bytes.fill(SLUB_RED_ACTIVE, end, end + RED_ZONE)
  }

  #check(skb: GuardedSkb, from: number, to: number, how: How): boolean {
    const isOwn = from >= skb.slot && from < skb.end + RED_ZONE
    const frame = isOwn ? skb : this.#frames[this.#numberAt(from)]
    const { owner, data, len } = frame?.life ?? { owner: OWNER_FREE, data: 0, len: 0 }
    if (frame !== undefined && owner >= OWNER_HOLDER && from >= frame.head && to <= frame.end) {
      const { life } = frame
      if (how !== 'write') {
        life.readTo = Math.max(life.readTo, to)
      } else if (to > data + len) {
        life.past ??= { to, at: trace() }
      }
      if (how !== 'read' || to <= data + len) return true
      const what = `a read of byte ${to - 1 - data} of a frame of ${len} bytes`
      return this.#found('uninitialized-read', what, trace(), skb)
    }
    if (isOwn && owner < OWNER_HOLDER) {
      return this.#usedAfter(
        skb,
        trace(),
        how === 'write' ? 'a write to bytes' : 'a read of bytes',
        false,
      )
    }
    const where =
      from < skb.head
        ? `${bytesOf(skb.head - from)} before the room`
        : `${bytesOf(to - skb.end)} behind the room`
    const other = frame === undefined || frame === skb ? undefined : driverPlace(frame.life.held)
    const there = other === undefined ? '' : `, where a frame is that was taken at ${other}`
    const what = `a ${how === 'write' ? 'write' : 'read'} ${where} of a frame${there}`
    return this.#found('out-of-bounds', what, trace(), skb)
  }

  #usedAfter(skb: GuardedSkb, at: Trace, how: string, isFree: boolean): boolean {
    const { handedOn, freed } = skb.life
    const before = driverPlace(handedOn ?? freed)
    const what = `${how} of a frame that was ${handedOn === undefined ? 'freed' : 'handed on'}`
    const next = this.#frames[this.#numberAt(skb.slot)]
    const isUsed = next !== undefined && next !== skb && next.life.owner !== OWNER_FREE
    const user = isUsed ? driverPlace(next.life.held) : undefined
    const now = isUsed
      ? `; its slot now has another frame${user === undefined ? '' : `, taken at ${user}`}`
      : ''
    const freedRule = isFree ? 'double-free' : 'use-after-free'
    const rule = handedOn === undefined ? freedRule : 'use-after-hand-over'
    return this.#found(rule, `${what}${before === undefined ? '' : ` at ${before}`}${now}`, at, skb)
  }

  /** The port writes to its own room, after the frame was handed on. */
  #checkRedZones(skb: GuardedSkb, isHandedOn = skb.life.handedOn === undefined): void {
    const { slot, head } = skb
    this.#checkBehind(skb)
    const at = isHandedOn ? this.#differs(slot, head, SLUB_RED_ACTIVE) : -1
    if (at >= 0) {
      this.#writtenBeside(skb, `${bytesOf(head - at)} before`, slot, head)
    }
  }

  #checkBehind(skb: GuardedSkb): void {
    const { end } = skb
    const at = this.#differs(end, end + RED_ZONE, SLUB_RED_ACTIVE)
    if (at >= 0) {
      this.#writtenBeside(skb, `${bytesOf(at - end + 1)} behind`, end, end + RED_ZONE)
    }
  }

  /** Checks the bytes past the end of a frame that a driver hands on or frees. */
  #checkPast(skb: GuardedSkb, at: Trace): void {
    const { life, end, dev } = skb
    const { data, len, extent, past } = life
    if (!(data >= skb.head && extent <= end)) return
    let to = past === undefined || past.to <= extent ? 0 : past.to
    for (let i = extent; to === 0 && i < end && i < extent + SLACK; i++) {
      if (this.bytes[i] !== POISON_FREE) {
        to = i + 1
      }
    }
    if (to === 0) return
    const what = `a write ${bytesOf(to - data - len)} past the end of a frame of ${bytesOf(len)}`
    this.#reports.found('past-end', what, driverPlace(past?.at ?? at), dev?.name)
  }

  /** Reports a write to a frame's red zone, from `from` to `to`, and restores the zone. */
  #writtenBeside({ life, dev }: GuardedSkb, where: string, from: number, to: number): void {
    const taken = driverPlace(life.taken)
    const what = `a write ${where} the room of a frame${taken === undefined ? '' : ` taken at ${taken}`}`
    const place = driverPlace(life.handedOn ?? trace()) ?? driverPlace(life.held)
    this.#reports.found('red-zone', what, place, dev?.name)
    this.bytes.fill(SLUB_RED_ACTIVE, from, to)
  }

  #checkFree(skb: GuardedSkb): void {
    const { slot, head, end, life } = skb
    const at = this.#differs(head, end, POISON_FREE)
    if (at >= 0) {
      const freed = driverPlace(life.handedOn ?? life.freed)
      const what = `a write to byte ${at - head} of the room of a ${freed === undefined ? 'free' : 'freed'} frame`
      this.#reports.found('write-after-free', what, freed ?? driverPlace(life.held), life.name)
    } else if (
      this.#differs(slot, head, SLUB_RED_ACTIVE) >= 0 ||
      this.#differs(end, end + RED_ZONE, SLUB_RED_ACTIVE) >= 0
    ) {
      this.#reports.found(
        'red-zone',
        'a write beside the room of a free frame',
        driverPlace(life.held),
        life.name,
      )
    } else {
      return
    }
    this.#poison(skb)
  }

  #checkUnused(from: number, length: number): void {
    const at = this.#differs(from, from + length, 0)
    if (at < 0) return
    this.#reports.found(
      'out-of-bounds',
      'a write to memory that no frame has had yet',
      undefined,
      undefined,
    )
    this.bytes.fill(0, from, from + length)
  }

  /** Returns the first position at which the byte differs from `value`, or -1. */
  #differs(from: number, to: number, value: number): number {
    const words = this.#words
    const word = (value * 0x01010101) | 0
    const end = to >> 2
    let i = from >> 2
    while (i < end && words[i] === word) {
      i++
    }
    if (i === end) return -1
    let at = i << 2
    while (this.bytes[at] === value) {
      at++
    }
    return at
  }

  /** Reports a driver's change to a frame, once per line. Returns true if no driver made it. */
  #found(rule: string, what: string, at: Trace, skb: GuardedSkb): boolean {
    const place = driverPlace(at)
    if (place === undefined) return true
    if (skb.life.reported.has(place)) return false
    skb.life.reported.add(place)
    this.#reports.found(rule, what, place, skb.dev?.name ?? skb.life.name)
    return false
  }
}

const bytesOf = (n: number): string => (n === 1 ? '1 byte' : `${n} bytes`)
