/** For tests of attachments: two namespaces joined by a veth, and what exists in them. */

import { assertConserved } from '#src/bed/conservation.ts'
import type { NetDevice } from '#src/netdev/net-device.ts'
import type { Cable } from '#src/wire.ts'
import type { Netns } from './netns.ts'
import { openFiles } from './open-files.ts'

/**
 * For tests that count every frame: on a busy machine the event loop of the test may be late, and
 * frames would pass directly.
 */
export const NEVER_OPEN = { failOpen: '10min' } as const

/** Makes a veth from `inner` in `near` (192.0.2.1/24) to `outer` in `far` (192.0.2.2/24). */
export function makeVeth(near: Netns, far: Netns): void {
  near.ip(
    `link add inner type veth peer name outer netns ${far.name}`,
    'addr add 192.0.2.1/24 dev inner',
  )
  far.ip('addr add 192.0.2.2/24 dev outer')
  near.ip('link set inner up')
  far.ip('link set outer up')
}

/** Names of the interfaces of a namespace, without lo. */
export function interfacesOf(netns: Netns): string[] {
  const links = JSON.parse(netns.ip('-j link')) as { ifname: string }[]
  return links.map(({ ifname }) => ifname).filter(name => name !== 'lo')
}

/** Descriptors of BPF programs, maps and links of this process. */
export function bpfDescriptors(): number {
  return openFiles('/proc/self/fd').filter(file => /bpf/.test(file)).length
}

/** Checks that no frame of an attachment or a cable was lost uncounted. */
export function expectConserved({ a, b }: Cable): void {
  assertConserved(b.net, [a, b] as NetDevice[])
}
