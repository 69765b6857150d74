/** The handshake of a connection (RFC 9293 sec. 3.5), of both ends and of SYNs that cross. */
import { ECONNREFUSED, tcp } from 'vnet'
import type { Connection } from './connection.ts'
import { ACCEPT, CONNECT } from './host.ts'
import { WINDOW_SCALE } from './receive.ts'
import { type Segment, TIMESTAMPS_LENGTH } from './segment.ts'
import { echoedRtt, isOldTimestamp, setTimestamp, unwrap } from './time-wait.ts'

/** Sends the first SYN. Returns 0 or a negative errno. */
export function sendSyn(c: Connection): number {
  c.sender.next = 1
  return c.life.startHandshake()
}

/** Takes the peer's SYN and replies to it in SYN-RECV. */
export function answerSyn(c: Connection, s: Segment): void {
  takeSyn(c, s)
  c.state = 'SYN-RECV'
  c.sender.next = 1
  c.life.startHandshake()
}

/** Takes the options of the peer's SYN. */
function takeSyn(c: Connection, s: Segment): void {
  const { sender } = c
  c.irs = s.sequence
  c.hasTimestamps = s.hasTimestamp
  setTimestamp(c, s)
  c.isScaling = s.windowScale >= 0
  c.peerScale = Math.max(s.windowScale, 0)
  c.window.scale = c.isScaling ? WINDOW_SCALE : 0
  sender.hasSack = s.sackPermitted
  if (s.mss > 0) {
    c.peerMss = s.mss
  }
  c.receive.next = 1
  // What SYN-ACK offers is a whole number of segments.
  if (!c.isActive) {
    c.window.start(c.hasTimestamps ? c.mss - TIMESTAMPS_LENGTH : c.mss)
  }
  c.window.edge = 1 + c.window.limit
  // The window of a SYN is not scaled.
  sender.setWindow(s.window)
  c.windowSequence = 0
  c.updateMss()
}

/** Processes a segment in SYN-SENT. Returns the same as `arrive`. */
export function arriveInSynSent(c: Connection, s: Segment): boolean {
  const ack = unwrap(s.acknowledgment, c.iss, 0)
  if (s.isAck && ack !== 1) {
    c.life.repeatSoon()
    return s.isRst
  }
  if (s.isRst) {
    if (s.isAck) {
      c.fail(ECONNREFUSED)
    }
    return true
  }
  if (!s.isSyn) return true
  if (!s.isAck) {
    answerSyn(c, s)
    return true
  }
  takeSyn(c, s)
  establish(c, s)
  c.notify(CONNECT)
  c.sendAck()
  return true
}

/** Takes the ACK of the own SYN in SYN-RECV. Returns false if it acknowledges something else. */
export function completeHandshake(c: Connection, s: Segment): boolean {
  if (unwrap(s.acknowledgment, c.iss, 0) !== 1) return false
  establish(c, s)
  // Linux limits the replies of a request separately from its connection's.
  if (!c.isActive) {
    c.acks.allowInvalid()
  }
  if (!c.isActive) {
    c.count('TcpPassiveOpens')
  }
  c.notify(c.isActive ? CONNECT : ACCEPT)
  return true
}

function establish(c: Connection, s: Segment): void {
  const { sender, life } = c
  const now = c.clock.now()
  const echoed = echoedRtt(c, s)
  c.state = 'ESTAB'
  sender.start()
  const measured = life.roundTrip(now)
  if (measured >= 0 || echoed >= 0) {
    sender.rtt.sample(measured >= 0 ? measured : echoed, now)
  } else {
    sender.rtt.fallBack()
  }
  if (life.repeats > 1) {
    sender.congestion.window = 1
  }
  c.updateMss()
  life.onEstablished(now)
  if (sender.finAt >= 0) {
    c.state = 'FIN-WAIT-1'
  }
}

/** Whether a SYN ends an unconfirmed connection, because its peer starts another one. */
export function endsHalfOpen(c: Connection, s: Segment, sequence: number): boolean {
  if (c.state !== 'SYN-RECV' || c.isActive || !s.isSyn || s.isRst || isOldTimestamp(c, s)) {
    return false
  }
  const { next } = c.receive
  return sequence >= next && sequence <= next + c.window.left(next)
}

/** A SYN is valid only in SYN-RECV: repeated, or the reply to the own SYN (RFC 9293 fig. 7). */
export function isValidSyn(c: Connection, s: Segment, sequence: number): boolean {
  if (c.state === 'SYN-RECV' && sequence === 0) {
    if (s.isAck && c.isActive) return true
    if (!s.isAck) {
      if (c.acks.mayAnswerInvalid()) {
        repeatSynAck(c)
      }
      return false
    }
  }
  c.acks.reject(false, true)
  return false
}

/** Repeats SYN-ACK for a repeated SYN. */
export function repeatSynAck(c: Connection): void {
  c.emit(tcp.TCP_SYN | tcp.TCP_ACK, 0, 0, true)
}
