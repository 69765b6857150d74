/**
 * Who is called what on the segment: names to addresses and back, for the gateway's DNS. What never changes is in maps;
 * leases are walked.
 */
import { labelsOf, nameOf } from '../header/dns.ts'
import type { ResolverConfig } from './dns.ts'

/** `web`, `web.lan` and `web.` are names in the domain `lan`, or, with a dot at the end, names of their own. */
export interface Named {
  readonly name: string
  /** Of 4 and 16 octets. */
  readonly addresses: readonly Uint8Array[]
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
  /** Names of an address, with the domain, in wire form; empty and undefined as above. */
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
export function namesOf({ domain, gateway, hosts, leases = () => [] }: ResolverConfig): Names {
  const domainName = nameOf(domain) ?? ROOT
  const suffix = labelsOf(domainName)
  const zones = [domainName, nameOf('in-addr.arpa')!, nameOf('ip6.arpa')!, ROOT].map(wire => ({
    wire,
    labels: labelsOf(wire),
  }))
  const addresses = new Map<string, readonly Uint8Array[]>()
  const pointers = new Map<string, readonly Uint8Array[]>()
  const known: Uint8Array[] = []
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
    known.push(...named.addresses)
  }

  /**
   * Who has a lease and may be meant, by the name that its holder chose: one label of letters, digits and hyphens. `may` is
   * asked first, since it costs little: there may be many, and each query goes through them all.
   */
  function* leased(
    may: (lease: Named) => boolean,
  ): Iterable<{ wire: Uint8Array; labels: readonly string[]; addresses: readonly Uint8Array[] }> {
    for (const lease of leases()) {
      if (!may(lease)) continue
      const wire = complete(lease.name)
      const labels = wire === undefined ? [] : labelsOf(wire)
      if (wire === undefined || labels.length !== suffix.length + 1 || !HOST_LABEL.test(labels[0])) continue
      if (!addresses.has(keyOf(labels))) yield { wire, labels, addresses: lease.addresses }
    }
  }

  function addressesOf(labels: readonly string[]): readonly Uint8Array[] | undefined {
    // As it is asked, or with the domain.
    const meant = endsWith(labels, suffix) ? [labels] : [labels, [...labels, ...suffix]]
    const keys = meant.map(keyOf)
    const held = keys.find(key => addresses.has(key))
    if (held !== undefined) return addresses.get(held)
    const [first = ''] = labels
    const may = ({ name }: Named): boolean => name.slice(0, first.length).toLowerCase() === first
    const own = [...leased(may)].filter(lease => keys.includes(keyOf(lease.labels)))
    if (own.length > 0) return own.flatMap(lease => lease.addresses)
    return keys.some(key => above.has(key)) ? [] : undefined
  }

  return {
    server: complete(gateway.name) ?? ROOT,
    mailbox: complete('hostmaster') ?? ROOT,
    zoneOf: labels => zones.find(zone => endsWith(labels, zone.labels))!.wire,
    isZone: labels => zones.some(zone => zone.labels.length === labels.length && endsWith(labels, zone.labels)),
    addresses: addressesOf,
    pointers({ family, digits }) {
      const whole = digits.length === digitsIn(family)
      const held = whole ? pointers.get(addressOf(digits)) : undefined
      if (held !== undefined) return held
      const isMeant = (address: Uint8Array): boolean => begins(address, family, digits)
      const own = [...leased(lease => lease.addresses.some(isMeant))].map(lease => lease.wire)
      if (whole) return own.length > 0 ? own : undefined
      return own.length > 0 || known.some(isMeant) ? [] : undefined
    },
  }
}

/** A name of one label that a host may have (RFC 1123 sec. 2.1). */
const HOST_LABEL = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/

/** One string a name: no octet of a label is mistaken for the dot between two. */
const keyOf = (labels: readonly string[]): string => labels.map(label => `${label.length} ${label}`).join('')

const endsWith = (labels: readonly string[], end: readonly string[]): boolean =>
  labels.length >= end.length && end.every((label, i) => label === labels[labels.length - end.length + i])

const append = <T>(map: Map<string, readonly T[]>, key: string, values: readonly T[]): void =>
  void map.set(key, [...(map.get(key) ?? []), ...values])

const digitsIn = (family: 4 | 6): number => (family === 4 ? 4 : 32)

function begins(address: Uint8Array, family: 4 | 6, digits: readonly number[]): boolean {
  if (address.length !== (family === 4 ? 4 : 16)) return false
  return digits.every((digit, i) => digit === (family === 4 ? address[i] : (address[i >> 1] >> (i & 1 ? 0 : 4)) & 0xf))
}

/** 4 octets, or 32 nibbles, as the key of an address. */
function addressOf(digits: readonly number[]): string {
  if (digits.length === 4) return digits.join('.')
  return Array.from({ length: 16 }, (_, i) => (digits[2 * i] << 4) | digits[2 * i + 1]).join('.')
}
