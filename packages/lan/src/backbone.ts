/**
 * Backbone: the network that the ports of `vnet lan` lead to. Its segment has the configured
 * gateway and hosts; the gateway serves DHCP, DNS, router advertisements and DHCPv6. A reload keeps
 * the segment with its ports, the leases, the neighbours and open connections.
 */
import type { Socket } from 'node:net'
import { ethernet, formatAddress, icmpv6, ipv6, parseAddress } from 'vnet'
import { LimitedLog } from 'vnet/kit/base'
import type { SegmentEntry } from 'vnet/kit/control'
import type { Native } from 'vnet/kit/linux'
import { dhcp as dhcpHeader, dns as dnsHeader, formatHex, get32, ipv4Bytes } from 'vnet/kit/packet'
import { LOGLEVEL_DEBUG, type Net } from 'vnet/net'
import type { LanConfig } from './config/defaults.ts'
import { Budget } from './machines/budget.ts'
import type { Icmpv6Message, UdpHandler, UdpMessage } from './machines/host.ts'
import type { Network } from './machines/network.ts'
import { DHCPV6_SERVER_PORT, duidOf } from './packet/dhcpv6.ts'
import { type AdvertisedPrefix, isRouterSolicitation } from './packet/router-advert.ts'
import {
  type LanSetup,
  type Population,
  populate,
  resolverConfig,
  segmentEntries,
} from './population.ts'
import type { DhcpConfig } from './services/dhcp/config.ts'
import type { LeaseStore } from './services/dhcp/lease.ts'
import { DhcpServer } from './services/dhcp/server.ts'
import { type Dhcpv6Config, dhcpv6Line, dhcpv6Reply } from './services/dhcpv6.ts'
import {
  createResolver,
  dnsLines,
  type OnReply,
  type Resolver,
  serveDnsOverTcp,
} from './services/dns.ts'
import type { LeaseNames } from './services/dns-names.ts'
import { arpNeighbours, clientBudget, dhcpLimit, macLimit, serveDhcp } from './services/gateway.ts'
import { RaSender } from './services/router-advert.ts'
import { type LanHandlers, remoteOf } from './services/tcp-handlers.ts'
import { TcpServices } from './services/tcp-services.ts'
import type { Segment } from './switch/segment.ts'

/** Queries from one client, and from all, over UDP and again over TCP. */
const DNS_EACH = { perSecond: 1000, burst: 2000 }
const DNS_ALL = { perSecond: 4000, burst: 8000 }
/** Bytes of a message over TCP: its length has 16 bits. */
const DNS_TCP_MAX = 0xffff

/** The network of a running `vnet lan`, as `start` gets it. The driver closes it. */
export interface Lan extends Network {
  readonly net: Net
}

/** Called with the network set up. Its result is called before a reload and at the end. */
export type Start = (lan: Lan) => (() => void) | void

/**
 * The parts that the driver of the ports provides. They outlive the Backbone, which closes none of
 * them.
 */
export interface BackboneOptions {
  readonly net: Net
  /** Undefined without a kernel: the hosts then have no TCP. */
  readonly native: Native | undefined
  readonly segment: Segment
  readonly store: LeaseStore
  /** The name of the first port, for the log. */
  readonly name: string
  readonly start?: Start | undefined
}

/**
 * The network of one `vnet lan`, from its first setup to its disposal. The driver creates it before
 * its ports come up, and disposes of it after they are closed.
 */
export class Backbone implements AsyncDisposable {
  readonly #options: BackboneOptions
  readonly #log: LimitedLog
  readonly #dhcpBudget: Budget
  /** The budget for DHCPv6 and router solicitations. */
  readonly #ip6Budget: Budget
  readonly #dnsBudget: Budget
  /** A budget by IP address: sockets know no other address, and a handshake proves it. */
  readonly #dnsTcpBudget: Budget
  readonly #tcp: TcpServices | undefined
  #population: Population
  #dhcp: DhcpServer | undefined
  #receiveDhcp: UdpHandler = () => {}
  #dns: LanConfig['dns']
  /** Created by the first query: the names of many hosts take more memory than the hosts. */
  #resolver: Resolver | undefined
  #dhcpv6: Dhcpv6Config | undefined
  #ra: RaSender | undefined
  #prefixes: readonly AdvertisedPrefix[] = []
  readonly #leased: LeaseNames = {
    address: name => {
      const lease = this.dhcp?.named(name)
      return lease && ipv4Bytes(lease.address)
    },
    name: address => this.dhcp?.leaseOf(get32(address, 0))?.hostname,
  }
  #end: (() => void) | void = undefined

  /** Throws a VnetError if the setup is invalid or the leases cannot be read. */
  constructor(options: BackboneOptions, setup: LanSetup) {
    this.#options = options
    const { clock, log } = options.net
    this.#log = new LimitedLog(log, clock)
    this.#dhcpBudget = clientBudget(clock)
    this.#ip6Budget = clientBudget(clock)
    this.#dnsBudget = new Budget(clock, DNS_EACH, DNS_ALL)
    this.#dnsTcpBudget = new Budget(clock, DNS_EACH, DNS_ALL, ipv6.IPV6_ALEN)
    this.#population = this.#populate(setup)
    this.#openDhcp(this.#population.dhcp)
    this.#serve(setup.config)
    this.#tcp = options.native && new TcpServices(options.native, options.net)
    this.#tcp?.serve(this.#population.hosts)
  }

  /** Settles when its interface and sockets in the kernel exist. */
  get opened(): Promise<void> {
    return this.#tcp?.opened ?? Promise.resolve()
  }

  /** Changes to another setup. Throws like the constructor, and then has changed nothing. */
  reload(setup: LanSetup): void {
    // An invalid setup throws here, on a separate segment.
    const trial = populate(this.#options.net, setup)
    trial.hosts.close()
    this.#openDhcp(trial.dhcp)
    const before = this.#population
    // A gateway with another MAC address or without IPv6 cannot end this router's advertisements.
    const { mac, ip6 } = trial.gateway
    if (!ethernet.isSameAddress(mac, 0, before.gateway.mac) || ip6.length === 0) {
      this.#stopAdvertising()
    }
    this.#end?.()
    before.hosts.close()
    this.#population = this.#populate(setup)
    this.#population.hosts.inherit(before.hosts)
    try {
      this.#serve(setup.config)
    } finally {
      this.#tcp?.serve(this.#population.hosts)
    }
  }

  /** The current hosts: a reload replaces the object. */
  get population(): Population {
    return this.#population
  }

  /** The DHCP server; undefined while DHCP is off. */
  get dhcp(): DhcpServer | undefined {
    return this.#population.dhcp && this.#dhcp
  }

  /** The entries of these kinds, made while they are read: read them in one go. */
  entries(kinds: ReadonlySet<string>): Iterable<SegmentEntry> {
    return segmentEntries(this.#population, () => this.dhcp?.leases() ?? [], kinds)
  }

  /**
   * Stops the services, saves the leases, closes the hosts' connections and drops the hosts'
   * frames.
   */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#end?.()
    this.#end = undefined
    this.#stopAdvertising()
    await this.#dhcp?.close()
    await this.#tcp?.[Symbol.asyncDispose]()
    this.#population.hosts.close()
  }

  #populate(setup: LanSetup): Population {
    const { net, segment } = this.#options
    const population = populate(net, setup, this.#handlers(setup.config), segment)
    const { gateway, hosts } = population
    const { handlers } = hosts
    handlers.limit(gateway.index, dhcpHeader.DHCP_SERVER_PORT, dhcpLimit(this.#dhcpBudget))
    handlers.limit(gateway.index, dnsHeader.DNS_PORT, macLimit(this.#dnsBudget))
    handlers.limit(gateway.index, DHCPV6_SERVER_PORT, macLimit(this.#ip6Budget))
    return population
  }

  /** Returns the gateway's handlers. They look up the services, which a reload replaces. */
  #handlers({ dhcp, dns, ra, dhcpv6 }: LanConfig): LanHandlers {
    const udp: Record<number, UdpHandler> = {}
    const replying = (make: (message: UdpMessage) => Uint8Array | undefined): UdpHandler => {
      return (message, reply) => {
        const data = make(message)
        if (data !== undefined) {
          reply(data)
        }
      }
    }
    const resolve = ({ data, source }: UdpMessage) =>
      this.#resolve(data, () => formatAddress(source.address))
    if (dhcp) {
      udp[dhcpHeader.DHCP_SERVER_PORT] = (message, reply) => this.#receiveDhcp(message, reply)
    }
    if (dns) {
      udp[dnsHeader.DNS_PORT] = replying(resolve)
    }
    if (dhcpv6) {
      udp[DHCPV6_SERVER_PORT] = replying(({ data }) => this.#inform(data))
    }
    return {
      udp,
      icmpv6: ra ? { [icmpv6.NDISC_ROUTER_SOLICITATION]: message => this.#solicited(message) } : {},
      tcp: dns ? { [dnsHeader.DNS_PORT]: socket => this.#resolveOverTcp(socket) } : {},
    }
  }

  /** Once created, the server is kept with its leases, even while DHCP is off. */
  #openDhcp(config: DhcpConfig | undefined): void {
    if (config === undefined || this.#dhcp !== undefined) return
    const { net, store, name } = this.#options
    const { clock, log } = net
    const inUse = (address: number) =>
      this.#population.hosts.byAddress(ipv4Bytes(address)) !== undefined
    const neighbours = arpNeighbours(() => this.#population)
    this.#dhcp = new DhcpServer({
      config,
      clock,
      wall: Date.now,
      store,
      log,
      name,
      inUse,
      neighbours,
    })
  }

  #serve(config: LanConfig): void {
    const { hosts, gateway, dhcp } = this.#population
    const { net, start } = this.#options
    if (this.#dhcp !== undefined && dhcp !== undefined) {
      this.#dhcp.reload(dhcp)
      this.#receiveDhcp = serveDhcp(hosts, this.#dhcp)
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
    const { maxInterval } = ra
    const advert = { ...ra.advert, mac: this.#population.gateway.mac }
    this.#prefixes = advert.prefixes
    if (this.#ra !== undefined) {
      this.#ra.reload(advert, maxInterval)
      return
    }
    const send = (data: Uint8Array, address: Uint8Array) => this.#sendAdvert(data, address)
    this.#ra = new RaSender({ clock, random, advert, maxInterval, send })
  }

  #stopAdvertising(): void {
    this.#ra?.stop()
    this.#ra = undefined
  }

  /** Logs an advertisement only if a port has a carrier; the hosts are a station as well. */
  #sendAdvert(data: Uint8Array, address: Uint8Array): void {
    const { net, name, segment } = this.#options
    const { hosts, gateway } = this.#population
    const prefixes = this.#prefixes.map(({ prefix }) => formatAddress(prefix))
    if (segment.stations.length > 1) {
      net.log.info([`RTR-ADVERT(${name})`, ...prefixes].join(' '))
    }
    hosts.sendIcmpv6(gateway, { address, source: gateway.ip6.at(-1), data })
  }

  #solicited({ data, hopLimit, source }: Icmpv6Message): void {
    if (!this.#ip6Budget.take(source.mac)) {
      this.#population.hosts.counters.refused++
      return
    }
    if (!isRouterSolicitation(data, hopLimit, source.address)) return
    const kind = `RTR-SOLICIT(${this.#options.name})`
    this.#log.info(kind, () => `${kind} ${formatHex(source.mac)}`)
    this.#ra?.solicited()
  }

  /** The log has the client that `from` returns. */
  #resolve(query: Uint8Array, from: () => string, maxSize?: number): Uint8Array | undefined {
    if (this.#resolver === undefined && this.#dns !== undefined) {
      const names = resolverConfig(this.#population, this.#dns)
      this.#resolver = createResolver({ ...names, leases: this.#leased })
    }
    const { log } = this.#options.net
    const logReply: OnReply = (question, reply) => {
      for (const line of dnsLines(from(), question, reply)) {
        this.#log.debug('DNS', line)
      }
    }
    return this.#resolver?.(query, maxSize, log.level >= LOGLEVEL_DEBUG ? logReply : undefined)
  }

  #resolveOverTcp(socket: Socket): void {
    const from = remoteOf(socket)
    const client = clientKey(from)
    serveDnsOverTcp(socket, {
      turns: this.#options.net.turns,
      answer: query => this.#resolve(query, () => from, DNS_TCP_MAX),
      take: () => this.#dnsTcpBudget.take(client),
    })
  }

  #inform(message: Uint8Array): Uint8Array | undefined {
    const logged = dhcpv6Line(this.#options.name, message)
    if (logged !== undefined) {
      this.#log.info(logged.kind, logged.line)
    }
    return this.#dhcpv6 && dhcpv6Reply(message, this.#dhcpv6)
  }
}

/** Returns the 16 bytes of an address, of IPv4 as ::ffff:a.b.c.d; zeros if it has no text. */
function clientKey(text: string): Uint8Array {
  const bytes = parseAddress(text) ?? new Uint8Array(ipv6.IPV6_ALEN)
  return bytes.length === ipv6.IPV6_ALEN
    ? bytes
    : Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, ...bytes)
}
