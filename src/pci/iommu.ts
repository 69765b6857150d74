/**
 * Iommu: the table of the memory that one card may access, and the card's accesses. Each
 * must lie in a live mapping that permits its direction. One that does not is a fault: it is logged
 * as the kernel logs it, a read returns zeros, and a write does nothing. The card notices nothing.
 *
 * Unlike an IOMMU's, the table knows mappings to the byte, not to the page of 4 KiB: an access past
 * the end of a buffer is a fault here, and reaches its neighbour there. A freed page is used again
 * as late as possible, so that a use after it is a fault, too.
 *
 * It also checks the driver's calls, like the kernel's CONFIG_DMA_API_DEBUG (kernel/dma/debug.c).
 */
import { handedOn, OWNER_DMA, OWNER_HOLDER, skbPanic } from '../skb/error.ts'
import type { SkBuff } from '../skb/sk-buff.ts'
import { CoherentMemory, WeakMemory } from './coherent.ts'
import {
  DMA_BIDIRECTIONAL,
  DMA_FROM_DEVICE,
  DMA_MAPPING_ERROR,
  DMA_TO_DEVICE,
  type DmaDirection,
  type DmaOps,
  dmaMapSingle,
} from './dma.ts'
import type { PciDev } from './pci-dev.ts'

const PAGE = 4096
const PAGE_SHIFT = 12
/** The first page of the addresses, and their number: 1 to 65 MiB. 0 is never an address. */
const FIRST = 256
const PAGES = 16_384
const DIRECTIONS = ['DMA_BIDIRECTIONAL', 'DMA_TO_DEVICE', 'DMA_FROM_DEVICE']

/** A mapping. The records are made once and reused: a frame takes two. */
interface Mapping {
  address: number
  length: number
  direction: DmaDirection
  /** The frame, or the coherent memory. */
  skb: SkBuff | undefined
  memory: CoherentMemory | undefined
  /** The bytes, and the position of the first. */
  bytes: Uint8Array
  at: number
  /** The driver has called dmaMappingError. */
  isChecked: boolean
}

/** How a card accesses memory. Addresses are the card's. */
export interface BusMaster {
  /** Reads `count` words to the start of `into`: zeros after a fault. */
  readWords(address: number, count: number, into: Uint32Array): void
  /** Writes `count` words of `from`, from its word `first` on. */
  writeWords(address: number, count: number, from: Uint32Array, first: number): void
  /** Copies bytes to `into`, from position `to` on: zeros after a fault. */
  read(address: number, length: number, into: Uint8Array, to: number): void
  write(address: number, length: number, from: Uint8Array, at: number): void
}

/** The access of one card to memory, both sides of it: the driver's calls, and the card's. */
export class Iommu implements DmaOps, BusMaster {
  /** How many of the next mappings succeed before one fails; undefined is all. For tests. */
  mapsUntilError: number | undefined
  /** True lets the next access to a frame fault. */
  refusesNext = false
  /** Faults so far. */
  faults = 0
  readonly #pdev: PciDev
  /** By page: the mapping that has it. */
  readonly #table: (Mapping | undefined)[] = new Array<undefined>(PAGES).fill(undefined)
  readonly #unused: Mapping[] = []
  #next = 0
  #live = 0

  constructor(pdev: PciDev) {
    this.#pdev = pdev
  }

  /** The number of mappings, coherent ones included. */
  get live(): number {
    return this.#live
  }

  // The driver's side.

  alloc(size: number): CoherentMemory | undefined {
    if (!(size > 0)) return undefined
    const page = this.#findPages(size)
    if (page < 0) return undefined
    const dma = (FIRST + page) * PAGE
    const { cpu } = this.#pdev
    const memory =
      cpu === undefined ? new CoherentMemory(dma, size) : new WeakMemory(dma, size, cpu)
    const mapping = this.#add(page, size, DMA_BIDIRECTIONAL, memory.bytes, 0)
    mapping.memory = memory
    mapping.isChecked = true
    return memory
  }

  free(memory: CoherentMemory): void {
    const mapping = this.#mappingAt(memory.dma)
    if (mapping === undefined || mapping.memory !== memory) {
      this.#debug(`tries to free DMA memory it has not allocated ${at(memory.dma, memory.size)}`)
      return
    }
    if (memory instanceof WeakMemory) {
      memory.free()
    }
    this.#remove(mapping)
  }

  mapSingle(skb: SkBuff, length: number, direction: DmaDirection): number {
    if (skb.owner < OWNER_HOLDER) throw handedOn(skb.owner, dmaMapSingle, 'dma_map_single')
    if (!(length > 0 && skb.data + length <= skb.end)) {
      const room = skb.end - skb.data
      throw skbPanic(`dma_map_single of ${length} bytes where ${room} are`, dmaMapSingle)
    }
    if (this.mapsUntilError !== undefined && --this.mapsUntilError < 0) {
      this.mapsUntilError = undefined
      return DMA_MAPPING_ERROR
    }
    const page = this.#findPages(length)
    if (page < 0) return DMA_MAPPING_ERROR
    // The arena itself: a checked view of it is for drivers.
    const mapping = this.#add(page, length, direction, skb.pool.bytes, skb.data)
    mapping.skb = skb
    skb.owner = OWNER_DMA
    return mapping.address
  }

  unmapSingle(address: number, length: number, direction: DmaDirection): void {
    const mapping = this.#mappingAt(address)
    const skb = mapping?.skb
    if (mapping === undefined || skb === undefined || mapping.address !== address) {
      this.#debug(`tries to free DMA memory it has not allocated ${at(address, length)}`)
      return
    }
    if (mapping.length !== length) {
      const sizes = `[map size=${mapping.length} bytes] [unmap size=${length} bytes]`
      this.#debug(`frees DMA memory with different size [device address=${hex(address)}] ${sizes}`)
    }
    if (mapping.direction !== direction) {
      const { [mapping.direction]: mapped, [direction]: unmapped } = DIRECTIONS
      const how = `[mapped with ${mapped}] [unmapped with ${unmapped}]`
      this.#debug(`frees DMA memory with different direction ${at(address, length)} ${how}`)
    }
    if (!mapping.isChecked) {
      this.#debug(`failed to check map error ${at(address, length)} [mapped as single]`)
    }
    this.#remove(mapping)
    skb.owner = OWNER_HOLDER
  }

  checked(address: number): void {
    const mapping = this.#mappingAt(address)
    if (mapping !== undefined) {
      mapping.isChecked = true
    }
  }

  released(): void {
    if (this.#live === 0) return
    const leaked = this.#table.find(mapping => mapping !== undefined) as Mapping
    const { address, length, direction, skb } = leaked
    const details = `${at(address, length)} [mapped with ${DIRECTIONS[direction]}] [mapped as ${
      skb === undefined ? 'coherent' : 'single'
    }]`
    this.#debug(
      `has pending DMA allocations while released from device [count=${this.#live}]; ` +
        `one of leaked entries details: ${details}`,
    )
  }

  // The card's side.

  readWords(address: number, count: number, into: Uint32Array): void {
    const mapping = this.#access(address, 4 * count, false)
    if (mapping === undefined) {
      into.fill(0, 0, count)
      return
    }
    const offset = address - mapping.address
    const words = mapping.memory?.words
    if (words !== undefined && (offset & 3) === 0) {
      for (let i = 0; i < count; i++) {
        into[i] = words[(offset >> 2) + i]
      }
      return
    }
    const { bytes } = mapping
    let byte = mapping.at + offset
    for (let i = 0; i < count; i++, byte += 4) {
      into[i] =
        bytes[byte] | (bytes[byte + 1] << 8) | (bytes[byte + 2] << 16) | (bytes[byte + 3] << 24)
    }
  }

  writeWords(address: number, count: number, from: Uint32Array, first: number): void {
    const mapping = this.#access(address, 4 * count, true)
    if (mapping === undefined) return
    const offset = address - mapping.address
    mapping.memory?.beforeDeviceWrite(offset, 4 * count)
    const words = mapping.memory?.words
    if (words !== undefined && (offset & 3) === 0) {
      for (let i = 0; i < count; i++) {
        words[(offset >> 2) + i] = from[first + i]
      }
      return
    }
    const { bytes } = mapping
    for (let i = 0; i < 4 * count; i++) {
      bytes[mapping.at + offset + i] = from[first + (i >> 2)] >>> (8 * (i & 3))
    }
  }

  read(address: number, length: number, into: Uint8Array, to: number): void {
    const mapping = this.#frameAccess(address, length, false)
    if (mapping === undefined) {
      into.fill(0, to, to + length)
      return
    }
    copy(mapping.bytes, mapping.at + address - mapping.address, into, to, length)
  }

  write(address: number, length: number, from: Uint8Array, start: number): void {
    const mapping = this.#frameAccess(address, length, true)
    if (mapping === undefined) return
    const offset = address - mapping.address
    mapping.memory?.beforeDeviceWrite(offset, length)
    copy(from, start, mapping.bytes, mapping.at + offset, length)
  }

  #frameAccess(address: number, length: number, isWrite: boolean): Mapping | undefined {
    if (!this.refusesNext) return this.#access(address, length, isWrite)
    this.refusesNext = false
    this.#fault(address, isWrite)
    return undefined
  }

  /** Returns the mapping of bytes that the card may access; undefined after a fault. */
  #access(address: number, length: number, isWrite: boolean): Mapping | undefined {
    // A bridge drops the accesses of a card that is not bus master.
    if (!this.#pdev.isMaster) return undefined
    const mapping = this.#mappingAt(address)
    const forbidden = isWrite ? DMA_TO_DEVICE : DMA_FROM_DEVICE
    if (
      mapping !== undefined &&
      mapping.direction !== forbidden &&
      address + length <= mapping.address + mapping.length
    ) {
      return mapping
    }
    this.#fault(address, isWrite)
    return undefined
  }

  /** The line of Linux 6.1 (drivers/iommu/intel/dmar.c), with the page of the address. */
  #fault(address: number, isWrite: boolean): void {
    this.faults++
    const page = address - (address % PAGE)
    const [what, reason] = isWrite ? ['Write', '0x05'] : ['Read', '0x06']
    this.#pdev.log.err(
      'DMAR',
      `DMAR: [DMA ${what} NO_PASID] Request device [${this.#pdev.name}] fault addr ${hex(page)} ` +
        `[fault reason ${reason}] PTE ${what} access is not set`,
    )
  }

  #debug(what: string): void {
    const { name, log } = this.#pdev
    log.err('DMA-API', `DMA-API: 0000:${name}: device driver ${what}`)
  }

  #mappingAt(address: number): Mapping | undefined {
    if (address > DMA_MAPPING_ERROR) return undefined
    return this.#table[(address >>> PAGE_SHIFT) - FIRST]
  }

  /** Returns the first of pages in a row that are free, from the last used on; -1 without. */
  #findPages(length: number): number {
    const pages = Math.ceil(length / PAGE)
    let run = 0
    for (let tried = 0; tried < PAGES + pages; tried++) {
      const page = this.#next
      this.#next = page + 1 === PAGES ? 0 : page + 1
      run = this.#table[page] === undefined ? run + 1 : 0
      if (run === pages) return page + 1 - pages
      if (this.#next === 0) {
        run = 0
      }
    }
    return -1
  }

  #add(
    page: number,
    length: number,
    direction: DmaDirection,
    bytes: Uint8Array,
    start: number,
  ): Mapping {
    const mapping = this.#unused.pop() ?? newMapping(bytes)
    mapping.address = (FIRST + page) * PAGE
    mapping.length = length
    mapping.direction = direction
    mapping.bytes = bytes
    mapping.at = start
    mapping.isChecked = false
    this.#setPages(mapping, mapping)
    this.#live++
    return mapping
  }

  #remove(mapping: Mapping): void {
    this.#setPages(mapping, undefined)
    mapping.skb = undefined
    mapping.memory = undefined
    this.#unused.push(mapping)
    this.#live--
  }

  #setPages({ address, length }: Mapping, mapping: Mapping | undefined): void {
    const page = address / PAGE - FIRST
    for (let i = 0; i * PAGE < length; i++) {
      this.#table[page + i] = mapping
    }
  }
}

function newMapping(bytes: Uint8Array): Mapping {
  return {
    address: 0,
    length: 0,
    direction: DMA_BIDIRECTIONAL,
    skb: undefined,
    memory: undefined,
    bytes,
    at: 0,
    isChecked: false,
  }
}

/** Copies without an object for a part of an array, if both are the arena of frames. */
function copy(from: Uint8Array, start: number, into: Uint8Array, to: number, length: number): void {
  if (from === into) {
    into.copyWithin(to, start, start + length)
  } else {
    into.set(from.subarray(start, start + length), to)
  }
}

const hex = (address: number): string => `0x${address.toString(16)}`
const at = (address: number, size: number): string =>
  `[device address=${hex(address)}] [size=${size} bytes]`
