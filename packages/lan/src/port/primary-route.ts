/**
 * PrimaryRoute: an IPv4 default route through the segment's gateway for ports that are the primary
 * interface of their network namespace, while they are up. For IPv6, router advertisements have
 * that effect. Other routes are not changed: they are in use again when this one is removed.
 */

import { EBADFD, ENETDOWN, explain, isErrno } from 'vnet/internal/base/errno'
import { IFF_UP, NETDEV_UNREGISTER, NETDEV_UP } from 'vnet/internal/netdev/if'
import type { Net } from 'vnet/internal/netdev/net'
import type { NetDevice } from 'vnet/internal/netdev/net-device'
import { formatAddress, sameBytes } from 'vnet/internal/packet/address'

export class PrimaryRoute {
  readonly #ports: readonly NetDevice[]
  #gateway: Uint8Array

  /** `gateway` is its IPv4 address, 4 bytes. */
  constructor(net: Net, ports: readonly NetDevice[], gateway: Uint8Array) {
    this.#ports = ports
    this.#gateway = gateway
    net.registerNetdeviceNotifier((event, dev) => {
      if (!ports.includes(dev)) return
      if (event === NETDEV_UP) this.#request(dev, true)
      // A persistent interface would keep the route, which would lead nowhere.
      if (event === NETDEV_UNREGISTER) this.#request(dev, false)
    })
  }

  /** Changes the address of the gateway. */
  set gateway(address: Uint8Array) {
    if (sameBytes(address, this.#gateway)) return
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
      () => there && log.info(`default route via ${formatAddress(via)}`),
      error => {
        // The interface was deleted or is down, which removed the route. The next up adds it.
        if (!isErrno(error, EBADFD, ENETDOWN)) log.err(error instanceof Error ? explain(error) : String(error))
      },
    )
  }
}
