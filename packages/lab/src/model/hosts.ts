/**
 * HostsFile: the names of a lab's hosts. Each host has a hosts file of its own (hosts(5)), in which
 * addresses on a common link come first. Programs of the host see it as /etc/hosts. The file is
 * made for the first program, so that a link costs no files of hosts without programs.
 */
import * as fs from 'node:fs'
import { join } from 'node:path'
import { formatAddress, parseIpv4, UsageError, withErrno } from 'vnet'
import { WayOut } from 'vnet/kit/net'
import { dns, ipv4Bytes } from 'vnet/kit/packet'
import { openFile } from './open-file.ts'
import { namesFor, shown } from './options.ts'
import { type HostAddress, type NameServer, placeOf } from './place.ts'
import { NAT64_PREFIX } from './subnet.ts'

/** A host, as far as its names and addresses go. */
export interface Host {
  readonly name: string
  readonly interfaces: readonly HostInterface[]
  /** Whether names of IPv4 hosts have addresses of its NAT64. */
  readonly hasDns64?: boolean
  /** Whether it has a route to the machine's network, whose DNS servers it asks. */
  readonly isOnline?: boolean
}

/** An interface of a host and its addresses. */
export interface HostInterface {
  readonly name: string
  /** The link that it is an end of. Ends of one link reach each other without a router. */
  readonly link: number
  /** Addresses with their prefix. */
  readonly addresses: readonly string[]
}

/** An interface of a host, as its users see it. */
export interface LabInterface extends HostInterface {
  /** Whether the host has switched to another uplink. It then has no addresses here. */
  readonly isShut?: boolean
}

/** The DNS servers of the machine (resolv.conf(5)). */
const RESOLVERS = '/etc/resolv.conf'

const LOCALHOST: readonly HostAddress[] = [
  { address: '127.0.0.1', family: 4 },
  { address: '::1', family: 6 },
]

/** The name by which programs find the prefix of a NAT64, and its addresses (RFC 7050). */
const IPV4_ONLY = 'ipv4only.arpa'
const WELL_KNOWN: readonly HostAddress[] = ['192.0.0.170', '192.0.0.171'].map(address => ({
  address,
  family: 4,
}))

/** The address that an IPv4 host has past a NAT64 (RFC 6052). */
function translated({ address }: HostAddress): HostAddress {
  const bytes = Uint8Array.of(...NAT64_PREFIX, ...ipv4Bytes(parseIpv4(address) as number))
  return { address: formatAddress(bytes), family: 6 }
}

export class HostsFile {
  readonly #place: { readonly directory: string }
  readonly #hosts = new Map<string, Host>()
  /** The DNS servers of each host, by the links that lead to them. */
  readonly #resolvers = new Map<Host, Map<number, string>>()
  readonly #written = new Set<Host>()
  readonly #places = new WeakMap<HostInterface, readonly HostAddress[]>()

  /** Writes files in a directory, which it reads first when it needs it. */
  constructor(place: { readonly directory: string }) {
    this.#place = place
  }

  add(...hosts: readonly Host[]): void {
    for (const host of hosts) {
      this.#hosts.set(host.name.toLowerCase(), host)
    }
    this.update()
  }

  /**
   * Returns the directory of the files that a host has in /etc instead of the machine's. The first
   * call makes the files, which are kept up to date from then on.
   */
  etcOf(host: Host): string {
    const directory = join(this.#place.directory, host.name)
    if (this.#written.has(host)) return directory
    fs.mkdirSync(directory)
    this.#written.add(host)
    this.#writeHosts(host)
    if (this.#resolvers.has(host) || host.isOnline) {
      this.#writeResolver(host)
    }
    return directory
  }

  fileOf(host: Host): string {
    return join(this.etcOf(host), 'hosts')
  }

  /**
   * Sets or removes the DNS server of a link. Programs of the host use the server of the last link
   * that has one, otherwise the machine's servers. Writes nothing if the machine has no
   * resolv.conf.
   */
  setResolver(host: Host, link: number, server: string | undefined): void {
    const servers = this.#resolvers.get(host) ?? new Map<number, string>()
    if (server !== undefined) {
      servers.set(link, server)
    } else if (!servers.delete(link)) {
      return
    }
    this.#resolvers.set(host, servers)
    if (this.#written.has(host)) {
      this.#writeResolver(host)
    }
  }

  /** Writes the files again, because hosts have new addresses. */
  update(): void {
    for (const host of this.#written) {
      this.#writeHosts(host)
      if (host.isOnline) {
        this.#writeResolver(host)
      }
    }
  }

  #writeHosts(from: Host): void {
    const lines = ['127.0.0.1 localhost', '::1 localhost ip6-localhost ip6-loopback']
    for (const name of [...[...this.#hosts.values()].map(each => each.name), IPV4_ONLY]) {
      for (const { address } of this.places(from, name)) {
        lines.push(`${address} ${name}`)
      }
    }
    overwrite(this.fileOf(from), `${lines.join('\n')}\n`)
  }

  #writeResolver(host: Host): void {
    if (!fs.existsSync(RESOLVERS)) return
    const own = this.#resolverOf(host)
    const usual = () => (host.isOnline ? WayOut.resolvConf() : fs.readFileSync(RESOLVERS, 'utf8'))
    const text = own ? `nameserver ${own}\n` : usual()
    overwrite(join(this.etcOf(host), 'resolv.conf'), text)
  }

  #resolverOf(host: Host): string | undefined {
    return [...(this.#resolvers.get(host)?.values() ?? [])].at(-1)
  }

  /**
   * Returns the DNS servers, of one family, that may know a name which the lab does not know.
   * Returns undefined for an address, for the name of a host, for a name of one label, and for a
   * host without a way to the machine's network.
   */
  serversFor(from: Host, name: string): readonly NameServer[] | undefined {
    const isOutside = from.isOnline && name.includes('.') && placeOf(name) === undefined
    if (!isOutside || this.places(from, name).length > 0) return undefined
    const own = this.#resolverOf(from)
    const all = own === undefined ? WayOut.nameservers() : [own]
    const ofV4 = all.filter(text => !text.includes(':'))
    return (ofV4.length > 0 ? ofV4 : all).map(address => [address, dns.DNS_PORT])
  }

  /**
   * Returns the addresses by which `from` reaches a name or an address. Throws a UsageError for an
   * unknown name, or if the host has no link or no address of the family.
   */
  find(from: Host, name: string, family?: 4 | 6): readonly [HostAddress, ...HostAddress[]] {
    const address = placeOf(name)
    if (address !== undefined) return [address]
    const places = this.places(from, name).filter(
      place => family === undefined || place.family === family,
    )
    const [first, ...rest] = places
    if (first !== undefined) return [first, ...rest]
    const host = this.#hosts.get(name.toLowerCase())
    if (host?.interfaces.length === 0) {
      throw new UsageError(`${name} has no link: await lab.cable(...) or lab.lan(...) makes one`)
    }
    if (host !== undefined) {
      throw new UsageError(`${name} has no IP${family === undefined ? '' : `v${family}`} address`)
    }
    const known = [...this.#hosts.values()].map(each => each.name)
    throw new UsageError(
      `${name}: the lab has no host of this name; it has ${namesFor(name, known)}`,
    )
  }

  /**
   * Returns the addresses of a host, with addresses on a link of `from` first; an empty list for an
   * unknown name. Names are case-insensitive, because URLs turn them into lower case.
   */
  places(from: Host, name: string): readonly HostAddress[] {
    const key = name.toLowerCase()
    if (key === 'localhost' || key === from.name.toLowerCase()) return LOCALHOST
    const own = new Set(from.interfaces.map(({ link }) => link))
    const interfaces = this.#hosts.get(key)?.interfaces ?? []
    const ordered = [
      ...interfaces.filter(({ link }) => own.has(link)),
      ...interfaces.filter(({ link }) => !own.has(link)),
    ]
    const places = key === IPV4_ONLY ? WELL_KNOWN : ordered.flatMap(each => this.#placesOf(each))
    if (from.hasDns64 !== true) return key === IPV4_ONLY ? [] : places
    const v6 = places.filter(({ family }) => family === 6)
    return [
      ...(v6.length > 0 ? v6 : places.map(translated)),
      ...places.filter(({ family }) => family === 4),
    ]
  }

  /** The addresses of an interface, which do not change. */
  #placesOf(host: HostInterface): readonly HostAddress[] {
    const known = this.#places.get(host)
    if (known !== undefined) return known
    const places = host.addresses
      .map(cidr => placeOf(withoutPrefix(cidr)))
      .filter(place => place !== undefined)
    this.#places.set(host, places)
    return places
  }
}

/**
 * Writes a file in place, because running programs have this very file in /etc. The file is never
 * empty meanwhile, because a lookup would then find no name. Everyone may read it.
 */
function overwrite(path: string, text: string): void {
  withErrno(['write', path], () => {
    using file = openFile(path, fs.constants.O_WRONLY | fs.constants.O_CREAT)
    fs.fchmodSync(file.fd, 0o644)
    fs.ftruncateSync(file.fd, fs.writeSync(file.fd, text))
  })
}

/** Returns `198.18.0.1` for `198.18.0.1/24`. */
export const withoutPrefix = (cidr: string): string => cidr.split('/', 1)[0] ?? ''

/** Returns the first IPv4 address of a list, with or without prefixes, as an unsigned number. */
export function ipv4Of(addresses: readonly string[]): number {
  const [found] = addresses
    .map(text => parseIpv4(withoutPrefix(text)))
    .filter(address => address !== undefined)
  if (found === undefined) throw new UsageError('a NAT needs an IPv4 address on each side')
  return found
}

/** The maximum length of an interface name, which starts with the name of a host. */
export const NAME_MAX = 15
/** The maximum length of a DNS label (RFC 1035 section 2.3.4). */
const HOST_MAX = 63

const NAME = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/i

/** Throws a UsageError for a value that is not a name, or a name among `taken`. */
export function checkName(name: unknown, taken: readonly string[]): asserts name is string {
  if (typeof name !== 'string') {
    throw new UsageError(`host ${shown(name)}: names are arguments, as in lab.hosts('a', 'b')`)
  }
  if (!NAME.test(name) || name.length > HOST_MAX) {
    throw new UsageError(
      `host '${name}': a name has 1 to ${HOST_MAX} letters, digits and inner hyphens`,
    )
  }
  const isTaken = [...taken, 'localhost'].some(other => other.toLowerCase() === name.toLowerCase())
  if (isTaken) throw new UsageError(`host '${name}': the name is taken`)
}

/**
 * Returns VNET_IP4_HOST and VNET_IP6_HOST, the first addresses of each host, and
 * VNET_IP4_HOST__INTERFACE and VNET_IP6_HOST__INTERFACE. Throws a UsageError for two of one name.
 */
export function addressVariables(
  hosts: readonly Pick<Host, 'name' | 'interfaces'>[],
): Record<string, string> {
  const variables: Record<string, string> = {}
  const set = (name: string, value: string) => {
    if (name in variables) {
      throw new UsageError(`two addresses would be the variable ${name}: rename a host`)
    }
    variables[name] = value
  }
  for (const { name, interfaces } of hosts) {
    for (const family of [4, 6]) {
      const own = interfaces.map(each => ({
        name: each.name,
        addresses: each.addresses
          .map(withoutPrefix)
          .filter(text => text.includes(':') === (family === 6)),
      }))
      const host = `VNET_IP${family}_${nameOfVariable(name)}`
      const [first] = own.flatMap(({ addresses }) => addresses)
      if (first !== undefined) {
        set(host, first)
      }
      for (const { name: interfaceName, addresses } of own) {
        if (addresses.length > 0) {
          set(`${host}__${nameOfVariable(interfaceName)}`, addresses.join(' '))
        }
      }
    }
  }
  return variables
}

const nameOfVariable = (name: string): string => name.toUpperCase().replaceAll('-', '_')
