/**
 * KernelStack: the network stack of a host, in a network namespace of its own. Only a descriptor
 * keeps the namespace open, so that it ends with the process at the latest.
 */

import { formatAddress, formatPrefix, IFF_UP, type Prefix } from 'vnet'
import { check, closeFd, closingOnError, type Native } from 'vnet/kit/linux'
import {
  addAddress,
  familyOf,
  getLink,
  getLinks,
  hasSysctl,
  type Link,
  RouteSocket,
  setLink,
  setNetworkRoute,
  uapi,
  writeSysctl,
} from 'vnet/kit/net'
import { netlink } from 'vnet/kit/netlink'
import { toPrefix } from 'vnet/kit/packet'
import type { SocketPlace } from '../model/place.ts'
import { enter } from '../world/code.ts'
import type {
  HostCounters,
  HostParts,
  HostStack,
  LabRoute,
  RouterRules,
  StackWayOut,
  Sysctl,
} from '../world/host-stack.ts'
import { patchNode } from '../world/node-sockets.ts'
import {
  acceptSource,
  captureHttp,
  firewall,
  forwardByKernel,
  leadLocalhost,
  masquerade,
  openWayOut,
  reachedInside,
  refusePortControl,
  routeHairpin,
  routeHairpinPort,
  routeOutside,
} from './access-rules.ts'
import { countersOf } from './counters.ts'
import { KernelFaults } from './kernel-faults.ts'
import { ruleDrops } from './nftables.ts'
import { Programs } from './programs.ts'
import { KernelCode } from './sockets.ts'

const SYSCTLS: readonly Sysctl[] = [
  // Where Docker runs, the kernel's new namespaces forward.
  ['net/ipv4/ip_forward', '0'],
  // Addresses in a lab are unique. A check of its link-local address would keep an interface from
  // using IPv6 for a second or two and reach every host of a LAN. At its end it would make Chromium
  // abort what it loads (ERR_NETWORK_CHANGED).
  ['net/ipv6/conf/default/accept_dad', '0'],
  // ping(8) needs no rights, also in a user namespace, where 0 is the group of the user.
  ['net/ipv4/ping_group_range', '0 0'],
]

export class KernelStack implements HostStack {
  readonly place: SocketPlace
  readonly rules: RouterRules
  readonly wayOut: StackWayOut
  readonly faults: KernelFaults
  readonly programs: Programs
  readonly isCallerDead = false
  readonly #code: KernelCode

  /** Throws a VnetError. */
  constructor(native: Native, parts: HostParts) {
    const nsfd = check(native.createNetns(), 'unshare(CLONE_NEWNET)')
    this.place = { native, nsfd }
    this.rules = {
      masqueradeKind: undefined,
      masquerade: (...args) => masquerade(this.place, ...args),
      forward: (...args) => forwardByKernel(this.place, ...args),
      refusePortControl: name => refusePortControl(this.place, name),
      firewall: (...args) => firewall(this.place, ...args),
      captureHttp: (...args) => captureHttp(this.place, ...args),
      reachedInside: (...args) => reachedInside(this.place, ...args),
      acceptSource: (...args) => acceptSource(this.place, ...args),
      routeHairpin: outside => routeHairpin(this.place, outside),
      routeHairpinPort: (...args) => routeHairpinPort(this.place, ...args),
      routeOutside: (...args) => routeOutside(this.place, ...args),
      drops: () => ruleDrops(this.place),
    }
    this.wayOut = {
      open: (...args) => openWayOut(this.place, ...args),
      leadLocalhost: ports => leadLocalhost(this.place, ports),
    }
    this.faults = new KernelFaults({
      ...parts,
      place: this.place,
      hasStarted: () => this.programs.hasStarted,
    })
    this.programs = new Programs({ nsfd, etc: parts.etc, faults: this.faults })
    this.#code = new KernelCode(this.place, {
      ...parts,
      program: options => this.programs.within(options),
    })
    closingOnError(native, [nsfd], () => {
      using sock = RouteSocket.open(native, nsfd)
      for (const { ifindex } of getLinks(sock)) {
        setLink(sock, ifindex, { flags: { set: IFF_UP, mask: IFF_UP } })
      }
      for (const [name, value] of [...SYSCTLS, ...parts.sysctls]) {
        if (hasSysctl(native, nsfd, name)) {
          writeSysctl(native, nsfd, name, value)
        }
      }
    })
  }

  get path(): string {
    return `/proc/self/fd/${this.place.nsfd}`
  }

  get number(): number {
    return this.place.nsfd
  }

  async endPrograms(): Promise<void> {
    await this.faults.close()
    await this.programs.close()
  }

  /** Node asks for it from now on. */
  get code(): KernelCode {
    patchNode()
    return this.#code
  }

  enter<T>(fn: () => T): T {
    return enter(this.code, fn)
  }

  counters(): HostCounters {
    return countersOf(this.place)
  }

  changeInterface(
    name: string,
    removed: readonly string[],
    isUp: boolean,
    added: readonly string[],
  ): void {
    this.#onInterface(name, (sock, dev) => {
      const { ifindex } = dev
      // With the first address of a network, the kernel deletes the others.
      for (const cidr of [...removed].reverse()) {
        delAddress(sock, dev, toPrefix(cidr))
      }
      setLink(sock, ifindex, { flags: { set: isUp ? IFF_UP : 0, mask: IFF_UP } })
      for (const cidr of added) {
        addAddress(sock, ifindex, toPrefix(cidr), { nodad: true })
      }
      if (isUp) {
        routeGroups(sock, ifindex)
      }
    })
  }

  setNeighbours(name: string, cidrs: readonly string[], mac: Uint8Array): void {
    this.#onInterface(name, (sock, dev) => {
      for (const cidr of cidrs) {
        setNeighbour(sock, dev, toPrefix(cidr).bytes, mac)
      }
    })
  }

  setRoutes(routes: readonly LabRoute[]): void {
    using sock = this.#open()
    const indexes = new Map(getLinks(sock).map(({ name, ifindex }) => [name, ifindex]))
    for (const { network, via, dev } of routes) {
      const oif = indexes.get(dev)
      if (oif !== undefined) {
        setNetworkRoute(sock, { dst: network.prefix, oif, via: via.address })
      }
    }
  }

  routeGroups(name: string): void {
    this.#onInterface(name, (sock, { ifindex }) => routeGroups(sock, ifindex))
  }

  end(): void {
    this.#code.end()
  }

  close(): void {
    closeFd(this.place.native, this.place.nsfd)
  }

  #onInterface(name: string, fn: (sock: RouteSocket, dev: Interface) => void): void {
    using sock = this.#open()
    const dev = getLink(sock, { name })
    if (dev !== undefined) {
      fn(sock, dev)
    }
  }

  #open(): RouteSocket {
    return RouteSocket.open(this.place.native, this.place.nsfd)
  }
}

/** The groups of IPv4. Those of IPv6 have a route on each interface already. */
const GROUPS = toPrefix('224.0.0.0/4')

/** With several interfaces, the kernel sends to groups by the first one that was made. */
function routeGroups(sock: RouteSocket, ifindex: number): void {
  setNetworkRoute(sock, { dst: GROUPS, oif: ifindex, metric: ifindex })
}

/** Sizes of struct ifaddrmsg and struct ndmsg. */
const IFADDRMSG = 8
const NDMSG = 12

/** An interface; its name is for errors. */
type Interface = Pick<Link, 'ifindex' | 'name'>

/** Removes an address from an interface. Throws a VnetError. */
export function delAddress(sock: RouteSocket, { ifindex, name }: Interface, cidr: Prefix): void {
  const { bytes, prefixLen } = cidr
  const message = new Uint8Array(IFADDRMSG)
  message[0] = familyOf(bytes)
  message[1] = prefixLen
  netlink.putU32(message, 4, ifindex)
  sock.request({
    type: uapi.RTM_DELADDR,
    what: () => ['RTM_DELADDR', `${formatPrefix(cidr)} on ${name}`],
    write: builder => builder.payload(message).binary(uapi.IFA_LOCAL, bytes),
  })
}

/**
 * Sets the hardware address of a host, as if it had just been resolved: the kernel confirms it
 * again after a while. The entry does not count against the limit of all namespaces
 * (net.ipv4.neigh.default.gc_thresh3). Throws a VnetError.
 */
export function setNeighbour(
  sock: RouteSocket,
  { ifindex, name }: Interface,
  address: Uint8Array,
  mac: Uint8Array,
): void {
  const message = new Uint8Array(NDMSG)
  message[0] = familyOf(address)
  netlink.putU32(message, 4, ifindex)
  netlink.putU16(message, 8, uapi.NUD_REACHABLE)
  message[10] = uapi.NTF_EXT_LEARNED
  sock.request({
    type: uapi.RTM_NEWNEIGH,
    flags: netlink.NLM_F_CREATE | netlink.NLM_F_REPLACE,
    what: () => ['RTM_NEWNEIGH', `${formatAddress(address)} on ${name}`],
    write: builder =>
      builder.payload(message).binary(uapi.NDA_DST, address).binary(uapi.NDA_LLADDR, mac),
  })
}
