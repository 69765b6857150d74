/** HostPort: the port of a link's device in memory, below a host's network stack. */
import type { IpStack } from '@vnet/inet/internal/ip/stack'
import { type JoinedPort, joinPort } from '@vnet/inet/internal/port'
import { MemoryPort } from 'vnet/internal/bed/memory-port'
import type { LinkChange, LinkRequest, PortSpec } from 'vnet/internal/netdev/port'

export class HostPort extends MemoryPort {
  readonly #stack: IpStack
  #joined: JoinedPort | undefined

  /** Queues are polled by `soon`. */
  constructor(stack: IpStack, ifindex: number, spec: PortSpec, soon: (fn: () => void) => void) {
    super(spec.name, ifindex, spec, () => {}, soon)
    this.#stack = stack
    this.onFrame = () => {}
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
    this.#joined?.dev.remove()
    this.#joined = undefined
    this.onFrame = () => {}
    await super.close()
  }

  /** The stack sees the interface when it is first up. */
  #follow(): void {
    if (this.#joined !== undefined) this.#joined.follow()
    else if (this.up) this.#joined = joinPort(this.#stack, this)
  }
}
