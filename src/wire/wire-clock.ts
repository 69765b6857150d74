/**
 * WireClock: the time of a wire. It moves from arrival to arrival, and every alarm in between rings
 * at its exact time, however late the real timer is. One alarm of the real clock serves all of
 * them. It rings at most once in the clock's `slack`, so that packets in quick succession share a
 * wake-up.
 *
 * A wire with more work than the processor can do keeps the event loop for at most TURN, then
 * yields: between packets, between alarms, and between the packets that an alarm passes on. Its
 * time then lags. Packets that arrive wait until it reaches their arrival, so no decision depends
 * on the load.
 */
import {
  type Alarm,
  type Clock,
  EINVAL,
  type HeapItem,
  MomentHeap,
  NSEC_PER_MSEC,
  VnetError,
} from '../base/index.ts'
import type { SkBuff } from '../skb/sk-buff.ts'
import { HeldPackets } from './held.ts'

/** How long a wire may work before it yields to descriptors and other timers. */
const TURN = 0.25 * NSEC_PER_MSEC
/** How many packets, alarms and copies pass between two readings of the real clock. */
const LOOK = 32

/**
 * Returned by an alarm that has more to do at its moment. It rings again before anything else
 * happens on the wire, but the wire may yield before.
 */
export const AGAIN = Symbol('again')

interface WireAlarm extends Alarm, HeapItem {
  readonly fn: () => unknown
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
  #present = 0
  #began = 0
  /** When the timer rings; Infinity if it is not armed. */
  #armed = Number.POSITIVE_INFINITY
  /** The timer does not ring again before this time. */
  #rest = Number.NEGATIVE_INFINITY
  #ringing = false
  #inAlarm = false
  /** True if the last turn left work, which the timer continues. */
  #behind = false
  #again: WireAlarm | undefined
  /** Packets, alarms and copies until the real clock is read. */
  #untilLook = LOOK
  #closed = false

  /**
   * `arrived` gets the packets of `arrive`; `failed` gets its exceptions and the exceptions of
   * alarms.
   */
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

  /** Moves to the present of the real clock, and rings the alarms that are due. */
  advance(): void {
    this.#present = this.#clock.now()
    if (this.#ringing || this.#behind) return
    if (
      this.#alarms.first <= this.#present ||
      this.#arrivals.length !== 0 ||
      this.#again !== undefined
    ) {
      this.#run()
    } else if (this.#present > this.#now) {
      this.#now = this.#present
    }
    this.#arm()
  }

  /**
   * Advances. If the time of the wire lags, completes what happens at that time, so that a change
   * made now comes after all of it: a simulation has no other order.
   */
  settle(): void {
    this.advance()
    if (this.#behind && !this.#ringing) {
      this.#run(true)
    }
  }

  /** A packet arrives at this moment: `arrived` gets it after all alarms that are due before. */
  arrive(skb: SkBuff): void {
    this.advance()
    if (this.#ringing || this.#behind) {
      this.#arrivals.add(skb, this.#present)
      return
    }
    this.#ringing = true
    this.#began = this.#present
    this.#handOver(skb)
    if (this.#untilLook <= 0) {
      this.#behind = this.#isLate()
    }
    // Usually nothing else is due.
    const isDue = this.#arrivals.length !== 0 || this.#alarms.first <= this.#now
    if (isDue && !this.#behind) {
      this.advance()
    } else {
      this.#arm()
    }
  }

  /** For `arrived`: adds a packet to the same arrival. Alarms that are due ring before it. */
  follow(skb: SkBuff): void {
    this.#arrivals.add(skb, this.#now)
  }

  /** A packet was copied: the work of the present turn grows. */
  worked(): void {
    this.#untilLook--
  }

  /** Throws a VnetError EINVAL for NaN. */
  alarm(fn: () => unknown): Alarm {
    const alarm: WireAlarm = {
      fn,
      index: -1,
      at: ns => {
        if (Number.isNaN(ns)) {
          throw new VnetError(EINVAL, 'alarm at NaN', 'it rings at a number of nanoseconds')
        }
        if (this.#closed) return
        // An alarm that arms itself for now must not stop time.
        this.#alarms.set(alarm, this.#inAlarm && ns <= this.#now ? after(this.#now) : ns)
        if (!this.#ringing) {
          this.#arm()
        }
      },
      cancel: () => {
        if (this.#again === alarm) {
          this.#again = undefined
        }
        this.#alarms.remove(alarm)
      },
    }
    return alarm
  }

  /** Rings no alarm any more. `drop` gets the packets that wait. */
  close(drop: (skb: SkBuff) => void): void {
    this.#closed = true
    this.#alarms.clear()
    this.#again = undefined
    this.#timer.cancel()
    for (let skb = this.#arrivals.shift(); skb !== undefined; skb = this.#arrivals.shift()) {
      drop(skb)
    }
  }

  /** Rings the alarms that are due, and hands over packets that arrive meanwhile in between. */
  #run(settles = false): void {
    const present = this.#present
    this.#began = present
    this.#ringing = true
    try {
      for (;;) {
        const again = this.#again
        const isArrival =
          again === undefined &&
          this.#arrivals.length !== 0 &&
          this.#arrivals.first < this.#alarms.first
        if (
          again === undefined &&
          !isArrival &&
          this.#alarms.first > present &&
          this.#arrivals.length === 0
        ) {
          break
        }
        let moment = this.#now
        if (again === undefined) {
          moment = isArrival ? this.#arrivals.first : this.#alarms.first
        }
        if (this.#isOver(moment, settles)) {
          this.#behind = true
          return
        }
        if (moment > this.#now) {
          this.#now = moment
        }
        this.late = present > this.#now ? present - this.#now : 0
        if (isArrival) {
          this.#handOver(this.#arrivals.shift() as SkBuff)
          this.#ringing = true
        } else {
          this.#ring(again ?? (this.#alarms.shift() as WireAlarm))
        }
      }
      if (present > this.#now) {
        this.#now = present
      }
    } finally {
      // Even if `failed` threw: time continues.
      this.#ringing = false
      this.#inAlarm = false
      this.late = 0
      this.#arm()
    }
  }

  #ring(alarm: WireAlarm): void {
    this.#inAlarm = true
    this.#again = undefined
    try {
      const more = alarm.fn()
      if (more === AGAIN && !this.#closed) {
        this.#again = alarm
      }
    } catch (error) {
      this.#failed(error)
    }
    this.#inAlarm = false
  }

  /** Whether the turn ends before `moment`. A turn that settles runs what is due now. */
  #isOver(moment: number, settles: boolean): boolean {
    if (settles) return moment > this.#now
    return --this.#untilLook <= 0 && this.#isLate()
  }

  /** Reads the real clock. Returns true if the present turn was long enough. */
  #isLate(): boolean {
    this.#untilLook = LOOK
    return this.#clock.now() - this.#began > TURN
  }

  #handOver(skb: SkBuff): void {
    try {
      this.#arrived(skb)
    } catch (error) {
      this.#failed(error)
    } finally {
      this.#ringing = false
    }
  }

  #arm(): void {
    if (this.#closed) return
    let first = this.#behind ? this.#now : this.#alarms.first
    if (this.#arrivals.length !== 0 && this.#arrivals.first < first) {
      first = this.#arrivals.first
    }
    const moment = first < this.#rest ? this.#rest : first
    if (moment >= this.#armed) return
    this.#armed = moment
    this.#timer.at(moment)
  }
}

/** Returns a moment after another. Above 2^53 ns, 104 days, numbers are more than 1 ns apart. */
const after = (moment: number): number => moment + Math.max(1, moment * Number.EPSILON)
