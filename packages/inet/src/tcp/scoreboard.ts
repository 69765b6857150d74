/**
 * The segments in flight: which are acknowledged, selectively acknowledged (RFC 2018), lost and
 * sent again. RACK (RFC 8985) finds lost ones: a segment is lost if one that was sent later has
 * arrived, and the time for reordering has passed. Counts are in segments, as in Linux.
 */

/** A segment in flight. Sequence numbers include a FIN at the end. */
export class Sent {
  start: number
  readonly end: number
  /** When it was sent last, and the number of that transmission. */
  sentAt: number
  order: number
  isSacked = false
  isLost = false
  /** Whether a repetition is in flight, and whether it was ever repeated. */
  isResent = false
  wasResent = false

  constructor(start: number, end: number, sentAt: number, order: number) {
    this.start = start
    this.end = end
    this.sentAt = sentAt
    this.order = order
  }
}

const DUP_THRESHOLD = 3
/** tcp_max_reordering */
const MAX_REORDERING = 300
const COMPACT = 256

export class Scoreboard {
  #sent: Sent[] = []
  #first = 0
  /**
   * How many segments in flight are sacked, lost, and sent again. Without SACK the duplicate
   * acknowledgments are counted as sacked segments.
   */
  sacked = 0
  lost = 0
  resent = 0
  /** Results of the last acknowledgment: segments that arrived, and an RTT, or -1. */
  delivered = 0
  /** Segments that it showed to be lost. */
  newlyLost = 0
  rtt = -1
  hasAckedResent = false
  /** Duplicate acknowledgments of a peer without SACK that show a loss. */
  duplicateThreshold = DUP_THRESHOLD
  /** Whether the path has reordered segments. */
  isReordering = false
  #highestSacked = 0
  /** The same before the last acknowledgment. */
  #highestBefore = 0
  /** The sequence number of the FIN. */
  finAt = Number.POSITIVE_INFINITY
  /** Transmissions so far. Many have the same time, so their order is kept. */
  #transmissions = 0
  /** RACK: the latest transmission that has arrived, 0 before one has, and its round-trip time. */
  #rackOrder = 0
  #rackRtt = 0
  /** The first segment that may have to be sent again. */
  #nextLost = 0

  get packets(): number {
    return this.#sent.length - this.#first
  }

  /** The estimated number of segments in flight. */
  get inFlight(): number {
    return this.packets - this.sacked - this.lost + this.resent
  }

  get head(): Sent | undefined {
    return this.#sent[this.#first]
  }

  add(start: number, end: number, now: number): Sent {
    const sent = new Sent(start, end, now, ++this.#transmissions)
    this.#sent.push(sent)
    return sent
  }

  /** Starts the results of an acknowledgment. */
  begin(): void {
    this.delivered = 0
    this.newlyLost = 0
    this.rtt = -1
    this.hasAckedResent = false
    this.#highestBefore = this.#highestSacked
  }

  /** Removes the segments before `una`. Returns how many. */
  acknowledge(una: number, now: number, minimum: number): number {
    let removed = 0
    for (let sent = this.head; sent !== undefined && sent.start < una; sent = this.head) {
      if (sent.end > una) {
        sent.start = una
        break
      }
      if (sent.wasResent) {
        this.hasAckedResent = true
      } else if (this.rtt < 0 && !sent.isSacked) {
        this.rtt = now - sent.sentAt
      }
      if (!sent.isSacked) {
        this.#deliver(sent, now, minimum)
      }
      this.#uncount(sent)
      this.#first++
      removed++
    }
    if (this.hasAckedResent) {
      this.rtt = -1
    }
    if (this.#first >= COMPACT || this.#first === this.#sent.length) {
      this.#sent.splice(0, this.#first)
      this.#nextLost = Math.max(this.#nextLost - this.#first, 0)
      this.#first = 0
    }
    return removed
  }

  /** Marks the segments that a SACK block covers. */
  sack(start: number, end: number, now: number, minimum: number): void {
    for (let i = this.#find(start); i < this.#sent.length; i++) {
      const sent = this.#sent[i]
      if (sent.end > end) break
      if (sent.isSacked) continue
      this.#deliver(sent, now, minimum)
      if (!sent.wasResent && this.rtt < 0) {
        this.rtt = now - sent.sentAt
      }
      this.#uncount(sent)
      sent.isLost = false
      sent.isResent = false
      sent.isSacked = true
      this.sacked++
      this.#highestSacked = Math.max(this.#highestSacked, sent.end)
    }
  }

  /** Index of the first segment that starts at or after a sequence number. */
  #find(start: number): number {
    let low = this.#first
    let high = this.#sent.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.#sent[middle].start < start) {
        low = middle + 1
      } else {
        high = middle
      }
    }
    return low
  }

  #uncount(sent: Sent): void {
    if (sent.isSacked) {
      this.sacked--
    }
    if (sent.isLost) {
      this.lost--
    }
    if (sent.isResent) {
      this.resent--
    }
  }

  /** Notes the arrival of a segment for RACK (RFC 8985 sec. 6.2, steps 1 to 3). */
  #deliver(sent: Sent, now: number, minimum: number): void {
    this.delivered++
    if (!sent.wasResent && sent.end < this.#highestBefore) {
      this.isReordering = true
    }
    const rtt = now - sent.sentAt
    // The first transmission may have arrived, not the repetition.
    if (sent.wasResent && rtt < minimum) return
    if (sent.order < this.#rackOrder) return
    this.#rackOrder = sent.order
    this.#rackRtt = rtt
  }

  /**
   * Marks lost segments. Returns the time after which others will be lost, in ns; 0 if none will.
   * RFC 8985 sec. 6.2, steps 4 and 5.
   */
  detect(now: number, minimum: number, smoothed: number, isRecovering: boolean): number {
    if (this.#rackOrder === 0) return 0
    const isCertain = !this.isReordering && (isRecovering || this.sacked >= DUP_THRESHOLD)
    const reorderTime = isCertain ? 0 : Math.min(minimum / 4, smoothed)
    let wait = 0
    for (let i = this.#first; i < this.#sent.length; i++) {
      const sent = this.#sent[i]
      if (sent.isSacked || (sent.isLost && !sent.isResent)) continue
      if (sent.order >= this.#rackOrder) {
        // Later ones were sent later, unless they were sent again.
        if (!sent.wasResent) break
        continue
      }
      const left = sent.sentAt + this.#rackRtt + reorderTime - now
      if (left <= 0) {
        this.#markLost(i)
      } else {
        wait = Math.max(wait, left)
      }
    }
    return wait
  }

  #markLost(i: number): void {
    const sent = this.#sent[i]
    this.newlyLost++
    if (sent.isResent) {
      this.resent--
    }
    if (!sent.isLost) {
      this.lost++
    }
    sent.isResent = false
    sent.isLost = true
    this.#nextLost = Math.min(this.#nextLost, i)
  }

  /**
   * Counts a duplicate acknowledgment of a peer without SACK. Linux takes more of them than can be
   * for reordering, and sets its extent to the number of segments in flight, even if that is lower.
   */
  addDuplicate(): void {
    if (this.sacked + Math.max(this.lost, 1) >= this.packets) {
      this.duplicateThreshold = Math.min(this.packets, MAX_REORDERING)
      return
    }
    this.sacked++
    this.delivered++
  }

  /** Forgets duplicate acknowledgments of segments that arrived; all of them by default. */
  dropDuplicates(count = this.sacked): void {
    this.sacked -= Math.min(count, this.sacked)
  }

  /** Marks the first segment lost, unless its repetition is in flight (RFC 6582). */
  markHeadLost(): void {
    const { head } = this
    if (head !== undefined && !head.isLost && !head.isSacked) {
      this.#markLost(this.#first)
    }
  }

  /**
   * Marks every segment lost that has not arrived: after a timeout. If the first one was sacked and
   * is not acknowledged, the peer may have dropped all of them (RFC 2018 sec. 8).
   */
  markAllLost(): void {
    if (this.head?.isSacked) {
      for (const sent of this.#sent) {
        sent.isSacked = false
      }
      this.sacked = 0
    }
    for (let i = this.#first; i < this.#sent.length; i++) {
      if (!this.#sent[i].isSacked) {
        this.#markLost(i)
      }
    }
  }

  /** Marks segments lost that are larger than `mss`. */
  markLargeLost(mss: number): void {
    for (let i = this.#first; i < this.#sent.length; i++) {
      const { start, end, isSacked } = this.#sent[i]
      if (!isSacked && Math.min(end, this.finAt) - start > mss) {
        this.#markLost(i)
      }
    }
  }

  /** The first lost segment that has not been sent again, cut like `#fit` does. */
  nextLost(mss: number, edge: number): Sent | undefined {
    if (this.lost === 0) return undefined
    for (let i = Math.max(this.#nextLost, this.#first); i < this.#sent.length; i++) {
      const sent = this.#sent[i]
      if (!sent.isLost || sent.isResent) continue
      this.#nextLost = i
      return this.#fit(i, mss, edge)
    }
    this.#nextLost = this.#sent.length
    return undefined
  }

  /** The last segment that has not arrived: its last `mss` bytes, cut like `#fit` does. */
  last(mss: number, edge: number): Sent | undefined {
    let i = this.#sent.length - 1
    while (i >= this.#first && this.#sent[i].isSacked) {
      i--
    }
    if (i < this.#first) return undefined
    let sent = this.#sent[i]
    while (this.#cut(i, mss) !== sent) {
      sent = this.#sent[++i]
    }
    return this.#fit(i, mss, edge)
  }

  /**
   * Cuts a segment to `mss` bytes, and to the window of the peer up to `edge`, which may have
   * shrunk. Returns undefined for a segment beyond it, but the first one in flight, which probes
   * the window.
   */
  #fit(i: number, mss: number, edge: number): Sent | undefined {
    const room = edge - this.#sent[i].start
    if (room <= 0) return i > this.#first ? undefined : this.#cut(i, mss)
    return this.#cut(i, Math.min(mss, room))
  }

  #cut(i: number, mss: number): Sent {
    const sent = this.#sent[i]
    if (Math.min(sent.end, this.finAt) - sent.start <= mss) return sent
    const { start, end, sentAt, order } = sent
    const parts = [
      new Sent(start, start + mss, sentAt, order),
      new Sent(start + mss, end, sentAt, order),
    ]
    for (const part of parts) {
      part.isLost = sent.isLost
      part.wasResent = sent.wasResent
    }
    this.#sent.splice(i, 1, ...parts)
    if (sent.isLost) {
      this.lost++
    }
    if (sent.isResent) {
      this.resent--
    }
    return parts[0]
  }

  /** Notes that a segment is sent again. */
  resend(sent: Sent, now: number): void {
    if (!sent.isResent) {
      this.resent++
    }
    sent.isResent = true
    sent.wasResent = true
    sent.sentAt = now
    sent.order = ++this.#transmissions
  }

  clear(): void {
    this.#sent = []
    this.#first = 0
    this.#nextLost = 0
    this.sacked = 0
    this.lost = 0
    this.resent = 0
  }
}
