/** The limit that stages share: what they hold together, and whether more may be held. */
import { ETH_ZLEN } from '../netdev/if.ts'
import type { SkBuff } from '../skb/sk-buff.ts'
import { packetsOf } from './packets.ts'
import type { Limit, LimitSpec } from './wire.ts'

export class SharedLimit implements Limit {
  held = 0
  bytes = 0
  #frames = 0
  readonly #mostFrames: number
  readonly #packets: number
  readonly #bytes: number

  constructor({ frames = Infinity, packets = Infinity, bytes = Infinity }: LimitSpec) {
    this.#mostFrames = frames
    this.#packets = packets
    this.#bytes = bytes
  }

  /** As many packets as it may hold if all are short, and each is a frame. */
  get mostPackets(): number {
    return Math.ceil(Math.min(this.#mostFrames, this.#packets, this.#bytes / ETH_ZLEN))
  }

  admits(skb: SkBuff): boolean {
    return this.#frames < this.#mostFrames && this.held < this.#packets && this.bytes + skb.len <= this.#bytes
  }

  add(skb: SkBuff): void {
    this.#frames++
    this.held += packetsOf(skb)
    this.bytes += skb.len
  }

  remove(skb: SkBuff): void {
    this.#frames--
    this.held -= packetsOf(skb)
    this.bytes -= skb.len
  }
}
