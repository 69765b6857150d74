/**
 * The kernel's DMA API (Documentation/core-api/dma-api.rst): memory that a driver shares with its
 * card. Coherent memory is for descriptors. A frame is mapped for one direction and belongs to the
 * card until it is unmapped; meanwhile every verb of its skb throws.
 *
 * Addresses are the card's, numbers of 32 bits. They are valid as long as the mapping.
 */
import type { SkBuff } from '../skb/sk-buff.ts'
import type { CoherentMemory, WeakCpu } from './coherent.ts'

/** Directions of a mapping: the card reads, the card writes, or both. */
export const DMA_BIDIRECTIONAL = 0
export const DMA_TO_DEVICE = 1
export const DMA_FROM_DEVICE = 2
export type DmaDirection = typeof DMA_BIDIRECTIONAL | typeof DMA_TO_DEVICE | typeof DMA_FROM_DEVICE

/** The address of a mapping that failed. Test for it with dmaMappingError. */
export const DMA_MAPPING_ERROR = 0xffff_ffff

/** `struct dma_map_ops`: how the slot of a card gives it access to memory. */
export interface DmaOps {
  alloc(size: number): CoherentMemory | undefined
  free(memory: CoherentMemory): void
  /** Returns the address for the card, or DMA_MAPPING_ERROR. The frame belongs to the card. */
  mapSingle(skb: SkBuff, length: number, direction: DmaDirection): number
  /** The frame belongs to the driver again. */
  unmapSingle(address: number, length: number, direction: DmaDirection): void
  /** The driver has looked whether the mapping failed. */
  checked(address: number): void
  /** The driver has released the card (`remove` returned): reports mappings that are left. */
  released(): void
}

/** The parts of a PciDev that its memory accesses use. */
export interface DmaDevice {
  readonly dmaOps: DmaOps
  readonly cpu: WeakCpu | undefined
}

/**
 * dma_alloc_coherent: memory of zeros that the card and the driver both access. undefined without
 * memory. The caller frees it with dmaFreeCoherent.
 */
export function dmaAllocCoherent(pdev: DmaDevice, size: number): CoherentMemory | undefined {
  return pdev.dmaOps.alloc(size)
}

/** dma_free_coherent: the card may access the memory no more. */
export function dmaFreeCoherent(pdev: DmaDevice, memory: CoherentMemory): void {
  pdev.dmaOps.free(memory)
}

/**
 * dma_map_single: gives the card `length` bytes from `skb.data` on. The frame belongs to the card
 * until dmaUnmapSingle. Returns the address for the descriptor; test it with dmaMappingError. After
 * an error the frame is still the caller's.
 */
export function dmaMapSingle(
  pdev: DmaDevice,
  skb: SkBuff,
  length: number,
  direction: DmaDirection,
): number {
  return pdev.dmaOps.mapSingle(skb, length, direction)
}

/** dma_mapping_error: true if a mapping failed, and its address must not be used. */
export function dmaMappingError(pdev: DmaDevice, address: number): boolean {
  pdev.dmaOps.checked(address)
  return address === DMA_MAPPING_ERROR
}

/** dma_unmap_single: takes the frame back, with what the card has written to it. */
export function dmaUnmapSingle(
  pdev: DmaDevice,
  address: number,
  length: number,
  direction: DmaDirection,
): void {
  pdev.dmaOps.unmapSingle(address, length, direction)
}

/** dma_wmb: the card sees the stores before it before the stores after it. */
export function dmaWmb(pdev: DmaDevice): void {
  pdev.cpu?.wmb()
}

/** dma_rmb: loads after it see all that the card stored before what loads before it have seen. */
export function dmaRmb(pdev: DmaDevice): void {
  pdev.cpu?.rmb()
}
