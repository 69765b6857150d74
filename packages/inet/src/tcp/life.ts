/**
 * The timer of a connection's life, as one alarm: repetitions of SYN and SYN-ACK, keepalive probes
 * (RFC 9293 sec. 3.8.4), FIN-WAIT-2 of a closed connection, and TIME-WAIT. Only one of them runs at
 * a time. The defaults are Linux's.
 */
import { type Alarm, type Clock, NSEC_PER_MSEC, NSEC_PER_SEC, tcp } from 'vnet'
import type { TcpOptions } from './host.ts'

const TIME_WAIT = 60 * NSEC_PER_SEC
/** When a SYN is repeated early: after two ticks. */
const SYN_SOON = 8 * NSEC_PER_MSEC
/** tcp_keepalive_time, tcp_keepalive_intvl, tcp_keepalive_probes */
const KEEPALIVE_IDLE = 7200 * NSEC_PER_SEC
const KEEPALIVE_INTERVAL = 75 * NSEC_PER_SEC
const KEEPALIVE_PROBES = 9

/** The connection that these timers end. */
interface LifeOwner {
  readonly clock: Clock
  readonly host: { readonly options: TcpOptions }
  readonly state: string
  readonly isSynchronized: boolean
  /** Whether its user has closed it. */
  readonly isOrphan: boolean
  readonly sender: {
    readonly board: { readonly packets: number }
    readonly hasUnsent: boolean
    probe(counter: string): boolean
  }
  count(counter: string): void
  emit(flags: number, sequence: number, length: number, isRepeat?: boolean): number
  sendReset(): void
  /** Frees it without an event. */
  end(): void
  /** Fails it with ETIMEDOUT, or with an ICMP error that did not end it. */
  giveUp(): void
}

export class Life {
  /** How often the SYN or SYN-ACK was sent again because of its timeout. */
  repeats = 0
  #startedAt = 0
  /** Nanoseconds without a segment of the peer before the first probe; 0 if probing is off. */
  #idle = 0
  #interval = KEEPALIVE_INTERVAL
  #mostProbes = KEEPALIVE_PROBES
  /** Probes without a reply. */
  #probes = 0
  #heardAt = 0
  readonly #connection: LifeOwner
  readonly #alarm: Alarm

  constructor(connection: LifeOwner) {
    this.#connection = connection
    this.#alarm = connection.clock.alarm(() => this.#ring())
  }

  #arm(delay: number): void {
    this.#alarm.at(this.#connection.clock.now() + delay)
  }

  cancel(): void {
    this.#alarm.cancel()
  }

  /** Sends SYN or SYN-ACK and starts its repetitions. Returns 0 or a negative errno. */
  startHandshake(): number {
    this.#startedAt = this.#connection.clock.now()
    this.repeats = 0
    this.#arm(this.#repeatTime)
    return this.#sendSyn(false)
  }

  /** Repeats the first SYN early: an old connection of the peer may have replied to it. */
  repeatSoon(): void {
    if (this.repeats === 0) {
      this.#arm(SYN_SOON)
    }
  }

  /** Returns the round-trip time of the handshake; -1 after a repetition. */
  roundTrip(now: number): number {
    return this.repeats === 0 ? now - this.#startedAt : -1
  }

  onEstablished(now: number): void {
    this.onHeard(now)
    this.#alarm.cancel()
    if (this.#idle > 0) {
      this.#arm(this.#idle)
    }
  }

  /** Notes a segment of the peer. */
  onHeard(now: number): void {
    this.#heardAt = now
    this.#probes = 0
  }

  /** Times are in nanoseconds. */
  setKeepalive(
    on: boolean,
    idle = KEEPALIVE_IDLE,
    interval = KEEPALIVE_INTERVAL,
    probes = KEEPALIVE_PROBES,
  ): void {
    const { clock, isSynchronized, state } = this.#connection
    this.#idle = on ? idle : 0
    this.#interval = interval
    this.#mostProbes = probes
    this.#probes = 0
    if (!isSynchronized || state === 'SYN-RECV' || state === 'TIME-WAIT') return
    if (this.#idle > 0) {
      this.#arm(Math.max(this.#heardAt + this.#idle - clock.now(), 0))
    } else {
      this.#alarm.cancel()
    }
  }

  startFinWait(): void {
    this.#arm(this.#connection.host.options.finTimeout)
  }

  startTimeWait(): void {
    this.#arm(TIME_WAIT)
  }

  #ring(): void {
    const connection = this.#connection
    const { state, isOrphan } = connection
    if (state === 'SYN-SENT' || state === 'SYN-RECV') {
      this.#repeat()
    } else if (state === 'TIME-WAIT' || (state === 'FIN-WAIT-2' && isOrphan)) {
      connection.end()
    } else {
      this.#probe()
    }
  }

  #repeat(): void {
    const connection = this.#connection
    if (this.#isExpired) {
      connection.giveUp()
      return
    }
    this.repeats++
    connection.count('TcpRetransSegs')
    connection.count('TcpExtTCPSynRetrans')
    connection.count('TcpExtTCPTimeouts')
    this.#sendSyn(true)
    this.#arm(this.#repeatTime)
  }

  #sendSyn(isRepeat: boolean): number {
    const { state } = this.#connection
    return this.#connection.emit(
      state === 'SYN-SENT' ? tcp.TCP_SYN : tcp.TCP_SYN | tcp.TCP_ACK,
      0,
      0,
      isRepeat,
    )
  }

  /** Nanoseconds until the next repetition of SYN or SYN-ACK. */
  get #repeatTime(): number {
    const { state, host } = this.#connection
    const linear = state === 'SYN-SENT' ? host.options.synLinearTimeouts : 0
    return NSEC_PER_SEC * 2 ** Math.max(this.repeats - linear, 0)
  }

  /** Whether to give up. Linear repetitions of a SYN do not extend the time of the others. */
  get #isExpired(): boolean {
    const { state, host, clock } = this.#connection
    const { synRetries, synLinearTimeouts, synAckRetries } = host.options
    if (state !== 'SYN-SENT') return this.repeats >= synAckRetries
    const limit = (2 ** (synRetries + 1) - 1) * NSEC_PER_SEC
    return this.repeats >= synRetries + synLinearTimeouts || clock.now() - this.#startedAt >= limit
  }

  #probe(): void {
    if (this.#idle === 0) return
    const { sender, clock } = this.#connection
    const isBusy = sender.board.packets > 0 || sender.hasUnsent
    const wait = isBusy ? this.#idle : this.#heardAt + this.#idle - clock.now()
    if (wait > 0) {
      this.#arm(wait)
    } else if (this.#probes >= this.#mostProbes) {
      this.#connection.sendReset()
      this.#connection.giveUp()
    } else {
      this.#probes++
      sender.probe('TcpExtTCPKeepAlive')
      this.#arm(this.#interval)
    }
  }
}
