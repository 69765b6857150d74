/** No frame and no description of one throws, or is lost uncounted. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type FrameInfo, MemoryPlatform } from '#src/bed/memory-port.ts'
import type { TapFrameInfo } from '#src/linux/tap/frame.ts'
import { openTap } from '#src/linux/tap/open.ts'
import type { PortSpec } from '#src/netdev/port.ts'
import type { SkBuffPool } from '#src/skb/pool.ts'
import { SEED, scaled } from '#support/scale.ts'
import { buildFrame, frame } from '../packet/frames.ts'

const position = fc.oneof(fc.nat(120), fc.integer({ min: -200, max: 70_000 }))
const info: fc.Arbitrary<Required<FrameInfo>> = fc.record({
  ipSummed: fc.constantFrom(0, 1, 3, 7),
  csumStart: position,
  csumOffset: position,
  gsoSize: fc.constantFrom(0, 1, 8, 1448, -1, 65_535),
  gsoType: fc.constantFrom(0, 1, 4, 5, 16, 1 << 17, -1),
})
const bytes = fc.oneof(frame.map(buildFrame), fc.uint8Array({ maxLength: 200 }))

test('frames of any content and description are read, cut, copied and written, and each is accounted for', async () => {
  const property = fc.asyncProperty(
    fc.array(fc.tuple(bytes, info), { minLength: 1, maxLength: 20 }),
    fc.constantFrom('tap', 'tun'),
    fc.boolean(),
    async (frames, layer, offload) => {
      const pools: SkBuffPool[] = []
      class Platform extends MemoryPlatform {
        override open(spec: PortSpec) {
          pools.push(spec.slots.pool)
          return super.open(spec)
        }
      }
      const platform = new Platform()
      const tap = await openTap({ name: 'fuzz0', platform, layer, offload })
      const port = platform.port('fuzz0')
      let [cut, uncut, odd] = [0, 0, 0]
      tap.onFrames = batch => {
        for (const [i, one] of batch.entries()) {
          one.copy()
          if (i % 3 === 0) {
            uncut++
            tap.write(one)
          } else if (i % 3 === 1) {
            const packets = one.segment()
            cut += packets.length
            tap.writeBatch(packets)
          } else if (!one.completeChecksum()) {
            odd++
          }
        }
      }
      for (const [octets, description] of frames) {
        port.transmit(octets, 0, description)
      }
      port.drain()
      let written = 0
      for (const [octets, description] of frames) {
        try {
          tap.write(octets, description satisfies TapFrameInfo)
          written++
        } catch (error) {
          // No frame has such a description.
          if (!(error instanceof RangeError)) throw error
        }
      }
      await tap.close()
      const { framesRead, framesWritten, dropped } = tap.counters
      expect(framesRead).toBe(frames.length)
      expect(odd).toBeLessThanOrEqual(frames.length)
      // A frame that is segmented counts once for each segment.
      expect(framesWritten + dropped).toBeGreaterThanOrEqual(written + uncut + cut)
      expect(port.received.length).toBe(framesWritten)
      expect(pools.map(({ out }) => out)).toEqual([0])
    },
  )
  await fc.assert(property, { numRuns: scaled(2_000), seed: SEED })
})
