/**
 * PrimaryRoute: ports that are the primary interface of their namespace: each has the IPv4 default route there, by the segment's
 * gateway, while it is up. IPv6 has one by router advertisements. No route of others is touched: when ours is gone, all is as before.
 */
import { EBADFD, ENETDOWN, isErrno } from '../core/errno.ts'
import { IFF_UP, NETDEV_UNREGISTER, NETDEV_UP } from '../core/if.ts'
import type { Net } from '../core/net.ts'
import type { NetDevice } from '../core/net-device.ts'
import { formatAddress } from '../header/ip-address.ts'

export class PrimaryRoute {
  readonly #ports: readonly NetDevice[]
  #gateway: Uint8Array

  /** `gateway`: its IPv4 address, 4 octets. */
  constructor(net: Net, ports: readonly NetDevice[], gateway: Uint8Array) {
    this.#ports = ports
    this.#gateway = gateway
    net.registerNetdeviceNotifier((event, dev) => {
      if (!ports.includes(dev)) return
      if (event === NETDEV_UP) this.#request(dev, true)
      // An interface that stays when we go would take everything, and nobody is behind it.
      if (event === NETDEV_UNREGISTER) this.#request(dev, false)
    })
  }

  /** The gateway has another address from now on. */
  set gateway(address: Uint8Array) {
    if (formatAddress(address) === formatAddress(this.#gateway)) return
    const up = this.#ports.filter(({ flags }) => (flags & IFF_UP) !== 0)
    for (const dev of up) this.#request(dev, false)
    this.#gateway = address
    for (const dev of up) this.#request(dev, true)
  }

  #request(dev: NetDevice, there: boolean): void {
    const { port, log } = dev
    const via = this.#gateway
    if (port === undefined) return
    port.apply({ defaultRoute: { via, there } }).then(
      () => there && log.info(`default route by ${formatAddress(via)}`),
      error => {
        // It is gone, or down again: then the route is as well, and comes with the next up.
        if (!isErrno(error, EBADFD, ENETDOWN)) log.err(error instanceof Error ? error.message : String(error))
      },
    )
  }
}
