/** For tests of attachments: two namespaces joined by a veth, and what exists in them. */

import { assertConserved } from '#src/bed/conservation.ts'
import { tcxPrograms } from '#src/linux/bpf.ts'
import { loadNative } from '#src/linux/native.ts'
import { BPF_TCX_EGRESS, BPF_TCX_INGRESS } from '#src/linux/uapi.ts'
import type { NetDevice } from '#src/netdev/net-device.ts'
import type { Cable } from '#src/wire.ts'
import type { Netns } from './netns.ts'
import { openFiles } from './open-files.ts'

const native = loadNative()

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
    'link set inner up',
  )
  far.ip('addr add 192.0.2.2/24 dev outer', 'link set outer up')
}

/** Makes the same veth, and two interfaces in place of the TAPs of an attachment. */
export function makeEnds(near: Netns, far: Netns): void {
  makeVeth(near, far)
  near.ip('link add tapa type bridge', 'link add tapb type bridge')
}

/** What a TcxRedirect attaches: `inner`, to the two interfaces in place of TAPs. */
export function endsOf(near: Netns) {
  const links = JSON.parse(near.ip('-j link')) as { ifname: string; ifindex: number }[]
  const [ifindex, a, b] = ['inner', 'tapa', 'tapb'].map(
    name => links.find(({ ifname }) => ifname === name)?.ifindex ?? 0,
  ) as [number, number, number]
  return { nsfd: near.fd, ifindex, a, b }
}

/** How many programs are attached to `inner` for frames in and out. */
export function programsOf(near: Netns): readonly number[] {
  const { nsfd, ifindex } = endsOf(near)
  return [BPF_TCX_INGRESS, BPF_TCX_EGRESS].map(
    type => tcxPrograms(native, { nsfd, ifindex }, type).length,
  )
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
