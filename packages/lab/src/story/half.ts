/**
 * Half: one direction of a TCP connection, as a capture between its ends sees it: the segments that
 * one end sent, and the ACKs of the other end about them. Numbers count from the SYN, which is 0.
 */
import { judge, type Loss } from './loss.ts'
import type { PacketView } from './packet-view.ts'
import { Samples, Train } from './samples.ts'
import { packetOf } from './statement.ts'
import type { StoryPacket, Way, WayStory } from './story.ts'
import { type Room, type Transmission, Transmissions } from './transmissions.ts'

/** Bytes that were not seen, before bytes that were. */
interface Hole {
  start: number
  end: number
  /** The packet that showed it. */
  readonly time: number
  readonly frame: number
  readonly stamp: number
  readonly id: number
  /** The number of packets up to that one. */
  readonly packets: number
}

/** A packet that came later than packets that were sent after it, or twice. */
export interface Oddity {
  readonly kind: 'reordered' | 'duplicated'
  readonly part: 'seq' | 'ack'
  readonly n: number
  readonly copy: number
  readonly time: number
  readonly frames: readonly number[]
  /** How much later it came, and how many packets overtook it. */
  readonly late: number
  readonly passed: number
}

const HOLES_MAX = 256
const LOSSES_MAX = 512
const ODDITIES_MAX = 128
/** Duplicate ACKs that show a loss (RFC 5681). */
const DUPLICATES = 3
/** A gap that is filled so late, in ns, was filled by a repetition, if no round trip is known. */
const REPEAT_MIN = 100e6
const JUMBO = 9000
const TCP_SPACE = 52
/** Fewer packets have no rate. */
const TRAINED = 20
/** A step of the clock, in ns, that timestamps prove, and the ticks that give their unit. */
const STEP_MIN = 1e9
const TICKS_MIN = 50

export class Half {
  readonly way: Way
  /** The sequence number that counts as 0; NaN until it is known. */
  base = Number.NaN
  /** Ends of the bytes that were sent, and that were acknowledged. */
  sent = 0
  acked = 0
  /** The first byte that the receiver's window does not permit. */
  edge = Number.POSITIVE_INFINITY
  /** The shift of the window that this end announces. */
  scale = 0
  mss: number | undefined
  /** The interface on which its packets count, by its number or name. */
  place: number | string | undefined
  packets = 0
  bytes = 0
  acks = 0
  rsts = 0
  life = 0
  lastTime = Number.NaN
  lastStamp = -1
  /** The clock of timestamps, in ns a tick. */
  firstTime = Number.NaN
  firstStamp = -1
  finAt = Number.POSITIVE_INFINITY
  /** When its window became zero; NaN while it is not. */
  closedAt = Number.NaN
  closedFrame = 0
  /** Longest payload of a segment that was acknowledged. */
  passed = 0
  /** Bytes that were acknowledged although the capture does not have them. */
  unseen = 0
  readonly rtt = new Samples()
  /** Made for a direction of many packets. */
  arrivals: Train | undefined
  progress: Train | undefined
  readonly losses: Loss[] = []
  readonly oddities: Oddity[] = []
  /** Findings that did not fit. */
  more = 0
  twins = 0
  readonly #transmissions: Transmissions
  #holes: Hole[] = []
  /** The first transmission that is not acknowledged. */
  #pending = 0
  /** No round trips are measured up to this number: repetitions would count (Karn). */
  #unmeasured = 0
  #open = 0
  #duplicateAcks = 0
  #sackedTo = 0
  /** The last ACK that acknowledged bytes, and its number if it had no data. */
  #ackTime = 0
  #ackNumber = 0
  #lastId = 0
  #lastSeq = -1
  /** Whether the sender gives several packets one number. */
  #isConstant = false
  #steps = 0
  #jumps = 0

  constructor(way: Way, room: Room) {
    this.way = way
    this.#transmissions = new Transmissions(room)
  }

  /** Whether the sender numbers its packets, so that their order is known. */
  get isNumbered(): boolean {
    return this.#steps >= 4 && this.#steps > 4 * this.#jumps
  }

  /** Usual payload of a full segment. */
  get size(): number {
    return this.#size
  }
  #size = 0

  /** The number of its latest segment; of its latest ACK, negative. */
  latest = 0

  get latestPacket(): StoryPacket {
    const { latest } = this
    return latest < 0
      ? packetOf('ack', -latest)
      : packetOf('seq', latest, Math.max(1, this.#transmissions.copiesOf(latest)))
  }

  relative(seq: number): number {
    return this.sent + ((seq - this.base - this.sent) | 0)
  }

  /** Counts a packet. Returns whether it is the same packet as the one before it. */
  count(p: PacketView): boolean {
    const isSameId = p.id !== 0 && p.id === this.#lastId
    if (isSameId && p.seq === this.#lastSeq && !this.#isConstant) return true
    this.#isConstant ||= isSameId
    const step = (p.id - this.#lastId) & 0xffff
    if (p.id !== 0 && this.#lastId !== 0) {
      if (step > 0 && step < 64) this.#steps++
      else if (step < 0xffc0) this.#jumps++
    }
    if (p.id !== 0 && (this.#lastId === 0 || step < 0x8000)) this.#lastId = p.id
    this.#lastSeq = p.seq
    this.packets++
    return false
  }

  /** Takes the packet before it again. */
  repeatTwin(p: PacketView, n: number, end: number): void {
    const copy = Math.max(1, this.#transmissions.copiesOf(n))
    const part = end === n ? 'ack' : 'seq'
    this.#note('duplicated', p, part === 'ack' ? this.acks : n, copy, { part, since: 0, frame: 0, passed: 0 })
  }

  /** Whether most packets were captured twice, as on several interfaces. */
  get isTwice(): boolean {
    return this.twins > 4 && this.twins > this.packets / 4
  }

  /**
   * Returns by how many ns the clock of the capture has gone further than the sender's timestamps
   * since the last segment; 0 unless that is sure.
   */
  clockStep(p: PacketView): number {
    const { lastTime, lastStamp } = this
    this.lastStamp = p.stamp
    if (this.firstStamp < 0) {
      this.firstStamp = p.stamp
      this.firstTime = p.time
      return 0
    }
    const ticks = (lastStamp - this.firstStamp) | 0
    const past = lastTime - this.firstTime
    const gap = p.time - lastTime
    if (!(gap > STEP_MIN) || ticks < TICKS_MIN || past < TICKS_MIN * 1e6) return 0
    const told = ((p.stamp - lastStamp) | 0) * (past / ticks)
    return told >= 0 && gap - told > STEP_MIN && told < gap / 2 ? gap - told : 0
  }

  /** Takes a segment without data; its number is the next byte to be sent. */
  hint(p: PacketView, n: number): void {
    if (n <= this.sent || this.#transmissions.next === 0) return
    this.#addHole(n, p)
    this.sent = n
  }

  /** Takes the segment of bytes `n` to `end`. `other` is the other direction. */
  send(p: PacketView, n: number, end: number, other: Half): void {
    this.#measure(p)
    if (n >= this.sent) {
      if (n > this.sent && this.#transmissions.next > 0) this.#addHole(n, p)
      this.#put(p, n, end, 1)
      this.bytes += end - n
      this.sent = end
      return
    }
    const last = this.#transmissions.lastOf(n)
    if (last >= 0 && this.#isKnown(this.#transmissions.at(last), p, n, end, other)) return
    const to = Math.min(end, this.sent)
    for (let at = n; at < to; ) at = this.#repeat(p, at, to, other)
    this.#put(p, n, end, this.#transmissions.copiesOf(n) + 1)
    this.#unmeasured = this.sent
    if (end > this.sent) {
      this.bytes += end - this.sent
      this.sent = end
    }
  }

  /** Takes an ACK of the receiver. `from` is the receiver's direction. */
  acknowledge(p: PacketView, ack: number, from: Half, isPure: boolean): void {
    if (ack > this.sent) {
      if (this.packets > 0) this.unseen += ack - this.sent
      this.sent = ack
    }
    const before = this.acked
    if (ack > before) this.#advance(p, ack, isPure ? from.acks : 0)
    else if (ack === before && isPure && this.sent > ack) this.#duplicateAcks++
    for (let i = 0; i < p.sackEdges; i += 2) {
      this.#sack(p, this.relative(p.sacks[i]), this.relative(p.sacks[i + 1]), i === 0, before)
    }
    if (this.#open > 0) this.#judge(p, before)
  }

  /** The rate is measured at arrivals; at ACKs near the sender, where packets leave in bursts. */
  story(other: Half): WayStory {
    const { packets, bytes, rtt } = this
    const rate = (rtt.min > other.rtt.min ? this.progress : this.arrivals)?.rate
    const waited = Math.max(rtt.max - rtt.min, other.rtt.max - other.rtt.min)
    return { packets, bytes, rate, queue: rate === undefined ? undefined : waited }
  }

  close(): void {
    this.#transmissions.close()
  }

  #advance(p: PacketView, ack: number, number: number): void {
    this.acked = ack
    this.#duplicateAcks = 0
    this.#ackTime = p.time
    this.#ackNumber = number
    if (this.#holes.length > 0) {
      // The receiver has bytes that never passed the capture.
      for (const { start, end } of this.#holes) this.unseen += Math.max(0, Math.min(end, ack) - start)
      this.#holes = this.#holes.filter(({ end }) => end > ack)
    }
    const all = this.#transmissions
    let [sample, fresh] = [-1, 0]
    for (this.#pending = Math.max(this.#pending, all.first); this.#pending < all.next; this.#pending++) {
      const i = this.#pending
      if (all.end(i) > ack) break
      const length = all.end(i) - all.start(i)
      sample = all.copy(i) > 1 || all.sacked(i) > 0 ? -1 : all.time(i)
      if (all.sacked(i) === 0) fresh += length
      this.passed = Math.max(this.passed, length)
    }
    if (ack > this.#unmeasured && sample >= 0) this.rtt.add(p.time - sample)
    this.#deliver(p, fresh)
  }

  /** Counts bytes that have arrived, with their headers. */
  #deliver(p: PacketView, bytes: number): void {
    if (bytes === 0 || this.packets <= TRAINED) return
    this.progress ??= new Train()
    this.progress.add(p.time, bytes + TCP_SPACE * Math.ceil(bytes / (this.#size || bytes)))
  }

  /** Takes a SACK block; the first one may report a duplicate (RFC 2883). */
  #sack(p: PacketView, start: number, end: number, isFirst: boolean, before: number): void {
    const isDuplicate =
      isFirst &&
      (end <= Math.max(before, this.acked) ||
        (p.sackEdges > 2 && start >= this.relative(p.sacks[2]) && end <= this.relative(p.sacks[3])))
    if (!isDuplicate) {
      this.#sackedTo = Math.max(this.#sackedTo, end)
      this.#deliver(p, this.#transmissions.sack(start, end, p.time, this.#pending))
      return
    }
    const isIn = (loss: Loss) => loss.start >= start && loss.start < end
    const isLost = ({ verdict }: Loss) => verdict === 'lost' || verdict === 'open'
    const done = new Set(this.losses.filter(loss => isIn(loss) && !isLost(loss)).map(loss => loss.start))
    for (const loss of this.losses.toReversed()) {
      if (!isIn(loss) || !isLost(loss) || loss.isBefore) continue
      // Another copy may have arrived.
      if (done.has(loss.start)) loss.isUnsure = true
      else this.#settle(loss, 'needless', p)
      done.add(loss.start)
    }
  }

  #settle(loss: Loss, verdict: Loss['verdict'], p: PacketView): void {
    if (loss.verdict === 'open') this.#open--
    loss.verdict = verdict
    loss.settled = p.time
    loss.settledFrame = p.frame
  }

  #judge(p: PacketView, before: number): void {
    const { echo } = p
    for (let i = this.losses.length - 1, left = this.#open; i >= 0 && left > 0; i--) {
      const loss = this.losses[i]
      if (loss.verdict !== 'open') continue
      left--
      const isAcked = loss.end <= this.acked
      if (!isAcked && !this.#isSacked(loss)) continue
      this.#settle(loss, judge(loss, this, p.time, isAcked ? echo : -1, before >= loss.start), p)
    }
  }

  #isSacked({ start, end }: Loss): boolean {
    if (end > this.#sackedTo) return false
    const i = this.#transmissions.lastOf(start)
    return i >= 0 && this.#transmissions.sacked(i) > 0
  }

  #measure(p: PacketView): void {
    if (p.length > 0 && p.length <= JUMBO) this.#size = Math.max(this.#size, p.length)
    if (this.packets <= TRAINED) return
    this.arrivals ??= new Train()
    this.arrivals.add(p.time, p.ipLength)
  }

  #put(p: PacketView, start: number, end: number, copy: number): void {
    this.#transmissions.add(p, start, end, copy, this.acked)
  }

  #addHole(end: number, p: PacketView): void {
    const { time, frame, stamp, id } = p
    this.#unmeasured = end
    if (this.#holes.length >= HOLES_MAX) this.#holes.shift()
    this.#holes.push({ start: this.sent, end, time, frame, stamp, id, packets: this.packets })
  }

  /** Returns whether a segment is the same packet as `last`, or an earlier one that comes late. */
  #isKnown(last: Transmission, p: PacketView, n: number, end: number, other: Half): boolean {
    const isSame = last.start === n && last.end === end
    const since = p.time - last.time
    const isTwin =
      p.id !== 0 && !this.#isConstant ? p.id === last.id : p.stamp === last.stamp && since < this.#trip(other) * 0.8
    if (isSame && isTwin && since < 60e9) {
      this.#note('duplicated', p, n, last.copy, { since, frame: last.frame, passed: 0 })
      return true
    }
    const isOlder = p.stamp >= 0 && last.stamp >= 0 && ((p.stamp - last.stamp) | 0) < 0
    if (!isOlder && !(this.isNumbered && (p.id - last.id) << 16 < 0)) return false
    const loss = this.losses.findLast(({ start, isBefore }) => start === n && isBefore)
    if (loss !== undefined) this.#settle(loss, 'late', p)
    return true
  }

  /** The least time of a round trip along the whole path; 0 if it is not known. */
  #trip(other: Half): number {
    const trip = this.rtt.min + other.rtt.min
    return Number.isFinite(trip) ? trip : Math.min(this.rtt.min, other.rtt.min, 2e6)
  }

  /** Takes bytes from `at` that come again, or fill a gap. Returns the number after them. */
  #repeat(p: PacketView, at: number, to: number, other: Half): number {
    const hole = this.#holes.find(({ start, end }) => start <= at && at < end)
    if (hole !== undefined) {
      const end = Math.min(to, hole.end)
      this.#fill(hole, at, end, p, other)
      return end
    }
    const next = this.#holes.reduce((least, { start }) => (start > at ? Math.min(least, start) : least), to)
    const i = this.#transmissions.lastOf(at)
    if (i < 0) return next
    const end = Math.min(next, this.#transmissions.end(i))
    const isProbe = at >= this.edge || (to - at === 1 && at < this.acked)
    if (!isProbe) this.#suspect(this.#transmissions.at(i), at, end, p, other, false)
    return end
  }

  #fill(hole: Hole, start: number, end: number, p: PacketView, other: Half): void {
    this.bytes += end - start
    if (this.#wasOvertaken(hole, p, other)) {
      const passed = this.packets - hole.packets
      this.#note('reordered', p, start, 1, { since: p.time - hole.time, frame: hole.frame, passed })
    } else {
      const size = this.#size || end - start
      for (let at = start; at < end; at += size) {
        const lost = { ...hole, start: at, end: Math.min(end, at + size), stamp: -1, copy: 1 }
        this.#transmissions.add(lost, lost.start, lost.end, 1, this.acked)
        this.#suspect(lost, lost.start, lost.end, p, other, true)
      }
    }
    if (end < hole.end) this.#holes.push({ ...hole, start: end })
    hole.end = start
    if (hole.end === hole.start) this.#holes.splice(this.#holes.indexOf(hole), 1)
  }

  /** Returns whether the packet that fills a gap was sent before the packet that showed the gap. */
  #wasOvertaken(hole: Hole, p: PacketView, other: Half): boolean {
    const stamps = p.stamp >= 0 && hole.stamp >= 0 ? (p.stamp - hole.stamp) | 0 : 0
    if (stamps !== 0) return stamps < 0
    if (this.isNumbered && p.id !== 0 && hole.id !== 0) return (p.id - hole.id) << 16 < 0
    const since = p.time - hole.time
    const trip = this.rtt.min + other.rtt.min
    if (Number.isFinite(trip) && trip > 0) return since < 0.8 * trip
    return since < REPEAT_MIN && this.#duplicateAcks < DUPLICATES
  }

  #suspect(first: Transmission, start: number, end: number, p: PacketView, other: Half, isBefore: boolean): void {
    if (this.losses.length >= LOSSES_MAX) {
      this.more++
      return
    }
    const again = { time: p.time, frame: p.frame, stamp: p.stamp, id: p.id }
    const hasPassed = !isBefore && end <= this.acked
    const { rtt } = isBefore ? other : this
    this.losses.push({
      start,
      end,
      copy: first.copy,
      time: first.time,
      frame: first.frame,
      stamp: first.stamp,
      again,
      heard: other.lastTime,
      isBefore,
      isReported: this.#duplicateAcks >= DUPLICATES || this.#sackedTo > end,
      waited: rtt.last - rtt.min,
      verdict: hasPassed ? 'passed' : 'open',
      settled: hasPassed ? this.#ackTime : Number.NaN,
      settledFrame: 0,
      isUnsure: false,
      ack: hasPassed && this.#ackTime >= first.time ? this.#ackNumber : 0,
    })
    if (!hasPassed) this.#open++
  }

  #note(
    kind: Oddity['kind'],
    p: PacketView,
    n: number,
    copy: number,
    {
      since,
      frame,
      passed,
      part = 'seq',
    }: Pick<Oddity, 'passed'> & { since: number; frame: number; part?: Oddity['part'] },
  ): void {
    if (kind === 'duplicated') this.twins++
    if (this.oddities.length >= ODDITIES_MAX) {
      this.more++
      return
    }
    this.oddities.push({ kind, part, n, copy, time: p.time, frames: [frame, p.frame], late: since, passed })
  }
}
