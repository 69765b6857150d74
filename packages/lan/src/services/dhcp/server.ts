/**
 * The DHCP server (RFC 2131). It never throws. A new lease is acknowledged once it is stored, a
 * renewal immediately. No message makes it walk all addresses or leases.
 */
import { type Clock, formatIpv4 } from 'vnet'
import { dhcp } from 'vnet/kit/packet'
import type { Log } from 'vnet/net'
import { type DhcpConfig, isInNetwork } from './config.ts'
import type { Lease, LeaseStore } from './lease.ts'
import { LeaseTable } from './lease-table.ts'
import { DhcpLog } from './log.ts'
import { type Neighbours, Offering } from './offer.ts'
import { Pool } from './pool.ts'
import {
  type DhcpReply,
  type DhcpRequest,
  informReply,
  leaseReply,
  leaseTime,
  nakReply,
  type SendReply,
} from './reply.ts'
import {
  type DhcpClient,
  type DhcpSender,
  hostnameOf,
  isWellKnown,
  numberIn,
  readDhcpMessage,
} from './request.ts'

/** The environment of a server. */
export interface DhcpServerSpec {
  readonly config: DhcpConfig
  readonly clock: Clock
  /** Milliseconds since 1970, for the store. */
  readonly wall: () => number
  readonly store: LeaseStore
  readonly log: Log
  /** Name of the segment's interface, for the log. */
  readonly name: string
  /** Whether a host that does not use DHCP has the address. It is not given to clients. */
  readonly inUse?: (address: number) => boolean
  /** Without it, addresses are offered unprobed. */
  readonly neighbours?: Neighbours
}

/** Acknowledgements that may wait for a write. */
const MAX_WAITING = 4096

/**
 * A server of one network. The gateway passes it the messages to UDP port 67 and sends its replies.
 */
export class DhcpServer {
  readonly #log: DhcpLog
  readonly #leases: LeaseTable
  readonly #pool: Pool
  readonly #offering: Offering

  /** Loads the leases. Passes on the store's exceptions. */
  constructor({
    config,
    clock,
    wall,
    store,
    log,
    name,
    inUse = () => false,
    neighbours,
  }: DhcpServerSpec) {
    this.#log = new DhcpLog(log, clock, name)
    this.#leases = new LeaseTable(store, clock, wall, error => this.#log.written(error))
    this.#pool = new Pool(config, this.#leases, clock, inUse)
    this.#offering = new Offering({
      clock,
      pool: this.#pool,
      leases: this.#leases,
      log: this.#log,
      neighbours,
    })
  }

  /** The leases that have not ended. */
  leases(): readonly Lease[] {
    return this.#leases.live()
  }

  /** The lease of the client that has the name now. */
  named(hostname: string): Lease | undefined {
    return this.#leases.named(hostname)
  }

  /** The lease of the client that has the address now. */
  leaseOf(address: number): Lease | undefined {
    const lease = this.#leases.held(address)
    return lease?.state === 'bound' ? lease : undefined
  }

  /** Replaces the configuration. Leases remain; a lease that it does not allow is not renewed. */
  reload(config: DhcpConfig): void {
    this.#offering.clear()
    this.#pool.reload(config)
  }

  /** Saves unsaved leases. Requests that wait for a probe or a write get no reply. */
  close(): Promise<void> {
    this.#offering.clear()
    return this.#leases.writer.close()
  }

  /**
   * Handles a message and calls `send` with the reply, if there is one: immediately, or after an
   * address was probed or a lease was stored. Reads `bytes` during the call only.
   */
  receive(bytes: Uint8Array, from: DhcpSender, send: SendReply): void {
    const read = readDhcpMessage(bytes)
    if (read === undefined) {
      this.#log.malformed(bytes.length)
      return
    }
    const { message, client, type } = read
    const reply = (made: DhcpReply) => {
      this.#log.omitted(made.omitted, client)
      send(made)
    }
    if (!this.#pool.serves(message, from)) {
      this.#receiveForeign(message, client, type, reply)
      return
    }
    const reservation = this.#pool.reservationOf(client)
    const requested = numberIn(message, dhcp.DHO_REQUESTED_ADDRESS)
    const request = { message, client, reservation, requested, from: from.mac.slice() }
    if (type === dhcp.DHCPDISCOVER) {
      this.#offering.discover(request, reply)
    } else if (type === dhcp.DHCPREQUEST) {
      this.#request(request, reply)
    } else if (type === dhcp.DHCPINFORM) {
      this.#inform(request, reply)
    } else if (type === dhcp.DHCPRELEASE) {
      this.#release(request)
    } else if (type === dhcp.DHCPDECLINE) {
      this.#decline(request)
    }
  }

  #receiveForeign(
    message: dhcp.DhcpMessage,
    client: DhcpClient,
    type: number,
    send: SendReply,
  ): void {
    if (message.giaddr === 0 && type === dhcp.DHCPREQUEST && this.#isForUs(message)) {
      send(this.#nak(message, client, message.ciaddr, 'wrong network'))
    }
    if (message.giaddr !== 0) {
      this.#log.warn(
        'relays',
        `${client.mac} its relay is not in the network: ${formatIpv4(message.giaddr)}`,
      )
    }
  }

  /** RFC 2131 table 4: SELECTING names a server, INIT-REBOOT an address; other states have one. */
  #request(request: DhcpRequest, send: SendReply): void {
    const { message, client, requested } = request
    const selecting = message.options.has(dhcp.DHO_SERVER_IDENTIFIER)
    if (!this.#isForUs(message)) {
      this.#pool.offers.drop(client)
      return
    }
    const address = selecting || message.ciaddr === 0 ? requested : message.ciaddr
    if (address === undefined || address === 0) return
    this.#log.message('DHCPREQUEST', address, client)
    const why = this.#refusal(request, address, selecting)
    if (
      !selecting &&
      !this.#knows(request) &&
      !this.#pool.config.authoritative &&
      why !== 'wrong network'
    ) {
      return
    }
    if (why === undefined) {
      this.#bind(request, address, send)
      return
    }
    if (selecting) {
      this.#pool.offers.drop(client)
    }
    send(this.#nak(message, client, address, why))
  }

  /** Returns why the client may not have `address`, which it takes for its own, or undefined. */
  #refusal(
    { client, reservation }: DhcpRequest,
    address: number,
    selecting: boolean,
  ): string | undefined {
    const why = this.#pool.objection(client, address)
    if (why !== undefined) return why
    const reserved = reservation?.address
    if (
      reserved !== undefined &&
      reserved !== address &&
      this.#pool.objection(client, reserved) === undefined
    ) {
      return 'another address is reserved'
    }
    const last = this.#leases.of(client)
    const leased =
      last !== undefined && isInNetwork(this.#pool.config, last.address) ? last.address : undefined
    const own = selecting ? this.#pool.offers.of(client) : leased
    return own === undefined || own === address ? undefined : 'wrong address'
  }

  /** Whether the client is on record. The address of an unknown client may be another server's. */
  #knows({ client, reservation }: DhcpRequest): boolean {
    return reservation !== undefined || this.#leases.of(client) !== undefined
  }

  #bind(request: DhcpRequest, address: number, send: SendReply): void {
    const { message, client, reservation } = request
    if (this.#leases.writer.waiting >= MAX_WAITING) return
    const seconds = leaseTime(request, this.#pool.config)
    const hostname = reservation?.hostname ?? this.#nameFor(client, hostnameOf(message))
    const reply = leaseReply(dhcp.DHCPACK, request, this.#pool.config, address)
    const before = this.#leases.of(client)?.address
    this.#leases.bind(client, { address, hostname, seconds }, saved => {
      // Meanwhile the client may have released it or taken another.
      const lease = this.#leases.of(client)
      if (!saved || lease?.address !== address || !this.#leases.isLive(lease)) return
      this.#log.message('DHCPACK', address, client, hostname)
      send(reply)
    })
    if (before !== undefined && before !== address) {
      this.#pool.putBack(before)
    }
    this.#pool.offers.drop(client)
  }

  /** The client's own name, unless it is reserved or well known. */
  #nameFor(client: DhcpClient, hostname: string | undefined): string | undefined {
    if (hostname === undefined) return undefined
    const wellKnown = isWellKnown(hostname) ? 'programs look it up on their own' : undefined
    const why = this.#pool.config.reservedNames.has(hostname) ? 'it is reserved' : wellKnown
    if (why === undefined) return hostname
    this.#log.warn('names', `${client.mac} does not get the name ${hostname}: ${why}`)
    return undefined
  }

  #inform(request: DhcpRequest, send: SendReply): void {
    const { message, client } = request
    const { ciaddr } = message
    this.#log.message('DHCPINFORM', ciaddr, client)
    if (ciaddr === 0 || !isInNetwork(this.#pool.config, ciaddr)) return
    this.#log.message('DHCPACK', ciaddr, client)
    send(informReply(request, this.#pool.config))
  }

  #release({ message, client }: DhcpRequest): void {
    const lease = this.#leases.of(client)
    const isOwn =
      lease !== undefined && lease.address === message.ciaddr && this.#leases.isLive(lease)
    this.#log.message('DHCPRELEASE', message.ciaddr, client, isOwn ? undefined : 'unknown lease')
    if (isOwn && this.#isForUs(message)) {
      this.#leases.release(lease)
    }
  }

  /** The client found its address in use by an unknown machine. */
  #decline({ message, client, requested }: DhcpRequest): void {
    const lease = this.#leases.of(client)
    const has = lease !== undefined && this.#leases.isLive(lease) ? lease.address : undefined
    const isOwn =
      requested !== undefined && (requested === has || requested === this.#pool.offers.of(client))
    this.#log.message('DHCPDECLINE', requested, client, isOwn ? undefined : 'unknown lease')
    if (isOwn && this.#isForUs(message)) {
      this.#offering.setAside(client, requested, client.mac, 'an unknown machine')
    }
  }

  #nak(message: dhcp.DhcpMessage, client: DhcpClient, address: number, why: string): DhcpReply {
    this.#log.message('DHCPNAK', address, client, why)
    return nakReply(message, this.#pool.config, why)
  }

  /** Whether a message names this server or none. */
  #isForUs(message: dhcp.DhcpMessage): boolean {
    return (
      (numberIn(message, dhcp.DHO_SERVER_IDENTIFIER) ?? this.#pool.config.server) ===
      this.#pool.config.server
    )
  }
}
