/**
 * Every driver of the program with random frames, in memory. Each frame comes out, whole or in
 * segments, or is dropped with a reason. Nothing throws, and no slot is lost.
 */
import { expect, test } from 'vitest'
import { random } from '#src/base/random.ts'
import type { FrameInfo, MemoryPort } from '#src/bed/memory-port.ts'
import { createVnetHdr } from '#src/linux/tap/frame-queue.ts'
import type { Driver } from '#src/netdev/driver.ts'
import { NETIF_F_ALL_TAP, NETIF_F_HW_CSUM, NETIF_F_SG } from '#src/netdev/if.ts'
import {
  SKB_DROP_REASON_DRIVER_EXCEPTION,
  SKB_DROP_REASON_NOT_SPECIFIED,
} from '#src/skb/drop-reason.ts'
import {
  CHECKSUM_NONE,
  CHECKSUM_PARTIAL,
  SKB_GSO_TCPV4,
  SKB_GSO_TCPV6,
  SKB_GSO_UDP_L4,
} from '#src/skb/sk-buff.ts'
import { DRIVER_RUNS, type DriverRun, drivers, titleOfRun } from '#support/every-driver.ts'
import { type FuzzFrame, fuzzFrames } from '#support/fuzz-frames.ts'
import { addDriver, type MemoryNet, memoryNets } from '#support/memory-net.ts'
import { SEED, scaled } from '#support/scale.ts'
import { vnetHeaders } from '#support/vnet-header.ts'

/** The longest frame a TAP gives is 65,547 bytes. */
const MAX_LENGTH = 65_600
const QUEUES = 3
const GSO_TYPE = {
  none: 0,
  tcp4: SKB_GSO_TCPV4,
  tcp6: SKB_GSO_TCPV6,
  udp: SKB_GSO_UDP_L4,
  unknown: 1 << 10,
}

interface FuzzRun extends DriverRun {
  readonly rxqs?: number
}

/**
 * Without those that keep frames: every slot must be free again after each frame.
 * e1000/conservation.test.ts has the card.
 */
const runs: readonly FuzzRun[] = [
  ...DRIVER_RUNS.filter(({ kept = 0 }) => kept === 0),
  { name: 'loop', rxqs: 2 },
  { name: 'loop', params: { arp: true } },
  { name: 'snull', params: { arp: true, useNapi: true, poolSize: 1, ringSize: 1 } },
]
const receivers: readonly [string, number][] = [
  ['all offloads', NETIF_F_ALL_TAP],
  ['checksums only', NETIF_F_HW_CSUM | NETIF_F_SG],
  ['no offload', 0],
]

/** The number of frames for each configuration of a driver. */
const FRAMES = Math.ceil(scaled(250_000) / receivers.length)

const makeNet = memoryNets()

for (const run of runs) {
  const { name, args = [], params = {}, rxqs = QUEUES } = run
  test.each(receivers)(
    `${titleOfRun(run)} with ${rxqs} receive queues accounts for every frame towards a host with %s`,
    { timeout: 600_000 },
    async (_, features) => {
      const memory = makeNet({ large: 16, small: 8192 })
      const { devices, ports } = await addDriver(memory, drivers[name] as Driver, params, {
        args,
        txqs: QUEUES,
        rxqs,
      })
      const [port] = ports as [MemoryPort]
      const receiver = ports.at(-1) as MemoryPort
      for (const dev of devices) {
        dev.features = features
      }
      let received = 0
      for (const each of ports) {
        each.onFrame = skb => {
          received++
          createVnetHdr(skb)
          // Far faster than an `expect` for each.
          if (skb.len > MAX_LENGTH) {
            expect(skb.len).toBeLessThanOrEqual(MAX_LENGTH)
          }
          if (features !== 0 || (skb.ipSummed !== CHECKSUM_PARTIAL && skb.gsoSize === 0)) return
          throw new Error(`checksum ${skb.ipSummed}, segments of ${skb.gsoSize}`)
        }
      }
      const chance = random(SEED)
      const draw = fuzzFrames(chance, MAX_LENGTH)
      const header = vnetHeaders(chance)
      for (let i = 0; i < FRAMES; i++) {
        const frame = draw()
        // Now and then the kernel has no room, for the frame or for some of its segments.
        receiver.room = chance.below(20) === 0 ? chance.below(3) : Number.POSITIVE_INFINITY
        const before = memory.conserved()
        received = 0
        const info = chance.below(2) === 0 ? header(frame.bytes.length) : infoOf(frame)
        port.transmit(frame.bytes, chance.below(QUEUES), info)
        port.drain()
        receiver.room = Number.POSITIVE_INFINITY
        memory.clock.advance(1e7)
        memory.net.flush()
        const after = { out: received, dropped: dropped(memory) - before.dropped }
        const outcomes = after.out + after.dropped
        if (outcomes > 1) {
          // Cut: never with everything on, and in no more pieces than there is payload for.
          expect(features, `frame ${i} of seed ${SEED} was cut`).not.toBe(NETIF_F_ALL_TAP)
          expect(outcomes).toBeLessThanOrEqual(
            Math.ceil(frame.bytes.length / (info.gsoSize as number)),
          )
        }
        if (outcomes < 1) throw new Error(`frame ${i} of seed ${SEED} is gone`)
        if (memory.pool.out !== 0) throw new Error(`frame ${i} of seed ${SEED} took a slot along`)
      }
      for (const dev of devices) {
        const { tx, rx } = dev.counters.drops()
        for (const reason of [0, SKB_DROP_REASON_NOT_SPECIFIED, SKB_DROP_REASON_DRIVER_EXCEPTION]) {
          expect([tx[reason], rx[reason]], `drops for reason ${reason}`).toEqual([0, 0])
        }
      }
      expect(memory.lines.filter(line => !/device (opened|closed)$/.test(line))).toEqual([])
    },
  )
}

function infoOf(frame: FuzzFrame): FrameInfo {
  const { partial, csumStart, csumOffset, gsoSize, gso } = frame
  const ipSummed = partial ? CHECKSUM_PARTIAL : CHECKSUM_NONE
  return { ipSummed, csumStart, csumOffset, gsoSize, gsoType: GSO_TYPE[gso] }
}

function dropped({ devices }: MemoryNet): number {
  let sum = 0
  for (const dev of devices) {
    for (const drops of Object.values(dev.counters.drops())) {
      for (const n of drops) {
        sum += n
      }
    }
  }
  return sum
}
