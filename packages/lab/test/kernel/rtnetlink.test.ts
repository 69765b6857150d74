/** Requests of rtnetlink that only labs make, compared with the output of `ip`. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { VnetError } from '#src/base/errno.ts'
import { getLink, type Link, RouteSocket } from '#src/linux/rtnetlink.ts'
import { toPrefix } from '#src/packet/address.ts'
import { freshNamespaces } from '#support/fresh-namespaces.ts'
import { delLocalRule } from '../../src/kernel/access-rules.ts'
import { delAddress, setNeighbour } from '../../src/kernel/kernel-stack.ts'

const { own, home } = freshNamespaces('home')
let sock: RouteSocket
let left: Link

beforeEach(() => {
  sock = RouteSocket.open(own.at(home))
  home.ip('link add left type veth peer name right', 'link set left up')
  left = getLink(sock, { name: 'left' })!
})
afterEach(() => sock?.close())

function refusal(call: () => unknown): string {
  try {
    call()
  } catch (error) {
    if (error instanceof VnetError) return error.message
    throw error
  }
  throw new Error('it was not refused')
}

test('setNeighbour sets hardware addresses, of IPv4 and IPv6, as if they had been resolved, and outside the limit', () => {
  for (const [i, address] of ['198.18.0.2', '2001:db8::2'].entries()) {
    const { bytes } = toPrefix(`${address}/32`)
    setNeighbour(sock, left, bytes, Uint8Array.of(2, 0, 0, 0, 0, 9))
    setNeighbour(sock, left, bytes, Uint8Array.of(2, 0, 0, 0, 0, i))
    expect(home.ip(`neigh show ${address} dev left`)).toMatch(
      new RegExp(`lladdr 02:00:00:00:00:0${i} extern_learn +REACHABLE`),
    )
  }
  const missing = { ifindex: 99, name: 'missing' }
  expect(
    refusal(() => setNeighbour(sock, missing, Uint8Array.of(1, 2, 3, 4), new Uint8Array(6))),
  ).toContain('RTM_NEWNEIGH 1.2.3.4 on missing')
})

test('delAddress removes the address, of IPv4 and IPv6, and no other', () => {
  home.ip('address add 198.18.0.1/24 dev left', 'address add 198.18.1.1/24 dev left')
  home.ip('address add 2001:db8::1/64 dev left nodad', 'address add 2001:db8::2/64 dev left nodad')
  delAddress(sock, left, toPrefix('198.18.0.1/24'))
  delAddress(sock, left, toPrefix('2001:db8::2/64'))
  const shown = home.ip('-brief address show left')
  expect(shown).toMatch(/198\.18\.1\.1\/24.* 2001:db8::1\/64/)
  expect(shown).not.toMatch(/198\.18\.0\.1|2001:db8::2/)
  expect(refusal(() => delAddress(sock, left, toPrefix('198.18.0.1/24')))).toContain(
    'RTM_DELADDR 198.18.0.1/24 on left: EADDRNOTAVAIL',
  )
})

test('delLocalRule removes the rule of IPv4 that precedes all others', () => {
  expect(home.ip('-4 rule')).toMatch(/^0:\s+from all lookup local/)
  delLocalRule(sock)
  expect(home.ip('-4 rule')).not.toContain('lookup local')
  expect(home.ip('-4 rule')).toContain('lookup main')
  expect(home.ip('-6 rule')).toContain('lookup local')
  expect(refusal(() => delLocalRule(sock))).toContain('RTM_DELRULE lookup local: ENOENT')
})
