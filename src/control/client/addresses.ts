/** The addresses of a found device, which its vnet does not know: they belong to the kernel. */
import { loadNative } from '../../linux/native.ts'
import { inNetns } from '../../linux/netns-name.ts'
import { getLink, addressesOf as linkAddresses, RouteSocket } from '../../linux/rtnetlink.ts'
import { formatMac } from '../../packet/address.ts'
import type { FoundDevice } from './find.ts'

/**
 * Returns the addresses of a device with their prefix lengths, without link-local ones. Returns
 * undefined if its network namespace cannot be entered.
 */
export function addressesOf({ name, ifindex, mac, netns, pid }: FoundDevice): string[] | undefined {
  // Without a path inNetns would enter this program's own.
  if (netns === undefined && pid === undefined) return undefined
  const native = loadNative()
  try {
    if (netns === undefined) {
      // A server without privileges can enter no namespace, but may be in the vnet's.
      using here = RouteSocket.open(native)
      const own = getLink(here, { name })
      if (own?.ifindex === ifindex && formatMac(own.address) === mac) return linkAddresses(here, name)
    }
    return inNetns(native, netns ?? `/proc/${pid}/ns/net`, nsfd => {
      using there = RouteSocket.open(native, nsfd)
      return linkAddresses(there, name)
    })
  } catch {
    return undefined
  }
}
