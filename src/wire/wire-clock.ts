/**
 * WireClock: the time of a wire. It moves from arrival to arrival, and on the way every alarm rings
 * at its moment, however late the real timer is. One alarm of the real clock serves all of them. It
 * rings at most once in the clock's `slack`, so that packets in quick succession share a wake-up.
 *
 * A wire that has more to do than the processor can keeps the event loop for TURN at most, then
 * lets others have their turn. Its time then lies behind, and packets that come wait until it has
 * got to their arrival, so that no decision depends on it.
 */
import { type Alarm, type Clock, NSEC_PER_MSEC } from '../netdev/clock.ts'
import { EINVAL, VnetError } from '../netdev/errno.ts'
import { type HeapItem, MomentHeap } from '../netdev/moment-heap.ts'
import type { SkBuff } from '../skb/sk-buff.ts'
import { HeldPackets } from './held.ts'

/** How long a wire may go on before descriptors and other timers have their turn. */
const TURN = NSEC_PER_MSEC
/** Moments between two readings of the real clock. */
const LOOK = 32

interface WireAlarm extends Alarm, HeapItem {
  readonly fn: () => void
}

export class WireClock implements Clock {
  /** How late the alarm that rings is, in ns; 0 during an arrival that did not wait. */
  late = 0
  readonly #clock: Clock
  readonly #failed: (error: unknown) => void
  readonly #arrived: (skb: SkBuff) => void
  readonly #timer: Alarm
  readonly #alarms = new MomentHeap<WireAlarm>()
  /** Packets that have arrived later than the time of the wire is, or while an alarm rings. */
  readonly #arrivals = new HeldPackets()
  #now: number
  /** When the timer rings; Infinity if it is not armed. */
  #armed = Number.POSITIVE_INFINITY
  /** Before which the timer is not to ring again. */
  #rest = Number.NEGATIVE_INFINITY
  #ringing = false
  #inAlarm = false
  /** True after a turn that was not enough: the timer goes on. */
  #behind = false
  #closed = false

  /** `failed` gets what an alarm or `arrived` throws; `arrived` gets the packets of `arrive`. */
  constructor(clock: Clock, failed: (error: unknown) => void, arrived: (skb: SkBuff) => void) {
    this.#clock = clock
    this.#failed = failed
    this.#arrived = arrived
    this.#now = clock.now()
    this.#timer = clock.alarm(() => {
      this.#armed = Number.POSITIVE_INFINITY
      this.#rest = clock.now() + (clock.slack ?? 0)
      this.#behind = false
      this.advance()
    })
  }

  now(): number {
    return this.#now
  }

  /** Packets that arrived and wait for the time of the wire to get there. */
  get waiting(): number {
    return this.#arrivals.length
  }

  /** Moves to the present of the real clock, and rings on the way what is due. */
  advance(): void {
    this.#run(this.#clock.now())
  }

  /** A packet arrives at this moment: `arrived` gets it after all alarms that are due before. */
  arrive(skb: SkBuff): void {
    const present = this.#clock.now()
    if (this.#ringing || this.#behind || this.#arrivals.length !== 0 || this.#alarms.first <= present) {
      this.#arrivals.add(skb, present)
      this.#run(present)
    } else {
      this.#pass(skb, present)
    }
  }

  /** Like `run` for an arrival before which nothing is due: it goes through no queue. */
  #pass(skb: SkBuff, present: number): void {
    this.#ringing = true
    if (present > this.#now) this.#now = present
    try {
      this.#arrived(skb)
    } catch (error) {
      this.#failed(error)
    } finally {
      this.#ringing = false
      if (this.#arrivals.length === 0 && this.#alarms.first > present) this.#arm()
      else this.#run(present)
    }
  }

  /** For `arrived`: another packet of the same arrival. What is due then leaves before it. */
  follow(skb: SkBuff): void {
    this.#arrivals.add(skb, this.#now)
  }

  /** Throws a VnetError EINVAL for NaN. */
  alarm(fn: () => void): Alarm {
    const alarm: WireAlarm = {
      fn,
      index: -1,
      at: ns => {
        if (Number.isNaN(ns)) throw new VnetError(EINVAL, 'alarm at NaN', 'it rings at a number of nanoseconds')
        if (this.#closed) return
        // An alarm that arms itself for now must not stop time.
        this.#alarms.set(alarm, this.#inAlarm && ns <= this.#now ? after(this.#now) : ns)
        if (!this.#ringing) this.#arm()
      },
      cancel: () => this.#alarms.remove(alarm),
    }
    return alarm
  }

  /** Rings no alarm any more. `drop` gets the packets that wait. */
  close(drop: (skb: SkBuff) => void): void {
    this.#closed = true
    this.#alarms.clear()
    this.#timer.cancel()
    for (let skb = this.#arrivals.shift(); skb !== undefined; skb = this.#arrivals.shift()) drop(skb)
  }

  #run(present: number): void {
    if (this.#ringing || this.#behind) return
    this.#ringing = true
    try {
      for (let moments = 1; ; ) {
        const alarm = this.#alarms.first
        const arrival = this.#arrivals.first
        // A packet that arrived while an alarm rang came behind `present`, but has come.
        if (alarm > present && arrival === Number.POSITIVE_INFINITY) break
        const moment = alarm <= arrival ? alarm : arrival
        if (moment > this.#now) {
          if (moments++ % LOOK === 0 && this.#clock.now() - present > TURN) {
            this.#behind = true
            return
          }
          this.#now = moment
        }
        this.late = present > this.#now ? present - this.#now : 0
        this.#inAlarm = alarm <= arrival
        try {
          if (this.#inAlarm) this.#alarms.shift()?.fn()
          else this.#arrived(this.#arrivals.shift() as SkBuff)
        } catch (error) {
          this.#failed(error)
        }
      }
      if (present > this.#now) this.#now = present
    } finally {
      // Even if `failed` threw: time goes on.
      this.#ringing = this.#inAlarm = false
      this.late = 0
      this.#arm()
    }
  }

  #arm(): void {
    if (this.#closed) return
    const first = Math.min(this.#alarms.first, this.#arrivals.first)
    const moment = first < this.#rest ? this.#rest : first
    if (moment >= this.#armed) return
    this.#armed = moment
    this.#timer.at(moment)
  }
}

/** Returns a moment behind another. Above 2^53 ns, 104 days, numbers are more than 1 ns apart. */
function after(moment: number): number {
  return moment + Math.max(1, moment * Number.EPSILON)
}
