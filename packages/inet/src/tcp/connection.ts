/**
 * A TCP connection (RFC 9293): its state, what its user calls, and the segments that it sends.
 * Received segments are processed in input.ts. Sequence numbers count from the SYN of each
 * direction, which is 0, and do not wrap. Only headers have the sequence numbers of the wire.
 */
import { type Clock, ECONNRESET, EPIPE, ETIMEDOUT, NSEC_PER_MSEC, tcp } from 'vnet'
import type { Endpoint, TcpConnection, TcpEvents } from '../contract.ts'
import { Acks } from './acks.ts'
import { type ConnectionHost, FAILED, NO_EVENTS, READ, WRITABLE } from './host.ts'
import { Life } from './life.ts'
import { DEFAULT_MSS, emit, pathMss, segmentData } from './output.ts'
import { ReceiveBuffer, ReceiveWindow, WINDOW_SCALE } from './receive.ts'
import { TIMESTAMPS_LENGTH } from './segment.ts'
import { Sender } from './send.ts'

const ENOTCONN = 107

type TcpState =
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

export class Connection implements TcpConnection {
  readonly host: ConnectionHost<Connection>
  readonly clock: Clock
  readonly local: Endpoint
  readonly remote: Endpoint
  /** The key of this connection in its host. */
  readonly key: string
  /** Whether this host has sent the first SYN. */
  readonly isActive: boolean
  /** The listener that got the SYN. */
  listener:
    | { readonly waiting: Set<Connection>; readonly accept: (connection: Connection) => void }
    | undefined
  events: TcpEvents
  state: TcpState
  isOrphan = false
  /** Bits of pending events, and the error of FAILED. */
  pending = 0
  error = 0
  /** An ICMP error that did not end the connection. It replaces ETIMEDOUT. */
  softError = 0
  /** Initial sequence numbers of the wire. */
  iss: number
  irs = 0
  readonly sender: Sender
  readonly receive = new ReceiveBuffer()
  readonly window: ReceiveWindow
  readonly acks: Acks
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
  readonly #timestampOffset: number
  readonly life: Life
  #isEndRead = false
  #isBlocked = false

  constructor(
    host: ConnectionHost<Connection>,
    key: string,
    local: Endpoint,
    remote: Endpoint,
    events: TcpEvents | undefined,
  ) {
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
    this.#timestampOffset = host.timestampOffset(local.address, remote.address)
    this.mss = pathMss(host.ip, remote.address)
    this.window = new ReceiveWindow(this.mss)
    this.acks = new Acks(this)
    this.sender = new Sender(this)
    this.life = new Life(this)
  }

  // The calls of the user.

  write(bytes: Uint8Array): number {
    const { sender, state } = this
    if (state === 'SYN-SENT' || state === 'SYN-RECV') return -ENOTCONN
    if (!this.isSending || sender.finAt >= 0) return -EPIPE
    const room = sender.limit - sender.buffer.length
    if (room < bytes.length) {
      this.#isBlocked = true
    }
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
      if (this.isSynchronized && receive.unread === 0) {
        this.acks.onRead()
      } else if (2 * this.window.left(receive.next) <= this.window.limit) {
        this.notify(READ)
      }
      return chunk
    }
    if (!receive.isFinished || this.#isEndRead) return undefined
    this.#isEndRead = true
    return null
  }

  shutdown(): void {
    if (this.state === 'SYN-SENT') {
      this.fail(0)
    } else if (this.isSending || this.state === 'SYN-RECV') {
      this.#sendFin()
    }
  }

  close(): void {
    if (this.isOrphan) return
    const { receive, state } = this
    const hasUnread = receive.unread > 0 || (receive.endsUrgent && !this.#isEndRead)
    if (hasUnread && state !== 'TIME-WAIT' && state !== 'CLOSED') {
      this.count('TcpExtTCPAbortOnClose')
      this.#abort()
      return
    }
    this.abandon()
    if (this.state === 'SYN-SENT') {
      this.end()
    } else if (this.isSending || this.state === 'SYN-RECV') {
      this.#sendFin()
    } else if (this.state === 'FIN-WAIT-2') {
      this.life.startFinWait()
    }
  }

  /** Forgets the user. */
  abandon(): void {
    this.isOrphan = true
    this.events = NO_EVENTS
    this.receive.clear()
  }

  reset(): void {
    // TIME-WAIT remains.
    if (this.state === 'TIME-WAIT') {
      this.abandon()
    } else if ((this.state === 'LAST-ACK' || this.state === 'CLOSING') && !this.sender.hasUnsent) {
      // After both FINs there is nothing to reset, unless bytes are to be sent before the own one.
      this.abandon()
      this.end()
    } else {
      this.#abort()
    }
  }

  #abort(): void {
    // First, because it has SACK blocks of the received bytes.
    if (this.isSynchronized) {
      this.sendReset()
    }
    this.abandon()
    if (this.state === 'ESTAB' || this.state === 'CLOSE-WAIT') {
      this.count('TcpEstabResets')
    }
    this.end()
  }

  setNoDelay(on: boolean): void {
    this.sender.isNoDelay = on
    if (on && this.isSynchronized) {
      this.sender.push()
    }
  }

  setKeepAlive(on: boolean, idle?: number, interval?: number, probes?: number): void {
    this.life.setKeepalive(on, idle, interval, probes)
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
    if (this.pending === 0) {
      this.host.notify(this)
    }
    this.pending |= event
  }

  enterFinWait2(): void {
    this.state = 'FIN-WAIT-2'
    if (this.isOrphan) {
      this.life.startFinWait()
    }
  }

  enterTimeWait(): void {
    this.state = 'TIME-WAIT'
    this.sender.clear()
    this.acks.cancel()
    this.count('TcpExtTW')
    this.life.startTimeWait()
    this.host.onTimeWait(this)
  }

  /** Wakes the user after a short write, when a third of the buffer is free. */
  checkWritable(): void {
    if (!this.#isBlocked || this.sender.buffer.length * 3 > this.sender.limit * 2) return
    this.#isBlocked = false
    this.notify(WRITABLE)
  }

  /** The user has read a part of the received bytes and may have stopped. */
  onReadSome(): void {
    if (this.isSynchronized) {
      this.acks.onRead()
    }
  }

  /** Ends the connection with an error, of which the user is notified; none for 0. */
  fail(errno: number): void {
    if (this.state === 'CLOSED') return
    if (this.state === 'SYN-SENT' || this.state === 'SYN-RECV') {
      this.count('TcpAttemptFails')
    } else if (errno === ECONNRESET && this.isSending) {
      this.count('TcpEstabResets')
    }
    this.end()
    if (errno === 0) return
    this.error = errno
    this.notify(FAILED)
  }

  giveUp(): void {
    this.count('TcpExtTCPAbortOnTimeout')
    this.fail(this.softError === 0 ? ETIMEDOUT : this.softError)
  }

  /** Frees the state. Bytes received in order remain to be read. */
  end(): void {
    this.state = 'CLOSED'
    this.sender.clear()
    this.life.cancel()
    this.acks.cancel()
    this.host.remove(this)
  }

  #sendFin(): void {
    if (this.state === 'CLOSE-WAIT') {
      this.state = 'LAST-ACK'
    } else if (this.state !== 'SYN-RECV') {
      this.state = 'FIN-WAIT-1'
    }
    if (this.sender.finAt >= 0) return
    this.sender.queueFin()
    if (this.state !== 'SYN-RECV') {
      this.sender.push()
    }
  }

  // Segments.

  sendAck(): void {
    this.emit(tcp.TCP_ACK, this.#acceptableSequence, 0)
  }

  sendReset(): void {
    this.count('TcpOutRsts')
    this.emit(tcp.TCP_RST | tcp.TCP_ACK, this.#acceptableSequence, 0)
  }

  /**
   * The sequence number of a segment without bytes: within the window, if the peer has taken back a
   * part of it that is more than the rounding of a scaled one.
   */
  get #acceptableSequence(): number {
    const { edge, next, una } = this.sender
    if (una === 0) return next
    return next - edge < (this.isScaling ? 2 ** WINDOW_SCALE : 1) ? next : edge
  }

  emit(flags: number, sequence: number, length: number, isRepeat = false): number {
    return emit(this, flags, sequence, length, isRepeat)
  }

  /** The clock of the timestamps option: milliseconds. */
  get timestamp(): number {
    return (Math.floor(this.clock.now() / NSEC_PER_MSEC) + this.#timestampOffset) % 2 ** 32
  }

  /** Sets the data of a full segment. */
  updateMss(): void {
    const { sender } = this
    const options = this.hasTimestamps ? TIMESTAMPS_LENGTH : 0
    sender.mss = segmentData(
      pathMss(this.host.ip, this.remote.address),
      this.peerMss,
      options,
      sender.maxWindow,
    )
  }

  count(name: string): void {
    this.host.ip.count(name)
  }
}
