/**
 * RxQueue: frames on their way from a driver to the host by one queue of a port. netifRx puts them here; they are flushed
 * once a poll.
 */
import { SKB_DROP_REASON_CPU_BACKLOG } from '../skb/drop-reason.ts'
import { Ring } from '../skb/ring.ts'
import { OWNER_RX, type SkBuff } from '../skb/sk-buff.ts'
import { type Alarm, NSEC_PER_MSEC } from './clock.ts'
import type { Net } from './net.ts'
import type { PortQueue } from './port.ts'

/** Frames that may wait for one flush; a batch of reads is far smaller. */
const RX_RING = 256
/** A host without room is asked again after this time. */
const RETRY = NSEC_PER_MSEC

export class RxQueue {
  readonly #net: Net
  readonly #port: PortQueue
  readonly #ring = new Ring(RX_RING, OWNER_RX)
  readonly #retry: Alarm
  #dirty = false

  constructor(net: Net, port: PortQueue) {
    this.#net = net
    this.#port = port
    this.#retry = net.clock.alarm(() => this.#mark())
  }

  /** Frames that the host does not have yet. */
  get length(): number {
    return this.#ring.length
  }

  /** Takes the frame over for the host, or drops it when the host took none for a whole ring. */
  push(skb: SkBuff): void {
    if (!this.#ring.push(skb)) {
      this.flush()
      if (!this.#ring.push(skb)) {
        skb.owner = OWNER_RX
        skb.drop(SKB_DROP_REASON_CPU_BACKLOG)
        return
      }
    }
    if (!this.#dirty) this.#mark()
  }

  flush(): void {
    this.#dirty = false
    if (this.#ring.length === 0) return
    this.#port.submit(this.#ring)
    if (this.#ring.length !== 0) this.#retry.at(this.#net.clock.now() + RETRY)
  }

  /** Drops what the host does not have. */
  purge(reason: number): void {
    this.#retry.cancel()
    this.#ring.purge(reason)
  }

  #mark(): void {
    if (this.#dirty) return
    this.#dirty = true
    this.#net.markDirty(this)
  }
}
