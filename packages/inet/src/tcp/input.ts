/**
 * The processing of received segments (RFC 9293 sec. 3.10.7), in Linux's order: timestamps (RFC
 * 7323), sequence number, RST and SYN (RFC 5961), acknowledgment, data, FIN.
 */
import { ECONNRESET, EPIPE, NSEC_PER_MSEC, tcp } from 'vnet'
import { get32 } from 'vnet/kit/packet'
import type { Connection } from './connection.ts'
import {
  arriveInSynSent,
  completeHandshake,
  endsHalfOpen,
  isValidSyn,
  repeatSynAck,
} from './handshake.ts'
import { READABLE } from './host.ts'
import type { Segment } from './segment.ts'
import { arriveInTimeWait, echoedRtt, isOldTimestamp, takeTimestamp, unwrap } from './time-wait.ts'

/**
 * Processes a segment of a connection. Returns false if the sender must get a RST in reply: the
 * segment acknowledges what was never sent, or starts another connection.
 */
export function arrive(c: Connection, s: Segment): boolean {
  if (c.state === 'SYN-SENT') return arriveInSynSent(c, s)
  const sequence = unwrap(s.sequence, c.irs, c.receive.next)
  if (c.state === 'TIME-WAIT') {
    arriveInTimeWait(c, s, sequence)
    return true
  }
  if (c.state === 'SYN-RECV' && !c.isActive) {
    // Before the number is checked (RFC 9293 sec. 3.10.7.4 has it after that).
    if (s.isAck && unwrap(s.acknowledgment, c.iss, 0) !== 1) return s.isRst
  } else if (!(s.isAck || s.isRst || s.isSyn)) {
    return true
  }
  if (endsHalfOpen(c, s, sequence)) {
    c.fail(0)
    return false
  }
  if (!isValid(c, s, sequence)) return true
  if (!s.isAck) return true
  c.life.onHeard(c.clock.now())
  if (c.state === 'SYN-RECV' && !completeHandshake(c, s)) return false
  if (!takeAck(c, s, sequence)) return true
  if (!afterAck(c)) return true
  // Also of a segment without bytes (RFC 9293 sec. 3.8.5).
  if ((s.flags & tcp.TCP_URG) !== 0) {
    c.receive.urgentAt = sequence + Math.max(s.urgent - 1, 0)
  }
  // The reply to a SYN that crossed the own one.
  if (s.isSyn) {
    c.acks.demand()
  } else if (s.length > 0 || s.isFin) {
    if (!takeData(c, s, sequence)) return false
    if ((c.state as string) === 'TIME-WAIT') return true
  }
  c.sender.push()
  c.acks.check()
  return true
}

/** Whether a segment belongs into the window, and is neither RST nor SYN. Replies to it if not. */
function isValid(c: Connection, s: Segment, sequence: number): boolean {
  const { receive } = c
  const { next } = receive
  const end = sequence + s.space
  if (isOldTimestamp(c, s) && !s.isRst && !isReordered(c, s, sequence)) {
    rejectOld(c, s, sequence)
    return false
  }
  // Linux does not take it from a peer that has not completed its handshake.
  if (s.isRst && c.state === 'SYN-RECV' && !c.isActive && isOldTimestamp(c, s)) return false
  const edge = next + c.window.left(next)
  const isBeyond = end > edge && receive.unread > 0 && s.length > 0
  if (end < c.acks.acknowledged || sequence > edge || isBeyond) {
    if (!s.isRst) {
      rejectSequence(c, s, sequence, end)
    } else if (isLateReset(c, sequence)) {
      onReset(c)
    }
    return false
  }
  if (s.isRst) {
    const isAtEdge = c.sender.hasSack && sequence === Math.max(...receive.ranges)
    if (sequence === next || isAtEdge || isLateReset(c, sequence)) {
      onReset(c)
    } else {
      c.acks.reject(false, true)
    }
    return false
  }
  if (s.isSyn) return isValidSyn(c, s, sequence)
  return true
}

/** Replies to a segment with an old timestamp, unless it is only an old acknowledgment (PAWS). */
function rejectOld(c: Connection, s: Segment, sequence: number): void {
  c.count('TcpExtPAWSEstab')
  const isOldAck = s.isAck && s.space === 0 && sequence < c.receive.next
  if (isOldAck && c.state !== 'SYN-RECV') return
  if (c.state === 'SYN-RECV') {
    c.acks.reject(s.space > 0 && !s.isSyn, false)
  } else {
    rejectSequence(c, s, sequence, sequence + s.space)
  }
}

/** Whether a reset has the number of the FIN before it, as resets of macOS do (tcp_reset_check). */
function isLateReset({ state, receive }: Connection, sequence: number): boolean {
  return (
    sequence === receive.next - 1 &&
    (state === 'CLOSE-WAIT' || state === 'LAST-ACK' || state === 'CLOSING')
  )
}

/**
 * Whether a segment with an old timestamp only repeats an acknowledgment, as one does that another
 * has overtaken, at most 1.2 retransmission timeouts before (tcp_disordered_ack of Linux).
 */
function isReordered(c: Connection, s: Segment, sequence: number): boolean {
  const { sender, receive } = c
  if (s.space > 0 || !s.isAck || sequence !== receive.next) return false
  if (unwrap(s.acknowledgment, c.iss, sender.una) !== sender.una) return false
  const size = s.window * 2 ** c.peerScale
  const isLarger = sequence === c.windowSequence && (size > sender.window || size === 0)
  const isUpdate = sequence > c.windowSequence || isLarger
  return (
    !isUpdate &&
    ((c.recentTimestamp - s.timestamp) | 0) <= (1.2 * sender.rtt.timeout) / NSEC_PER_MSEC
  )
}

function rejectSequence(c: Connection, s: Segment, sequence: number, end: number): void {
  const { receive } = c
  if (c.state === 'SYN-RECV' && s.isSyn) {
    if (sequence === 0 && c.acks.mayAnswerInvalid()) {
      repeatSynAck(c)
    }
    return
  }
  const hasContent = s.space > 0 && !s.isSyn
  if (hasContent && sequence < receive.next) {
    c.count('TcpExtDelayedACKLost')
    c.acks.enterQuick()
    receive.duplicateStart = sequence
    receive.duplicateEnd = Math.min(end, receive.next)
  }
  c.acks.reject(hasContent, s.isSyn)
}

function onReset(c: Connection): void {
  if (c.state === 'SYN-RECV') {
    c.fail(c.isActive ? ECONNRESET : 0)
  } else {
    c.fail(c.state === 'CLOSE-WAIT' ? EPIPE : ECONNRESET)
  }
}

/** Processes the acknowledgment. Returns false if the segment is to be dropped. */
function takeAck(c: Connection, s: Segment, sequence: number): boolean {
  const { sender } = c
  const now = c.clock.now()
  const ack = unwrap(s.acknowledgment, c.iss, sender.una)
  const before = sender.una
  if (ack > sender.next || ack < before - sender.maxWindow) {
    c.acks.reject(false, true)
    return false
  }
  // Linux also scales the window of a SYN-ACK after SYNs that crossed.
  const window = s.window * 2 ** c.peerScale
  const hasProgress = ack > before
  // Of segments with the same numbers, one with a smaller window may be older than the last one.
  const isLarger = window > sender.window || window === 0
  const isNewer = sequence > c.windowSequence || (sequence === c.windowSequence && isLarger)
  const isUpdate = ack >= before && (hasProgress || isNewer)
  const isSameWindow = window === sender.window
  // A segment with an invalid acknowledgment may be forged.
  if (ack >= before && s.hasTimestamp && c.hasTimestamps && sequence <= c.acks.acknowledged) {
    takeTimestamp(c, s)
  }
  if (isUpdate) {
    c.windowSequence = sequence
    sender.setWindow(window)
  }
  const removed = sender.onProgress(ack, now)
  if (sender.hasSack) {
    for (let i = 0; i < s.sackBlocks; i++) {
      const start = unwrap(get32(s.bytes, s.sackAt + 8 * i), c.iss, sender.una)
      sender.onSack(
        start,
        start + ((get32(s.bytes, s.sackAt + 8 * i + 4) - (c.iss + start)) | 0),
        now,
      )
    }
  }
  if (ack < before) return true
  const isDuplicate = !hasProgress && s.space === 0 && isSameWindow && sender.board.packets > 0
  if (hasProgress) {
    c.softError = 0
  }
  sender.onAck(removed, hasProgress, isDuplicate, echoedRtt(c, s))
  if (hasProgress) {
    c.checkWritable()
  }
  return true
}

/** Changes the state once the own FIN is acknowledged. Returns false at the end. */
function afterAck(c: Connection): boolean {
  if (!c.sender.isFinAcknowledged) return true
  if (c.state === 'FIN-WAIT-1') {
    c.enterFinWait2()
  } else if (c.state === 'CLOSING') {
    c.enterTimeWait()
    return false
  } else if (c.state === 'LAST-ACK') {
    c.end()
    return false
  }
  return true
}

/** Takes data and FIN. Returns false if the user has closed and cannot get them. */
function takeData(c: Connection, s: Segment, sequence: number): boolean {
  const { acks, receive } = c
  const { state } = c
  if (state !== 'ESTAB' && state !== 'FIN-WAIT-1' && state !== 'FIN-WAIT-2') {
    // After the peer's FIN only repetitions can arrive.
    if (sequence < receive.next && sequence + s.length > receive.next) {
      c.count('TcpExtTCPAbortOnData')
      onReset(c)
      return false
    }
    if (sequence < receive.next) {
      receive.accept(sequence, s.bytes, s.at, s.length, s.isFin)
      c.sendAck()
    }
    return true
  }
  if (c.isOrphan && sequence + s.length > receive.next) {
    c.count('TcpExtTCPAbortOnData')
    c.end()
    return false
  }
  const left = c.window.left(receive.next)
  if (s.length > 0 && left === 0 && sequence + s.length > receive.next) {
    c.count('TcpExtTCPZeroWindowDrop')
    acks.demand()
    return true
  }
  const { hasGap } = receive
  const isInOrder = receive.accept(sequence, s.bytes, s.at, s.length, s.isFin)
  if (!isInOrder) {
    if (sequence + s.space <= receive.next) {
      acks.enterQuick()
    }
    acks.demand()
    return true
  }
  if (s.length > 0) {
    acks.onData(s.length, (s.flags & tcp.TCP_PSH) !== 0)
  }
  // The sender learns immediately that a gap is filled (RFC 5681 sec. 4.2).
  if (hasGap && !receive.hasGap) {
    acks.demand()
  }
  if (receive.isFinished) {
    onFin(c)
  }
  c.notify(READABLE)
  return true
}

function onFin(c: Connection): void {
  if (c.state === 'ESTAB') {
    c.state = 'CLOSE-WAIT'
    c.acks.onFin()
  } else if (c.state === 'FIN-WAIT-1') {
    c.sendAck()
    c.state = 'CLOSING'
  } else {
    c.sendAck()
    c.enterTimeWait()
  }
}
