/**
 * The data path on real TAPs makes no garbage: the heap after many frames is the heap before,
 * without a collection between.
 */
import { constants, type PerformanceEntry, PerformanceObserver } from 'node:perf_hooks'
import { getHeapStatistics } from 'node:v8'
import { afterEach, expect, test } from 'vitest'
import { check } from '#src/linux/errno.ts'
import type { Poller } from '#src/linux/native.ts'
import { int32, SO_RCVBUFFORCE, SOCK_DGRAM, SOL_SOCKET } from '#src/linux/uapi.ts'
import { freshNamespaces } from '#support/fresh-namespaces.ts'
import { firstOf } from '#support/scale.ts'
import { boundSocket, sockaddr } from '#support/sockets.ts'
import { BOTH_WAYS, startVnet, stopConserved } from '#support/vnet-process.ts'

/** Fewer than a transmit ring holds. */
const BURST = 500
const WARM_UP = 40_000
const ROUNDS = 5
/** Rounds after which all code on the path of a frame is compiled, even on a busy machine. */
const MOST_ROUNDS = 80
const ROUND = 40_000
/** Bytes that may remain, including compiled code: far less than one object per frame. */
const KEPT = 1 << 20
/** Bytes of garbage a frame, from wake-ups; the smallest object has 16. */
const GARBAGE = 8

/** Counts garbage collections from here on. */
class Collections {
  readonly #observer: PerformanceObserver
  #seen = 0
  #forced = () => {}

  constructor() {
    this.#observer = new PerformanceObserver(list => {
      for (const entry of list.getEntries() as (PerformanceEntry & {
        detail: { flags: number }
      })[]) {
        if ((entry.detail.flags & constants.NODE_PERFORMANCE_GC_FLAGS_FORCED) === 0) {
          this.#seen++
        } else {
          this.#forced()
        }
      }
    })
    this.#observer.observe({ entryTypes: ['gc'] })
  }

  /** Forces one, and returns how many there were before it: they are notified in order. */
  async untilForced(): Promise<number> {
    const told = new Promise<void>(resolve => {
      this.#forced = resolve
    })
    globalThis.gc?.()
    await told
    this.#observer.disconnect()
    return this.#seen
  }
}

const { own } = freshNamespaces()
const pollers: Poller[] = []

afterEach(() => {
  for (const poller of pollers.splice(0)) {
    poller.close()
  }
})

test.each(firstOf(1, BOTH_WAYS))(
  '%s 200,000 UDP frames leave the heap unchanged',
  { timeout: 120_000 },
  async (_, offload) => {
    const netns = own.add()
    const vnet = await startVnet(['snull', '--netns', netns.name, '--json', ...offload])
    const sender = own.own(boundSocket(netns, SOCK_DGRAM, '198.18.0.1', 0))
    const receiver = own.own(boundSocket(netns, SOCK_DGRAM, '198.18.1.2', 9))
    check(own.native.setsockopt(receiver, SOL_SOCKET, SO_RCVBUFFORCE, int32(4 << 20)), 'setsockopt')
    const { native } = own
    const [to, datagram, into, meta] = [
      sockaddr('198.18.0.2', 9),
      new Uint8Array(64),
      new Uint8Array(64),
      new Int32Array(3),
    ]

    let left = 0
    let arrived = 0
    let done = () => {}
    function sendBurst(): void {
      for (let i = 0; i < BURST; i++) {
        check(native.sendto(sender, datagram, 0, to), 'sendto')
      }
      left -= BURST
    }
    const poller = native.createPoller(receiver, () => {
      while (native.recvmsg(receiver, into, 0, meta) >= 0) {
        arrived++
      }
      if (arrived < BURST) return
      arrived = 0
      if (left > 0) {
        sendBurst()
      } else {
        done()
      }
    }) as Poller
    pollers.push(poller)
    poller.start()
    /** Sends `n` datagrams, a burst at a time, each received before the next. */
    const pass = (n: number) =>
      new Promise<void>(resolve => {
        left = n
        done = resolve
        sendBurst()
      })

    await pass(WARM_UP)
    globalThis.gc?.()
    const before = getHeapStatistics().used_heap_size
    // Other work of the process and code that is not compiled yet add to some rounds. An object a
    // frame adds to all.
    let least = Number.POSITIVE_INFINITY
    for (let i = 0; i < ROUNDS || (least >= GARBAGE && i < MOST_ROUNDS); i++) {
      const collections = new Collections()
      const start = getHeapStatistics().used_heap_size
      await pass(ROUND)
      const garbage = getHeapStatistics().used_heap_size - start
      if ((await collections.untilForced()) === 0) {
        least = Math.min(least, garbage / ROUND)
      }
    }
    expect(least).toBeLessThan(GARBAGE)
    expect(getHeapStatistics().used_heap_size - before).toBeLessThan(KEPT)
    const { sn0 } = await stopConserved(vnet)
    expect(sn0!.total.txPackets).toBeGreaterThanOrEqual(WARM_UP + ROUNDS * ROUND)
  },
)
