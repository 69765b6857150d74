/**
 * The timer of a connection's life, as one alarm: repetitions of SYN and SYN-ACK, keepalive probes,
 * FIN-WAIT-2 of a closed connection, and TIME-WAIT. Only one of them runs at a time.
 */
import { type Alarm, NSEC_PER_MSEC, NSEC_PER_SEC } from 'vnet/internal/base/clock'
import { TCP_ACK, TCP_SYN } from 'vnet/internal/packet/tcp'
import type { Connection } from './tcp-connection.ts'
import { Handshake } from './tcp-handshake.ts'
import { Keepalive } from './tcp-keepalive.ts'

const TIME_WAIT = 60 * NSEC_PER_SEC
/** When a SYN is repeated early: after two ticks. */
const SYN_SOON = 8 * NSEC_PER_MSEC

export class Life {
  readonly handshake: Handshake
  readonly keepalive = new Keepalive()
  readonly #connection: Connection
  readonly #alarm: Alarm

  constructor(connection: Connection) {
    this.#connection = connection
    this.handshake = new Handshake(connection.host.options)
    this.#alarm = connection.clock.alarm(() => this.#ring())
  }

  #arm(delay: number): void {
    this.#alarm.at(this.#connection.clock.now() + delay)
  }

  cancel(): void {
    this.#alarm.cancel()
  }

  /** Sends SYN or SYN-ACK and starts its repetitions. Returns 0 or a negative errno. */
  startHandshake(isSyn: boolean): number {
    this.handshake.start(this.#connection.clock.now(), isSyn)
    this.#arm(this.handshake.delay)
    return this.#connection.emit(isSyn ? TCP_SYN : TCP_SYN | TCP_ACK, 0, 0)
  }

  /** Repeats the first SYN early: an old connection of the peer may have replied to it. */
  repeatSoon(): void {
    if (this.handshake.repeats === 0) this.#arm(SYN_SOON)
  }

  onEstablished(now: number): void {
    this.keepalive.onHeard(now)
    this.#alarm.cancel()
    if (this.keepalive.idle > 0) this.#arm(this.keepalive.idle)
  }

  /** Probing was turned on or off. */
  updateKeepalive(): void {
    if (this.keepalive.idle > 0) this.#arm(Math.max(this.keepalive.wait(this.#connection.clock.now()), 0))
    else this.#alarm.cancel()
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
    if (state === 'SYN-SENT' || state === 'SYN-RECV') this.#repeat()
    else if (state === 'TIME-WAIT' || (state === 'FIN-WAIT-2' && isOrphan)) connection.end()
    else this.#probe()
  }

  #repeat(): void {
    const connection = this.#connection
    if (this.handshake.isExpired(connection.clock.now())) {
      connection.giveUp()
      return
    }
    this.handshake.repeats++
    connection.count('TcpRetransSegs')
    connection.count('TcpExtTCPTimeouts')
    connection.emit(connection.state === 'SYN-SENT' ? TCP_SYN : TCP_SYN | TCP_ACK, 0, 0, true)
    this.#arm(this.handshake.delay)
  }

  #probe(): void {
    const { keepalive } = this
    if (keepalive.idle === 0) return
    const { sender, clock } = this.#connection
    const isBusy = sender.board.packets > 0 || sender.hasUnsent
    const wait = isBusy ? keepalive.idle : keepalive.wait(clock.now())
    if (wait > 0) this.#arm(wait)
    else if (wait < 0) {
      this.#connection.sendReset()
      this.#connection.giveUp()
    } else {
      keepalive.onProbe()
      sender.probe('TcpExtTCPKeepAlive')
      this.#arm(keepalive.interval)
    }
  }
}
