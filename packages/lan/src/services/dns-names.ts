/** The names of the gateway's DNS. Every query is a lookup; none walks all hosts or leases. */
import { dns } from 'vnet/kit/packet'

/** The names that the gateway resolves. */
export interface ResolverConfig {
  /** `lan`, or '' for none. */
  readonly domain: string
  /** The gateway itself: the first name server of the domain. */
  readonly gateway: HostName
  readonly hosts: Iterable<HostName>
  /** The clients that have a lease now. They do not get a name that a host has. */
  readonly leases?: LeaseNames | undefined
}

/** `web` and `web.lan` are names in the domain `lan`; `web.`, with a final dot, is complete. */
export interface HostName {
  readonly name: string
  /** 4 or 16 bytes each. */
  readonly addresses: readonly Uint8Array[]
}

/** The names that DHCP clients chose: one label of letters, digits and hyphens, in lower case. */
export interface LeaseNames {
  /** 4 bytes. */
  address(name: string): Uint8Array | undefined
  name(address: Uint8Array): string | undefined
}

/** An address, or the first digits of one: bytes under in-addr.arpa, nibbles under ip6.arpa. */
export type Digits = Readonly<{ family: 4 | 6; digits: readonly number[] }>

const REVERSE4 = ['in-addr', 'arpa']
const REVERSE6 = ['ip6', 'arpa']
const BYTE = /^(\d|[1-9]\d|1\d\d|2[0-4]\d|25[0-5])$/
const NIBBLE = /^[0-9a-f]$/
const ROOT = Uint8Array.of(0)
/** Names of the client itself, with all names under it (RFC 6761 sec. 6.3), and its addresses. */
const LOCALHOST = ['localhost']
const LOOPBACK = [
  Uint8Array.of(127, 0, 0, 1),
  Uint8Array.from({ length: 16 }, (_, i) => (i === 15 ? 1 : 0)),
]

/** Parses a name under in-addr.arpa or ip6.arpa. Returns undefined for other and invalid names. */
export function reverse(labels: readonly string[]): Digits | undefined {
  const isV4 = endsWith(labels, REVERSE4)
  if (!isV4 && !endsWith(labels, REVERSE6)) return undefined
  const family = isV4 ? 4 : 6
  const form = family === 4 ? BYTE : NIBBLE
  const own = labels.slice(0, -2).reverse()
  if (own.length > digitsIn(family) || !own.every(label => form.test(label))) return undefined
  return { family, digits: own.map(label => Number.parseInt(label, family === 4 ? 10 : 16)) }
}

/** The lookups of a gateway's DNS. Invalid names are ignored. */
export class Names {
  /** In wire form: the gateway with its domain, and the mailbox of SOA records. */
  readonly server: Uint8Array
  readonly mailbox: Uint8Array
  readonly #domain: string
  readonly #suffix: readonly string[]
  readonly #leases: LeaseNames | undefined
  readonly #zones: readonly Zone[]
  readonly #held = new Map<string, readonly Uint8Array[]>()
  readonly #pointers = new Map<string, readonly Uint8Array[]>()
  /** Names that have subdomains. */
  readonly #above = new Set<string>()

  constructor({ domain, gateway, hosts, leases }: ResolverConfig) {
    const domainName = dns.nameOf(domain) ?? ROOT
    this.#domain = domain
    this.#leases = leases
    this.#suffix = dns.labelsOf(domainName)
    const wires = [domainName, dns.nameOf('in-addr.arpa')!, dns.nameOf('ip6.arpa')!, ROOT]
    this.#zones = wires.map(wire => ({ wire, labels: dns.labelsOf(wire) }))
    for (const zone of this.#zones) {
      this.#noteAbove(zone.labels)
    }
    for (const named of [gateway, ...hosts]) {
      this.#add(named)
    }
    this.server = this.#complete(gateway.name) ?? ROOT
    this.mailbox = this.#complete('hostmaster') ?? ROOT
  }

  /** The zone of a negative response for `labels`, in wire form; the root if no zone has it. */
  zoneOf(labels: readonly string[]): Uint8Array {
    return this.#zones.find(zone => endsWith(labels, zone.labels))!.wire
  }

  isZone(labels: readonly string[]): boolean {
    return this.#zones.some(
      zone => zone.labels.length === labels.length && endsWith(labels, zone.labels),
    )
  }

  /** Returns the addresses of a name: none if it only has subdomains, undefined if unknown. */
  addresses(labels: readonly string[]): readonly Uint8Array[] | undefined {
    if (endsWith(labels, LOCALHOST)) return LOOPBACK
    const suffix = this.#suffix
    // The name in the query, alone or with the domain.
    const candidates = endsWith(labels, suffix) ? [labels] : [labels, [...labels, ...suffix]]
    const keys = candidates.map(keyOf)
    const known = keys.find(key => this.#held.has(key))
    if (known !== undefined) return this.#held.get(known)
    for (const candidate of candidates) {
      const label = this.#leaseLabel(candidate)
      const leased = label === undefined ? undefined : this.#leases?.address(label)
      if (leased !== undefined) return [leased]
    }
    return keys.some(key => this.#above.has(key)) ? [] : undefined
  }

  /** Returns names in wire form, undefined for none; empty for the first digits of an address. */
  pointers({ family, digits }: Digits): readonly Uint8Array[] | undefined {
    if (digits.length < digitsIn(family)) return []
    const address = addressOf(digits)
    if (LOOPBACK.some(own => own.join('.') === address)) return [dns.nameOf('localhost')!]
    const known = this.#pointers.get(address)
    if (known !== undefined) return known
    const leased = family === 4 ? this.#leasePointer(Uint8Array.from(digits)) : undefined
    return leased && [leased]
  }

  #add({ name, addresses }: HostName): void {
    const wire = this.#complete(name)
    if (wire === undefined) return
    const labels = dns.labelsOf(wire)
    this.#noteAbove(labels)
    append(this.#held, keyOf(labels), addresses)
    for (const address of addresses) {
      append(this.#pointers, address.join('.'), [wire])
    }
  }

  #noteAbove(labels: readonly string[]): void {
    for (const i of labels.keys()) {
      this.#above.add(keyOf(labels.slice(i + 1)))
    }
  }

  /** Returns the name with its domain in wire form, undefined if it is invalid. */
  #complete(name: string): Uint8Array | undefined {
    const wire = dns.nameOf(name)
    if (wire === undefined || wire.length === 1) return undefined
    const isComplete = name.endsWith('.') || endsWith(dns.labelsOf(wire), this.#suffix)
    return isComplete ? wire : dns.nameOf(`${name}.${this.#domain}`)
  }

  /** Returns the first label of a name in the domain that no host has: a lease may have it. */
  #leaseLabel(labels: readonly string[]): string | undefined {
    const suffix = this.#suffix
    const isOne = labels.length === suffix.length + 1 && endsWith(labels, suffix)
    return isOne && !this.#held.has(keyOf(labels)) ? labels[0] : undefined
  }

  /** The name of the client that leases the address, unless a host has that name. */
  #leasePointer(address: Uint8Array): Uint8Array | undefined {
    const wire = this.#complete(this.#leases?.name(address) ?? '')
    return wire !== undefined && this.#leaseLabel(dns.labelsOf(wire)) !== undefined
      ? wire
      : undefined
  }
}

interface Zone {
  /** Its name in wire form. */
  readonly wire: Uint8Array
  readonly labels: readonly string[]
}

/** A string per name; with lengths, since a label may contain a dot. */
const keyOf = (labels: readonly string[]): string =>
  labels.map(label => `${label.length} ${label}`).join('')

const endsWith = (labels: readonly string[], end: readonly string[]): boolean =>
  labels.length >= end.length &&
  end.every((label, i) => label === labels[labels.length - end.length + i])

const append = <T>(map: Map<string, readonly T[]>, key: string, values: readonly T[]): void =>
  void map.set(key, [...(map.get(key) ?? []), ...values])

const digitsIn = (family: 4 | 6): number => (family === 4 ? 4 : 32)

/** The key of an address of 4 bytes or 32 nibbles. */
function addressOf(digits: readonly number[]): string {
  if (digits.length === 4) return digits.join('.')
  return Array.from({ length: 16 }, (_, i) => (digits[2 * i] << 4) | digits[2 * i + 1]).join('.')
}
