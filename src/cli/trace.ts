/** What `-v` adds to the log: every change of a device. */
import { NETDEV_CHANGE, NETDEV_CHANGEADDR, NETDEV_CHANGEMTU } from '../core/if.ts'
import type { Net } from '../core/net.ts'
import { formatAddress } from '../header/ethernet.ts'

export function traceChanges(net: Net): void {
  net.registerNetdeviceNotifier((event, dev) => {
    if (event === NETDEV_CHANGEMTU) dev.log.debug(`mtu ${dev.mtu}`)
    else if (event === NETDEV_CHANGEADDR) dev.log.debug(`address ${formatAddress(dev.devAddr, 0)}`)
    else if (event === NETDEV_CHANGE) dev.log.debug(`flags 0x${dev.flags.toString(16)}`)
  })
}
