/** The ports of lan on a segment with a gateway and hosts, without the services of the backbone. */

import { type Driver, defineDriver, int, text } from '#src/netdev/driver.ts'
import type { Net } from '#src/netdev/net.ts'
import {
  createNetwork,
  type Network,
  type NetworkOptions,
} from '../../packages/lan/src/machines/network.ts'
import { lanPorts, portParams } from '../../packages/lan/src/port/device.ts'

export interface Lan extends Network {
  readonly net: Net
}

export interface LanOptions extends Omit<NetworkOptions, 'count'> {
  /** Called when the segment is set up, before it has ports. */
  readonly setup?: (lan: Lan) => void
}

const params = {
  ...portParams,
  hosts: int({ default: 0, description: 'hosts that are only counted' }),
  network: text({ default: undefined, description: 'IPv4 network' }),
  network6: text({ default: undefined, description: 'IPv6 network, or none' }),
}

export function lanDriver(options: LanOptions = {}): Driver<typeof params> {
  const running: Network[] = []
  return defineDriver({
    name: 'lan',
    description: 'a segment of a test',
    args: '[IF ...]',
    params,
    init(values, context) {
      const { net } = context
      const { hosts: count, network, network6 } = values
      const made = createNetwork(net, {
        ...options,
        count,
        network: network ?? options.network,
        network6: network6 === 'none' ? null : (network6 ?? options.network6),
      })
      running.push(made)
      options.setup?.({ ...made, net })
      return lanPorts(values, context, made.segment, () =>
        Uint8Array.of(2, 0, 0, 0, 9, net.random.below(256)),
      )
    },
    exit() {
      for (const { hosts } of running.splice(0)) {
        hosts.close()
      }
    },
  })
}
