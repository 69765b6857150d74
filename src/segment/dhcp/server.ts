/**
 * The DHCP server (RFC 2131): takes what came to port 67 and says what to answer. It never throws, whatever the octets, keeps
 * no time but the clock's, and has written a lease to its store before it says so. Options are its configuration's.
 */
import { type Clock, NSEC_PER_MSEC } from '../../core/clock.ts'
import type { Log } from '../../core/log.ts'
import {
  DHCPACK,
  DHCPDECLINE,
  DHCPDISCOVER,
  DHCPINFORM,
  DHCPOFFER,
  DHCPRELEASE,
  DHCPREQUEST,
  DHO_LEASE_TIME,
  DHO_REQUESTED_ADDRESS,
  DHO_SERVER_IDENTIFIER,
  type DhcpMessage,
} from '../../header/dhcp.ts'
import { formatAddress } from '../../header/ipv4.ts'
import type { Client } from './client.ts'
import { type DhcpConfig, isWithin, type Subnet } from './config.ts'
import { hostnameOf } from './hostname.ts'
import type { Lease, LeaseStore } from './lease.ts'
import { LeaseTable } from './lease-table.ts'
import { Offers } from './offers.ts'
import { choose, objection, type PoolState, reservationOf } from './pool.ts'
import { type DhcpReply, informing, lending, refusing } from './reply.ts'
import { type DhcpSender, numberIn, type Request, readMessage, subnetOf } from './request.ts'

export interface DhcpServerSpec {
  readonly config: DhcpConfig
  readonly clock: Clock
  /** Milliseconds since 1970, for what is written to the store. */
  readonly wall: () => number
  readonly store: LeaseStore
  readonly log: Log
  /** The name of the segment's interface, for the log. */
  readonly name: string
  /** Whether a host has the address without having asked for it; such a one is not given to others. */
  readonly inUse?: (address: number) => boolean
}

/** A full subnet is told of once in this time, in milliseconds. */
const FULL_AGAIN = 60_000

export class DhcpServer {
  #config: DhcpConfig
  readonly #now: () => number
  readonly #log: Log
  readonly #name: string
  readonly #inUse: (address: number) => boolean
  readonly #leases: LeaseTable
  readonly #offers: Offers
  readonly #toldFull = new Map<number, number>()

  /** Loads the leases: throws what the store throws. */
  constructor({ config, clock, wall, store, log, name, inUse = () => false }: DhcpServerSpec) {
    this.#config = config
    this.#now = () => clock.now() / NSEC_PER_MSEC
    this.#log = log
    this.#name = name
    this.#inUse = inUse
    this.#leases = new LeaseTable(store, { now: this.#now, wall })
    this.#offers = new Offers(this.#now)
  }

  /** Those of clients that have one now. */
  leases(): readonly Lease[] {
    return this.#leases.live()
  }

  /** Goes on with another configuration. Leases stay; one that it does not allow is not renewed. */
  reload(config: DhcpConfig): void {
    this.#config = config
    this.#toldFull.clear()
  }

  /** The answer to a message, if there is one. `bytes` is only looked at. */
  receive(bytes: Uint8Array, from: DhcpSender): DhcpReply | undefined {
    const read = readMessage(bytes)
    if (read === undefined) {
      this.#log.debug(`DHCP(${this.#name}) a message of ${bytes.length} octets is none of a client's`)
      return undefined
    }
    const { message, client, type } = read
    const subnet = subnetOf(this.#config, message, from)
    if (subnet === undefined) return this.#fromElsewhere(message, client, type)
    const reservation = reservationOf(this.#config, client, subnet)
    const requested = numberIn(message, DHO_REQUESTED_ADDRESS)
    const request = { message, client, subnet, reservation, requested, from: from.mac.slice() }
    if (type === DHCPDISCOVER) return this.#discover(request)
    if (type === DHCPREQUEST) return this.#request(request)
    if (type === DHCPINFORM) return this.#inform(request)
    if (type === DHCPRELEASE) this.#release(request)
    if (type === DHCPDECLINE) this.#decline(request)
    return undefined
  }

  #fromElsewhere(message: DhcpMessage, client: Client, type: number): DhcpReply | undefined {
    if (message.giaddr === 0 && type === DHCPREQUEST && this.#isForUs(message))
      return this.#nak(message, client, message.ciaddr, 'wrong network')
    if (message.giaddr !== 0)
      this.#log.warn(`DHCP(${this.#name}) ${client.mac} no subnet has its relay, ${formatAddress(message.giaddr)}`)
    return undefined
  }

  #discover(request: Request): DhcpReply | undefined {
    const { client, subnet, requested } = request
    const { offerTime } = this.#config
    this.#tell('DHCPDISCOVER', requested, client)
    const address = choose(this.#state(), client, subnet, requested)
    if (address === undefined) return this.#full(subnet, client)
    this.#offers.make(client, address, offerTime)
    this.#tell('DHCPOFFER', address, client)
    return this.#sent(lending(DHCPOFFER, request, this.#config, address, this.#leaseTime(request)), client)
  }

  #full({ network, ranges }: Subnet, client: Client): undefined {
    const told = this.#toldFull.get(network)
    if (told !== undefined && this.#now() - told < FULL_AGAIN) return
    this.#toldFull.set(network, this.#now())
    const pool = ranges.map(({ first, last }) => `${formatAddress(first)}-${formatAddress(last)}`).join(', ')
    this.#log.warn(`DHCPDISCOVER(${this.#name}) ${client.mac} no address available: the pool ${pool} is full`)
  }

  /** In the client's states of table 4: SELECTING names a server, INIT-REBOOT an address, RENEWING and REBINDING have one. */
  #request(request: Request): DhcpReply | undefined {
    const { message, client, requested } = request
    const selecting = message.options.has(DHO_SERVER_IDENTIFIER)
    if (!this.#isForUs(message)) {
      this.#offers.drop(client)
      return undefined
    }
    const address = selecting || message.ciaddr === 0 ? requested : message.ciaddr
    if (address === undefined || address === 0) return undefined
    this.#tell('DHCPREQUEST', address, client)
    const why = this.#refusal(request, address, selecting)
    if (!selecting && !this.#knows(request) && !this.#config.authoritative && why !== 'wrong network') return undefined
    if (why === undefined) return this.#bind(request, address)
    if (selecting) this.#offers.drop(client)
    return this.#nak(message, client, address, why)
  }

  /** Why the client does not get `address`, which it believes to be its own. */
  #refusal({ client, subnet, reservation }: Request, address: number, selecting: boolean): string | undefined {
    const state = this.#state()
    const why = objection(state, client, subnet, address)
    if (why !== undefined) return why
    const reserved = reservation?.address
    if (reserved !== undefined && reserved !== address && objection(state, client, subnet, reserved) === undefined)
      return 'another address is reserved'
    const had = this.#leases.of(client)
    const lease = had !== undefined && isWithin(subnet, had.address) ? had.address : undefined
    const own = selecting ? this.#offers.of(client) : lease
    return own === undefined || own === address ? undefined : 'wrong address'
  }

  /** Whether there is a record of the client: without one, its address is perhaps another server's. */
  #knows({ client, reservation }: Request): boolean {
    return reservation !== undefined || this.#leases.of(client) !== undefined
  }

  #bind(request: Request, address: number): DhcpReply | undefined {
    const { message, client, reservation } = request
    const seconds = this.#leaseTime(request)
    const hostname = reservation?.hostname ?? this.#nameFor(client, hostnameOf(message))
    const saved = this.#saving(() => this.#leases.bind(client, address, hostname, seconds))
    if (!saved) return undefined
    this.#offers.drop(client)
    this.#tell('DHCPACK', address, client, hostname)
    return this.#sent(lending(DHCPACK, request, this.#config, address, seconds), client)
  }

  /** A reserved name is nobody else's. */
  #nameFor(client: Client, hostname: string | undefined): string | undefined {
    if (hostname === undefined || !this.#config.reservedNames.has(hostname)) return hostname
    this.#log.warn(`DHCP(${this.#name}) ${client.mac} does not get the name ${hostname}, which is reserved`)
    return undefined
  }

  #inform(request: Request): DhcpReply | undefined {
    const { message, client, subnet } = request
    const { ciaddr } = message
    this.#tell('DHCPINFORM', ciaddr, client)
    if (ciaddr === 0 || !isWithin(subnet, ciaddr)) return undefined
    this.#tell('DHCPACK', ciaddr, client)
    return this.#sent(informing(DHCPACK, request, this.#config), client)
  }

  #release({ message, client }: Request): void {
    const lease = this.#leases.of(client)
    const isOwn = lease !== undefined && lease.address === message.ciaddr && this.#leases.isLive(lease)
    this.#tell('DHCPRELEASE', message.ciaddr, client, isOwn ? undefined : 'unknown lease')
    if (isOwn && this.#isForUs(message)) this.#saving(() => this.#leases.release(lease))
  }

  /** The client found its address in use: by whom is not known, so nobody gets it for a time. */
  #decline({ message, client, requested }: Request): void {
    const lease = this.#leases.of(client)
    const has = lease !== undefined && this.#leases.isLive(lease) ? lease.address : undefined
    const isOwn = requested !== undefined && (requested === has || requested === this.#offers.of(client))
    this.#tell('DHCPDECLINE', requested, client, isOwn ? undefined : 'unknown lease')
    if (!isOwn || !this.#isForUs(message)) return
    this.#offers.drop(client)
    const { declineTime } = this.#config
    this.#saving(() => this.#leases.decline(client, requested, declineTime))
    this.#log.warn(
      `DHCP(${this.#name}) ${formatAddress(requested)} is in use by another: not given for ${declineTime} s`,
    )
  }

  #nak(message: DhcpMessage, client: Client, address: number, why: string): DhcpReply {
    this.#tell('DHCPNAK', address, client, why)
    return refusing(message, this.#config, why)
  }

  /** Whether a message names no server, or this one. */
  #isForUs(message: DhcpMessage): boolean {
    return (numberIn(message, DHO_SERVER_IDENTIFIER) ?? this.#config.server) === this.#config.server
  }

  #leaseTime({ message }: Request): number {
    const { leaseTime, minLeaseTime, maxLeaseTime } = this.#config
    const asked = numberIn(message, DHO_LEASE_TIME) ?? leaseTime
    return Math.min(maxLeaseTime, Math.max(minLeaseTime, asked))
  }

  #state(): PoolState {
    return { config: this.#config, leases: this.#leases, offers: this.#offers, inUse: this.#inUse }
  }

  /** Whether a change could be kept; when not, it is told and nobody is promised anything. */
  #saving(change: () => void): boolean {
    try {
      change()
      return true
    } catch (error) {
      this.#log.err(`DHCP(${this.#name}) leases are not kept, and none is given: ${(error as Error).message}`)
      return false
    }
  }

  #sent(reply: DhcpReply, { mac }: Client): DhcpReply {
    if (reply.left.length > 0)
      this.#log.warn(`DHCP(${this.#name}) ${mac} takes too short a message for its options ${reply.left.join(', ')}`)
    return reply
  }

  #tell(type: string, address: number | undefined, { mac }: Client, more?: string): void {
    const words = [address === undefined || address === 0 ? undefined : formatAddress(address), mac, more]
    this.#log.info(`${type}(${this.#name}) ${words.filter(word => word).join(' ')}`)
  }
}
