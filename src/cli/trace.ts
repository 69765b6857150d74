/** What `-v` adds to the log: every change of a device, and with `-vv` every frame that the host sends. */
import { NETDEV_CHANGE, NETDEV_CHANGEADDR, NETDEV_CHANGEMTU } from '../core/if.ts'
import type { Net } from '../core/net.ts'
import type { NetDevice } from '../core/net-device.ts'
import { formatAddress } from '../header/ethernet.ts'
import { print } from '../header/print.ts'

export function traceChanges(net: Net): void {
  net.registerNetdeviceNotifier((event, dev) => {
    if (event === NETDEV_CHANGEMTU) dev.log.debug(`mtu ${dev.mtu}`)
    else if (event === NETDEV_CHANGEADDR) dev.log.debug(`address ${formatAddress(dev.devAddr, 0)}`)
    else if (event === NETDEV_CHANGE) dev.log.debug(`flags 0x${dev.flags.toString(16)}`)
  })
}

/** Puts a line before the driver's own ndoStartXmit: without -vv the way of a frame is as if this were not here. */
export function traceFrames(dev: NetDevice): void {
  const ops = dev.netdevOps
  dev.netdevOps = {
    ...ops,
    ndoStartXmit(skb, to) {
      const gso = skb.gsoSize === 0 ? '' : `, gso ${skb.gsoSize}`
      to.log.debug(`tx-${skb.queueMapping} ${print(skb.bytes, skb.data, skb.len)}${gso}`)
      return ops.ndoStartXmit(skb, to)
    },
  }
}
