/**
 * LabRouter: a host that forwards IPv4 and IPv6 packets. With a NAT, IPv4 hosts inside share the
 * router's address outside.
 */
import http from 'node:http'
import { explain, formatAddress, ipv4, parseAddress, UsageError, VnetError } from 'vnet'
import { durationOf } from 'vnet/kit/base'
import type { WayOut } from 'vnet/kit/net'
import { toPrefix } from 'vnet/kit/packet'
import { ACCESS, type AccessOptions, accessOf, checkAccess, parseForward } from '../model/access.ts'
import { ipv4Of, type LabInterface } from '../model/hosts.ts'
import { ANY, checkForms, checkNone, FLAG, type Forms, LIST, PORTS } from '../model/options.ts'
import { placeOf } from '../model/place.ts'
import { LabUnavailableError } from '../model/rights.ts'
import { externalNetwork, INTERNAL_NETWORK, IPV6_MIN_MTU, NAT64_NETWORK } from '../model/subnet.ts'
import type { NatSpec } from '../nat/nat-table.ts'
import { Nptv6 } from '../nat/nptv6.ts'
import type { HostCounters, Outside, Sysctl } from '../world/host-stack.ts'
import type { Family } from '../world/routes.ts'
import { proxyServer } from '../world/tcp-proxy.ts'
import { type LabLinkOptions, LINK_OPTIONS } from '../world/wire-spec.ts'
import { LabHost, nameOf } from './host.ts'
import type { DropLine, LabLink } from './link.ts'
import type { Links } from './links.ts'

/**
 * The options of lab.router: the links of the router, and its NAT and firewall between them.
 * Options of a link hold for all links that are made with the router.
 */
export interface LabRouterOptions extends AccessOptions, LabLinkOptions {
  /** Hosts to be joined to the router, by a cable each: `ab` leads to the router. */
  readonly inside?: readonly LabHost[]
  /** A host or router to be joined to the router: `ab` leads to it. */
  readonly outside?: LabHost
  /**
   * Whether the router leads to the network of the machine, and by it to the Internet. pasta(1), of
   * the package passt, makes the connections of hosts inside with sockets of this process's network
   * namespace. A lab has one such router. Default false.
   */
  readonly internet?: boolean
  /**
   * With `internet`: TCP ports of the machine's loopback that hosts inside reach past the link, at
   * their own 127.0.0.1.
   */
  readonly localhost?: readonly number[]
}

export const ROUTER_OPTIONS: Forms<LabRouterOptions> = {
  inside: { ...LIST, text: 'a list of hosts' },
  outside: ANY,
  internet: FLAG,
  localhost: PORTS,
  ...LINK_OPTIONS,
  ...ACCESS,
}

/** Throws a UsageError for options of a router that are not understood. */
export function checkRouterOptions(name: string, options: LabRouterOptions): void {
  checkForms(`router ${name}`, options, ROUTER_OPTIONS)
  if (options.internet) {
    checkInternet(`router ${name}`, options)
  } else {
    if (options.localhost !== undefined) {
      throw new UsageError(`router ${name}: localhost needs \`internet\``)
    }
    checkAccess(`router ${name}`, options, options.outside !== undefined)
  }
  const { nat } = accessOf(options)
  if ((nat === 'nat64' || nat === 'nptv6') && (options.mtu ?? IPV6_MIN_MTU) < IPV6_MIN_MTU) {
    throw new UsageError(`router ${name}: ${nat} needs an mtu of at least ${IPV6_MIN_MTU}`)
  }
}

function checkInternet(
  what: string,
  { outside, forward = {}, ...options }: LabRouterOptions,
): void {
  const [refused] = Object.keys(ACCESS).filter(key => key in options)
  if (outside !== undefined) {
    throw new UsageError(`${what}: \`internet\` is outside already: leave \`outside\` out`)
  }
  if (refused !== undefined) {
    throw new UsageError(`${what}: ${refused} needs \`outside\`, another router than \`internet\``)
  }
  for (const [from, to] of Object.entries(forward)) {
    if (parseForward(what, from, to).protocol === ipv4.IPPROTO_TCP) continue
    throw new UsageError(
      `${what}: forward '${from}': the ports of the machine are TCP's: write 'tcp 8080'`,
    )
  }
}

/** Returns a line about packets that a way out has lost in a direction. */
export function tooLongLine(way: string, packets: number): string {
  return way === 'out'
    ? `${packets} fragments of UDP datagrams above the MTU: lost, because the way out carries whole packets only`
    : `${packets} answers above the MTU: lost, because the way out cuts none for IPv6`
}

/** Returns a line about connections beyond the limit. */
export function refusedLine(packets: number): string {
  return `${packets} SYNs of too many TCP connections: lost, raise the hard limit of ulimit -n`
}

const PORTAL = '/portal'

const SYSCTLS: readonly Sysctl[] = [
  ['net/ipv4/ip_forward', '1'],
  ['net/ipv6/conf/all/forwarding', '1'],
]

/**
 * A router of a lab, as `lab.router` returns it. It is a host, too: it can listen, run programs and
 * be the end of further cables.
 */
export class LabRouter extends LabHost {
  /** @internal For routes. */
  readonly isRouter = true
  readonly #access: AccessOptions
  readonly #links = new Map<LabHost, LabLink>()
  readonly #outside: LabHost | undefined
  readonly #lab: Links
  /** Forwards to hosts that are not connected yet. */
  readonly #waiting: Map<string, string>
  readonly #localhost: readonly number[]
  #wayOut: WayOut | undefined

  /** @internal */
  constructor(
    name: string,
    links: Links,
    {
      outside,
      inside: _,
      internet = false,
      localhost = [],
      wire: __,
      mtu: ___,
      capture: ____,
      ...access
    }: LabRouterOptions,
  ) {
    super(name, links, SYSCTLS)
    this.#lab = links
    const own = accessOf(access)
    const { masqueradeKind } = this.stack.rules
    this.#access =
      own.nat === 'masquerade' && masqueradeKind ? { ...own, nat: masqueradeKind } : own
    this.#outside = outside
    this.isWayOut = internet
    this.#localhost = localhost
    this.#waiting = new Map(Object.entries(this.#access.forward ?? {}))
  }

  /** @internal The link outside the NAT. */
  get hiddenFrom(): number | undefined {
    const { nat } = this.#access
    return nat === undefined || nat === 'nptv6' ? undefined : this.outer?.link
  }

  /** @internal The link outside of NPTv6. */
  get translatedFrom(): number | undefined {
    return this.isNptv6 ? this.outer?.link : undefined
  }

  /** @internal Whether hosts inside have IPv6 addresses of the internal network. */
  get isNptv6(): boolean {
    return this.#access.nat === 'nptv6'
  }

  /** @internal Whether hosts inside have only IPv6. */
  get hasNat64(): boolean {
    return this.#access.nat === 'nat64'
  }

  /** @internal Whether it leads, or will lead, to the machine's network. */
  readonly isWayOut: boolean
  /** @internal The families of addresses that it leads to by the machine's network. */
  get defaults(): readonly Family[] {
    return this.#wayOut?.families ?? []
  }

  /** @internal Connects it to the machine's network. Rejects with a LabUnavailableError. */
  async openWayOut(directory: string): Promise<void> {
    const forwards = Object.entries(this.#access.forward ?? {}).map(each =>
      parseForward(this.name, ...each),
    )
    const ports = forwards.map(({ port }) => port)
    const wayOut = this.stack.wayOut ?? this.refuse("a way to the machine's network")
    this.#wayOut = await wayOut.open(directory, ports, this.#localhost).catch(error => {
      throw error instanceof VnetError ? new LabUnavailableError(explain(error)) : error
    })
    for (const { port, host, to } of forwards) {
      await this.listen(
        proxyServer(() => this.createConnection(to, host)),
        port,
      )
    }
  }

  override async close(): Promise<void> {
    this.#wayOut?.close()
    this.#wayOut = undefined
    await super.close()
  }

  /** @internal The interface outside. */
  get outer(): LabInterface | undefined {
    const links = this.#outside?.interfaces.map(({ link }) => link)
    return this.interfaces.find(({ link }) => links?.includes(link))
  }

  /** @internal The NAT on the link outside; undefined without one. */
  get nat(): Omit<NatSpec, 'address'> | undefined {
    const { nat, udpTimeout, tcpTimeout, portMapping, firewall: kind = 'none' } = this.#access
    if (nat === undefined || nat === 'masquerade') return undefined
    const [udp, tcp] = [udpTimeout, tcpTimeout].map(value =>
      value === undefined ? undefined : durationOf(value),
    )
    return {
      kind: nat,
      udp,
      tcp,
      blocks: kind !== 'none',
      portMapping: portMapping ? this.stack.number : undefined,
    }
  }

  /** @internal Sets up the kernel's part, when the link outside is up. Throws a VnetError. */
  setUp(): void {
    const { nat, hairpin, firewall: kind = 'none' } = this.#access
    const { outer } = this
    const { rules } = this.stack
    if (outer === undefined) return
    if (nat === 'masquerade') {
      rules.masquerade(this.#meeting(outer), this.#access)
    } else if (nat === 'nat64' || nat === 'nptv6') {
      const network = nat === 'nat64' ? NAT64_NETWORK : externalNetwork(outer.link)
      const nextHop = this.#nextHop(outer).find(text => text.includes(':'))
      rules.routeOutside(outer.name, network, nextHop)
    } else if (nat !== undefined && hairpin) {
      rules.routeHairpin(this.#meeting(outer))
    }
    if (this.nat?.portMapping !== undefined) {
      rules.refusePortControl(outer.name)
    }
    if (kind !== 'none') {
      rules.firewall(outer.name, this.#access)
    }
  }

  /**
   * @internal Starts the web server of a captive portal. It redirects every request to its own page
   * (RFC 8910 section 5), which has the status 511 (RFC 6585 section 6). Does nothing on a router
   * without a portal.
   */
  async openPortal(): Promise<void> {
    if (this.#access.firewall !== 'captive-portal' || this.outer === undefined) return
    const server = http.createServer(({ url, socket: { localAddress = '' } }, response) => {
      const host = localAddress.replace('::ffff:', '')
      const Location = `http://${host.includes(':') ? `[${host}]` : host}${PORTAL}`
      response.setHeader('Cache-Control', 'no-store')
      if (url === PORTAL) {
        response.writeHead(511).end(`sign in: router.accept(host) of ${this.name}\n`)
      } else {
        response.writeHead(302, { Location }).end()
      }
    })
    this.stack.rules.captureHttp(this.outer.name, await this.listen(server))
  }

  /**
   * Accepts a host at the captive portal. Packets from its current addresses inside pass from then
   * on. Rejects with a UsageError if the router has no portal, or does not reach the host inside.
   */
  async accept(host: LabHost): Promise<void> {
    const { outer } = this
    if (this.#access.firewall !== 'captive-portal' || outer === undefined) {
      throw new UsageError(`router ${this.name}: accept needs firewall: 'captive-portal'`)
    }
    this.#lab.checkEnds('accept', [host])
    const addresses = host.interfaces.flatMap(each =>
      each.addresses.map(cidr => toPrefix(cidr).bytes),
    )
    const inside = this.stack.rules.reachedInside(outer.name, addresses)
    if (inside.length === 0) {
      throw new UsageError(`accept: ${host.name} has no address inside the router ${this.name}`)
    }
    this.stack.rules.acceptSource(outer.name, inside)
  }

  /**
   * Same as LabHost.stats. With a firewall it also counts the packets that the firewall has
   * dropped: FirewallInDrops from outside, and FirewallOutDrops to outside.
   */
  override stats(): HostCounters {
    const counters = super.stats()
    if (!this.#drops) return counters
    const { arriving, leaving } = this.stack.rules.drops()
    return { ...counters, FirewallInDrops: arriving, FirewallOutDrops: leaving }
  }

  /**
   * @internal Packets that the way out has lost: fragments that leave, and replies that are longer
   * than the MTU inside and must not be cut.
   */
  get tooLong(): { readonly out: number; readonly in: number } {
    if (this.#wayOut === undefined) return { out: 0, in: 0 }
    const { IpFragFails = 0, Ip6FragFails = 0 } = super.stats()
    return { out: this.stack.rules.drops().leaving, in: IpFragFails + Ip6FragFails }
  }

  /** @internal The SYNs of TCP connections that the way out has dropped: too many connections. */
  get refused(): number {
    return this.#wayOut?.refused ?? 0
  }

  /** @internal Returns the drops of its firewall on the link outside, or at the way out. */
  dropLines(): DropLine[] {
    if (this.#wayOut !== undefined) {
      const lost = Object.entries(this.tooLong).filter(([, packets]) => packets > 0)
      const lines = lost.map(([way, packets]) => ({
        packets,
        text: `${this.name}: ${tooLongLine(way, packets)}`,
      }))
      const { refused } = this
      return refused > 0
        ? [...lines, { packets: refused, text: `${this.name}: ${refusedLine(refused)}` }]
        : lines
    }
    const link = this.#outside && this.#links.get(this.#outside)
    if (link === undefined || !this.#drops) return []
    const { arriving, leaving } = this.stack.rules.drops()
    const { firewall: kind = 'none' } = this.#access
    const by = kind === 'none' ? 'portMapping' : `firewall ${kind}`
    const lines = Object.entries({ ab: leaving, ba: arriving }).filter(([, packets]) => packets > 0)
    return lines.map(([way, packets]) => ({
      packets,
      text: `${link.name} ${way}: ${packets} by ${by}`,
    }))
  }

  /** Whether the kernel drops packets by rules. */
  get #drops(): boolean {
    const { firewall: kind = 'none', portMapping = false } = this.#access
    return this.outer !== undefined && (kind !== 'none' || portMapping)
  }

  #meeting(outer: LabInterface): Outside {
    return {
      name: outer.name,
      address: ipv4Of(outer.addresses),
      nextHop: ipv4Of(this.#nextHop(outer)),
    }
  }

  /** The addresses of the host outside on the link of `outer`. */
  #nextHop({ link }: LabInterface): readonly string[] {
    return this.#outside?.interfaces.find(each => each.link === link)?.addresses ?? []
  }

  /**
   * Forwards a port outside to a host inside: `forward('tcp 8080', 'server:80')`. Rejects with a
   * UsageError for a host that the router does not reach, and for ports that are taken.
   */
  async forward(from: string, to: string): Promise<void> {
    const what = `router ${this.name}`
    const { outer } = this
    const { nat, hairpin = false } = this.#access
    if (outer === undefined || nat === undefined) {
      throw new UsageError(`${what}: forward needs \`nat\``)
    }
    if (this.isNptv6) throw new UsageError(`${what}: forward is for a NAT of IPv4, not for nptv6`)
    const { host, ...forward } = parseForward(what, from, to)
    const address = ipv4Of(this.#lab.lab.hostsFile.find(this, host, 4).map(each => each.address))
    const meeting = this.#meeting(outer)
    if (nat === 'masquerade') {
      this.stack.rules.forward(meeting, hairpin, { ...forward, address })
      return
    }
    await this.linkTo(this.#outside as LabHost).forward({ ...forward, address })
    if (hairpin) {
      this.stack.rules.routeHairpinPort(meeting, forward.port)
    }
  }

  /** @internal Forwards ports of the options to hosts that have addresses now. */
  async forwardWaiting(): Promise<void> {
    if (this.#outside === undefined || !this.#links.has(this.#outside)) return
    for (const [from, to] of this.#waiting) {
      const { host } = parseForward(this.name, from, to)
      if (this.#lab.lab.hostsFile.places(this, host).length === 0 && placeOf(host) === undefined) {
        continue
      }
      this.#waiting.delete(from)
      await this.forward(from, to)
    }
  }

  /**
   * Returns the addresses that a host inside has outside NPTv6. Throws a UsageError if the router
   * has another NAT or none.
   */
  addressesOutside(host: LabHost): readonly string[] {
    const { translatedFrom } = this
    if (translatedFrom === undefined) {
      throw new UsageError(`router ${this.name}: addressesOutside needs nat: 'nptv6'`)
    }
    this.#lab.checkEnds('addressesOutside', [host])
    const nptv6 = new Nptv6(INTERNAL_NETWORK.bytes, externalNetwork(translatedFrom).bytes)
    const outside = host.addresses.map(text => nptv6.outside(parseAddress(text) as Uint8Array))
    return outside.flatMap(address => (address === undefined ? [] : [formatAddress(address)]))
  }

  /** @internal */
  addLink(host: LabHost, link: LabLink): void {
    this.#links.set(host, link)
    if (this.#localhost.length > 0) {
      host.stack.wayOut?.leadLocalhost(this.#localhost)
    }
  }

  /** Returns the cable to a host that is inside or outside. Throws a UsageError. */
  linkTo(host: LabHost): LabLink {
    const link = this.#links.get(host)
    if (link === undefined) {
      throw new UsageError(`the router ${this.name} was not made with a link to ${nameOf(host)}`)
    }
    return link
  }

  /** @internal Whether it has a NAT with mappings that it can forget. */
  get canRebind(): boolean {
    return this.nat !== undefined && !this.isNptv6 && this.#outside !== undefined
  }

  /**
   * Makes the NAT forget its mappings, except forwarded ports, like a restart of the router: the
   * next packet of each host inside leaves by another port, and packets to the old ports are
   * dropped. The kernel's NAT cannot do that: it keeps the ports of hosts.
   */
  async rebind(...none: readonly never[]): Promise<void> {
    checkNone('rebind', none)
    await this.#linkOfNat().rebind('rebind')
  }

  /** @internal Same as rebind, while the time of the lab stands still. */
  async rebindAtFault(): Promise<void> {
    await this.#linkOfNat().rebind('rebindAtFault')
  }

  #linkOfNat(): LabLink {
    if (!this.canRebind || this.#outside === undefined) {
      throw new UsageError(
        `the router ${this.name} has no NAT that rebinds: make it with nat: 'restricted'`,
      )
    }
    return this.linkTo(this.#outside)
  }
}
