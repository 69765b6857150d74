/**
 * Half: one direction of a TCP connection, as a capture between its ends sees it: the segments that
 * one end sent, and the ACKs of the other end about them. Numbers count from the SYN, which is 0.
 */
import { tcp } from 'vnet'
import { COPY_TIME, isPartOf, JoinedPlaces } from './copies.ts'
import { type Gap, Gaps } from './gaps.ts'
import { type Loss, Losses } from './losses.ts'
import type { PacketView } from './packet-view.ts'
import { Samples, Train } from './samples.ts'
import { PacketNumbers, SenderClock } from './sender.ts'
import { packetOf, Statements, timeText } from './statement.ts'
import type { StoryPacket, Way, WayStory } from './story.ts'
import {
  COPY,
  END,
  type Room,
  SACKED,
  START,
  TIME,
  type Transmission,
  Transmissions,
} from './transmissions.ts'

/** Duplicate ACKs that show a loss (RFC 5681). */
const DUPLICATES = 3
/** A gap that is filled so late, in ns, was filled by a repetition, if no round trip is known. */
const REPEAT_MIN = 100e6
/** A repetition comes later than this share of the shortest round trip. */
const TRIP_SHARE = 0.8
/** The same packet comes twice within this time, and within this one if no round trip is known. */
const TWIN_MAX = 60e9
const TWIN_UNKNOWN = 2e6
const JUMBO = 9000
const TCP_SPACE = 52
/** A full segment has this share of the MSS at least, and as many bytes as every host takes. */
const FULL = 0.9
const MSS_MIN = 536
/** Fewer packets have no rate. */
const TRAINED = 20

export class Half {
  readonly way: Way
  /** The sequence number that counts as 0; NaN until it is known. */
  base = Number.NaN
  /** The ends of the bytes that were sent, and that were acknowledged. */
  sent = 0
  acked = 0
  /** The first byte that the receiver's window does not permit. */
  edge = Number.POSITIVE_INFINITY
  /** The shift of the window that this end announces. */
  scale = 0
  permitsSack = false
  mss: number | undefined
  /** Interfaces that have several packets as one. */
  readonly joined = new JoinedPlaces()
  /** The interface of the first packet, and whether there are others. */
  #place: number | undefined
  #hasPlaces = false
  packets = 0
  bytes = 0
  acks = 0
  rsts = 0
  /** When it sent its first RST. */
  resetAt = Number.NaN
  life = 0
  lastTime = Number.NaN
  /** When the last segment with data came, in which frame, and whether the end had more. */
  dataTime = Number.NaN
  dataFrame = 0
  hasMore = false
  finAt = Number.POSITIVE_INFINITY
  /** When its FIN passed, and in which frame. */
  finTime = Number.NaN
  finFrame = 0
  /** When its window became zero; NaN while it is not. */
  closedAt = Number.NaN
  closedFrame = 0
  /** The longest payload of a segment that was acknowledged. */
  passed = 0
  /** Bytes that were acknowledged although the capture does not have them. */
  unseen = 0
  twins = 0
  /** Whether copies have another TTL: the capture is of both sides of a router. */
  #isRouted = false
  /** The number of packets that filled gaps. */
  #fills = 0
  readonly clock = new SenderClock()
  readonly rtt = new Samples()
  readonly losses = new Losses()
  /** Statements about packets out of order. */
  readonly statements = new Statements()
  readonly #numbers = new PacketNumbers()
  readonly #transmissions: Transmissions
  /** Made for a direction of many packets. */
  #arrivals: Train | undefined
  #progress: Train | undefined
  readonly #gaps = new Gaps()
  /** The usual payload of a full segment. */
  #size = 0
  /** The first transmission that is not acknowledged. */
  #pending = 0
  /** No round trips are measured up to this number: repetitions would count (Karn). */
  #unmeasured = 0
  #duplicateAcks = 0
  #sackedTo = 0
  /** When bytes were acknowledged last, and the number of the ACK if it had no data. */
  #ackTime = 0
  #ackNumber = 0

  constructor(way: Way, room: Room) {
    this.way = way
    this.#transmissions = new Transmissions(room)
  }

  /** The number of its latest segment; of its latest ACK, negative. */
  latest = 0

  get latestPacket(): StoryPacket {
    const { latest } = this
    return latest < 0
      ? packetOf('ack', -latest)
      : packetOf('seq', latest, Math.max(1, this.#transmissions.copiesOf(latest)))
  }

  /** Whether most packets were captured twice, as on several interfaces. */
  get isTwice(): boolean {
    return this.#isRouted || (this.twins > 4 && this.twins > this.packets / 4)
  }

  /** Takes the first number that it sends. Without its SYN, the capture lacks earlier bytes. */
  begin(seq: number, isSyn: boolean): void {
    this.base = isSyn ? seq : seq - 1
    if (!isSyn) {
      this.acked = 1
      this.sent = 1
    }
  }

  relative(seq: number): number {
    return this.sent + ((seq - this.base - this.sent) | 0)
  }

  /**
   * Returns whether another interface had the bytes of a segment, in one longer packet or several
   * shorter ones, as before and after segmentation or GRO.
   */
  isElsewhere(p: PacketView): boolean {
    this.#place ??= p.place
    this.#hasPlaces ||= p.place !== this.#place
    if (!this.#hasPlaces || p.length === 0 || Number.isNaN(this.base)) return false
    const n = this.relative(p.seq)
    const end = n + p.length
    for (let at = n; at < end; ) {
      const i = this.#transmissions.lastOf(at)
      if (i < 0) return false
      const other = this.#transmissions.at(i)
      if (other.place === p.place || p.time - other.time >= COPY_TIME || other.stamp !== p.stamp) {
        return false
      }
      if (other.start <= n && end <= other.end) {
        if (!isPartOf(p.id, end - n, other.id, n - other.start)) return false
        if (end - n < other.end - other.start) {
          this.joined.add(other.place, p.time)
        }
        return true
      }
      if (!isPartOf(other.id, other.end - at, p.id, at - n)) return false
      at = other.end
    }
    this.joined.add(p.place, p.time)
    return true
  }

  /** Counts a packet. Returns whether it is the same packet as the one before it. */
  count(p: PacketView): boolean {
    const isTwin = this.#numbers.take(p)
    if (!isTwin) {
      this.packets++
    }
    return isTwin
  }

  /** Takes the packet before it again. */
  repeatTwin(p: PacketView, n: number, end: number): void {
    const copy = Math.max(1, this.#transmissions.copiesOf(n))
    this.#twin(p, [p.frame], end === n ? packetOf('ack', this.acks) : packetOf('seq', n, copy))
  }

  /** Takes a segment without data; its number is the next byte to be sent. */
  hint(p: PacketView, n: number): void {
    if (n <= this.sent || this.#transmissions.next === 0) return
    this.#addGap(n, p)
    this.sent = n
  }

  /** Takes the segment of bytes `n` to `end`. `other` is the other direction. */
  send(p: PacketView, n: number, end: number, other: Half): void {
    if (p.length <= JUMBO) {
      this.#size = Math.max(this.#size, p.length)
    }
    if (this.packets > TRAINED) {
      this.#arrivals ??= new Train()
      this.#arrivals.add(p.time, p.ipLength, this.#isFull(p.length, other))
    }
    if (n > this.sent && this.#transmissions.next > 0) {
      this.#addGap(n, p)
    }
    let copy = 1
    if (n < this.sent) {
      if (this.#gaps.find(n) !== undefined) {
        this.#fills++
      }
      if (this.#isKnown(p, n, end, other)) {
        this.packets--
        return
      }
      const to = Math.min(end, this.sent)
      for (let at = n; at < to; ) {
        at = this.#repeat(p, at, to, other)
      }
      copy = this.#transmissions.copiesOf(n) + 1
      this.#unmeasured = this.sent
    }
    this.#transmissions.add(p, n, end, copy, this.acked)
    this.bytes += Math.max(0, Math.min(p.length, end - Math.max(n, this.sent)))
    this.sent = Math.max(end, this.sent)
  }

  /** Takes an ACK of the receiver. `from` is the receiver's direction. */
  acknowledge(p: PacketView, ack: number, from: Half, isPure: boolean): void {
    if (ack > this.sent) {
      if (this.#transmissions.next > 0) {
        this.unseen += ack - this.sent
      }
      this.sent = ack
    }
    const before = this.acked
    if (ack > before) {
      this.#advance(p, ack, isPure, from)
    } else if (ack === before && isPure && this.sent > ack) {
      this.#duplicateAcks++
    } else if (ack === before && isPure && p.sackBlocks === 0) {
      this.#ackTime = p.time
      this.#ackNumber = from.acks
    }
    for (let i = 0; i < p.sackBlocks; i++) {
      this.#sack(p, this.relative(p.edge(2 * i)), this.relative(p.edge(2 * i + 1)), i === 0, from)
    }
    if (!this.losses.hasOpen) return
    const { acked, rtt } = this
    const hasSack = this.#sackedTo > 0
    const canSack = this.permitsSack && from.permitsSack
    this.losses.judge(p, {
      acked,
      before,
      trip: rtt.min,
      hasSack,
      canSack,
      isSacked: loss => this.#isSacked(loss),
    })
  }

  /**
   * The rate is measured at arrivals; at ACKs near the sender, where packets leave in bursts. Only
   * there round trips have the time in the queue.
   */
  story(other: Half): WayStory {
    const { packets, bytes, rtt } = this
    const isNear = rtt.min > other.rtt.min
    const rate = (isNear ? this.#progress : this.#arrivals)?.rate
    const waited = Math.max(rtt.max - rtt.min, other.rtt.max - other.rtt.min)
    return { packets, bytes, rate, queue: rate !== undefined && isNear ? waited : undefined }
  }

  close(): void {
    this.#transmissions.close()
  }

  #advance(p: PacketView, ack: number, isPure: boolean, from: Half): void {
    this.acked = ack
    this.#duplicateAcks = 0
    this.#ackTime = p.time
    this.#ackNumber = isPure ? from.acks : 0
    this.unseen += this.#gaps.acknowledge(ack)
    const all = this.#transmissions
    let [sample, fresh] = [-1, 0]
    for (
      this.#pending = Math.max(this.#pending, all.first);
      this.#pending < all.next;
      this.#pending++
    ) {
      const i = this.#pending
      if (all.get(i, END) > ack) break
      const length = all.get(i, END) - all.get(i, START)
      sample = all.get(i, COPY) > 1 || all.get(i, SACKED) > 0 ? -1 : all.get(i, TIME)
      if (all.get(i, SACKED) === 0) {
        fresh += length
      }
      this.passed = Math.max(this.passed, length)
    }
    // Before a step of the clock was found, packets had later times.
    if (ack > this.#unmeasured && sample >= 0 && sample <= p.time) {
      this.rtt.add(sample, p.time - sample)
    }
    this.#deliver(p, fresh, from)
  }

  /** Counts bytes that have arrived, with their headers. */
  #deliver(p: PacketView, bytes: number, from: Half): void {
    if (bytes === 0 || this.packets <= TRAINED) return
    this.#progress ??= new Train()
    this.#progress.add(
      p.time,
      bytes + TCP_SPACE * Math.ceil(bytes / (this.#size || bytes)),
      this.#isFull(bytes, from),
    )
  }

  /** Whether a segment to the other end has nearly as many bytes as possible. */
  #isFull(bytes: number, { mss = this.#size }: Half): boolean {
    return bytes >= FULL * mss && bytes >= MSS_MIN
  }

  /** Takes a SACK block; the first one may report a duplicate (RFC 2883). */
  #sack(p: PacketView, start: number, end: number, isFirst: boolean, from: Half): void {
    const isInSecond =
      p.sackBlocks > 1 && start >= this.relative(p.edge(2)) && end <= this.relative(p.edge(3))
    if (isFirst && (end <= this.acked || isInSecond)) {
      this.losses.duplicate(p, start, end)
      return
    }
    this.#sackedTo = Math.max(this.#sackedTo, end)
    this.#deliver(p, this.#transmissions.sack(start, end, p.time, this.#pending), from)
  }

  #isSacked({ start, end }: Loss): boolean {
    if (end > this.#sackedTo) return false
    const i = this.#transmissions.lastOf(start)
    return i >= 0 && this.#transmissions.get(i, SACKED) > 0
  }

  #addGap(end: number, p: PacketView): void {
    this.#unmeasured = end
    this.#gaps.add(this.sent, end, p, this.packets - this.#fills)
  }

  /** Returns whether the last segment with byte `n` comes again, or an earlier one comes late. */
  #isKnown(p: PacketView, n: number, end: number, other: Half): boolean {
    const i = this.#transmissions.lastOf(n)
    if (i < 0) return false
    const last = this.#transmissions.at(i)
    const since = p.time - last.time
    const trip = Math.min(this.rtt.min, other.rtt.min, TWIN_UNKNOWN)
    const isSoon =
      since <
      (Number.isFinite(this.#trip(other)) ? TRIP_SHARE * this.#trip(other) : TRIP_SHARE * trip)
    const isTwin =
      p.id !== 0 && !this.#numbers.isConstant ? p.id === last.id : p.stamp === last.stamp && isSoon
    if (last.start === n && last.end === end && isTwin && since < TWIN_MAX) {
      this.#twin(p, [last.frame, p.frame], packetOf('seq', n, last.copy))
      return true
    }
    const isOlder = p.stamp >= 0 && last.stamp >= 0 && ((p.stamp - last.stamp) | 0) < 0
    if (!isOlder && this.#numbers.isBefore(p.id, last.id) !== true) return false
    this.losses.late(p, n)
    return true
  }

  /** The least time of a round trip along the whole path; Infinity if it is not known. */
  #trip(other: Half): number {
    return this.rtt.min + other.rtt.min
  }

  #twin(p: PacketView, frames: readonly number[], packet: StoryPacket): void {
    this.twins++
    this.#isRouted ||= this.life > 0 && p.life !== this.life
    const syn = this.way === 'ab' ? 'the SYN' : 'the SYN-ACK'
    const segment = packet.n === 0 ? syn : `segment ${packet.n}`
    const name = packet.part === 'ack' ? `ACK ${packet.n}` : segment
    const text = `${name} arrived twice`
    this.statements.add(['duplicated', this.way, 'seen'], p.time, frames, text, {
      packet,
      verb: 'duplicate',
    })
  }

  /** Takes bytes from `at` that come again, or fill a gap. Returns the number after them. */
  #repeat(p: PacketView, at: number, to: number, other: Half): number {
    const gap = this.#gaps.find(at)
    if (gap !== undefined) {
      const end = Math.min(to, gap.end)
      this.#fill(gap, at, end, p, other)
      return end
    }
    const next = this.#gaps.nextAfter(at, to)
    const i = this.#transmissions.lastOf(at)
    if (i < 0) return next
    const end = Math.min(next, this.#transmissions.get(i, END))
    // A probe of a closed window, or that keeps the connection alive, repeats a byte.
    const isData = p.length > 1 || (p.flags & (tcp.TCP_SYN | tcp.TCP_FIN)) !== 0
    const isProbe = (at >= this.edge && other.closedAt >= 0) || (!isData && at < this.acked)
    if (!isProbe) {
      this.#suspect(this.#transmissions.at(i), at, end, p, other, false)
    }
    return end
  }

  #fill(gap: Gap, start: number, end: number, p: PacketView, other: Half): void {
    this.bytes += end - start
    if (this.#wasOvertaken(gap, p, other)) {
      const [passed, lasted] = [this.packets - this.#fills + 1 - gap.packets, p.time - gap.time]
      const text = `segment ${start} was overtaken by ${passed} ${passed === 1 ? 'packet' : 'packets'}, and came ${timeText(lasted)} later`
      const more = {
        packet: packetOf('seq', start),
        verb: passed === 1 ? 'swap' : 'delay',
        lasted,
      } as const
      this.statements.add(['reordered', this.way, 'seen'], p.time, [gap.frame, p.frame], text, more)
    } else {
      const size = this.#size || end - start
      for (let at = start; at < end; at += size) {
        const lost = { ...gap, start: at, end: Math.min(end, at + size), stamp: -1, copy: 1 }
        this.#transmissions.add(lost, lost.start, lost.end, 1, this.acked)
        this.#suspect(lost, lost.start, lost.end, p, other, true)
      }
    }
    this.#gaps.fill(gap, start, end)
  }

  /** Returns whether the packet that fills a gap was sent before the packet that showed the gap. */
  #wasOvertaken(gap: Gap, p: PacketView, other: Half): boolean {
    const stamps = p.stamp >= 0 && gap.stamp >= 0 ? (p.stamp - gap.stamp) | 0 : 0
    if (stamps !== 0) return stamps < 0
    const isBefore = this.#numbers.isBefore(p.id, gap.id)
    if (isBefore !== undefined) return isBefore
    const since = p.time - gap.time
    const trip = this.#trip(other)
    if (Number.isFinite(trip) && trip > 0) return since < TRIP_SHARE * trip
    return since < REPEAT_MIN && this.#duplicateAcks < DUPLICATES
  }

  #suspect(
    first: Transmission,
    start: number,
    end: number,
    p: PacketView,
    other: Half,
    isBefore: boolean,
  ): void {
    const hasPassed = !isBefore && end <= this.acked
    const { rtt } = isBefore ? other : this
    const isReported = this.#duplicateAcks >= DUPLICATES || this.#sackedTo > end
    this.losses.add({
      start,
      end,
      first,
      again: { time: p.time, frame: p.frame, stamp: p.stamp, id: p.id, place: p.place },
      heard: other.lastTime,
      isBefore,
      isReported,
      waited: rtt.last - rtt.min,
      ack: hasPassed && this.#ackTime >= first.time ? this.#ackNumber : 0,
      verdict: hasPassed ? 'passed' : 'open',
      settled: hasPassed ? this.#ackTime : Number.NaN,
      settledFrame: 0,
      isLast: end === this.acked,
      // No sender waits for less than a round trip: the first copy was late.
      isUnsure: !isBefore && !isReported && p.time - first.time < rtt.max,
      isByTime: false,
      isDuplicate: false,
    })
  }
}
