/**
 * RxQueue: frames that go from a driver to the kernel through one queue of a port. netifRx puts
 * them here, and Net.flush writes them out after each batch.
 */
import { type Alarm, type Clock, NSEC_PER_MSEC } from '../base/clock.ts'
import {
  OWNER_PORT,
  OWNER_RX,
  Ring,
  SKB_DROP_REASON_CPU_BACKLOG,
  type SkBuff,
} from '../skb/index.ts'
import { Gro } from './gro.ts'
import { NETIF_F_GRO } from './if.ts'
import type { FrameProbe } from './ndo.ts'
import type { PortQueue } from './port.ts'

/** Frames that may wait for one flush; a batch of reads is far smaller. */
const RX_RING = 256
/** After this time a queue that the kernel had no room for is written again. */
const RETRY = NSEC_PER_MSEC

/** The parts of a device that its receive queues use. */
export interface RxOwner {
  readonly net: {
    readonly pool: { readonly bytes: Uint8Array }
    readonly clock: Clock
    markDirty(queue: RxQueue): void
  }
  readonly features: number
  readonly counters: { merged(skb: SkBuff): void }
}

export class RxQueue {
  readonly #dev: RxOwner
  readonly #port: PortQueue
  readonly #ring = new Ring(RX_RING, OWNER_RX, OWNER_PORT)
  readonly #retry: Alarm
  #gro: Gro | undefined
  #frameProbe: FrameProbe | undefined
  /** True while frames are neither merged nor captured, so that a frame costs one test for both. */
  #isPlain = true
  #dirty = false

  constructor(dev: RxOwner, port: PortQueue) {
    const { net } = dev
    this.#dev = dev
    this.#port = port
    this.merge((dev.features & NETIF_F_GRO) !== 0)
    this.#retry = net.clock.alarm(() => this.#mark())
  }

  /** Frames that the kernel does not have yet. */
  get length(): number {
    return this.#ring.length
  }

  /** Turns merging on or off. Frames that were merged before remain merged. */
  merge(on: boolean): void {
    if (on === (this.#gro !== undefined)) return
    this.#gro?.flush()
    this.#gro = on ? new Gro(this.#dev.net.pool.bytes) : undefined
    this.#isPlain = !on && this.#frameProbe === undefined
  }

  /** Notified of each frame before it is merged. */
  set frameProbe(probe: FrameProbe | undefined) {
    this.#frameProbe = probe
    this.#isPlain = probe === undefined && this.#gro === undefined
  }

  get first(): SkBuff | undefined {
    return this.#ring.peek(0)
  }

  /** (5) Queues a frame for the kernel, or drops it if a whole ring waits for the kernel. */
  push(skb: SkBuff): void {
    if (this.#isPlain) {
      this.#queue(skb)
    } else {
      this.#captureAndMerge(skb)
    }
  }

  #captureAndMerge(skb: SkBuff): void {
    this.#frameProbe?.received(skb)
    const gro = this.#gro
    if (gro?.receive(skb, this.#dev.features)) {
      this.#dev.counters.merged(skb)
      skb.free()
    } else if (this.#queue(skb)) {
      gro?.hold(skb)
    }
  }

  /** Returns false if the frame was dropped. */
  #queue(skb: SkBuff): boolean {
    if (!this.#ring.push(skb)) {
      this.write()
      if (!this.#ring.push(skb)) {
        skb.owner = OWNER_PORT
        skb.drop(SKB_DROP_REASON_CPU_BACKLOG)
        return false
      }
    }
    if (!this.#dirty) {
      this.#mark()
    }
    return true
  }

  /** For Net.flush. Returns false if `more` frames follow and one of them may be merged. */
  flush(more = false): boolean {
    if (more && this.#gro?.open) return false
    this.#dirty = false
    this.write()
    return true
  }

  write(): void {
    this.#gro?.flush()
    if (this.#ring.length === 0) return
    this.#port.submit(this.#ring)
    if (this.#ring.length !== 0) {
      this.#retry.at(this.#dev.net.clock.now() + RETRY)
    }
  }

  /** Drops the frames that the kernel does not have. */
  purge(reason: number): void {
    this.#retry.cancel()
    this.#gro?.flush()
    this.#ring.purge(reason)
  }

  #mark(): void {
    if (this.#dirty) return
    this.#dirty = true
    this.#dev.net.markDirty(this)
  }
}
