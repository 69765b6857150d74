/**
 * Uplink: an interface that is there already, as a station of the segment: what comes in by it is sent on the segment, what the
 * segment has for those behind it leaves by it. It is on the segment while its link is up, as a port is.
 *
 * Every frame is accounted for: of those received each is on the segment or in `drops`; of those that the segment gave out each is
 * sent, in `drops`, or waiting.
 */
import { ENOBUFS } from '../core/errno.ts'
import type { Log } from '../core/log.ts'
import type { Net } from '../core/net.ts'
import type { PortQueue } from '../core/port.ts'
import { RxQueue } from '../core/rx-queue.ts'
import { BATCH, BUDGET, BUSY } from '../core/tx-queue.ts'
import type { WatchedState } from '../kernel/link-watch.ts'
import type { Segment } from '../segment/segment.ts'
import type { Station } from '../segment/station.ts'
import {
  dropReasonName,
  SKB_DROP_REASON_DEV_READY,
  SKB_DROP_REASON_MAX,
  SKB_DROP_REASON_PKT_TOO_BIG,
} from '../skb/drop-reason.ts'
import { FRAME_MAX, type SlotAccount } from '../skb/pool.ts'
import type { SkBuff, SkBuffDevice } from '../skb/sk-buff.ts'

/** Its frames come and go by one queue. */
export interface UplinkQueue extends PortQueue {
  /** Watches again after an error that was told and is over. */
  revive(): void
  close(): void
}

export interface UplinkOptions {
  readonly net: Net
  /** As it was asked for; for the log. */
  readonly name: string
  /** Makes the queue, which takes its slots from this account. */
  readonly open: (slots: SlotAccount) => UplinkQueue
  /** Frames that came in by the interface since it was asked last, read or not. */
  readonly arrived: () => number
  /** Addresses of the machine on the interface. */
  readonly addresses?: readonly string[] | undefined
  readonly onClose?: (() => void) | undefined
}

/** As the interface would count them, but for `dropped`, of both directions. */
export interface UplinkStats {
  rxPackets: number
  rxBytes: number
  txPackets: number
  txBytes: number
  dropped: number
}

export class Uplink implements Station, SkBuffDevice, Disposable {
  readonly name: string
  /** The machine's own on the interface, when it was opened: a network that is there already. */
  readonly addresses: readonly string[]
  readonly stats: UplinkStats = { rxPackets: 0, rxBytes: 0, txPackets: 0, txBytes: 0, dropped: 0 }
  /** By reason, SKB_DROP_REASON_*. */
  readonly drops = new Float64Array(SKB_DROP_REASON_MAX)
  readonly #net: Net
  readonly #log: Log
  readonly #slots: SlotAccount
  readonly #queue: UplinkQueue
  /** To the interface: as from a driver to its host. */
  readonly #tx: RxQueue
  readonly #batch: SkBuff[] = []
  readonly #askArrived: () => number
  readonly #onClose: () => void
  #segment: Segment | undefined
  #state: WatchedState = 'down'
  #arrived = 0
  #closed = false

  /** It is on no segment yet. Throws what `open` does. */
  constructor({ net, name, open, arrived, addresses = [], onClose = () => {} }: UplinkOptions) {
    this.#net = net
    this.name = name
    this.addresses = addresses
    this.#log = net.log.named(`uplink ${name}`)
    this.#askArrived = arrived
    this.#onClose = onClose
    this.#slots = net.pool.openAccount(() => this.#queue.resume())
    try {
      this.#queue = open(this.#slots)
    } catch (error) {
      net.pool.closeAccount(this.#slots)
      throw error
    }
    const uncounted = { merged() {} }
    this.#tx = new RxQueue({ net, features: 0, counters: uncounted }, this.#queue)
  }

  /** Frames that came in and were not read: they wait, came faster than that, or the kernel could not tell of their kind. */
  get missed(): number {
    if (!this.#closed) this.#arrived += this.#askArrived()
    return this.#arrived - this.stats.rxPackets
  }

  /** Frames that are on their way to the interface. */
  get held(): number {
    return this.#tx.length
  }

  get state(): WatchedState {
    return this.#state
  }

  /** From here on its frames are read. Once. */
  join(segment: Segment): void {
    this.#segment = segment
    if (this.#closed) return
    if (this.#state === 'up') segment.attach(this)
    this.#log.info(`link is ${this.#state}`)
    this.#queue.listen(status => this.#poll(status))
    this.#queue.resume()
  }

  /** The interface is in another state now. When it is gone, this is closed. */
  changed(state: WatchedState): void {
    this.#state = state
    const segment = this.#segment
    if (state === 'up') segment?.attach(this)
    else segment?.detach(this)
    if (state === 'gone') {
      this.#log.warn('the interface is gone, and the segment goes on without it')
      this.close()
    } else if (segment !== undefined) this.#log.info(`link is ${state}`)
  }

  /** Takes over a frame that is for somebody behind it; for the segment. */
  receive(skb: SkBuff): void {
    skb.dev = this
    if (this.#closed) skb.drop(SKB_DROP_REASON_DEV_READY)
    else this.#tx.push(skb)
  }

  countReceived(skb: SkBuff): void {
    this.stats.txPackets++
    this.stats.txBytes += skb.len
  }

  countDrop(_: SkBuff, reason: number): void {
    this.stats.dropped++
    this.drops[reason] = this.drops[reason] + 1
  }

  /** Leaves the segment, and says what there was. Idempotent; no descriptor survives. */
  close(): void {
    if (this.#closed) return
    const { missed } = this
    this.#closed = true
    this.#segment?.detach(this)
    this.#tx.purge(SKB_DROP_REASON_DEV_READY)
    this.#queue.close()
    this.#net.pool.closeAccount(this.#slots)
    this.#onClose()
    if (this.#segment !== undefined) this.#log.info(this.#summary(missed))
  }

  [Symbol.dispose](): void {
    this.close()
  }

  /** Answers whether more is to come: it is polled again then. */
  #poll(status: number): boolean {
    const net = this.#net
    net.polling = true
    let budget = BUDGET
    try {
      while (budget > 0 && !this.#closed) {
        const n = this.#queue.read(this.#batch, BATCH)
        if (n <= 0) {
          if (n === -ENOBUFS) this.#waitForSlot()
          break
        }
        for (let i = 0; i < n; i++) this.#received(this.#batch[i])
        budget -= n
        net.flush(true)
        if (n < BUSY) break
      }
      net.flush()
    } finally {
      net.polling = false
    }
    // The interface went down, which ends the watching: it may come up again. The read has taken the error off the socket.
    if (status < 0 && !this.#closed) this.#queue.revive()
    return budget <= BUDGET - BUSY
  }

  #received(skb: SkBuff): void {
    this.stats.rxPackets++
    this.stats.rxBytes += skb.len
    if (skb.len < FRAME_MAX) {
      this.#segment?.send(skb, this)
      return
    }
    // It filled the slot: the kernel cut it (BIG TCP).
    skb.dev = this
    skb.drop(SKB_DROP_REASON_PKT_TOO_BIG)
  }

  #waitForSlot(): void {
    this.#queue.pause()
    this.#net.pool.wait(this.#slots)
  }

  #summary(missed: number): string {
    const { rxPackets, rxBytes, txPackets, txBytes, dropped } = this.stats
    const reasons = [...this.drops.entries()].filter(([, n]) => n > 0).map(([r, n]) => `${n} ${dropReasonName(r)}`)
    const lost = [dropped > 0 ? `dropped ${reasons.join(', ')}` : [], missed > 0 ? `missed ${missed}` : []].flat()
    return [`rx ${rxPackets} frames, ${rxBytes} octets, tx ${txPackets} frames, ${txBytes} octets`, ...lost].join(', ')
  }
}
