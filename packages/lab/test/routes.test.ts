import { describe, expect, test } from 'vitest'
import { type Routed, Routes } from '../src/world/routes.ts'

type Link = readonly [link: number, ...addresses: string[]]

/** A namespace with an interface for each link: `eth1` for link 1. */
function host(...links: readonly Link[]): Routed {
  return { interfaces: links.map(([link, ...addresses]) => ({ link, name: `eth${link}`, addresses })) }
}

const router = (...links: readonly Link[]): Routed => ({ ...host(...links), isRouter: true })

/** The routes of `from` as text, like `ip route`. */
function words(from: Routed, ...others: readonly Routed[]): string[] {
  const [routes] = new Routes().find([from, ...others])
  return routes!.map(({ network, via, dev }) => `${network.text} via ${via.text} dev ${dev}`)
}

const client = host([1, '10.0.1.1/24', '2001:db8:0:1::1/64'])
const first = router([1, '10.0.1.2/24', '2001:db8:0:1::2/64'], [2, '10.0.2.1/24', '2001:db8:0:2::1/64'])
const second = router([2, '10.0.2.2/24', '2001:db8:0:2::2/64'], [3, '10.0.3.1/24', '2001:db8:0:3::1/64'])

describe('routes of a namespace', () => {
  test('lead to every network past its routers, in both families', () => {
    expect(words(client, first, second)).toEqual([
      '10.0.2.0/24 via 10.0.1.2 dev eth1',
      '10.0.3.0/24 via 10.0.1.2 dev eth1',
      '2001:db8:0:2::/64 via 2001:db8:0:1::2 dev eth1',
      '2001:db8:0:3::/64 via 2001:db8:0:1::2 dev eth1',
    ])
    expect(words(first, client, second)).toEqual([
      '10.0.3.0/24 via 10.0.2.2 dev eth2',
      '2001:db8:0:3::/64 via 2001:db8:0:2::2 dev eth2',
    ])
  })

  test('lead to all other networks of a family by a router with a way out', () => {
    const wayOut = { ...second, defaults: [4] as const }
    expect(words(client, first, wayOut)).toContain('0.0.0.0/0 via 10.0.1.2 dev eth1')
    expect(words(client, first, wayOut).join()).not.toContain('::/0 ')
    expect(words(wayOut, client, first).join()).not.toContain('/0 ')
  })

  test('do not lead through a namespace that does not forward', () => {
    const { interfaces } = first
    expect(words(client, { interfaces }, second)).toEqual([])
  })

  test('take the path with the fewest routers', () => {
    const direct = router([4, '10.0.4.2/24'], [3, '10.0.3.9/24'])
    const both = host([1, '10.0.1.1/24'], [4, '10.0.4.1/24'])
    expect(words(both, first, second, direct)).toContain('10.0.3.0/24 via 10.0.4.2 dev eth4')
  })

  test('end in a ring of routers', () => {
    const third = router([3, '10.0.3.2/24'], [1, '10.0.1.3/24'])
    expect(words(client, first, second, third).filter(each => each.startsWith('10.'))).toEqual([
      '10.0.2.0/24 via 10.0.1.2 dev eth1',
      '10.0.3.0/24 via 10.0.1.3 dev eth1',
    ])
  })

  test('from outside a NAT do not lead to the IPv4 networks inside, by whatever routers', () => {
    const nat = { ...first, hiddenFrom: 2 }
    const outside = host([3, '10.0.3.5/24', '2001:db8:0:3::5/64'])
    expect(words(outside, client, nat, second)).toEqual([
      '10.0.2.0/24 via 10.0.3.1 dev eth3',
      '2001:db8:0:2::/64 via 2001:db8:0:3::1 dev eth3',
      '2001:db8:0:1::/64 via 2001:db8:0:3::1 dev eth3',
    ])
    expect(words(client, nat, second, outside)).toContain('10.0.3.0/24 via 10.0.1.2 dev eth1')
  })

  test('need an address of their family on the common link', () => {
    const only6 = router([1, '2001:db8:0:1::2/64'], [2, '10.0.2.1/24'])
    expect(words(client, only6)).toEqual([])
  })
})
