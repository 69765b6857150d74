/** What `--uplink [NETNS/]IF` names: an interface that is there, which is opened, or one that is to be made: another port. */
import { isValidEtherAddr } from '../core/alloc.ts'
import { interfaceArg } from '../core/driver.ts'
import { EINVAL, ENODEV, VnetError } from '../core/errno.ts'
import type { Net } from '../core/net.ts'
import { addressesOf } from '../kernel/address-conflict.ts'
import { watchLink } from '../kernel/link-watch.ts'
import type { Native } from '../kernel/native.ts'
import { inNetns } from '../kernel/netns-name.ts'
import { openPacketSocket, packetsArrived } from '../kernel/packet-socket.ts'
import { getLink, type Link, RouteSocket } from '../kernel/rtnetlink.ts'
import { createFrameBatch, TapQueue } from '../kernel/tap-queue.ts'
import { VIRTIO_NET_HDR_LEN } from '../kernel/uapi.ts'
import { Uplink } from './uplink.ts'

/**
 * The interface of that name, opened; undefined when there is none, in a namespace that was named: one may be made there. Throws a
 * VnetError when there is none here, or it cannot be one of a segment.
 */
export function openUplink(native: Native, net: Net, text: string): Uplink | undefined {
  const { name, netns } = interfaceArg(text)
  const what = `uplink ${text}`
  return inNetns(native, netns, nsfd => {
    using sock = RouteSocket.open(native, nsfd)
    const link = getLink(sock, { name })
    if (link === undefined || (netns !== undefined && isIdleTap(link))) {
      if (netns !== undefined) return undefined
      throw new VnetError(ENODEV, what, 'name an interface that is there, or NETNS/IF for one to be made')
    }
    if (!isValidEtherAddr(link.address)) {
      throw new VnetError(EINVAL, what, 'it is no Ethernet interface: it has no hardware address')
    }
    const addresses = addressesOf(sock, name)
    return open(native, net, { what, name: text, netns, nsfd, ifindex: link.ifindex, addresses })
  })
}

interface Place {
  readonly what: string
  readonly name: string
  readonly netns: string | undefined
  readonly nsfd: number
  readonly ifindex: number
  readonly addresses: readonly string[]
}

function open(native: Native, net: Net, { what, name, netns, nsfd, ifindex, addresses }: Place): Uplink {
  const fd = openPacketSocket(native, nsfd, ifindex, what)
  let stop = () => {}
  let uplink: Uplink
  try {
    uplink = new Uplink({
      net,
      name,
      addresses,
      arrived: () => packetsArrived(native, fd),
      open: slots => new TapQueue(native, fd, VIRTIO_NET_HDR_LEN, slots, createFrameBatch(native, net.pool)),
      onClose: () => stop(),
    })
  } catch (error) {
    native.close(fd)
    throw error
  }
  try {
    stop = watchLink(native, { ifindex, netns, nsfd }, state => uplink.changed(state))
    return uplink
  } catch (error) {
    uplink.close()
    throw error
  }
}

/** Left by an earlier run, and nobody drives it: it is to be a port again. */
function isIdleTap({ tun }: Link): boolean {
  return tun?.type === 'tap' && tun.numQueues + tun.numDisabledQueues === 0
}
