/**
 * RaSender: when a router advertises itself (RFC 4861 sec. 6.2): now and then, a few times soon after the start, soon after
 * a solicitation but never more than one in three seconds, and once at the end to say that it is no router any more. All to
 * all nodes.
 */
import { type Alarm, type Clock, NSEC_PER_MSEC, NSEC_PER_SEC } from '../core/clock.ts'
import type { Random } from '../core/random.ts'
import { type RouterAdvert, routerAdvertisement } from '../header/router-advert.ts'

/** ff02::1 */
export const ALL_NODES: Uint8Array = Uint8Array.of(0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1)

/** RFC 4861 sec. 10. */
const MAX_INITIAL_RTR_ADVERT_INTERVAL = 16 * NSEC_PER_SEC
const MAX_INITIAL_RTR_ADVERTISEMENTS = 3
const MIN_DELAY_BETWEEN_RAS = 3 * NSEC_PER_SEC
const MAX_RA_DELAY_TIME = 500 * NSEC_PER_MSEC

/** Seconds between unsolicited ones (MaxRtrAdvInterval, MinRtrAdvInterval): 4 to 1800, and 3 to 3/4 of that. */
export interface RaIntervals {
  readonly maxInterval?: number
  readonly minInterval?: number
}

export interface RaSenderOptions extends RaIntervals {
  readonly clock: Clock
  readonly random: Random
  readonly advert: RouterAdvert
  /** Takes an ICMPv6 message without checksum, for an IPv6 address of 16 octets. */
  send(icmpv6Body: Uint8Array, destination: Uint8Array): void
}

export class RaSender {
  readonly #options: RaSenderOptions
  readonly #alarm: Alarm
  #min = 0
  #max = 0
  #advert: RouterAdvert
  #running = false
  /** How many were sent since the start, and when the last one was. */
  #sent = 0
  #last = Number.NEGATIVE_INFINITY
  /** When the next one is due. */
  #next = 0

  constructor(options: RaSenderOptions) {
    this.#options = options
    this.#advert = options.advert
    this.#every(options)
    this.#alarm = options.clock.alarm(() => this.#ring())
  }

  /** Sends the first one, and others from then on. */
  start(): void {
    if (this.#running) return
    this.#running = true
    this.#begin()
  }

  /** A good router solicitation came (isRouterSolicitation says so): the answer is due soon. */
  solicited(): void {
    if (this.#running) this.#due(this.#options.clock.now() + this.#options.random.next() * MAX_RA_DELAY_TIME)
  }

  /** Something else is to be said from now on: told as at the start. */
  reload(advert: RouterAdvert, intervals: RaIntervals = this.#options): void {
    this.#advert = advert
    this.#every(intervals)
    if (this.#running) this.#begin()
  }

  /** Tells that this is no router any more, nor a resolver, and ends. */
  stop(): void {
    if (!this.#running) return
    this.#running = false
    this.#alarm.cancel()
    const { rdnss, dnssl, ...advert } = this.#advert
    this.#send({
      ...advert,
      lifetime: 0,
      rdnss: rdnss && { ...rdnss, lifetime: 0 },
      dnssl: dnssl && { ...dnssl, lifetime: 0 },
    })
  }

  #every({ maxInterval = 600, minInterval = defaultMinInterval(maxInterval) }: RaIntervals): void {
    this.#max = maxInterval * NSEC_PER_SEC
    this.#min = minInterval * NSEC_PER_SEC
  }

  #begin(): void {
    const now = this.#options.clock.now()
    this.#sent = 0
    this.#next = Number.POSITIVE_INFINITY
    if (now >= this.#last + MIN_DELAY_BETWEEN_RAS) this.#ring()
    else this.#due(now)
  }

  /** One is wanted at `ns`, or as soon after the last one as may be; one that comes before is enough. */
  #due(ns: number): void {
    const delay = this.#options.random.next() * MAX_RA_DELAY_TIME
    const at = ns < this.#last + MIN_DELAY_BETWEEN_RAS ? this.#last + MIN_DELAY_BETWEEN_RAS + delay : ns
    if (at >= this.#next) return
    this.#next = at
    this.#alarm.at(at)
  }

  #ring(): void {
    const { clock, random } = this.#options
    this.#last = clock.now()
    this.#sent++
    const interval = this.#min + random.next() * (this.#max - this.#min)
    const soon = this.#sent <= MAX_INITIAL_RTR_ADVERTISEMENTS
    this.#next = this.#last + (soon ? Math.min(interval, MAX_INITIAL_RTR_ADVERT_INTERVAL) : interval)
    this.#alarm.at(this.#next)
    this.#send(this.#advert)
  }

  #send(advert: RouterAdvert): void {
    this.#options.send(routerAdvertisement(advert), ALL_NODES)
  }
}

/** MinRtrAdvInterval of one third of the other, where that leaves three seconds (RFC 4861 sec. 6.2.1, erratum 3154). */
function defaultMinInterval(maxInterval: number): number {
  return (maxInterval >= 9 ? 0.33 : 0.75) * maxInterval
}
