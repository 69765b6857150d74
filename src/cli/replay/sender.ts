/** Sender: the FrameSink of `vnet replay --to`, which sends out of an interface. */

import { EINVAL, EMSGSIZE, ENETDOWN, ENOBUFS, ENODEV, errnoName, VnetError } from '../../base/errno.ts'
import { FrameSender, FULL, SENT } from '../../linux/frame-sender.ts'
import type { Native } from '../../linux/native.ts'
import { inNetns } from '../../linux/netns-name.ts'
import { openSendingSocket } from '../../linux/packet-socket.ts'
import { getLink, RouteSocket } from '../../linux/rtnetlink.ts'
import { interfaceArg } from '../../netdev/driver.ts'
import { ETH_ALEN, IFF_UP } from '../../netdev/if.ts'
import type { ReplayCounts } from './counts.ts'
import type { FrameSink } from './sink.ts'

/**
 * Opens the interface `[NETNS/]IF`. Throws a VnetError if it does not exist, is down or not
 * Ethernet, or if the process may not send.
 */
export function openSender(native: Native, text: string, counts: ReplayCounts): FrameSink {
  const { name, netns } = interfaceArg(text)
  return inNetns(native, netns, nsfd => {
    using sock = RouteSocket.open(native, nsfd)
    const link = getLink(sock, { name })
    if (link === undefined) throw new VnetError(ENODEV, text, 'there is no such interface: see `ip link`')
    // The loopback interface has an address of zeros, and takes Ethernet frames.
    if (link.address.length !== ETH_ALEN) throw new VnetError(EINVAL, text, 'it is not an Ethernet interface')
    if ((link.flags & IFF_UP) === 0) throw new VnetError(ENETDOWN, text, 'the interface is down')
    const fd = openSendingSocket(native, nsfd, link.ifindex, text)
    return new Sender(new FrameSender(native, fd, text), link.mtu, counts)
  })
}

class Sender implements FrameSink {
  readonly mtu: number
  readonly #frames: FrameSender
  readonly #counts: ReplayCounts

  constructor(frames: FrameSender, mtu: number, counts: ReplayCounts) {
    this.#frames = frames
    this.mtu = mtu
    this.#counts = counts
  }

  offer(bytes: Uint8Array, at: number, length: number): boolean {
    const result = this.#frames.send(bytes, at, length)
    if (result === FULL) return false
    if (result === SENT) {
      this.#counts.sent++
      this.#counts.bytes += length
    } else this.#counts.failed.add(this.#reason(-result))
    return true
  }

  room(): Promise<void> {
    return this.#frames.room()
  }

  flush(): void {}

  async drained(): Promise<void> {}

  async [Symbol.asyncDispose](): Promise<void> {
    this.#frames[Symbol.dispose]()
  }

  #reason(errno: number): string {
    if (errno === EMSGSIZE) return `longer than the MTU of ${this.mtu}`
    return errno === ENOBUFS ? 'for which the interface had no room' : `refused by the kernel (${errnoName(errno)})`
  }
}
