/**
 * HostPort: the port of a device of a link in memory. The network stack of a host, in place of the
 * kernel, is at its other side.
 */
import { MemoryPort } from 'vnet/internal/bed/memory-port'
import type { LinkChange, LinkRequest, PortSpec } from 'vnet/internal/netdev/port'
import type { SkBuff } from 'vnet/internal/skb/sk-buff'
import type { StackInterface } from './stack/ip-interface.ts'
import type { IpStack } from './stack/ip-stack.ts'

export class HostPort extends MemoryPort {
  readonly #stack: IpStack
  #dev: StackInterface | undefined

  /** Queues are polled by `soon`. */
  constructor(stack: IpStack, ifindex: number, spec: PortSpec, soon: (fn: () => void) => void) {
    super(spec.name, ifindex, spec, () => {}, soon)
    this.#stack = stack
    this.onFrame = (skb: SkBuff) => this.#dev?.receive(skb.bytes, skb.data, skb.len)
  }

  override async apply(request: LinkRequest): Promise<void> {
    await super.apply(request)
    this.#follow()
  }

  override change(change: LinkChange): void {
    super.change(change)
    this.#follow()
  }

  override async close(): Promise<void> {
    this.#dev?.remove()
    this.#dev = undefined
    await super.close()
  }

  /** Gives the stack the state of the interface. The stack sees it when it is first up. */
  #follow(): void {
    const { name, mtu, address } = this.link
    if (this.#dev === undefined) {
      if (!this.up) return
      const transmit = (frame: Uint8Array) => this.transmit(frame)
      this.#dev = this.#stack.addInterface({ name, mac: address.slice(), mtu, transmit })
      for (const cidr of this.addresses) this.#dev.addAddress(cidr)
    }
    this.#dev.mtu = mtu
    this.#dev.carrier = this.carrier
  }
}
