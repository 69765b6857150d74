/** The addresses of a found device, which its vnet does not know: they belong to the kernel. */
import { loadNative } from '../../linux/native.ts'
import { inNetns } from '../../linux/netns-name.ts'
import { addressesOf as linkAddresses, RouteSocket } from '../../linux/rtnetlink.ts'
import type { FoundDevice } from './find.ts'

/**
 * Returns the addresses of a device with their prefix lengths, without link-local ones. Returns
 * undefined if its network namespace cannot be entered.
 */
export function addressesOf({ name, netns, pid }: FoundDevice): string[] | undefined {
  // Without a path inNetns would enter this program's own.
  if (netns === undefined && pid === undefined) return undefined
  const native = loadNative()
  try {
    return inNetns(native, netns ?? `/proc/${pid}/ns/net`, nsfd => {
      using there = RouteSocket.open(native, nsfd)
      return linkAddresses(there, name)
    })
  } catch {
    return undefined
  }
}
