/** The accesses that a card is allowed, and the lines about all others. */
import { describe, expect, test } from 'vitest'
import {
  type CoherentMemory,
  DMA_BIDIRECTIONAL,
  DMA_FROM_DEVICE,
  DMA_MAPPING_ERROR,
  DMA_TO_DEVICE,
  dmaAllocCoherent,
  dmaFreeCoherent,
  dmaMappingError,
  dmaMapSingle,
  dmaUnmapSingle,
} from '#src/pci/index.ts'
import { SkbError } from '#src/skb/error.ts'
import { balancedPool, skbOf } from '#support/skb.ts'
import { slotOf } from './slot.ts'

const pool = balancedPool({ large: 1, small: 64 })
const frame = (...octets: number[]) => skbOf(pool, octets, 60)

/** The fault of an access to an address, of which the line has the page. */
const fault = (what: 'Read' | 'Write', address: number) =>
  `DMAR: [DMA ${what} NO_PASID] Request device [00:03.0] fault addr 0x${(address - (address % 4096)).toString(16)} ` +
  `[fault reason ${what === 'Read' ? '0x06' : '0x05'}] PTE ${what} access is not set`

describe('a frame that is mapped', () => {
  test('the card reads the bytes that were mapped, and writes bytes that the driver sees', () => {
    const { pdev, iommu, lines } = slotOf()
    const [sent, received] = [frame(1, 2, 3, 4), frame()]
    const out = dmaMapSingle(pdev, sent, 4, DMA_TO_DEVICE)
    const into = dmaMapSingle(pdev, received, 60, DMA_FROM_DEVICE)
    expect([dmaMappingError(pdev, out), dmaMappingError(pdev, into)]).toEqual([false, false])
    const bytes = new Uint8Array(6)
    iommu.read(out + 1, 3, bytes, 2)
    expect([...bytes]).toEqual([0, 0, 2, 3, 4, 0])
    iommu.write(into, 3, bytes, 2)
    dmaUnmapSingle(pdev, out, 4, DMA_TO_DEVICE)
    dmaUnmapSingle(pdev, into, 60, DMA_FROM_DEVICE)
    received.put(3)
    expect([...received.bytes.subarray(received.data, received.tail)]).toEqual([2, 3, 4])
    expect([lines, iommu.live]).toEqual([[], 0])
    sent.free()
    received.free()
  })

  test('the frame belongs to the card until it is unmapped', () => {
    const { pdev } = slotOf()
    const skb = frame(1, 2)
    const dma = dmaMapSingle(pdev, skb, 2, DMA_TO_DEVICE)
    dmaMappingError(pdev, dma)
    expect(() => skb.free()).toThrow('kfree_skb on a frame that is mapped for DMA')
    expect(() => skb.put(1)).toThrow(SkbError)
    expect(() => skb.hold()).toThrow('dma_unmap_single comes first')
    expect(() => dmaMapSingle(pdev, skb, 2, DMA_TO_DEVICE)).toThrow('dma_map_single on a frame')
    dmaUnmapSingle(pdev, dma, 2, DMA_TO_DEVICE)
    skb.free()
  })

  test('an access outside of it, against its direction, or after it, is a fault', () => {
    const { pdev, iommu, lines } = slotOf()
    const skb = frame(1, 2, 3, 4)
    const dma = dmaMapSingle(pdev, skb, 4, DMA_TO_DEVICE)
    dmaMappingError(pdev, dma)
    const bytes = Uint8Array.of(9, 9, 9, 9, 9)
    iommu.read(dma, 5, bytes, 0)
    expect([...bytes]).toEqual([0, 0, 0, 0, 0])
    iommu.write(dma, 1, Uint8Array.of(7), 0)
    iommu.read(0, 1, bytes, 0)
    iommu.read(2 ** 40, 1, bytes, 0)
    dmaUnmapSingle(pdev, dma, 4, DMA_TO_DEVICE)
    iommu.read(dma, 1, bytes, 0)
    expect(skb.bytes[skb.data]).toBe(1)
    expect(lines).toEqual([
      fault('Read', dma),
      fault('Write', dma),
      fault('Read', 0),
      fault('Read', 2 ** 40),
      fault('Read', dma),
    ])
    expect(iommu.faults).toBe(5)
    skb.free()
  })

  test('an address is not used again soon, so that a use after the unmapping is seen', () => {
    const { pdev } = slotOf()
    const skb = frame(1)
    const seen = new Set<number>()
    for (let i = 0; i < 1000; i++) {
      const dma = dmaMapSingle(pdev, skb, 1, DMA_TO_DEVICE)
      seen.add(dma)
      dmaMappingError(pdev, dma)
      dmaUnmapSingle(pdev, dma, 1, DMA_TO_DEVICE)
    }
    expect(seen.size).toBe(1000)
    skb.free()
  })

  test('a mapping may fail: all pages are in use, or a test wants it', () => {
    const { pdev, iommu } = slotOf()
    const big = dmaAllocCoherent(pdev, 16_383 * 4096) as CoherentMemory
    const [last, late] = [frame(1), frame(2)]
    const dma = dmaMapSingle(pdev, last, 1, DMA_TO_DEVICE)
    expect(dmaMappingError(pdev, dma)).toBe(false)
    const failed = dmaMapSingle(pdev, late, 1, DMA_TO_DEVICE)
    expect([failed, dmaMappingError(pdev, failed)]).toEqual([DMA_MAPPING_ERROR, true])
    expect(dmaAllocCoherent(pdev, 4096)).toBeUndefined()
    // The frame of a failed mapping remains the driver's.
    late.free()
    dmaFreeCoherent(pdev, big)
    dmaUnmapSingle(pdev, dma, 1, DMA_TO_DEVICE)
    iommu.mapsUntilError = 1
    const results = [1, 2, 3].map(() => {
      const address = dmaMapSingle(pdev, last, 1, DMA_TO_DEVICE)
      const isError = dmaMappingError(pdev, address)
      if (!isError) {
        dmaUnmapSingle(pdev, address, 1, DMA_TO_DEVICE)
      }
      return isError
    })
    expect(results).toEqual([false, true, false])
    last.free()
  })

  test('dma_map_single refuses a length that the slot of the frame has no room for', () => {
    const { pdev, iommu } = slotOf()
    const skb = frame(1)
    const room = skb.end - skb.data
    expect(() => dmaMapSingle(pdev, skb, room + 1, DMA_FROM_DEVICE)).toThrow(
      `dma_map_single of ${room + 1} bytes where ${room} are`,
    )
    expect(() => dmaMapSingle(pdev, skb, 0, DMA_FROM_DEVICE)).toThrow('dma_map_single of 0 bytes')
    expect(iommu.live).toBe(0)
    skb.free()
  })

  test('refusesNext lets one access to a frame fault', () => {
    const { pdev, iommu, lines } = slotOf()
    const skb = frame(5)
    const dma = dmaMapSingle(pdev, skb, 1, DMA_TO_DEVICE)
    dmaMappingError(pdev, dma)
    iommu.refusesNext = true
    const bytes = new Uint8Array(2)
    iommu.read(dma, 1, bytes, 0)
    iommu.read(dma, 1, bytes, 1)
    expect([[...bytes], lines]).toEqual([[0, 5], [fault('Read', dma)]])
    dmaUnmapSingle(pdev, dma, 1, DMA_TO_DEVICE)
    skb.free()
  })
})

describe('coherent memory', () => {
  test('is zero, of several pages, and both sides see it', () => {
    const { pdev, iommu, lines } = slotOf()
    const memory = dmaAllocCoherent(pdev, 2 * 4096 + 16) as CoherentMemory
    const words = Uint32Array.of(9, 9, 9)
    iommu.readWords(memory.dma + 8192, 3, words)
    expect([...words]).toEqual([0, 0, 0])
    memory.write32(4092, 0x8123_4567)
    iommu.readWords(memory.dma + 4092, 1, words)
    expect(words[0]).toBe(0x8123_4567)
    // Words that are not aligned, and bytes.
    iommu.readWords(memory.dma + 4093, 1, words)
    expect(words[0]).toBe(0x0081_2345)
    iommu.writeWords(memory.dma + 1, 1, Uint32Array.of(0, 0x0403_0201), 1)
    expect([memory.read32(0), memory.read32(4)]).toEqual([0x0302_0100, 4])
    iommu.write(memory.dma + 8, 2, Uint8Array.of(0, 7, 8), 1)
    expect([memory.read32(8), memory.peek32(8)]).toEqual([0x0807, 0x0807])
    expect(lines).toEqual([])
    iommu.readWords(memory.dma + 8204, 2, words)
    expect(lines).toEqual([fault('Read', memory.dma + 8204)])
    dmaFreeCoherent(pdev, memory)
    expect(iommu.live).toBe(0)
  })

  test('a word outside of it, or not aligned, is an error of the driver', () => {
    const { pdev } = slotOf()
    const memory = dmaAllocCoherent(pdev, 32) as CoherentMemory
    expect(() => memory.read32(32)).toThrow('a word at byte 32 of coherent memory of 32 bytes')
    expect(() => memory.write32(2, 0)).toThrow(RangeError)
    expect(() => memory.read32(-4)).toThrow(RangeError)
    expect(dmaAllocCoherent(pdev, 0)).toBeUndefined()
    dmaFreeCoherent(pdev, memory)
  })

  test('the access after it was freed is a fault, and does nothing', () => {
    const { pdev, iommu, lines } = slotOf()
    const memory = dmaAllocCoherent(pdev, 16) as CoherentMemory
    memory.write32(0, 5)
    dmaFreeCoherent(pdev, memory)
    const words = Uint32Array.of(9)
    iommu.writeWords(memory.dma, 1, words, 0)
    iommu.readWords(memory.dma, 1, words)
    expect([words[0], memory.peek32(0)]).toEqual([0, 5])
    expect(lines).toEqual([fault('Write', memory.dma), fault('Read', memory.dma)])
  })
})

test('a card that is not bus master accesses nothing, silently', () => {
  const { pdev, iommu, lines } = slotOf({ off: true })
  const memory = dmaAllocCoherent(pdev, 16) as CoherentMemory
  memory.write32(0, 5)
  const words = Uint32Array.of(9)
  iommu.readWords(memory.dma, 1, words)
  iommu.writeWords(memory.dma, 1, Uint32Array.of(6), 0)
  expect([words[0], memory.peek32(0), lines]).toEqual([0, 5, []])
  dmaFreeCoherent(pdev, memory)
})

describe('what the kernel’s DMA_API_DEBUG would report', () => {
  const said = (what: string) => `DMA-API: 0000:00:03.0: device driver ${what}`

  test('an unmapping without a mapping, or with another size or direction', () => {
    const { pdev, lines } = slotOf()
    const skb = frame(1, 2, 3)
    dmaUnmapSingle(pdev, 0x5000, 3, DMA_TO_DEVICE)
    const dma = dmaMapSingle(pdev, skb, 3, DMA_TO_DEVICE)
    dmaMappingError(pdev, dma)
    dmaUnmapSingle(pdev, dma + 1, 3, DMA_TO_DEVICE)
    dmaUnmapSingle(pdev, dma, 2, DMA_BIDIRECTIONAL)
    dmaUnmapSingle(pdev, dma, 3, DMA_TO_DEVICE)
    const hex = `0x${dma.toString(16)}`
    expect(lines).toEqual([
      said('tries to free DMA memory it has not allocated [device address=0x5000] [size=3 bytes]'),
      said(
        `tries to free DMA memory it has not allocated [device address=0x${(dma + 1).toString(16)}] [size=3 bytes]`,
      ),
      said(
        `frees DMA memory with different size [device address=${hex}] [map size=3 bytes] [unmap size=2 bytes]`,
      ),
      said(
        `frees DMA memory with different direction [device address=${hex}] [size=2 bytes] [mapped with DMA_TO_DEVICE] [unmapped with DMA_BIDIRECTIONAL]`,
      ),
      said(`tries to free DMA memory it has not allocated [device address=${hex}] [size=3 bytes]`),
    ])
    skb.free()
  })

  test('a mapping that was not tested for an error', () => {
    const { pdev, lines } = slotOf()
    const skb = frame(1)
    const dma = dmaMapSingle(pdev, skb, 1, DMA_TO_DEVICE)
    dmaUnmapSingle(pdev, dma, 1, DMA_TO_DEVICE)
    expect(lines).toEqual([
      said(
        `failed to check map error [device address=0x${dma.toString(16)}] [size=1 bytes] [mapped as single]`,
      ),
    ])
    skb.free()
  })

  test('what a driver leaves mapped when it releases its card', () => {
    const { pdev, iommu, lines } = slotOf()
    iommu.released()
    expect(lines).toEqual([])
    const memory = dmaAllocCoherent(pdev, 16) as CoherentMemory
    const skb = frame(1)
    const dma = dmaMapSingle(pdev, skb, 1, DMA_TO_DEVICE)
    dmaMappingError(pdev, dma)
    iommu.released()
    const first = `[device address=0x${memory.dma.toString(16)}] [size=16 bytes] [mapped with DMA_BIDIRECTIONAL] [mapped as coherent]`
    expect(lines).toEqual([
      said(
        `has pending DMA allocations while released from device [count=2]; one of leaked entries details: ${first}`,
      ),
    ])
    dmaUnmapSingle(pdev, dma, 1, DMA_TO_DEVICE)
    dmaFreeCoherent(pdev, memory)
    dmaFreeCoherent(pdev, memory)
    expect(lines[1]).toBe(
      said(
        `tries to free DMA memory it has not allocated [device address=0x${memory.dma.toString(16)}] [size=16 bytes]`,
      ),
    )
    skb.free()
  })
})
