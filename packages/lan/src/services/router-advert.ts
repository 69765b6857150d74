/**
 * RaSender: decides when a router advertises itself to all nodes (RFC 4861 sec. 6.2). It does so at
 * random intervals, more often after its start, within half a second after a solicitation but at
 * most once in three seconds, and at its end, with a lifetime of 0.
 */
import { type Alarm, type Clock, ipv6, NSEC_PER_MSEC, NSEC_PER_SEC } from 'vnet'
import type { Random } from 'vnet/net'
import * as routerAdvert from '../packet/router-advert.ts'

/** RFC 4861 sec. 10. */
const MAX_INITIAL_RTR_ADVERT_INTERVAL = 16 * NSEC_PER_SEC
const MAX_INITIAL_RTR_ADVERTISEMENTS = 3
const MIN_DELAY_BETWEEN_RAS = 3 * NSEC_PER_SEC
const MAX_RA_DELAY_TIME = 500 * NSEC_PER_MSEC

/** The advertisement, and the environment of its sender. */
export interface RaSenderOptions {
  readonly clock: Clock
  readonly random: Random
  readonly advert: routerAdvert.RouterAdvert
  /** MaxRtrAdvInterval: at most this many seconds between two, 4 to 1800; default 600. */
  readonly maxInterval?: number
  /** Sends an ICMPv6 message with an empty checksum field to an IPv6 address. */
  send(icmpv6Body: Uint8Array, destination: Uint8Array): void
}

/** Advertises one router from its constructor to stop(), which its owner calls last. */
export class RaSender {
  readonly #options: RaSenderOptions
  readonly #alarm: Alarm
  #maxInterval: number
  #advert: routerAdvert.RouterAdvert
  /** The number sent since the start, and the time in ns of the last one. */
  #sent = 0
  #last = Number.NEGATIVE_INFINITY
  /** The time in ns at which the next one is due. */
  #next = 0

  /** Starts to advertise. */
  constructor(options: RaSenderOptions) {
    this.#options = options
    this.#advert = options.advert
    this.#maxInterval = options.maxInterval ?? 600
    this.#alarm = options.clock.alarm(() => this.#advertise())
    this.#begin()
  }

  /** Called for each valid router solicitation (isRouterSolicitation). */
  solicited(): void {
    this.#due(this.#options.clock.now() + this.#options.random.next() * MAX_RA_DELAY_TIME)
  }

  /** Replaces the advertisement, and sends it as at the start. */
  reload(advert: routerAdvert.RouterAdvert, maxInterval = this.#maxInterval): void {
    this.#advert = advert
    this.#maxInterval = maxInterval
    this.#begin()
  }

  /** Advertises once that this stopped being a router and a resolver. The last call. */
  stop(): void {
    this.#alarm.cancel()
    const { rdnss, dnssl, pref64, ...advert } = this.#advert
    this.#send({
      ...advert,
      lifetime: 0,
      rdnss: rdnss && { ...rdnss, lifetime: 0 },
      dnssl: dnssl && { ...dnssl, lifetime: 0 },
      pref64: pref64 && { ...pref64, lifetime: 0 },
    })
  }

  /** Advertises immediately, or MIN_DELAY_BETWEEN_RAS after the last time. */
  #begin(): void {
    const now = this.#options.clock.now()
    this.#sent = 0
    this.#next = Number.POSITIVE_INFINITY
    if (now >= this.#last + MIN_DELAY_BETWEEN_RAS) {
      this.#advertise()
    } else {
      this.#due(now)
    }
  }

  /** Schedules one at `ns`, or as soon as the minimum delay allows. An earlier one suffices. */
  #due(ns: number): void {
    const delay = this.#options.random.next() * MAX_RA_DELAY_TIME
    const at =
      ns < this.#last + MIN_DELAY_BETWEEN_RAS ? this.#last + MIN_DELAY_BETWEEN_RAS + delay : ns
    if (at >= this.#next) return
    this.#next = at
    this.#alarm.at(at)
  }

  #advertise(): void {
    const { clock, random } = this.#options
    this.#last = clock.now()
    this.#sent++
    const max = this.#maxInterval * NSEC_PER_SEC
    // MinRtrAdvInterval: a third, if that is at least 3 s (RFC 4861 sec. 6.2.1, erratum 3154).
    const min = (this.#maxInterval >= 9 ? 0.33 : 0.75) * max
    const interval = min + random.next() * (max - min)
    const soon = this.#sent <= MAX_INITIAL_RTR_ADVERTISEMENTS
    this.#next =
      this.#last + (soon ? Math.min(interval, MAX_INITIAL_RTR_ADVERT_INTERVAL) : interval)
    this.#alarm.at(this.#next)
    this.#send(this.#advert)
  }

  #send(advert: routerAdvert.RouterAdvert): void {
    this.#options.send(routerAdvert.routerAdvertisement(advert), ipv6.ALL_NODES)
  }
}
