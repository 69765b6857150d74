/** The order of accesses to coherent memory on a CPU that reorders as much as is allowed. */
import { expect, test } from 'vitest'
import {
  type CoherentMemory,
  dmaAllocCoherent,
  dmaFreeCoherent,
  dmaRmb,
  dmaWmb,
  type Iomem,
  pciIoremapBar,
  readl,
  writel,
  writelRelaxed,
} from '#src/pci/index.ts'
import { slotOf } from './slot.ts'

const [LENGTH, STATUS] = [8, 12]

function ring(isWeak = true) {
  const { pdev, iommu } = slotOf({ isWeak })
  const memory = dmaAllocCoherent(pdev, 64) as CoherentMemory
  const io = pciIoremapBar(pdev, 0) as Iomem
  /** The card completes the descriptor at `offset`. */
  const complete = (length: number, offset = 0) =>
    iommu.writeWords(memory.dma + offset + LENGTH, 2, Uint32Array.of(length, 1), 0)
  /** The word as the card sees it. */
  const seen = (offset: number) => {
    const words = new Uint32Array(1)
    iommu.readWords(memory.dma + offset, 1, words)
    return words[0]
  }
  return { pdev, memory, io, complete, seen }
}

test('the card sees a store only after dma_wmb or writel, the CPU sees its own immediately', () => {
  const { pdev, memory, io, seen } = ring()
  memory.write32(0, 5)
  expect([memory.read32(0), memory.peek32(0), seen(0)]).toEqual([5, 0, 0])
  writelRelaxed(io, 0, 1)
  expect(seen(0)).toBe(0)
  dmaWmb(pdev)
  expect(seen(0)).toBe(5)
  memory.write32(0, -2)
  memory.write32(0, -1)
  writel(io, 0, 1)
  expect([seen(0), memory.read32(0)]).toEqual([0xffff_ffff, 0xffff_ffff])
})

test('of a line that the card has written, the CPU sees the word that it loads first; the rest after dma_rmb', () => {
  const { pdev, memory, complete } = ring()
  complete(60)
  complete(1000, 16)
  expect([memory.read32(STATUS), memory.read32(LENGTH)]).toEqual([1, 0])
  // Each line for itself: here the length is loaded first.
  expect([memory.read32(16 + LENGTH), memory.read32(16 + STATUS)]).toEqual([1000, 0])
  expect(memory.read32(STATUS)).toBe(1)
  dmaRmb(pdev)
  expect([LENGTH, STATUS, 16 + STATUS].map(at => memory.read32(at))).toEqual([60, 1, 1])
})

test('a driver without dma_rmb reads the length of the last lap', () => {
  const { pdev, memory, complete } = ring()
  complete(60)
  dmaRmb(pdev)
  memory.write32(STATUS, 0)
  dmaWmb(pdev)
  complete(1000)
  expect([memory.read32(STATUS), memory.read32(LENGTH)]).toEqual([1, 60])
})

test('a read of a register is a barrier for loads, too', () => {
  const { memory, io, complete } = ring()
  complete(60)
  expect([memory.read32(STATUS), memory.read32(LENGTH)]).toEqual([1, 0])
  readl(io, 0)
  expect(memory.read32(LENGTH)).toBe(60)
})

test('another CPU sees everything in order', () => {
  const { memory, complete, seen } = ring(false)
  memory.write32(0, 5)
  complete(60)
  expect([seen(0), memory.read32(STATUS), memory.read32(LENGTH)]).toEqual([5, 1, 60])
})

test('barriers do nothing to memory that was freed', () => {
  const { pdev, memory } = ring()
  memory.write32(0, 5)
  dmaFreeCoherent(pdev, memory)
  dmaWmb(pdev)
  expect(memory.peek32(0)).toBe(0)
})
