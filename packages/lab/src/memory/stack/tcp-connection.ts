/**
 * A TCP connection (RFC 9293): its state, what its user calls, and the segments that it sends.
 * Received segments are processed in tcp-input.ts. Sequence numbers count from the SYN of each
 * direction, which is 0, and do not wrap; only headers have those of the wire.
 */
import { type Alarm, type Clock, NSEC_PER_MSEC, NSEC_PER_SEC } from 'vnet/internal/base/clock'
import { ECONNRESET, EPIPE, ETIMEDOUT } from 'vnet/internal/base/errno'
import { TCP_ACK, TCP_RST, TCP_SYN } from 'vnet/internal/packet/tcp'
import type { Endpoint, Ip, TcpConnection, TcpEvents } from './contract.ts'
import { AckPolicy } from './tcp-acks.ts'
import { ReceiveBuffer } from './tcp-receive.ts'
import { type Header, maxSacks, sacksLength, TIMESTAMPS_LENGTH } from './tcp-segment.ts'
import { Sender } from './tcp-send.ts'
import { MAX_UNSCALED, ReceiveWindow, WINDOW_SCALE } from './tcp-window.ts'

const ENOTCONN = 107
/** Lengths of the headers of IP and TCP without options. */
const HEADERS_V4 = 40
const HEADERS_V6 = 60
/** The longest packet of IP. */
const MAX_PACKET = 65_535
/** The MSS of a peer that sends no option (RFC 9293 sec. 3.7.1), and the least that Linux takes. */
const DEFAULT_MSS = 536
const MIN_MSS = 48
/** Two ticks. */
const SYN_SOON = 8 * NSEC_PER_MSEC
const TIME_WAIT = 60 * NSEC_PER_SEC
const KEEPALIVE_IDLE = 7200 * NSEC_PER_SEC
const KEEPALIVE_INTERVAL = 75 * NSEC_PER_SEC
const KEEPALIVE_PROBES = 9
/** At most one acknowledgment of invalid segments in this time (tcp_invalid_ratelimit). */
const INVALID_INTERVAL = 500 * NSEC_PER_MSEC

export type TcpState =
  | 'SYN-SENT'
  | 'SYN-RECV'
  | 'ESTAB'
  | 'FIN-WAIT-1'
  | 'FIN-WAIT-2'
  | 'CLOSE-WAIT'
  | 'CLOSING'
  | 'LAST-ACK'
  | 'TIME-WAIT'
  | 'CLOSED'

/** Events that wait for their delivery, as bits. */
export const ACCEPT = 1
export const CONNECT = 2
export const READABLE = 4
export const WRITABLE = 8
export const FAILED = 16
/** Not an event: the user has read a part of the received bytes. */
export const READ = 32

/** Settings, as Linux's sysctls. */
export interface TcpOptions {
  /** tcp_syn_retries. Default 6. */
  readonly synRetries?: number
  /** tcp_syn_linear_timeouts, which is 4 in Linux since 6.5. Default 0, as before. */
  readonly synLinearTimeouts?: number
  /** tcp_synack_retries. Default 5. */
  readonly synAckRetries?: number
  /** tcp_fin_timeout in nanoseconds: FIN-WAIT-2 of a closed connection. Default 60 s. */
  readonly finTimeout?: number
  /** Whether loss probes are sent (tcp_early_retrans). Default true. */
  readonly hasLossProbes?: boolean
}

/** What a connection needs of its host. */
export interface ConnectionHost {
  readonly ip: Ip
  readonly options: Required<TcpOptions>
  /** The record for the segment that is being made. */
  readonly header: Header
  send(from: Uint8Array, to: Uint8Array, segment: Uint8Array): number
  /** Delivers the pending events soon. */
  notify(connection: Connection): void
  remove(connection: Connection): void
}

const NO_EVENTS: TcpEvents = { onConnect() {}, onReadable() {}, onWritable() {}, onError() {} }

export class Connection implements TcpConnection {
  readonly host: ConnectionHost
  readonly clock: Clock
  readonly local: Endpoint
  readonly remote: Endpoint
  /** The key of this connection in its host. */
  readonly key: string
  /** Whether this host has sent the first SYN. */
  readonly isActive: boolean
  events: TcpEvents
  state: TcpState
  isOrphan = false
  /** Bits of pending events, and the error of FAILED. */
  pending = 0
  error = 0
  /** An ICMP error that did not end the connection. It replaces ETIMEDOUT. */
  softError = 0
  /** Initial sequence numbers of the wire. */
  readonly iss: number
  irs = 0
  readonly sender: Sender
  readonly receive = new ReceiveBuffer()
  readonly window: ReceiveWindow
  readonly acks: AckPolicy
  /** RCV.NXT of the last acknowledgment that was sent. */
  acknowledged = 0
  /** The window of that acknowledgment in bytes. */
  offered = 0
  /** The segment that updated the peer's window last. */
  windowSequence = 0
  /** Options of both directions. */
  readonly mss: number
  peerMss = DEFAULT_MSS
  peerScale = 0
  hasTimestamps = true
  isScaling = true
  recentTimestamp = 0
  recentAt = 0
  /** When the first SYN was sent, and how many were repeated. */
  #synAt = 0
  #synRepeats = 0
  readonly #timestampOffset: number
  readonly #alarm: Alarm
  #ackAlarm: Alarm | undefined
  #isAckArmed = false
  #isEndRead = false
  #isBlocked = false
  #invalidAt = Number.NEGATIVE_INFINITY
  #keepIdle = 0
  #keepInterval = KEEPALIVE_INTERVAL
  #keepProbes = KEEPALIVE_PROBES
  #keepSent = 0
  #heardAt = 0

  constructor(host: ConnectionHost, key: string, local: Endpoint, remote: Endpoint, events: TcpEvents | undefined) {
    const { clock, random } = host.ip
    this.host = host
    this.clock = clock
    this.key = key
    this.local = local
    this.remote = remote
    this.isActive = events !== undefined
    this.state = events === undefined ? 'SYN-RECV' : 'SYN-SENT'
    this.events = events ?? NO_EVENTS
    this.iss = random.below(2 ** 32)
    this.#timestampOffset = random.below(2 ** 32)
    this.mss = this.#mssOfPath()
    this.window = new ReceiveWindow(this.mss)
    this.acks = new AckPolicy(this.mss)
    this.sender = new Sender(this)
    this.#alarm = clock.alarm(() => this.#ring())
  }

  // What the user calls.

  write(bytes: Uint8Array): number {
    const { sender, state } = this
    if (state === 'SYN-SENT' || state === 'SYN-RECV') return -ENOTCONN
    if (!this.isSending || sender.finAt >= 0) return -EPIPE
    const room = sender.limit - sender.buffer.length
    if (room < bytes.length) this.#isBlocked = true
    if (room <= 0) return 0
    const taken = bytes.slice(0, room)
    sender.buffer.append(taken)
    sender.push()
    return taken.length
  }

  read(): Uint8Array | undefined | null {
    const { receive } = this
    const chunk = receive.read()
    if (chunk !== undefined) {
      this.window.onRead(chunk.length, this.clock.now(), this.sender.rtt.smoothed)
      if (this.isSynchronized && receive.unread === 0) this.ackAfterRead()
      else if (2 * this.window.left(receive.next) <= this.window.limit) this.notify(READ)
      return chunk
    }
    if (!receive.isFinished || this.#isEndRead) return undefined
    this.#isEndRead = true
    return null
  }

  shutdown(): void {
    if (this.state === 'SYN-SENT') this.fail(0)
    else if (this.isSending || this.state === 'SYN-RECV') this.#sendFin()
  }

  close(): void {
    if (this.isOrphan) return
    const { unread } = this.receive
    this.abandon()
    if (this.state === 'SYN-SENT') this.end()
    else if (unread > 0 && this.state !== 'TIME-WAIT' && this.state !== 'CLOSED') {
      this.host.ip.count('TcpExtTCPAbortOnClose')
      this.reset()
    } else if (this.isSending || this.state === 'SYN-RECV') this.#sendFin()
    else if (this.state === 'FIN-WAIT-2') this.#arm(this.host.options.finTimeout)
  }

  /** Forgets the user. */
  abandon(): void {
    this.isOrphan = true
    this.events = NO_EVENTS
    this.pending = 0
    this.receive.clear()
  }

  reset(): void {
    this.abandon()
    if (this.isSynchronized && this.state !== 'TIME-WAIT') this.sendReset()
    if (this.state === 'ESTAB' || this.state === 'CLOSE-WAIT') this.host.ip.count('TcpEstabResets')
    this.end()
  }

  setNoDelay(on: boolean): void {
    this.sender.isNoDelay = on
    if (on && this.isSynchronized) this.sender.push()
  }

  setKeepAlive(on: boolean, idle = KEEPALIVE_IDLE, interval = KEEPALIVE_INTERVAL, probes = KEEPALIVE_PROBES): void {
    this.#keepIdle = on ? idle : 0
    this.#keepInterval = interval
    this.#keepProbes = probes
    this.#keepSent = 0
    if (!this.isSynchronized || this.state === 'SYN-RECV' || this.state === 'TIME-WAIT') return
    if (on) this.#arm(Math.max(this.#heardAt + idle - this.clock.now(), 0))
    else this.#alarm.cancel()
  }

  // State.

  /** Whether the user may write. */
  get isSending(): boolean {
    return this.state === 'ESTAB' || this.state === 'CLOSE-WAIT'
  }

  /** Whether both ends know each other's sequence numbers. */
  get isSynchronized(): boolean {
    return this.state !== 'SYN-SENT' && this.state !== 'CLOSED'
  }

  notify(event: number): void {
    if (this.isOrphan) return
    if (this.pending === 0) this.host.notify(this)
    this.pending |= event
  }

  /** Sends the first SYN. Returns 0 or a negative errno. */
  connect(): number {
    this.#synAt = this.clock.now()
    this.sender.next = 1
    this.#arm(this.#synDelay)
    return this.emit(TCP_SYN, 0, 0)
  }

  /** Takes the peer's SYN, whose options are in `peer*`, and answers it in SYN-RECV. */
  answerSyn(): void {
    this.state = 'SYN-RECV'
    this.#synAt = this.clock.now()
    this.#synRepeats = 0
    this.sender.next = 1
    this.emit(TCP_SYN | TCP_ACK, 0, 0)
    this.#arm(this.#synDelay)
  }

  /** Repeats SYN-ACK for a repeated SYN. */
  repeatSynAck(): void {
    this.emit(TCP_SYN | TCP_ACK, 0, 0, true)
  }

  /** Completes the handshake. `echoed` is the RTT by the timestamps, or -1. */
  establish(echoed: number): void {
    const { sender } = this
    const now = this.clock.now()
    this.state = 'ESTAB'
    sender.start()
    if (this.#synRepeats === 0) sender.rtt.sample(now - this.#synAt, now)
    else if (echoed >= 0) sender.rtt.sample(echoed, now)
    else sender.rtt.fallBack()
    if (this.#synRepeats > 1) sender.congestion.window = 1
    this.updateMss()
    this.#heardAt = now
    this.#alarm.cancel()
    if (this.#keepIdle > 0) this.#arm(this.#keepIdle)
    if (sender.finAt >= 0) this.state = 'FIN-WAIT-1'
  }

  enterFinWait2(): void {
    this.state = 'FIN-WAIT-2'
    if (this.isOrphan) this.#arm(this.host.options.finTimeout)
  }

  enterTimeWait(): void {
    this.state = 'TIME-WAIT'
    this.sender.clear()
    this.#cancelAck()
    this.host.ip.count('TcpExtTW')
    this.restartTimeWait()
  }

  restartTimeWait(): void {
    this.#arm(TIME_WAIT)
  }

  /** Notes a valid segment of the peer. */
  onHeard(): void {
    this.#heardAt = this.clock.now()
    this.#keepSent = 0
  }

  /** Wakes a user whose write was cut short, when a third of the buffer is free. */
  checkWritable(): void {
    if (!this.#isBlocked || this.sender.buffer.length * 3 > this.sender.limit * 2) return
    this.#isBlocked = false
    this.notify(WRITABLE)
  }

  /** Ends the connection with an error, of which the user is notified; none for 0. */
  fail(errno: number): void {
    if (this.state === 'CLOSED') return
    const { ip } = this.host
    if (this.state === 'SYN-SENT' || this.state === 'SYN-RECV') ip.count('TcpAttemptFails')
    else if (errno === ECONNRESET && this.isSending) ip.count('TcpEstabResets')
    this.end()
    if (errno === 0) return
    this.error = errno
    this.notify(FAILED)
  }

  giveUp(): void {
    this.host.ip.count('TcpExtTCPAbortOnTimeout')
    this.fail(this.softError === 0 ? ETIMEDOUT : this.softError)
  }

  /** Frees the state. What was received in order remains to be read. */
  end(): void {
    this.state = 'CLOSED'
    this.sender.clear()
    this.#alarm.cancel()
    this.#cancelAck()
    this.host.remove(this)
  }

  #sendFin(): void {
    const { state } = this
    this.state = state === 'CLOSE-WAIT' ? 'LAST-ACK' : state === 'SYN-RECV' ? state : 'FIN-WAIT-1'
    if (this.sender.finAt >= 0) return
    this.sender.queueFin()
    if (state !== 'SYN-RECV') this.sender.push()
  }

  // Timers of the connection: SYN, keepalive, FIN-WAIT-2 and TIME-WAIT.

  #arm(delay: number): void {
    this.#alarm.at(this.clock.now() + delay)
  }

  get #synDelay(): number {
    const linear = this.state === 'SYN-SENT' ? this.host.options.synLinearTimeouts : 0
    return NSEC_PER_SEC * 2 ** Math.max(this.#synRepeats - linear, 0)
  }

  #ring(): void {
    if (this.state === 'SYN-SENT' || this.state === 'SYN-RECV') this.#repeatSyn()
    else if (this.state === 'TIME-WAIT' || (this.state === 'FIN-WAIT-2' && this.isOrphan)) this.end()
    else this.#keepAlive()
  }

  /** Repeats the first SYN early: an old connection of the peer may have replied to it. */
  repeatSynSoon(): void {
    if (this.#synRepeats === 0) this.#arm(SYN_SOON)
  }

  #repeatSyn(): void {
    const { synRetries, synLinearTimeouts, synAckRetries } = this.host.options
    const isSent = this.state === 'SYN-SENT'
    const isExpired = isSent && this.clock.now() - this.#synAt >= (2 ** (synRetries + 1) - 1) * NSEC_PER_SEC
    if (isExpired || this.#synRepeats >= (isSent ? synRetries + synLinearTimeouts : synAckRetries)) {
      this.giveUp()
      return
    }
    this.#synRepeats++
    this.host.ip.count('TcpRetransSegs')
    this.host.ip.count('TcpExtTCPTimeouts')
    this.emit(isSent ? TCP_SYN : TCP_SYN | TCP_ACK, 0, 0, true)
    this.#arm(this.#synDelay)
  }

  #keepAlive(): void {
    if (this.#keepIdle === 0) return
    const { sender } = this
    const idle = this.clock.now() - this.#heardAt
    if (sender.board.packets > 0 || sender.hasUnsent) this.#arm(this.#keepIdle)
    else if (idle < this.#keepIdle) this.#arm(this.#keepIdle - idle)
    else if (this.#keepSent >= this.#keepProbes) {
      this.sendReset()
      this.giveUp()
    } else {
      this.#keepSent++
      this.host.ip.count('TcpExtTCPKeepAlive')
      sender.probe()
      this.#arm(this.#keepInterval)
    }
  }

  // Acknowledgments.

  /** Acknowledges now, later, or not at all. */
  checkAck(): void {
    const { acks, receive } = this
    if (!acks.isPending) return
    const isDue =
      receive.next - this.acknowledged > acks.segment &&
      (receive.unread === 0 || this.window.choose(receive.next, receive.unread, acks.segment) >= this.offered)
    if (isDue || acks.isQuick || receive.hasGap) this.sendAck()
    else if (!this.#isAckArmed) {
      this.#ackAlarm ??= this.clock.alarm(() => this.#onAckDelay())
      this.#isAckArmed = true
      this.#ackAlarm.at(this.clock.now() + acks.delay(this.sender.rtt.smoothed))
    }
  }

  #onAckDelay(): void {
    this.#isAckArmed = false
    this.acks.onDelayed(this.sender.rtt.timeout)
    this.host.ip.count('TcpExtDelayedACKs')
    this.sendAck()
  }

  #cancelAck(): void {
    if (!this.#isAckArmed) return
    this.#isAckArmed = false
    this.#ackAlarm?.cancel()
  }

  /** Acknowledges what has waited for the user to read, and offers a window that has opened. */
  ackAfterRead(): void {
    const { acks, receive, window } = this
    if (!this.isSynchronized) return
    const isPushed = acks.isPushedAgain || (acks.isPushed && !acks.isInteractive)
    if (acks.isPending && (receive.next - this.acknowledged > acks.segment || (isPushed && receive.unread === 0))) {
      this.sendAck()
      return
    }
    const left = window.left(receive.next)
    if (receive.isFinished || 2 * left > window.limit) return
    const next = window.choose(receive.next, receive.unread, acks.segment)
    if (next > 0 && next >= 2 * left) this.sendAck()
  }

  sendAck(): void {
    this.emit(TCP_ACK, this.sender.next, 0)
  }

  /** Acknowledges an invalid segment, at most twice a second if it has no data (RFC 5961). */
  sendInvalidAck(hasData: boolean, isChallenge = false): void {
    const now = this.clock.now()
    if (!hasData && now - this.#invalidAt < INVALID_INTERVAL) return
    if (!hasData) this.#invalidAt = now
    if (isChallenge) this.host.ip.count('TcpExtTCPChallengeACK')
    this.sendAck()
  }

  sendReset(): void {
    this.host.ip.count('TcpOutRsts')
    this.emit(TCP_RST | TCP_ACK, this.sender.next, 0)
  }

  // Segments.

  emit(flags: number, sequence: number, length: number, isRepeat = false): number {
    const { header } = this.host
    header.reset(this.local.port, this.remote.port)
    header.flags = flags
    header.sequence = (this.iss + sequence) % 2 ** 32
    if ((flags & TCP_SYN) !== 0) this.#setSynOptions(header)
    else {
      const { next, unread } = this.receive
      header.window = this.window.offer(next, unread, this.acks.segment)
      this.offered = this.window.left(next)
    }
    if ((flags & TCP_ACK) !== 0) this.#setAck(header, length > 0)
    if (this.hasTimestamps) {
      header.hasTimestamp = true
      header.timestamp = this.timestamp
      header.echo = (flags & TCP_ACK) === 0 ? 0 : this.recentTimestamp
    }
    const segment = header.build(length)
    if (length > 0) this.sender.buffer.copy(sequence, length, segment, segment.length - length)
    if (!isRepeat) this.host.ip.count('TcpOutSegs')
    return this.host.send(this.local.address, this.remote.address, segment)
  }

  #setSynOptions(header: Header): void {
    header.mss = this.mss
    header.sackPermitted = (header.flags & TCP_ACK) === 0 || this.sender.hasSack
    if (this.isScaling) header.windowScale = WINDOW_SCALE
    header.window = Math.min(this.window.limit, MAX_UNSCALED)
    this.offered = header.window
    this.window.edge = this.receive.next + header.window
  }

  #setAck(header: Header, hasData: boolean): void {
    const { acks, receive } = this
    header.acknowledgment = (this.irs + receive.next) % 2 ** 32
    this.acknowledged = receive.next
    if (this.sender.hasSack && (receive.hasGap || receive.duplicateStart >= 0)) this.#setSacks(header)
    acks.onSent(this.clock.now(), hasData)
    this.#cancelAck()
  }

  #setSacks(header: Header): void {
    const { receive, irs } = this
    const { sacks } = header
    const most = 2 * maxSacks(this.hasTimestamps)
    let n = 0
    if (receive.duplicateStart >= 0) {
      sacks[n++] = (irs + receive.duplicateStart) % 2 ** 32
      sacks[n++] = (irs + receive.duplicateEnd) % 2 ** 32
      receive.duplicateStart = -1
    }
    for (let i = 0; i < receive.ranges.length && n < most; i++) sacks[n++] = (irs + receive.ranges[i]) % 2 ** 32
    header.sackEdges = n
  }

  /** Length of the SACK blocks of the next segment. */
  get extraLength(): number {
    const { receive } = this
    if (!this.sender.hasSack) return 0
    const blocks = receive.ranges.length / 2 + (receive.duplicateStart >= 0 ? 1 : 0)
    return sacksLength(Math.min(blocks, maxSacks(this.hasTimestamps)))
  }

  /** The clock of the timestamps option: milliseconds. */
  get timestamp(): number {
    return (Math.floor(this.clock.now() / NSEC_PER_MSEC) + this.#timestampOffset) % 2 ** 32
  }

  /** The MSS that the path allows. */
  #mssOfPath(): number {
    const headers = this.remote.address.length === 4 ? HEADERS_V4 : HEADERS_V6
    return Math.max(Math.min(this.host.ip.mtuTo(this.remote.address), MAX_PACKET) - headers, MIN_MSS)
  }

  /** Sets the data of a full segment from the path, the peer's MSS and its largest window. */
  updateMss(): void {
    const { sender } = this
    const options = this.hasTimestamps ? TIMESTAMPS_LENGTH : 0
    sender.mss = Math.max(Math.min(this.#mssOfPath(), this.peerMss), MIN_MSS) - options
    // A segment that is larger than the window would never be sent.
    const most = sender.maxWindow > DEFAULT_MSS ? sender.maxWindow >> 1 : sender.maxWindow
    if (most > 0) sender.mss = Math.min(sender.mss, Math.max(most, MIN_MSS))
  }

  get hasLossProbes(): boolean {
    return this.host.options.hasLossProbes
  }

  count(name: string): void {
    this.host.ip.count(name)
  }
}
