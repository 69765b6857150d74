/**
 * Transmissions: the last segments with data, SYN or FIN that one end of a connection sent, in the
 * order of the capture. Numbers count them from 0. Old ones are forgotten, acknowledged ones first;
 * all connections together have at most SLOTS_MAX.
 */

/** The place of a packet in the capture, and its marks by which acknowledgments are matched. */
export interface Packet {
  readonly time: number
  readonly frame: number
  /** The timestamp option, or -1, and the identification of IPv4. */
  readonly stamp: number
  readonly id: number
  /** The number of the interface. */
  readonly place: number
}

/** A transmission. Sequence numbers are relative to the SYN. */
export interface Transmission extends Packet {
  readonly start: number
  readonly end: number
  readonly copy: number
}

// Fields of a transmission; SACKED is when it was selectively acknowledged, or 0.
export const START = 0
export const END = 1
export const TIME = 2
export const COPY = 7
export const SACKED = 8

const FIELDS = 9

const FIRST_SLOTS = 8
/** Acknowledged transmissions that are kept, because they may be repeated later. */
const KEPT = 16
const MOST = 8192
const SLOTS_MAX = 1 << 18

/** What all open flows keep together: slots for transmissions, and bytes of contents. */
export interface Room {
  slots: number
  contents: number
}

export class Transmissions {
  readonly #room: Room
  /** An array of doubles in the heap: thousands of small typed arrays take more memory. */
  #data: number[] = []
  #capacity = 0
  /** The oldest one that is kept, and the number of all. */
  first = 0
  next = 0

  constructor(room: Room) {
    this.#room = room
  }

  /** Adds a copy of bytes in packet `p`. All bytes before `acked` were acknowledged. */
  add(p: Packet, start: number, end: number, copy: number, acked: number): void {
    if (this.next - this.first === this.#capacity) {
      this.#makeRoom(acked)
    }
    const at = (this.next++ % this.#capacity) * FIELDS
    const data = this.#data
    data[at] = start
    data[at + 1] = end
    data[at + 2] = p.time
    data[at + 3] = p.frame
    data[at + 4] = p.stamp
    data[at + 5] = p.id
    data[at + 6] = p.place
    data[at + COPY] = copy
    data[at + SACKED] = 0
  }

  get(i: number, field: number): number {
    return this.#data[(i % this.#capacity) * FIELDS + field]
  }

  at(i: number): Transmission {
    const at = (i % this.#capacity) * FIELDS
    const [start, end, time, frame, stamp, id, place, copy] = this.#data.slice(at, at + SACKED)
    return { start, end, time, frame, stamp, id, place, copy }
  }

  /** Returns the last transmission with a byte; -1 without one. */
  lastOf(byte: number): number {
    let i = this.next - 1
    while (i >= this.first && (byte < this.get(i, START) || byte >= this.get(i, END))) {
      i--
    }
    return i < this.first ? -1 : i
  }

  /** Returns how many transmissions have a byte. */
  copiesOf(byte: number): number {
    let copies = 0
    for (let i = this.first; i < this.next; i++) {
      if (this.get(i, START) <= byte && byte < this.get(i, END)) {
        copies++
      }
    }
    return copies
  }

  /** Marks transmissions from number `from` on as selectively acknowledged. Returns their bytes. */
  sack(start: number, end: number, time: number, from: number): number {
    let bytes = 0
    for (let i = Math.max(from, this.first); i < this.next; i++) {
      const at = (i % this.#capacity) * FIELDS
      if (this.#data[at] < start || this.#data[at + 1] > end || this.#data[at + SACKED] > 0) {
        continue
      }
      this.#data[at + SACKED] = time
      bytes += this.#data[at + 1] - this.#data[at]
    }
    return bytes
  }

  close(): void {
    this.#room.slots -= this.#capacity
    this.#capacity = 0
    this.first = this.next
  }

  #makeRoom(acked: number): void {
    const capacity = this.#capacity
    const isAcked = capacity > 0 && this.get(this.first, END) <= acked
    if (
      capacity > 0 &&
      ((isAcked && capacity >= KEPT) || capacity >= MOST || this.#room.slots + capacity > SLOTS_MAX)
    ) {
      this.first++
      return
    }
    const to = Math.max(FIRST_SLOTS, 2 * capacity)
    const data = new Array<number>(to * FIELDS).fill(0.5)
    for (let i = this.first; i < this.next; i++) {
      const at = (i % capacity) * FIELDS
      for (let j = 0; j < FIELDS; j++) {
        data[(i % to) * FIELDS + j] = this.#data[at + j]
      }
    }
    this.#room.slots += to - capacity
    this.#data = data
    this.#capacity = to
  }
}
