/**
 * HostPort: the port of a device of a link in memory. The network stack of a host is at its other
 * side, in place of the kernel.
 */
import { type JoinedPort, joinPort } from '@vnet/inet'
import { MemoryPort } from 'vnet/bed'
import type { LinkChange, LinkRequest, PortSpec } from 'vnet/net'
import type { MemoryStack } from './memory-stack.ts'

type Host = Pick<MemoryStack, 'ip' | 'rewriter'>

export class HostPort extends MemoryPort {
  readonly #host: Host
  #joined: JoinedPort | undefined

  /** Queues are polled by `soon`. */
  constructor(host: Host, ifindex: number, spec: PortSpec, soon: (fn: () => void) => void) {
    super(spec.name, ifindex, spec, () => {}, soon)
    this.#host = host
    this.onFrame = () => {}
  }

  override async apply(request: LinkRequest): Promise<void> {
    await super.apply(request)
    this.#follow()
  }

  /** A frame leaves the host. */
  override transmit(bytes: Uint8Array, queue?: number): void {
    const { rewriter } = this.#host
    if (rewriter === undefined) {
      super.transmit(bytes, queue)
    } else {
      rewriter.send(
        bytes,
        frame => void (rewriter === this.#host.rewriter && super.transmit(frame, queue)),
      )
    }
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
    this.#joined?.follow()
    if (this.#joined !== undefined || !this.up) return
    this.#joined = joinPort(this.#host.ip, this)
    const receive = this.onFrame
    this.onFrame = (skb, queue) => {
      this.#host.rewriter?.received(skb.bytes.subarray(skb.data, skb.data + skb.len))
      receive?.(skb, queue)
    }
  }
}
