/**
 * Who is called what on the segment: names to addresses and back, for the gateway's DNS. Whatever
 * is asked is looked up: nothing goes through all hosts or all leases.
 */
import { labelsOf, nameOf } from '../header/dns.ts'
import type { ResolverConfig } from './dns.ts'

/** `web`, `web.lan` and `web.` are names in the domain `lan`, or, with a dot at the end, names of their own. */
export interface Named {
  readonly name: string
  /** Of 4 and 16 octets. */
  readonly addresses: readonly Uint8Array[]
}

/** Names that DHCP clients chose: one label each, of letters, digits and hyphens, in lower case. */
export interface LeaseNames {
  /** 4 octets. */
  address(name: string): Uint8Array | undefined
  name(address: Uint8Array): string | undefined
}

/** The address, or its beginning, that a name under in-addr.arpa (octets) or ip6.arpa (nibbles) stands for. */
export interface Digits {
  readonly family: 4 | 6
  readonly digits: readonly number[]
}

export interface Names {
  /** Wire form: the gateway with its domain, and the mailbox that SOA asks for. */
  readonly server: Uint8Array
  readonly mailbox: Uint8Array
  /** The zone, in wire form, that a negative answer for `labels` is about; the root for what lies in none of ours. */
  zoneOf(labels: readonly string[]): Uint8Array
  isZone(labels: readonly string[]): boolean
  /** Addresses of a name; empty when only names below it exist, undefined when there is no such name. */
  addresses(labels: readonly string[]): readonly Uint8Array[] | undefined
  /**
   * Names of an address, with the domain, in wire form; undefined when it has none. Of the
   * beginning of an address they are empty, whether there are names below it or not.
   */
  pointers(digits: Digits): readonly Uint8Array[] | undefined
}

const REVERSE4 = ['in-addr', 'arpa']
const REVERSE6 = ['ip6', 'arpa']
const ROOT = Uint8Array.of(0)

/** What a name under in-addr.arpa or ip6.arpa stands for; undefined for other names and for what is no address. */
export function reverse(labels: readonly string[]): Digits | undefined {
  const family = endsWith(labels, REVERSE4) ? 4 : endsWith(labels, REVERSE6) ? 6 : undefined
  if (family === undefined) return undefined
  const form = family === 4 ? /^(0|[1-9]\d{0,2})$/ : /^[0-9a-f]$/
  const own = labels.slice(0, -2).reverse()
  if (own.length > digitsIn(family) || !own.every(label => form.test(label))) return undefined
  return { family, digits: own.map(label => Number.parseInt(label, family === 4 ? 10 : 16)) }
}

/** The names of a configuration. One that cannot be a host's is left out. */
export function namesOf({ domain, gateway, hosts, leases }: ResolverConfig): Names {
  const domainName = nameOf(domain) ?? ROOT
  const suffix = labelsOf(domainName)
  const zones = [domainName, nameOf('in-addr.arpa')!, nameOf('ip6.arpa')!, ROOT].map(wire => ({
    wire,
    labels: labelsOf(wire),
  }))
  const addresses = new Map<string, readonly Uint8Array[]>()
  const pointers = new Map<string, readonly Uint8Array[]>()
  /** Names that lie above one that is there. */
  const above = new Set<string>()

  /** The name with its domain, in wire form; undefined when it is none. */
  function complete(name: string): Uint8Array | undefined {
    const wire = nameOf(name)
    if (wire === undefined || wire.length === 1) return undefined
    return name.endsWith('.') || endsWith(labelsOf(wire), suffix) ? wire : nameOf(`${name}.${domain}`)
  }
  const noteAbove = (labels: readonly string[]): void =>
    labels.forEach((_, i) => void above.add(keyOf(labels.slice(i + 1))))

  for (const zone of zones) noteAbove(zone.labels)
  for (const named of [gateway, ...hosts]) {
    const wire = complete(named.name)
    if (wire === undefined) continue
    const labels = labelsOf(wire)
    noteAbove(labels)
    append(addresses, keyOf(labels), named.addresses)
    for (const address of named.addresses) append(pointers, address.join('.'), [wire])
  }

  /**
   * The label of a name that a client with a lease may have: in the domain, and no host's.
   * Undefined for other names.
   */
  function leaseLabel(labels: readonly string[]): string | undefined {
    const isOne = labels.length === suffix.length + 1 && endsWith(labels, suffix)
    return isOne && !addresses.has(keyOf(labels)) ? labels[0] : undefined
  }

  function addressesOf(labels: readonly string[]): readonly Uint8Array[] | undefined {
    // As it is asked, or with the domain.
    const meant = endsWith(labels, suffix) ? [labels] : [labels, [...labels, ...suffix]]
    const keys = meant.map(keyOf)
    const held = keys.find(key => addresses.has(key))
    if (held !== undefined) return addresses.get(held)
    for (const label of meant.map(leaseLabel)) {
      const leased = label === undefined ? undefined : leases?.address(label)
      if (leased !== undefined) return [leased]
    }
    return keys.some(key => above.has(key)) ? [] : undefined
  }

  /** The name of the client that has a lease of the address, unless a host has that name. */
  function leasePointer(address: Uint8Array): Uint8Array | undefined {
    const wire = complete(leases?.name(address) ?? '')
    return wire !== undefined && leaseLabel(labelsOf(wire)) !== undefined ? wire : undefined
  }

  return {
    server: complete(gateway.name) ?? ROOT,
    mailbox: complete('hostmaster') ?? ROOT,
    zoneOf: labels => zones.find(zone => endsWith(labels, zone.labels))!.wire,
    isZone: labels => zones.some(zone => zone.labels.length === labels.length && endsWith(labels, zone.labels)),
    addresses: addressesOf,
    pointers({ family, digits }) {
      if (digits.length < digitsIn(family)) return []
      const held = pointers.get(addressOf(digits))
      if (held !== undefined) return held
      const leased = family === 4 ? leasePointer(Uint8Array.from(digits)) : undefined
      return leased && [leased]
    },
  }
}

/** One string a name: no octet of a label is mistaken for the dot between two. */
const keyOf = (labels: readonly string[]): string => labels.map(label => `${label.length} ${label}`).join('')

const endsWith = (labels: readonly string[], end: readonly string[]): boolean =>
  labels.length >= end.length && end.every((label, i) => label === labels[labels.length - end.length + i])

const append = <T>(map: Map<string, readonly T[]>, key: string, values: readonly T[]): void =>
  void map.set(key, [...(map.get(key) ?? []), ...values])

const digitsIn = (family: 4 | 6): number => (family === 4 ? 4 : 32)

/** 4 octets, or 32 nibbles, as the key of an address. */
function addressOf(digits: readonly number[]): string {
  if (digits.length === 4) return digits.join('.')
  return Array.from({ length: 16 }, (_, i) => (digits[2 * i] << 4) | digits[2 * i + 1]).join('.')
}
