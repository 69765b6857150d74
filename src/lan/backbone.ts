/**
 * What is behind the ports of `vnet lan`: on a segment, a gateway and hosts as they are configured, and what the gateway does for
 * clients: DHCP, DNS, router advertisements, DHCPv6. Configured anew it keeps the segment with its ports, the leases, who was heard
 * on the segment, and open connections.
 */
import type { Socket } from 'node:net'
import { LimitedLog } from '../core/limited-log.ts'
import { LOGLEVEL_DEBUG } from '../core/log.ts'
import type { Net } from '../core/net.ts'
import type { SegmentEntry, SegmentEntryKind } from '../core/segment-entry.ts'
import { DHCP_SERVER_PORT } from '../header/dhcp.ts'
import { DHCPV6_SERVER_PORT, duidOf } from '../header/dhcpv6.ts'
import { isSameAddress } from '../header/ethernet.ts'
import { NDISC_ROUTER_SOLICITATION } from '../header/icmpv6.ts'
import { formatAddress } from '../header/ip-address.ts'
import { addressOctets } from '../header/ipv4-address.ts'
import { get32 } from '../header/octets.ts'
import { type AdvertisedPrefix, isRouterSolicitation } from '../header/router-advert.ts'
import type { Native } from '../kernel/native.ts'
import { Budget } from '../segment/budget.ts'
import type { DhcpConfig } from '../segment/dhcp/config.ts'
import type { LeaseStore } from '../segment/dhcp/lease.ts'
import { DhcpServer } from '../segment/dhcp/server.ts'
import { answer as answerDhcpv6, type Dhcpv6Config } from '../segment/dhcpv6.ts'
import { segmentEntries } from '../segment/entries.ts'
import { clientBudget, serveDhcp } from '../segment/gateway.ts'
import type { Icmpv6Message, UdpHandler } from '../segment/host.ts'
import type { Network } from '../segment/network.ts'
import { RaSender } from '../segment/router-advert.ts'
import type { Segment } from '../segment/segment.ts'
import type { LanConfig } from './config-defaults.ts'
import { createResolver, type Resolver, type Told } from './dns.ts'
import type { LeaseNames } from './dns-names.ts'
import type { LanHandlers } from './host.ts'
import { advertLine, dhcpv6Line, dnsLines, solicitLine } from './log-lines.ts'
import { type LanSetup, type Population, populate, resolverConfig } from './population.ts'
import { serveDnsOverTcp } from './tcp-dns.ts'
import { remoteOf, TcpServices } from './tcp-services.ts'

const DNS_PORT = 53
/** Queries over UDP of a client, and of all. */
const DNS_EACH = { perSecond: 1000, burst: 2000 }
const DNS_ALL = { perSecond: 4000, burst: 8000 }
/** A message over TCP is as long as its length can say. */
const DNS_TCP_MAX = 0xffff

/** The network of a running driver, and the Net it is on. */
export interface Lan extends Network {
  readonly net: Net
}

/** Called with the network set up; what it answers is called when that ends: at the end, or before the next one after a reload. */
export type Start = (lan: Lan) => (() => void) | void

export interface BackboneOptions {
  readonly net: Net
  readonly native: Native
  readonly segment: Segment
  readonly store: LeaseStore
  /** The first port's, for the log. */
  readonly name: string
  readonly start?: Start | undefined
}

export class Backbone implements AsyncDisposable {
  readonly #options: BackboneOptions
  /** For lines that clients cause. */
  readonly #log: LimitedLog
  readonly #dhcpBudget: Budget
  /** Of DHCPv6 and router solicitations. */
  readonly #ip6Budget: Budget
  readonly #dnsBudget: Budget
  readonly #tcp: TcpServices
  #population: Population
  #dhcp: DhcpServer | undefined
  #answerDhcp: UdpHandler = () => {}
  #dns: LanConfig['dns']
  /** Made when it is first asked: of many hosts the names take more memory than the hosts. */
  #resolver: Resolver | undefined
  #dhcpv6: Dhcpv6Config | undefined
  #ra: RaSender | undefined
  /** Of the advertisements. */
  #prefixes: readonly AdvertisedPrefix[] = []
  readonly #leased: LeaseNames = {
    address: name => {
      const lease = this.dhcp?.named(name)
      return lease && addressOctets(lease.address)
    },
    name: address => this.dhcp?.leaseOf(get32(address, 0))?.hostname,
  }
  #end: (() => void) | void = undefined

  /** VnetError on a setup that cannot be, and on leases that cannot be read. */
  constructor(options: BackboneOptions, setup: LanSetup) {
    this.#options = options
    const { clock, log } = options.net
    this.#log = new LimitedLog(log, clock)
    this.#dhcpBudget = clientBudget(clock)
    this.#ip6Budget = clientBudget(clock)
    this.#dnsBudget = new Budget(clock, DNS_EACH, DNS_ALL)
    this.#population = this.#populate(setup)
    this.#openDhcp(this.#population.dhcp)
    this.#serve(setup.config)
    this.#tcp = new TcpServices(options.native, options.net)
    this.#tcp.serve(this.#population.hosts)
  }

  /** Settles when what it has in the kernel is there. */
  get opened(): Promise<void> {
    return this.#tcp.opened
  }

  /** Goes on with another setup. Throws as the constructor, and all stays as it was. */
  reload(setup: LanSetup): void {
    // What cannot be shows on a segment that nobody is on.
    const tried = populate(this.#options.net, setup)
    tried.hosts.close()
    this.#openDhcp(tried.dhcp)
    const before = this.#population
    // Another router takes over from the one that was.
    if (!isSameAddress(tried.gateway.mac, 0, before.gateway.mac)) this.#stopAdvertising()
    this.#end?.()
    before.hosts.close()
    this.#population = this.#populate(setup)
    this.#population.hosts.inherit(before.hosts)
    try {
      this.#serve(setup.config)
    } finally {
      this.#tcp.serve(this.#population.hosts)
    }
  }

  get population(): Population {
    return this.#population
  }

  /** Who has an address of the pool now; undefined where there is no pool. */
  get dhcp(): DhcpServer | undefined {
    return this.#population.dhcp && this.#dhcp
  }

  /** What is on the segment. */
  entries(kinds: ReadonlySet<SegmentEntryKind>): Iterable<SegmentEntry> {
    const { hosts } = this.#population
    return segmentEntries({ segment: this.#options.segment, hosts, leases: () => this.dhcp?.leases() ?? [] }, kinds)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end?.()
    this.#end = undefined
    this.#stopAdvertising()
    await this.#dhcp?.close()
    await this.#tcp[Symbol.asyncDispose]()
    this.#population.hosts.close()
  }

  #populate(setup: LanSetup): Population {
    return populate(this.#options.net, setup, this.#handlers(setup.config), this.#options.segment)
  }

  /** What the gateway hears: each is there or not by the configuration, and what answers is this one's, also after a reload. */
  #handlers({ dhcp, dns, ra, dhcpv6 }: LanConfig): LanHandlers {
    const udp: Record<number, UdpHandler> = {}
    if (dhcp) udp[DHCP_SERVER_PORT] = (message, reply) => this.#answerDhcp(message, reply)
    if (dns) {
      udp[DNS_PORT] = ({ data, source }, reply) => {
        if (this.#serves(source.mac, this.#dnsBudget))
          answerWith(this.#resolve(data, formatAddress(source.address)), reply)
      }
    }
    if (dhcpv6) {
      udp[DHCPV6_SERVER_PORT] = ({ data, source }, reply) => {
        if (this.#serves(source.mac)) answerWith(this.#inform(data), reply)
      }
    }
    return {
      udp,
      icmpv6: ra ? { [NDISC_ROUTER_SOLICITATION]: message => this.#solicited(message) } : {},
      tcp: dns ? { [DNS_PORT]: socket => this.#resolveOverTcp(socket) } : {},
    }
  }

  /** Once made it stays, with its leases, also while a configuration has none. */
  #openDhcp(config: DhcpConfig | undefined): void {
    if (config === undefined || this.#dhcp !== undefined) return
    const { net, store, name } = this.#options
    const { clock, log } = net
    const inUse = (address: number) => this.#population.hosts.byAddress(addressOctets(address)) !== undefined
    this.#dhcp = new DhcpServer({ config, clock, wall: Date.now, store, log, name, inUse })
  }

  /** Begins to do what the configuration says, with the hosts that are there. */
  #serve(config: LanConfig): void {
    const { hosts, gateway, dhcp } = this.#population
    const { net, start } = this.#options
    if (this.#dhcp !== undefined && dhcp !== undefined) {
      this.#dhcp.reload(dhcp)
      this.#answerDhcp = serveDhcp(hosts, this.#dhcp, this.#dhcpBudget)
    }
    this.#dns = config.dns
    this.#resolver = undefined
    this.#dhcpv6 = config.dhcpv6 && { ...config.dhcpv6, duid: duidOf(gateway.mac) }
    this.#end = start?.({ ...this.#population, net })
    this.#advertise(config)
  }

  #advertise({ ra }: LanConfig): void {
    if (ra === undefined) {
      this.#stopAdvertising()
      return
    }
    const { clock, random } = this.#options.net
    const advert = { ...ra.advert, mac: this.#population.gateway.mac }
    this.#prefixes = advert.prefixes
    if (this.#ra !== undefined) {
      this.#ra.reload(advert, ra)
      return
    }
    const { maxInterval } = ra
    const send = (data: Uint8Array, address: Uint8Array) => this.#sendAdvert(data, address)
    this.#ra = new RaSender({ clock, random, advert, maxInterval, send })
    this.#ra.start()
  }

  #stopAdvertising(): void {
    this.#ra?.stop()
    this.#ra = undefined
  }

  /** To nobody, as long as no port has a carrier: that is not worth a line. */
  #sendAdvert(data: Uint8Array, address: Uint8Array): void {
    const { net, name, segment } = this.#options
    const { hosts, gateway } = this.#population
    if (segment.stations.length > 1) net.log.info(advertLine(name, this.#prefixes))
    hosts.sendIcmpv6(gateway, { address, source: gateway.ip6.at(-1), data })
  }

  #solicited({ data, hopLimit, source }: Icmpv6Message): void {
    if (!this.#serves(source.mac) || !isRouterSolicitation(data, hopLimit, source.address)) return
    const { name } = this.#options
    this.#log.info(`RTR-SOLICIT(${name})`, () => solicitLine(name, source.mac))
    this.#ra?.solicited()
  }

  /** Whether a client may ask again, by default for DHCPv6 or a router advertisement. */
  #serves(mac: Uint8Array, budget = this.#ip6Budget): boolean {
    if (budget.take(mac)) return true
    this.#population.hosts.counters.refused++
    return false
  }

  #resolve(query: Uint8Array, from: string, maxSize?: number): Uint8Array | undefined {
    if (this.#resolver === undefined && this.#dns !== undefined) {
      const names = resolverConfig(this.#population, this.#dns)
      this.#resolver = createResolver({ ...names, leases: this.#leased })
    }
    const { log } = this.#options.net
    const told: Told = (question, reply) => {
      for (const line of dnsLines(from, question, reply)) this.#log.debug('DNS', line)
    }
    return this.#resolver?.answer(query, maxSize, log.level >= LOGLEVEL_DEBUG ? told : undefined)
  }

  #resolveOverTcp(socket: Socket): void {
    const from = remoteOf(socket)
    serveDnsOverTcp(socket, query => this.#resolve(query, from, DNS_TCP_MAX))
  }

  #inform(message: Uint8Array): Uint8Array | undefined {
    const { name } = this.#options
    const line = dhcpv6Line(name, message)
    if (line !== undefined) this.#log.info(`DHCPINFORMATION-REQUEST(${name})`, line)
    return this.#dhcpv6 && answerDhcpv6(message, this.#dhcpv6)
  }
}

function answerWith(data: Uint8Array | undefined, reply: (data: Uint8Array) => boolean): void {
  if (data !== undefined) reply(data)
}
