/** A driver for a test. */
import { defineDriver } from '#src/netdev/driver.ts'
import { allocEtherdevMqs } from '#src/netdev/eth.ts'
import type { NetDevice } from '#src/netdev/net-device.ts'
import type { NetDeviceOps } from '#src/netdev/ops.ts'

/** A driver of one device, `test0`, with these operations. */
export function driverOf(ops: Partial<NetDeviceOps<unknown>>, features = 0) {
  const setup = (dev: NetDevice) => {
    dev.netdevOps = { ndoStartXmit: skb => skb.drop(), ...ops }
    dev.features = features
  }
  const init = () => [{ dev: allocEtherdevMqs({ name: 'test%d', setup, priv: undefined }) }]
  return defineDriver({ name: 'test', description: 'for a test', params: {}, init })
}
