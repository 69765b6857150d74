/**
 * The order of a sender's packets, which their numbers show, and its clock, which timestamps show.
 */
import type { PacketView } from './packet-view.ts'

/** The order is known after this many steps, if there are more than this many to each jump. */
const STEPS_MIN = 4
/** A larger difference between two numbers is a jump. */
const STEP_MAX = 64
/** A number that is lower by so few is of an earlier packet, whatever the steps. */
const NEAR = 8
/** The smallest step of the clock that is reported, in ns. */
const CLOCK_STEP = 100e6
/** The ticks and ns between packets from which the length of a tick is known. */
const TICKS_MIN = 20
const PAST_MIN = 20e6

/** The identifications of IPv4, which some senders count. */
export class PacketNumbers {
  /** Whether the sender gives several packets one number. */
  isConstant = false
  /** The highest number, and the number of the last packet. */
  #id = 0
  #last = 0
  #seq = -1
  #steps = 0
  #jumps = 0

  /** Takes a packet. Returns whether it is the one before it again. */
  take({ id, seq }: PacketView): boolean {
    const isSame = id !== 0 && id === this.#last
    if (isSame && seq === this.#seq && !this.isConstant) return true
    this.isConstant ||= isSame
    this.#seq = seq
    this.#last = id
    if (id === 0) return false
    const step = (id - this.#id) & 0xffff
    if (this.#id !== 0 && step > 0 && step < STEP_MAX) {
      this.#steps++
    } else if (this.#id !== 0 && step < 0x10000 - STEP_MAX) {
      this.#jumps++
    }
    if (this.#id === 0 || step < 0x8000) {
      this.#id = id
    }
    return false
  }

  /** Whether the packet with number `a` was sent before `b`; undefined if that is not known. */
  isBefore(a: number, b: number): boolean | undefined {
    const isKnown =
      a !== 0 && b !== 0 && this.#steps >= STEPS_MIN && this.#steps > STEPS_MIN * this.#jumps
    if (isKnown) return (a - b) << 16 < 0
    // Random numbers are so near to each other only by chance.
    const back = (b - a) & 0xffff
    return a !== 0 && b !== 0 && !this.isConstant && back > 0 && back <= NEAR ? true : undefined
  }
}

/** The clock of a sender's timestamps. */
export class SenderClock {
  /** The time of the first packet. */
  #start: number | undefined
  /** Ticks since then, which may be more than 32 bits have. */
  #ticks = 0
  #time = 0
  #stamp = 0

  /**
   * Returns how many ns the capture's clock went further than the sender's; a negative number if it
   * went less far, and 0 if they agree or too little is known.
   */
  step({ time, stamp }: PacketView): number {
    if (this.#start === undefined) {
      this.#start = time
      this.#time = time
      this.#stamp = stamp
    }
    const [ticks, past] = [this.#ticks, this.#time - this.#start]
    const gap = time - this.#time
    const more = (stamp - this.#stamp) | 0
    // The gap by the sender's clock.
    const said = (more * past) / ticks
    this.#ticks += more
    this.#stamp = stamp
    this.#time = time
    if (ticks < TICKS_MIN || past < PAST_MIN || !(said >= 0)) return 0
    const isStep =
      Math.abs(gap - said) >= CLOCK_STEP && Math.min(gap, said) < Math.max(gap, said) / 2
    return isStep ? gap - said : 0
  }

  /** Takes the last packet as earlier by so many ns: the clock of the capture was set. */
  set(step: number): void {
    this.#time -= step
  }
}
