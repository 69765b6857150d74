/** When an idle connection is probed (RFC 9293 sec. 3.8.4), with Linux's defaults. */
import { NSEC_PER_SEC } from 'vnet/internal/base/clock'

/** tcp_keepalive_time, tcp_keepalive_intvl, tcp_keepalive_probes */
export const KEEPALIVE_IDLE = 7200 * NSEC_PER_SEC
export const KEEPALIVE_INTERVAL = 75 * NSEC_PER_SEC
export const KEEPALIVE_PROBES = 9

export class Keepalive {
  /** Nanoseconds without a segment of the peer; 0 if probing is off. */
  idle = 0
  interval = KEEPALIVE_INTERVAL
  #most = KEEPALIVE_PROBES
  /** Probes without a reply. */
  #sent = 0
  #heardAt = 0

  set(on: boolean, idle: number, interval: number, probes: number): void {
    this.idle = on ? idle : 0
    this.interval = interval
    this.#most = probes
    this.#sent = 0
  }

  /** Notes a segment of the peer. */
  onHeard(now: number): void {
    this.#heardAt = now
    this.#sent = 0
  }

  /** Returns the nanoseconds until the next probe, 0 if it is due, -1 if the peer is lost. */
  wait(now: number): number {
    const left = this.#heardAt + this.idle - now
    if (left > 0) return left
    if (this.#sent >= this.#most) return -1
    return 0
  }

  onProbe(): void {
    this.#sent++
  }
}
