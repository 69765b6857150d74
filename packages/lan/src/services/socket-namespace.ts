/**
 * The network namespace of the hosts' sockets: every address is local in it, and the interface into
 * it is a station of the segment. The kernel's TCP stack has IPv6 and segmentation offload, which
 * the stacks for Node lack.
 */

import { LOGLEVEL_WARNING, Log } from 'vnet/internal/base/log'
import type { Native } from 'vnet/internal/linux/native'
import { allocEtherdevMqs } from 'vnet/internal/netdev/eth'
import { IFF_NOARP, NETDEV_TX_OK, NETIF_F_ALL_TAP } from 'vnet/internal/netdev/if'
import { Net } from 'vnet/internal/netdev/net'
import type { NetDevice } from 'vnet/internal/netdev/net-device'
import { devOpen, ethTypeTrans, netifRx } from 'vnet/internal/netdev/netif'
import { registerNetdev } from 'vnet/internal/netdev/register'
import type { SkBuff } from 'vnet/internal/skb/sk-buff'
import type { Services } from '../machines/state.ts'
import { PrivateNetns } from './private-netns.ts'

export interface SocketNamespace extends AsyncDisposable {
  readonly station: Services
  /** Opens a TCP socket on a port of every address, not listening yet. The caller closes it. */
  bind(port: number): number
}

/** `receive` takes over the frames of the sockets. Throws VnetError EPERM without CAP_SYS_ADMIN. */
export async function openSocketNamespace(
  native: Native,
  net: Net,
  receive: (skb: SkBuff) => void,
): Promise<SocketNamespace> {
  const netns = new PrivateNetns(native)
  const dev = createDevice(receive)
  let registered: AsyncDisposable | undefined
  async function close(): Promise<void> {
    await registered?.[Symbol.asyncDispose]()
    netns[Symbol.dispose]()
  }
  try {
    registered = await registerNetdev(dev, privateNet(net), { netns: netns.path })
    await devOpen(dev)
    netns.receiveAll(dev.name)
  } catch (error) {
    await close()
    throw error
  }
  const station = {
    address: dev.devAddr,
    receive(skb: SkBuff) {
      skb.dev = dev
      ethTypeTrans(skb, dev)
      netifRx(skb)
    },
  }
  return { station, bind: port => netns.bind(port), [Symbol.asyncDispose]: close }
}

/** As in the kernel, a namespace has its own Net: commands and notifiers of `net` do not see it. */
function privateNet({ platform, clock, pool, random, log }: Net): Net {
  const warnings = new Log(LOGLEVEL_WARNING, (_, text) => log.warn(text))
  return new Net({ platform, clock, pool, random, log: warnings })
}

function createDevice(receive: (skb: SkBuff) => void): NetDevice {
  const dev: NetDevice = allocEtherdevMqs<unknown>({ name: 'services', priv: undefined })
  dev.features = NETIF_F_ALL_TAP
  dev.flags |= IFF_NOARP
  dev.netdevOps = {
    ndoStartXmit(skb) {
      receive(skb)
      return NETDEV_TX_OK
    },
  }
  return dev
}
