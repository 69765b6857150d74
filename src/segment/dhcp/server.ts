/**
 * The DHCP server (RFC 2131): takes what came to port 67 and replies. It never throws, whatever the
 * octets, keeps no time but the clock's, and acknowledges a lease when its store has kept it, one
 * that only goes on at once. Nothing that a message makes it do goes through all addresses or all
 * leases. Options are its configuration's.
 */
import type { Clock } from '../../core/clock.ts'
import { LimitedLog } from '../../core/limited-log.ts'
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
import { FreeAddresses } from './free-addresses.ts'
import { hostnameOf, isLookedUp } from './hostname.ts'
import type { Lease, LeaseStore } from './lease.ts'
import { LeaseTable } from './lease-table.ts'
import { Offers } from './offers.ts'
import { choose, objection, type PoolState, putBack, reservationOf } from './pool.ts'
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

/** What is wrong with the server itself is logged once in this time. */
const RARELY = { lines: 1, seconds: 60 }
/** Ended leases and lapsed offers that a message may have noticed. */
const SWEEP = 64
/** Acknowledgements that wait for a write. */
const WAITING = 4096

export type SendReply = (reply: DhcpReply) => void

export class DhcpServer {
  #config: DhcpConfig
  readonly #log: LimitedLog
  readonly #rareLog: LimitedLog
  readonly #name: string
  readonly #inUse: (address: number) => boolean
  readonly #leases: LeaseTable
  readonly #offers: Offers
  #free: ReadonlyMap<Subnet, FreeAddresses>

  /** Loads the leases: throws what the store throws. */
  constructor({ config, clock, wall, store, log, name, inUse = () => false }: DhcpServerSpec) {
    this.#config = config
    this.#log = new LimitedLog(log, clock)
    this.#rareLog = new LimitedLog(log, clock, RARELY)
    this.#name = name
    this.#inUse = inUse
    const onWritten = (error: unknown) => this.#onWritten(error)
    this.#leases = new LeaseTable({ store, clock, wall, onWritten })
    this.#offers = new Offers(clock, address => putBack(this.#state(), address))
    this.#free = freeAddresses(config)
  }

  /** Those of clients that have one now. */
  leases(): readonly Lease[] {
    return this.#leases.live()
  }

  /** The lease of the client that has a name, or an address, now. */
  named(hostname: string): Lease | undefined {
    return this.#leases.named(hostname)
  }
  leaseOf(address: number): Lease | undefined {
    const lease = this.#leases.held(address)
    return lease?.state === 'bound' ? lease : undefined
  }

  /** Goes on with another configuration. Leases stay; one that it does not allow is not renewed. */
  reload(config: DhcpConfig): void {
    this.#config = config
    this.#free = freeAddresses(config)
    for (const address of this.#leases.ended()) putBack(this.#state(), address)
  }

  /** Keeps what is not kept yet. */
  close(): Promise<void> {
    return this.#leases.writer.close()
  }

  /**
   * Calls `send` with the reply to a message, if there is one: at once, or when a lease is kept.
   * `bytes` is only looked at.
   */
  receive(bytes: Uint8Array, from: DhcpSender, send: SendReply): void {
    const reply = this.#reply(bytes, from, send)
    if (reply !== undefined) send(reply)
  }

  #reply(bytes: Uint8Array, from: DhcpSender, send: SendReply): DhcpReply | undefined {
    const read = readMessage(bytes)
    if (read === undefined) {
      const text = `DHCP(${this.#name}) a message of ${bytes.length} octets is none of a client's`
      this.#log.debug(`DHCP(${this.#name}) other messages`, text)
      return undefined
    }
    const { message, client, type } = read
    const subnet = subnetOf(this.#config, message, from)
    if (subnet === undefined) return this.#fromElsewhere(message, client, type)
    const reservation = reservationOf(this.#config, client, subnet)
    const requested = numberIn(message, DHO_REQUESTED_ADDRESS)
    const request = { message, client, subnet, reservation, requested, from: from.mac.slice() }
    if (type === DHCPDISCOVER) return this.#discover(request)
    if (type === DHCPREQUEST) return this.#request(request, send)
    if (type === DHCPINFORM) return this.#inform(request)
    if (type === DHCPRELEASE) this.#release(request)
    if (type === DHCPDECLINE) this.#decline(request)
    return undefined
  }

  #fromElsewhere(message: DhcpMessage, client: Client, type: number): DhcpReply | undefined {
    if (message.giaddr === 0 && type === DHCPREQUEST && this.#isForUs(message))
      return this.#nak(message, client, message.ciaddr, 'wrong network')
    if (message.giaddr !== 0)
      this.#warn('relays', `${client.mac} no subnet has its relay, ${formatAddress(message.giaddr)}`)
    return undefined
  }

  #discover(request: Request): DhcpReply | undefined {
    const { client, subnet, requested } = request
    const { offerTime } = this.#config
    this.#tell('DHCPDISCOVER', requested, client)
    this.#offers.dropLapsed(SWEEP)
    for (const address of this.#leases.takeEnded(SWEEP)) putBack(this.#state(), address)
    const address = choose(this.#state(), client, subnet, requested)
    if (address === undefined) return this.#full(subnet, client)
    this.#offers.make(client, address, offerTime)
    this.#tell('DHCPOFFER', address, client)
    return this.#sent(lending(DHCPOFFER, request, this.#config, address, this.#leaseTime(request)), client)
  }

  #full({ network, ranges }: Subnet, client: Client): undefined {
    const kind = `DHCPDISCOVER(${this.#name}) ${formatAddress(network)} no address available`
    this.#rareLog.warn(kind, () => {
      const pool = ranges.map(({ first, last }) => `${formatAddress(first)}-${formatAddress(last)}`).join(', ')
      return `DHCPDISCOVER(${this.#name}) ${client.mac} no address available: the pool ${pool} is full`
    })
  }

  /** In the client's states of table 4: SELECTING names a server, INIT-REBOOT an address, RENEWING and REBINDING have one. */
  #request(request: Request, send: SendReply): DhcpReply | undefined {
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
    if (why === undefined) return this.#bind(request, address, send)
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

  #bind(request: Request, address: number, send: SendReply): undefined {
    const { message, client, reservation } = request
    if (this.#leases.writer.waiting >= WAITING) return
    const seconds = this.#leaseTime(request)
    const hostname = reservation?.hostname ?? this.#nameFor(client, hostnameOf(message))
    const reply = lending(DHCPACK, request, this.#config, address, seconds)
    const before = this.#leases.of(client)?.address
    this.#leases.bind(client, { address, hostname, seconds }, kept => {
      // It may have been given back, or up for another, meanwhile.
      const lease = this.#leases.of(client)
      if (!kept || lease?.address !== address || !this.#leases.isLive(lease)) return
      this.#tell('DHCPACK', address, client, hostname)
      send(this.#sent(reply, client))
    })
    if (before !== undefined && before !== address) putBack(this.#state(), before)
    this.#offers.drop(client)
  }

  /**
   * A reserved name is nobody else's, and one that others look up by themselves is no client's to
   * choose.
   */
  #nameFor(client: Client, hostname: string | undefined): string | undefined {
    if (hostname === undefined) return undefined
    const why = this.#config.reservedNames.has(hostname)
      ? 'which is reserved'
      : isLookedUp(hostname)
        ? 'which others look up by themselves'
        : undefined
    if (why === undefined) return hostname
    this.#warn('names', `${client.mac} does not get the name ${hostname}, ${why}`)
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
    if (isOwn && this.#isForUs(message)) this.#leases.release(lease)
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
    this.#leases.decline(client, requested, declineTime)
    this.#warn('declined', `${formatAddress(requested)} is in use by another: not given for ${declineTime} s`)
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
    return {
      config: this.#config,
      leases: this.#leases,
      offers: this.#offers,
      free: this.#free,
      inUse: this.#inUse,
    }
  }

  #onWritten(error: unknown): void {
    const begin = `DHCP(${this.#name}) leases`
    if (error === undefined) this.#log.info(begin, `${begin} are kept again`)
    else this.#rareLog.err(begin, () => `${begin} are not kept, and no new one is given: ${(error as Error).message}`)
  }

  #sent(reply: DhcpReply, { mac }: Client): DhcpReply {
    if (reply.left.length > 0)
      this.#warn('short messages', `${mac} takes too short a message for its options ${reply.left.join(', ')}`)
    return reply
  }

  #warn(kind: string, text: string): void {
    this.#log.warn(`DHCP(${this.#name}) ${kind}`, `DHCP(${this.#name}) ${text}`)
  }

  #tell(type: string, address: number | undefined, { mac }: Client, more?: string): void {
    const kind = `${type}(${this.#name})`
    this.#log.info(kind, () => {
      const words = [address === undefined || address === 0 ? undefined : formatAddress(address), mac, more]
      return `${kind} ${words.filter(word => word).join(' ')}`
    })
  }
}

function freeAddresses({ subnets }: DhcpConfig): ReadonlyMap<Subnet, FreeAddresses> {
  return new Map(subnets.map(subnet => [subnet, new FreeAddresses(subnet.ranges)]))
}
