/** Host: a host of the playground, with a network stack in place of the kernel above one device. */
import { IpStack } from '@vnet/lab/internal/memory/stack/ip-stack'
import { Tcp } from '@vnet/lab/internal/memory/stack/tcp'
import { Udp } from '@vnet/lab/internal/memory/stack/udp'
import type { Clock } from 'vnet/internal/base/clock'
import type { Random } from 'vnet/internal/base/random'
import type { MemoryPort } from 'vnet/internal/bed/memory-port'
import { IFF_NOARP, IFF_UP } from 'vnet/internal/netdev/if'
import type { NetDevice } from 'vnet/internal/netdev/net-device'
import { ETH_HLEN, ETH_P_IP, etherType } from 'vnet/internal/packet/ethernet'
import { IPPROTO_ICMP, IPV4_HLEN, protocol } from 'vnet/internal/packet/ipv4'
import { destinationPort, sourcePort } from 'vnet/internal/packet/udp'

export class Host {
  readonly ip: IpStack
  readonly udp: Udp
  readonly tcp: Tcp
  readonly #stop: () => void

  constructor(dev: NetDevice, port: MemoryPort, clock: Clock, random: Random) {
    this.ip = new IpStack({ clock, random })
    this.udp = new Udp(this.ip)
    this.tcp = new Tcp(this.ip)
    const { name, devAddr: mac, mtu, numTxQueues } = dev
    const isNoArp = (dev.flags & IFF_NOARP) !== 0
    const transmit = (frame: Uint8Array) => port.transmit(frame, flowOf(frame) % numTxQueues)
    const link = this.ip.addInterface({ name, mac: mac.slice(), mtu, isNoArp, transmit })
    for (const cidr of port.addresses) link.addAddress(cidr)
    port.onFrame = skb => link.receive(skb.bytes, skb.data, skb.len)
    const follow = () => {
      link.mtu = dev.mtu
      link.carrier = dev.carrier
      const isUp = (dev.flags & IFF_UP) !== 0
      if (isUp !== link.isUp) link.setUp(isUp)
    }
    follow()
    this.#stop = dev.net.registerNetdeviceNotifier((_, changed) => {
      if (changed === dev) follow()
    })
  }

  close(): void {
    this.#stop()
    this.tcp.close()
    this.udp.close()
    this.ip.close()
  }
}

/** Returns a number of the flow of a frame, like a kernel that chooses a queue: of its ports. */
function flowOf(frame: Uint8Array): number {
  const at = ETH_HLEN + IPV4_HLEN
  if (etherType(frame, 0) !== ETH_P_IP || protocol(frame, ETH_HLEN) === IPPROTO_ICMP) return 0
  return sourcePort(frame, at) + destinationPort(frame, at)
}
