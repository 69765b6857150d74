/**
 * Prepares lo for a wire. A frame from the wire is received like a frame from a network, without
 * the route that it was sent by, so IPv4 must accept local addresses there.
 */
import { VnetError } from '../base/errno.ts'
import type { Native } from '../linux/native.ts'
import { inNetns } from '../linux/netns-name.ts'
import { getLink, RouteSocket, setLink } from '../linux/rtnetlink.ts'
import { readSysctl, writeSysctl } from '../linux/sysctl.ts'
import { ETH_MAX_MTU } from '../netdev/if.ts'
import type { Target } from './target.ts'

const SETTINGS = [
  ['net/ipv4/conf/lo/route_localnet', '1'],
  ['net/ipv4/conf/lo/accept_local', '1'],
  // The kernel uses the larger of the two.
  ['net/ipv4/conf/all/rp_filter', '0'],
  ['net/ipv4/conf/lo/rp_filter', '0'],
] as const

/**
 * Applies the settings. Returns a function that restores them. Throws a VnetError with the remedy
 * if a setting may not be changed; all are restored then.
 */
export function prepareLoopback(native: Native, { text, netns, link }: Target): () => void {
  const undo: ((nsfd: number) => void)[] = []
  const restore = () => {
    inNetns(native, netns, nsfd => {
      for (const back of undo.splice(0).reverse()) back(nsfd)
    })
  }
  try {
    inNetns(native, netns, nsfd => {
      for (const [name, value] of SETTINGS) undo.push(...set(native, nsfd, text, name, value))
      if (link.mtu <= ETH_MAX_MTU) return
      setMtu(native, nsfd, link.ifindex, ETH_MAX_MTU)
      undo.push(there => setMtu(native, there, link.ifindex, link.mtu))
    })
    return restore
  } catch (error) {
    restore()
    throw error
  }
}

/** Returns functions that restore the setting; none if it has the value already. */
function set(native: Native, nsfd: number, text: string, name: string, value: string): ((nsfd: number) => void)[] {
  const before = readSysctl(native, nsfd, name)
  if (before === value) return []
  try {
    writeSysctl(native, nsfd, name, value)
  } catch (error) {
    const remedy = `vnet may not change a setting: sysctl -w ${name.replaceAll('/', '.')}=${value}`
    throw error instanceof VnetError ? new VnetError(error.errno, `attach ${text}`, remedy) : error
  }
  return [there => writeSysctl(native, there, name, before)]
}

/** Sets the MTU of lo, at most a TAP's while attached: larger frames would be dropped. */
function setMtu(native: Native, nsfd: number, ifindex: number, mtu: number): void {
  using sock = RouteSocket.open(native, nsfd)
  if (getLink(sock, { ifindex }) !== undefined) setLink(sock, ifindex, { mtu })
}
