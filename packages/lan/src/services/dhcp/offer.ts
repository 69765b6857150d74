/**
 * Replies to DHCPDISCOVER. A new address is probed first (RFC 2131 sec. 2.2): an address in use is
 * set aside, others get an ARP request and are offered if PROBE_TIME passes without a reply.
 */
import { type Alarm, type Clock, formatIpv4, NSEC_PER_MSEC } from 'vnet'
import { dhcp } from 'vnet/kit/packet'
import type { LeaseTable } from './lease-table.ts'
import type { DhcpLog } from './log.ts'
import type { Pool } from './pool.ts'
import { type DhcpRequest, leaseReply, type SendReply } from './reply.ts'
import type { DhcpClient } from './request.ts'

/** The neighbours on the server's own link. An `address` is an IPv4 address as a number. */
export interface Neighbours {
  /** The MAC address last heard to use an address, `02:00:00:00:00:01`. */
  macOf(address: number): string | undefined
  /** Forgets which MAC address uses an address, and requests it by ARP. */
  request(address: number): void
}

export interface OfferingOptions {
  readonly clock: Clock
  readonly pool: Pool
  readonly leases: LeaseTable
  readonly log: DhcpLog
  /** Without it, addresses are offered unprobed. */
  readonly neighbours: Neighbours | undefined
}

/** A DHCPDISCOVER that gets its reply after a probe. */
interface Probe {
  /** The client's latest DHCPDISCOVER. */
  request: DhcpRequest
  send: SendReply
  readonly address: number
  /** The time in ns at which the probe ends. */
  readonly end: number
  /** How many addresses have been probed for the client in a row. */
  readonly count: number
}

/** Nanoseconds that a neighbour has to reply; clients repeat a DHCPDISCOVER after 3 s or more. */
const PROBE_TIME = 250 * NSEC_PER_MSEC
/** Addresses probed for one DHCPDISCOVER, and probes that run at a time, at most. */
const PROBES_EACH = 4
const PROBES_ALL = 1024

/** Decides which address a DHCPDISCOVER is offered, and when. */
export class Offering {
  readonly #options: OfferingOptions
  readonly #alarm: Alarm
  /** Probes by client, in the order of their ends. */
  readonly #probes = new Map<string, Probe>()

  constructor(options: OfferingOptions) {
    this.#options = options
    this.#alarm = options.clock.alarm(() => this.#endProbes())
  }

  /** Calls `send` with an offer, now or after a probe, unless no address is free. */
  discover(request: DhcpRequest, send: SendReply): void {
    const { client, requested } = request
    this.#options.log.message('DHCPDISCOVER', requested, client)
    const probe = this.#probes.get(client.key)
    if (probe === undefined) {
      this.#offer(request, send, 0)
    } else {
      Object.assign(probe, { request, send })
    }
  }

  /** Drops the requests that wait for a probe, and their unprobed offers. */
  clear(): void {
    for (const { request } of this.#probes.values()) {
      this.#options.pool.offers.drop(request.client)
    }
    this.#probes.clear()
    this.#alarm.cancel()
  }

  /** Keeps an address from all clients for a time: `mac` uses it, or reports that `owner` does. */
  setAside(client: DhcpClient, address: number, mac: string, owner = mac): void {
    const { pool, leases, log } = this.#options
    const { declineTime } = pool.config
    pool.offers.drop(client)
    leases.decline(mac, address, declineTime)
    log.warn(
      'conflicts',
      `${formatIpv4(address)} is in use by ${owner}: not offered for ${declineTime} s`,
    )
  }

  /** `count` addresses have been probed before. */
  #offer(request: DhcpRequest, send: SendReply, count: number): void {
    const { client, requested } = request
    const { pool, log } = this.#options
    for (let probed = count; probed < PROBES_EACH; probed++) {
      const before = pool.offers.of(client)
      const address = pool.choose(client, requested)
      if (address === undefined) {
        log.full(pool.config, client)
        return
      }
      pool.offers.make(client, address, pool.config.offerTime)
      if (address === before || !this.#needsProbe(request, address)) {
        this.#send(request, address, send)
        return
      }
      const owner = this.#knownOwner(client, address)
      if (owner === undefined) {
        this.#startProbe(request, send, address, probed + 1)
        return
      }
      this.setAside(client, address, owner)
    }
  }

  /** ARP does not cross a relay, and the client itself uses the address of its live lease. */
  #needsProbe({ message, client }: DhcpRequest, address: number): boolean {
    const { neighbours, leases } = this.#options
    if (neighbours === undefined || message.giaddr !== 0) return false
    const lease = leases.of(client)
    return lease?.address !== address || !leases.isLive(lease)
  }

  /**
   * Sends an ARP request for the address. Returns the MAC address that was known to use it before;
   * undefined for the client itself and for the last lessee, which replies to ARP if it still uses
   * it.
   */
  #knownOwner({ mac }: DhcpClient, address: number): string | undefined {
    const { neighbours, leases } = this.#options
    const owner = neighbours?.macOf(address)
    neighbours?.request(address)
    return owner === mac || owner === leases.last(address)?.mac ? undefined : owner
  }

  #startProbe(request: DhcpRequest, send: SendReply, address: number, count: number): void {
    const { clock, pool, log } = this.#options
    const { client } = request
    if (this.#probes.size >= PROBES_ALL) {
      log.warn('probes', `${client.mac} gets no offer: too many addresses are being probed`)
      pool.offers.drop(client)
      return
    }
    const end = clock.now() + PROBE_TIME
    this.#probes.set(client.key, { request, send, address, end, count })
    if (this.#probes.size === 1) {
      this.#alarm.at(end)
    }
  }

  #endProbes(): void {
    for (const [key, probe] of this.#probes) {
      if (probe.end > this.#options.clock.now()) {
        this.#alarm.at(probe.end)
        return
      }
      this.#probes.delete(key)
      this.#endProbe(probe)
    }
  }

  #endProbe({ request, send, address, count }: Probe): void {
    const { client } = request
    const owner = this.#options.neighbours?.macOf(address)
    if (owner !== undefined && owner !== client.mac) {
      this.setAside(client, address, owner)
      this.#offer(request, send, count)
    } else if (this.#options.pool.offers.of(client) === address) {
      // The client has not taken another server's offer in the meantime.
      this.#send(request, address, send)
    }
  }

  #send(request: DhcpRequest, address: number, send: SendReply): void {
    const { pool, log } = this.#options
    log.message('DHCPOFFER', address, request.client)
    send(leaseReply(dhcp.DHCPOFFER, request, pool.config, address))
  }
}
