/** Opens the interface of `--uplink [NETNS/]IF`, if it exists. */

import { EINVAL, ENODEV, VnetError } from 'vnet/internal/base/errno'
import { FrameBatches, FrameQueue } from 'vnet/internal/linux/frame-queue'
import { watchLink } from 'vnet/internal/linux/link-watch'
import type { Native } from 'vnet/internal/linux/native'
import { inNetns } from 'vnet/internal/linux/netns-name'
import { openPacketSocket, packetsArrived } from 'vnet/internal/linux/packet-socket'
import { addressesOf, getLink, type Link, RouteSocket } from 'vnet/internal/linux/rtnetlink'
import { VIRTIO_NET_HDR_LEN } from 'vnet/internal/linux/uapi'
import { interfaceArg } from 'vnet/internal/netdev/driver'
import { isValidEtherAddr } from 'vnet/internal/netdev/if'
import type { Net } from 'vnet/internal/netdev/net'
import type { SlotAccount } from 'vnet/internal/skb/pool'
import { Uplink } from './uplink.ts'

/**
 * Opens the interface. Returns undefined if it does not exist and `text` names a network namespace:
 * then a port is created there. Throws a VnetError if it does not exist here, or is not Ethernet.
 */
export function openUplink(native: Native, net: Net, text: string): Uplink | undefined {
  const { name, netns } = interfaceArg(text)
  const what = `uplink ${text}`
  return inNetns(native, netns, nsfd => {
    using sock = RouteSocket.open(native, nsfd)
    const link = getLink(sock, { name })
    if (link === undefined || (netns !== undefined && isIdleTap(link))) {
      if (netns !== undefined) return undefined
      throw new VnetError(
        ENODEV,
        what,
        'there is no such interface: name one that exists, or NETNS/IF to create a port',
      )
    }
    if (!isValidEtherAddr(link.address)) {
      throw new VnetError(EINVAL, what, 'it is not an Ethernet interface: it has no MAC address')
    }
    const { ifindex } = link
    const addresses = addressesOf(sock, name)
    const fd = openPacketSocket(native, nsfd, ifindex, what)
    const open = (slots: SlotAccount) => new FrameQueue(native, fd, VIRTIO_NET_HDR_LEN, slots, new FrameBatches(native))
    let stop = () => {}
    let uplink: Uplink
    try {
      const arrived = () => packetsArrived(native, fd)
      uplink = new Uplink({ net, name: text, addresses, arrived, open, onClose: () => stop() })
    } catch (error) {
      native.close(fd)
      throw error
    }
    try {
      stop = watchLink(native, { ifindex, netns, nsfd }, net.turns, state => uplink.changed(state))
      return uplink
    } catch (error) {
      uplink.close()
      throw error
    }
  })
}

/** Whether this is a TAP of an earlier run that no process has open: it becomes a port again. */
function isIdleTap({ tun }: Link): boolean {
  return tun?.type === 'tap' && tun.numQueues + tun.numDisabledQueues === 0
}
