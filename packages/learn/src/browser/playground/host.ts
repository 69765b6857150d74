/** Host: a host of the playground, with a network stack in place of the kernel above one device. */
import { InetHost, joinPort } from '@vnet/inet/internal/index'
import type { Clock, Random } from 'vnet/internal/base/index'
import type { MemoryPort } from 'vnet/internal/bed/memory-port'
import { IFF_NOARP, IFF_UP } from 'vnet/internal/netdev/if'
import type { NetDevice } from 'vnet/internal/netdev/net-device'
import { ETH_HLEN, ETH_P_IP, etherType } from 'vnet/internal/packet/ethernet'
import { IPPROTO_ICMP, IPV4_HLEN, protocol } from 'vnet/internal/packet/ipv4'
import { destinationPort, sourcePort } from 'vnet/internal/packet/udp'

export class Host extends InetHost {
  readonly #stop: () => void

  constructor(device: NetDevice, port: MemoryPort, clock: Clock, random: Random) {
    super({ clock, random })
    const queueOf = (frame: Uint8Array) => flowOf(frame) % device.numTxQueues
    const joined = joinPort(this.ip, port, { isNoArp: (device.flags & IFF_NOARP) !== 0, queueOf })
    const follow = () => {
      joined.follow()
      const isUp = (device.flags & IFF_UP) !== 0
      if (isUp !== joined.dev.isUp) joined.dev.setUp(isUp)
    }
    follow()
    this.#stop = device.net.registerNetdeviceNotifier((_, changed) => {
      if (changed === device) follow()
    })
  }

  override close(): void {
    this.#stop()
    super.close()
  }
}

/** Returns a number of the flow of a frame, like a kernel that chooses a queue: of its ports. */
function flowOf(frame: Uint8Array): number {
  const at = ETH_HLEN + IPV4_HLEN
  if (etherType(frame, 0) !== ETH_P_IP || protocol(frame, ETH_HLEN) === IPPROTO_ICMP) return 0
  return sourcePort(frame, at) + destinationPort(frame, at)
}
