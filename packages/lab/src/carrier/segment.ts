/** A segment of `vnet lan` in the worker. Each port is a link of its own. */

import { lan } from '@vnet/lan'
import { toLanConfig } from '@vnet/lan/kit'
import type { NetDevice } from 'vnet'
import { insmod, type WireResources } from 'vnet/kit/netdev'
import type { Net } from 'vnet/net'
import { CarriedCable } from './cable.ts'
import type { PacketWatch } from './packet-watch.ts'
import type { EndSpec, LanSpec } from './protocol.ts'

/** A segment in the worker, as makeLan returns it. */
export interface CarriedLan {
  /** In the order of the spec. The owner of the segment closes them. */
  readonly ports: readonly CarriedCable[]
  /** Ends the segment after its ports are closed. */
  close(): Promise<void>
}

/**
 * Makes the segment and its ports, which are up. `onDevice` is called with each port before its
 * interface is made. Throws a UsageError for wrong options or a wrong text, and a VnetError if the
 * kernel refuses; a failed call leaves nothing in place.
 */
export async function makeLan(
  net: Net,
  resources: WireResources,
  spec: LanSpec,
  onDevice: (dev: NetDevice, end: EndSpec) => void,
  {
    watches = [],
    hasKernel = true,
  }: { readonly watches?: readonly PacketWatch[]; readonly hasKernel?: boolean } = {},
): Promise<CarriedLan> {
  const others = Object.fromEntries(spec.ports.map(({ host, addresses }) => [host, addresses]))
  toLanConfig(spec.file, { others })
  const args = spec.ports.map(({ path }) => path)
  const params = { negotiation: 0, seed: spec.seed }
  const module = insmod(lan(spec.file, hasKernel), {
    args,
    net,
    txqs: 1,
    rxqs: 1,
    wireResources: resources,
    params,
  })
  const ports = module.devices.map(dev => CarriedCable.ofPort(net, dev))
  try {
    for (const [i, dev] of module.devices.entries()) {
      const watch = watches[i]
      if (watch !== undefined) {
        ports[i]?.watch(watch)
      }
      const end = spec.ports[i] as EndSpec
      dev.devAddr.set(end.mac)
      if (spec.mtu !== undefined) {
        dev.mtu = spec.mtu
      }
      onDevice(dev, end)
      ports[i]?.setWire(spec.ab, spec.ba, resources)
    }
    await module.up({ addresses: spec.ports.map(({ addresses }) => addresses) })
    return { ports, close: () => module.rmmod() }
  } catch (error) {
    for (const port of ports) {
      await port.close()
    }
    await module.rmmod()
    throw error
  }
}
