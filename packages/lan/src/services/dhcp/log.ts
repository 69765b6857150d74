/** The log lines of the DHCP server, as dnsmasq has them. Each kind is limited. */
import { type Clock, explain, formatIpv4 } from 'vnet'
import { LimitedLog } from 'vnet/kit/base'
import type { Log } from 'vnet/net'
import type { DhcpConfig } from './config.ts'
import type { DhcpClient } from './request.ts'

/** Limit for lines about the server itself. */
const RARELY = { lines: 1, seconds: 60 }

/** The log of one server. */
export class DhcpLog {
  readonly #log: LimitedLog
  readonly #rareLog: LimitedLog
  readonly #name: string

  /** @param name of the segment's interface */
  constructor(log: Log, clock: Clock, name: string) {
    this.#log = new LimitedLog(log, clock)
    this.#rareLog = new LimitedLog(log, clock, RARELY)
    this.#name = name
  }

  /** `DHCPACK(eth9) 198.18.0.100 02:00:00:00:00:01 box` */
  message(type: string, address: number | undefined, { mac }: DhcpClient, more?: string): void {
    const kind = `${type}(${this.#name})`
    this.#log.info(kind, () => {
      const parts = [
        address === undefined || address === 0 ? undefined : formatIpv4(address),
        mac,
        more,
      ]
      return `${kind} ${parts.filter(word => word).join(' ')}`
    })
  }

  /** Logs a warning about a client. The number of lines is limited for each `kind`. */
  warn(kind: string, text: string): void {
    this.#log.warn(`DHCP(${this.#name}) ${kind}`, `DHCP(${this.#name}) ${text}`)
  }

  /** @param codes of options that a reply had no room for */
  omitted(codes: readonly number[], { mac }: DhcpClient): void {
    if (codes.length > 0) {
      this.warn(
        'short messages',
        `${mac} accepts too short a message for its options ${codes.join(', ')}`,
      )
    }
  }

  malformed(length: number): void {
    const start = `DHCP(${this.#name}) malformed message`
    this.#log.debug(`${start}s`, `${start} of ${length} bytes`)
  }

  full({ network, ranges }: DhcpConfig, { mac }: DhcpClient): void {
    const start = `DHCPDISCOVER(${this.#name})`
    this.#log.warn(`${start} ${formatIpv4(network)} no address available`, () => {
      const pool = ranges
        .map(({ first, last }) => `${formatIpv4(first)}-${formatIpv4(last)}`)
        .join(', ')
      return `${start} ${mac} no address available: the pool ${pool} is full`
    })
  }

  written(error: unknown): void {
    const start = `DHCP(${this.#name}) leases`
    if (error === undefined) {
      this.#log.info(start, `${start} are saved again`)
    } else {
      this.#rareLog.err(
        start,
        () => `${start} cannot be saved, no new one is given: ${explain(error as Error)}`,
      )
    }
  }
}
