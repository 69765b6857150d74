/**
 * An interface as the framework sees it (LinkState): made from a link message and two lists that
 * are read separately, and compared with an earlier state to find the changes to report.
 */
import { readSync } from 'node:fs'
import { withErrno } from '../../base/errno.ts'
import {
  IFF_ALLMULTI,
  IFF_DORMANT,
  IFF_ECHO,
  IFF_LOWER_UP,
  IFF_PROMISC,
  IFF_RUNNING,
  IFF_UP,
} from '../../netdev/if.ts'
import type { LinkChange, LinkState } from '../../netdev/port.ts'
import { sameBytes } from '../../packet/address.ts'
import { check, closing, type Native } from '../index.ts'
import { getAddresses, type Link, type RouteSocket } from '../rtnetlink.ts'
import * as uapi from '../uapi.ts'

/** Flags that the kernel itself changes as a link goes up and down. */
const VOLATILE_FLAGS = IFF_UP | IFF_RUNNING | IFF_LOWER_UP | IFF_DORMANT | IFF_ECHO

/** The most addresses of an interface that are read, and the most groups. */
export const LIST_MAX = 1000

/** What link messages lack: the protocol addresses and multicast groups of an interface. */
export interface LinkLists extends Pick<LinkState, 'multicast' | 'addresses'> {
  /** True if not all groups were read: the interface then counts as IFF_ALLMULTI. */
  readonly groupsCut?: boolean
}

/** Where an interface is: a socket in its namespace, a descriptor of that (-1: ours), its index. */
export type LinkPlace = Readonly<{ sock: RouteSocket; nsfd: number; ifindex: number }>

/** Reads the first LIST_MAX of each list; no groups unless `multicast`. Throws a VnetError. */
export function readLists(
  native: Native,
  { sock, nsfd, ifindex }: LinkPlace,
  multicast: boolean,
): LinkLists {
  // An address may be there several times, with other prefixes or peers.
  const addresses = new Map(
    getAddresses(sock, ifindex, LIST_MAX).map(({ bytes }) => [String(bytes), bytes]),
  )
  const groups = multicast
    ? readMulticastList(native, nsfd, ifindex)
    : { multicast: [], groupsCut: false }
  return { addresses: [...addresses.values()], ...groups }
}

/** The state in a link message, with separately read lists. */
export function linkState(
  link: Link,
  { multicast, addresses, groupsCut = false }: LinkLists,
): LinkState {
  const { name, ifindex, mtu, address, txQueueLen, qdisc, tun } = link
  // The kernel sets these two flags only for a user's request, and counts all other requests.
  const promisc = link.promiscuity > 0 ? IFF_PROMISC : 0
  const allmulti = link.allmulti > 0 || groupsCut ? IFF_ALLMULTI : 0
  const flags = link.flags | promisc | allmulti
  const queues = tun?.multiQueue ? tun.numQueues : 1
  return { name, ifindex, flags, mtu, address, txQueueLen, queues, qdisc, multicast, addresses }
}

/** Reports the differences of two states without lists, `down` first and `up` last. */
export function reportLinkChanges(
  before: LinkState,
  now: LinkState,
  report: (change: LinkChange) => void,
): void {
  const was = (before.flags & IFF_UP) !== 0
  const is = (now.flags & IFF_UP) !== 0
  if (was && !is) {
    report({ kind: 'down' })
  }
  if (now.name !== before.name) {
    report({ kind: 'renamed', name: now.name })
  }
  if (now.mtu !== before.mtu) {
    report({ kind: 'mtu', mtu: now.mtu })
  }
  if (!sameBytes(now.address, before.address)) {
    report({ kind: 'address', address: now.address })
  }
  if (now.txQueueLen !== before.txQueueLen) {
    report({ kind: 'txqueuelen', txQueueLen: now.txQueueLen })
  }
  if (((now.flags ^ before.flags) & ~VOLATILE_FLAGS) !== 0) {
    report({ kind: 'flags', flags: now.flags })
  }
  if (!was && is) {
    report({ kind: 'up' })
  }
}

/** Reports each list that differs, in whatever order. */
export function reportListChanges(
  before: LinkLists,
  now: LinkLists,
  report: (change: LinkChange) => void,
): void {
  if (!sameLists(before.addresses, now.addresses)) {
    report({ kind: 'addresses', addresses: now.addresses })
  }
  if (!sameLists(before.multicast, now.multicast)) {
    report({ kind: 'multicast', multicast: now.multicast })
  }
}

/** Whether two lists without repetitions have the same elements. */
function sameLists(a: readonly Uint8Array[], b: readonly Uint8Array[]): boolean {
  if (a.length !== b.length) return false
  const known = new Set(a.map(String))
  return b.every(bytes => known.has(String(bytes)))
}

/** Shows the namespace of the opening thread; `self` would show the main thread's. */
const DEV_MCAST = '/proc/thread-self/net/dev_mcast'
/** A line is `ifindex name users global hexaddress`. */
const LINE = /^(\d+) .* ([0-9a-f]{12})$/gm
/** Bytes per read, and in all, of the groups of all interfaces: about 3,000, in about 1 ms. */
const CHUNK = 16 << 10
const READ_MAX = 128 << 10

/**
 * Reads the list of an interface in the namespace that `nsfd` refers to; -1 is our own. The file is
 * not kept open, because it keeps the namespace alive. It has the groups of all interfaces: beyond
 * READ_MAX it is not read. Throws a VnetError.
 */
export function readMulticastList(native: Native, nsfd: number, ifindex: number) {
  return closing(
    native,
    check(native.open(DEV_MCAST, uapi.O_RDONLY, nsfd), ['open', DEV_MCAST]),
    fd => {
      // Read in chunks: the lists of other interfaces may be long and are not kept.
      const multicast: Uint8Array[] = []
      const chunk = Buffer.alloc(CHUNK)
      let read = 0
      for (let rest = ''; ; ) {
        const length = withErrno(['read', DEV_MCAST], () => readSync(fd, chunk))
        if (length === 0) return { multicast, groupsCut: false }
        read += length
        const text = rest + chunk.toString('latin1', 0, length)
        const end = text.lastIndexOf('\n') + 1
        for (const address of parseMulticastList(text.slice(0, end), ifindex)) {
          multicast.push(address)
        }
        if (read > READ_MAX || multicast.length > LIST_MAX) {
          return { multicast: multicast.slice(0, LIST_MAX), groupsCut: true }
        }
        rest = text.slice(end)
      }
    },
  )
}

/** Parses the addresses of one interface, 6 bytes each, from the text of /proc/net/dev_mcast. */
export function parseMulticastList(text: string, ifindex: number): Uint8Array[] {
  const addresses: Uint8Array[] = []
  for (const [, index, address] of text.matchAll(LINE)) {
    if (Number(index) === ifindex) {
      addresses.push(Uint8Array.from(Buffer.from(address, 'hex')))
    }
  }
  return addresses
}
