/** A gateway's DNS with hosts and leases, for tests. */
import { parseAddress } from '#src/packet/address.ts'
import { createResolver } from '../../src/services/dns.ts'

/** A host with a name. */
export const named = (name: string, ...addresses: string[]) => ({
  name,
  addresses: addresses.map(text => parseAddress(text)!),
})

/** The clients with a lease; a test may add one. */
export const leased = [named('laptop', '198.18.0.100'), named('web', '198.18.0.101')]
const isEqual = (one: Uint8Array | undefined, other: Uint8Array) => one?.join() === other.join()
/** The addresses of `many`. */
export const many = Array.from({ length: 60 }, (_, i) => `198.18.1.${i + 1}`)
/** The resolver of the tests. */
export const resolver = createResolver({
  domain: 'lan',
  gateway: named('gateway', '198.18.0.1', '2001:db8:0:1::1'),
  hosts: [
    named('web', '198.18.0.2', '2001:db8:0:1::2'),
    named('Printer', '198.18.0.3'),
    named('db.rack1', '198.18.0.4'),
    named('www.example.com.', '198.18.0.5'),
    named('many', ...many),
    named('not a name', '198.18.0.6'),
    named(`${'x'.repeat(64)}`, '198.18.0.6'),
  ],
  leases: {
    address: label => leased.find(({ name }) => name === label)?.addresses[0],
    name: address => leased.find(({ addresses }) => isEqual(addresses[0], address))?.name,
  },
})

/** Returns the name in ip6.arpa of an address; `tail` is its end. */
export const ip6 = (tail: string, rest = '1.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2') =>
  `${tail}.${rest}.ip6.arpa`
