/** TIME-WAIT, and the timestamps and sequence numbers of segments. */
import { NSEC_PER_MSEC, NSEC_PER_SEC } from 'vnet'
import type { Connection } from './connection.ts'
import { MAX_UNSCALED } from './receive.ts'
import type { Segment } from './segment.ts'

/** How long a timestamp is compared: 24 days, before the clock of the peer may wrap. */
const PAWS_LIFE = 24 * 86_400 * NSEC_PER_SEC

/** Returns the unwrapped sequence number near `near` that is `wire` after the initial one. */
export const unwrap = (wire: number, initial: number, near: number): number =>
  near + ((wire - initial - near) | 0)

/** Takes the timestamp of a segment that is not older than the last one. */
export function takeTimestamp(c: Connection, s: Segment): void {
  if (((c.recentTimestamp - s.timestamp) | 0) <= 0) {
    setTimestamp(c, s)
  }
}

export function setTimestamp(c: Connection, s: Segment): void {
  c.recentTimestamp = s.timestamp
  c.recentAt = c.clock.now()
}

/** Whether a timestamp is older than the last one, beyond a tick (PAWS, RFC 7323 sec. 5). */
export function isOldTimestamp(c: Connection, s: Segment): boolean {
  if (!c.hasTimestamps || !s.hasTimestamp || ((c.recentTimestamp - s.timestamp) | 0) <= 1) {
    return false
  }
  return c.clock.now() - c.recentAt < PAWS_LIFE
}

/** Linux's rules for a segment in TIME-WAIT, for which no new connection is made. */
export function arriveInTimeWait(c: Connection, s: Segment, sequence: number): void {
  const isOld = isOldTimestamp(c, s)
  if (!isOld && sequence === c.receive.next && (s.space === 0 || s.isRst)) {
    if (s.isRst) {
      c.end()
    } else {
      c.life.startTimeWait()
    }
    return
  }
  if (s.isRst) return
  if (isOld || s.isAck) {
    c.life.startTimeWait()
  }
  c.acks.reject(s.space > 0 && !s.isSyn, false)
}

/** Whether a SYN may replace a connection in TIME-WAIT (RFC 9293 sec. 3.10.7.4, RFC 6191). */
export function mayReuse(c: Connection, s: Segment): boolean {
  if (!s.isSyn || s.isRst || s.isAck || c.state !== 'TIME-WAIT' || isOldTimestamp(c, s)) {
    return false
  }
  const isNewer = c.hasTimestamps && s.hasTimestamp && ((s.timestamp - c.recentTimestamp) | 0) > 0
  return isNewer || unwrap(s.sequence, c.irs, c.receive.next) > c.receive.next
}

/**
 * Whether a new connection from a port that its user has chosen may replace one that has ended
 * here, because segments of both differ in their timestamps (RFC 6191, tcp_twsk_unique of Linux).
 */
export function mayConnectAgain(c: Connection): boolean {
  return c.hasTimestamps && (c.state === 'TIME-WAIT' || (c.state === 'FIN-WAIT-2' && c.isOrphan))
}

/** Ends a connection, and starts a new one beyond its sequence numbers. */
export function replace(old: Connection, c: Connection): void {
  old.end()
  c.iss = (old.iss + old.sender.next + MAX_UNSCALED + 2) % 2 ** 32
  c.recentTimestamp = old.recentTimestamp
  c.recentAt = old.recentAt
  c.count('TcpExtTWRecycled')
}

/** The round-trip time by the timestamps in nanoseconds, to a millisecond; -1 without them. */
export function echoedRtt(c: Connection, s: Segment): number {
  return s.hasTimestamp && c.hasTimestamps && s.echo !== 0
    ? ((c.timestamp - s.echo) | 0) * NSEC_PER_MSEC
    : -1
}
