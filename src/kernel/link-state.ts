/** An interface as core sees it (LinkState), made of what the kernel tells, and what is to be told when it changed. */
import { IFF_ALLMULTI, IFF_DORMANT, IFF_ECHO, IFF_LOWER_UP, IFF_PROMISC, IFF_RUNNING, IFF_UP } from '../core/if.ts'
import type { LinkChange, LinkState } from '../core/port.ts'
import type { LinkLists } from './link-lists.ts'
import type { Link } from './rtnetlink.ts'

/** What the kernel changes by itself as a link goes up and down. */
const VOLATILE_FLAGS = IFF_UP | IFF_RUNNING | IFF_LOWER_UP | IFF_DORMANT | IFF_ECHO

/** The state that a message tells, with lists that were read apart. */
export function linkState(link: Link, { multicast, addresses }: LinkLists): LinkState {
  const { name, ifindex, mtu, address, txQueueLen, qdisc, tun } = link
  // The kernel shows these two only when a user has set them, and counts whoever else asks.
  const promisc = link.promiscuity > 0 ? IFF_PROMISC : 0
  const allmulti = link.allmulti > 0 ? IFF_ALLMULTI : 0
  const flags = link.flags | promisc | allmulti
  const queues = tun?.multiQueue ? tun.numQueues : 1
  return { name, ifindex, flags, mtu, address, txQueueLen, queues, qdisc, multicast, addresses }
}

/** Tells, one by one, how `now` differs from `before`: down first and up last. Where it is, and the lists, are told apart. */
export function tellLinkChanges(before: LinkState, now: LinkState, tell: (change: LinkChange) => void): void {
  const was = (before.flags & IFF_UP) !== 0
  const is = (now.flags & IFF_UP) !== 0
  if (was && !is) tell({ kind: 'down' })
  if (now.name !== before.name) tell({ kind: 'renamed', name: now.name })
  if (now.mtu !== before.mtu) tell({ kind: 'mtu', mtu: now.mtu })
  if (!sameOctets(now.address, before.address)) tell({ kind: 'address', address: now.address })
  if (now.txQueueLen !== before.txQueueLen) tell({ kind: 'txqueuelen', txQueueLen: now.txQueueLen })
  if (((now.flags ^ before.flags) & ~VOLATILE_FLAGS) !== 0) tell({ kind: 'flags', flags: now.flags })
  if (!was && is) tell({ kind: 'up' })
}

export function sameOctets(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((octet, i) => octet === b[i])
}
