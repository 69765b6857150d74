import { describe, expect, test } from 'vitest'
import { Graph, type Routed } from '../src/world/routes.ts'

type Link = readonly [link: number, ...addresses: string[]]

/** A namespace with an interface for each link: `eth1` for link 1. */
function host(...links: readonly Link[]): Routed {
  return {
    interfaces: links.map(([link, ...addresses]) => ({ link, name: `eth${link}`, addresses })),
  }
}

const router = (...links: readonly Link[]): Routed => ({ ...host(...links), isRouter: true })

/** The routes of `from` as text, like `ip route`. */
function words(from: Routed, ...others: readonly Routed[]): string[] {
  const routes = new Graph([from, ...others]).routesOf(from)
  return routes.map(({ network, via, dev }) => `${network.text} via ${via.text} dev ${dev}`)
}

const client = host([1, '10.0.1.1/24', '2001:db8:0:1::1/64'])
const first = router(
  [1, '10.0.1.2/24', '2001:db8:0:1::2/64'],
  [2, '10.0.2.1/24', '2001:db8:0:2::1/64'],
)
const second = router(
  [2, '10.0.2.2/24', '2001:db8:0:2::2/64'],
  [3, '10.0.3.1/24', '2001:db8:0:3::1/64'],
)

describe('routes of a namespace', () => {
  test('lead to every network past its routers, in both families', () => {
    expect(words(client, first, second)).toEqual([
      '10.0.2.0/24 via 10.0.1.2 dev eth1',
      '10.0.3.0/24 via 10.0.1.2 dev eth1',
      '2001:db8::/32 via 2001:db8:0:1::2 dev eth1',
    ])
    expect(words(first, client, second)).toEqual([
      '10.0.3.0/24 via 10.0.2.2 dev eth2',
      '2001:db8:0:3::/64 via 2001:db8:0:2::2 dev eth2',
    ])
  })

  test('of a host with one next hop are one for all networks that the lab numbers, if there is another', () => {
    const many = router(...[1, 2, 3, 4].map((link): Link => [link, `198.18.${link}.1/24`]), [
      5,
      '192.0.2.1/24',
    ])
    const stub = host([1, '198.18.1.2/24'])
    const lone = router([1, '198.18.1.1/24'])
    const routes = ['198.18.0.0/15 via 198.18.1.1 dev eth1', '192.0.2.0/24 via 198.18.1.1 dev eth1']
    expect(words(stub, many)).toEqual(routes)
    expect(words(stub, lone)).toEqual([])
    const graph = new Graph([stub, many])
    const two = [stub, host([2, '198.18.2.2/24'])].map(each =>
      graph.routesOf(each).map(({ via }) => via.text),
    )
    expect(two).toEqual([Array(2).fill('198.18.1.1'), Array(2).fill('198.18.2.1')])
  })

  test('of a host with a wide network are one for each network, which would be lost in it', () => {
    const wide = host([1, '198.18.0.2/16', '2001:db8::2/48'])
    const near = router(
      [1, '198.18.0.1/16', '2001:db8::1/48'],
      [2, '198.18.77.1/24', '2001:db8:0:77::1/64'],
    )
    expect(words(wide, near)).toEqual([
      '198.18.77.0/24 via 198.18.0.1 dev eth1',
      '2001:db8:0:77::/64 via 2001:db8::1 dev eth1',
    ])
    expect(new Graph([wide, near]).stateOf(wide)).toBe(undefined)
  })

  test('do not lead by a router that has no address of their family there', () => {
    const only4 = router([1, '198.18.1.3/24'], [3, '198.18.3.1/24', '2001:db8:0:3::1/64'])
    const near = router([1, '198.18.1.1/24', '2001:db8:0:1::1/64'], [2, '2001:db8:0:2::1/64'])
    const both = host([1, '198.18.1.2/24', '2001:db8:0:1::2/64'])
    expect(words(both, near, only4).filter(each => each.includes(':'))).toEqual([
      '2001:db8::/32 via 2001:db8:0:1::1 dev eth1',
    ])
  })

  test('of a host have another state with the first other network, and no other with further ones', () => {
    const stub = host([1, '198.18.1.2/24'])
    const stateWith = (count: number) => {
      const links = Array.from({ length: count }, (_, i): Link => [i + 1, `198.18.${i + 1}.1/24`])
      return new Graph([stub, router(...links)]).stateOf(stub)
    }
    expect(stateWith(2)).not.toBe(stateWith(1))
    expect(stateWith(3)).toBe(stateWith(2))
  })

  test('of a host with two next hops are one for each network', () => {
    const both = host([1, '198.18.1.2/24'], [4, '198.18.4.2/24'])
    const near = router([1, '198.18.1.1/24'], [2, '198.18.2.1/24'])
    const other = router([4, '198.18.4.1/24'], [5, '198.18.5.1/24'])
    expect(words(both, near, other)).toEqual([
      '198.18.2.0/24 via 198.18.1.1 dev eth1',
      '198.18.5.0/24 via 198.18.4.1 dev eth4',
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
      '2001:db8::/32 via 2001:db8:0:3::1 dev eth3',
    ])
    expect(words(client, nat, second, outside)).toContain('10.0.3.0/24 via 10.0.1.2 dev eth1')
  })

  test('need an address of their family on the common link', () => {
    const only6 = router([1, '2001:db8:0:1::2/64'], [2, '10.0.2.1/24'])
    expect(words(client, only6)).toEqual([])
  })
})
