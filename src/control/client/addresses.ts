/** The addresses of a found device, which its vnet does not know: they belong to the kernel. */
import { attempt } from '../../base/errno.ts'
import { closing, loadNative, type Native, netnsCookieOf } from '../../linux/index.ts'
import { inNetns, netnsNameOf, openNetnsOf, placeOf } from '../../linux/netns-name.ts'
import { addressesOf as linkAddresses, RouteSocket } from '../../linux/rtnetlink.ts'
import { labPlace } from '../protocol/lab-place.ts'
import { isSameNamespace, ownNamespace } from '../sockets/directory.ts'
import type { FoundDevice } from './find.ts'

/**
 * Returns the addresses of a device with their prefix lengths, without link-local ones. Returns
 * undefined if its network namespace is neither this program's own nor one that it may enter.
 */
export function addressesOf(
  { name, netns, pid, namespace }: Pick<FoundDevice, 'name' | 'netns' | 'pid' | 'namespace'>,
  native: Native = loadNative(),
): string[] | undefined {
  const read = (nsfd: number) => {
    using sock = RouteSocket.open(native, nsfd)
    return linkAddresses(sock, name)
  }
  return attempt(() => {
    // A server without privileges may be in the vnet's namespace, but can enter none.
    if (netns === undefined && namespace !== undefined) {
      const own = { inode: ownNamespace('net'), cookie: netnsCookieOf(native) }
      if (isSameNamespace(namespace, own)) return read(-1)
    }
    if (netns === undefined && pid === undefined) return undefined
    if (labPlace(netns) !== undefined) {
      // `lab:host` is not the name of a namespace, which the lab has open.
      if (pid === undefined || namespace === undefined) return undefined
      const nsfd = openNetnsOf(native, pid, namespace.inode)
      return nsfd === undefined
        ? undefined
        : closing(native, nsfd, () => read(placeOf(native, nsfd)))
    }
    return inNetns(native, netns ?? `/proc/${pid}/ns/net`, read)
  })
}

/** Returns the name of a device's network namespace; undefined for the program's own. */
export const netnsOf = ({ netns, namespace }: Pick<FoundDevice, 'netns' | 'namespace'>) =>
  netns ?? (namespace && netnsNameOf(namespace.inode))
