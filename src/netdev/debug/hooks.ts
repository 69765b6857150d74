/** The hooks that the framework calls while `--debug` is on (debug.ts), and the findings. */
import type { SkBuffPool, SkBuffPoolOptions } from '../../skb/pool.ts'
import type { PortQueue } from '../port.ts'

/** One mistake at one place. */
export interface Finding {
  readonly rule: string
  /** The mistake, its place, and the text of the rule. */
  readonly message: string
  /** The driver's line, such as `/my-driver.js:12`; undefined if unknown. */
  readonly place: string | undefined
  count: number
}

// biome-ignore lint/suspicious/noExplicitAny: a driver knows what data its device has.
type Handler = (dev: any) => number

/** Devices, interrupts and polls are named as objects, so that this file is in no circle. */
export interface DebugHooks {
  readonly findings: readonly Finding[]
  readonly chaos:
    | {
        /** Returns the queue of a device in the form that the device is to use. */
        queue(queue: PortQueue, dev: object): PortQueue
        requested(irq: object): void
      }
    | undefined
  makePool(options: SkBuffPoolOptions): SkBuffPool
  /** An operation of a driver threw. The caller logs it. */
  threw(op: string, error: unknown): void
  watch(dev: object): void
  release(dev: object): void
  requested(irq: object, handler: Handler): Handler
  /** Returns the driver's function for one that checks it and is called instead. */
  codeOf(fn: unknown): unknown
  freed(irq: object): void
  enabled(napi: object): void
  disabled(napi: object): void
  end(): void
}

export const RULES: Readonly<Record<string, string>> = {
  'use-after-free': 'a frame that was freed belongs to the pool',
  'use-after-hand-over': 'a frame that was handed on belongs to its receiver',
  'double-free': 'a frame is freed once',
  'write-after-free': 'found when its slot was to be used again: a reference to its bytes was kept',
  'out-of-bounds': "a frame's room is from skb.head to skb.end",
  'uninitialized-read': 'behind skb.tail are bytes of older frames: look at skb.len first, or put() first',
  'red-zone': 'found when the frame was handed on, freed or swept: it is not in the room from skb.head to skb.end',
  'frame-bounds': 'a frame lies between skb.head and skb.end',
  'frame-short': 'a frame has an Ethernet header of 14 bytes',
  protocol: 'ethTypeTrans sets it before netifRx',
  checksum: 'the kernel drops what has a wrong checksum, or trusts what is marked as checked',
  gso: 'gsoSize and gsoType describe the headers of the frame',
  'freed-uncounted': 'a frame that does not arrive is dropped (kfree_skb_reason), which counts it',
  'past-end': 'put() first: bytes past skb.tail are not in the frame',
  'ring-overflow': 'push() returns false if the ring is full: stop the queue before, or drop the frame',
  'started-not-woken': 'a queue that is up is woken (netif_wake_queue): start is for ndoOpen',
  'counted-twice': 'vnet counts packets, bytes and multicasts itself',
  leak: 'each frame is handed on or freed',
  held: 'a frame is handed on, freed, or dropped when its time is over',
  'irq-not-freed': 'ndoStop frees what ndoOpen requested (free_irq)',
  'irq-not-acknowledged': 'a handler clears the bits that it handles (acknowledge)',
  'irq-claimed': 'a handler returns IRQ_NONE for an interrupt that its device did not raise',
  'napi-not-disabled': 'ndoStop disables what ndoOpen enabled (napi_disable)',
  'queue-stopped': 'a stopped queue is woken, or watchdogTimeo lets ndoTxTimeout repair it',
  'busy-changed': 'with NETDEV_TX_BUSY the frame is offered again, as it was',
  exception: 'a driver returns errors and does not throw',
}
