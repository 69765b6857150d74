/**
 * QEMU's own e1000 in a slot, for the driver that the model of the card has: a PciDev with the
 * registers and the memory of the machine. Frames are copied to memory of the machine and back,
 * which a kernel calls swiotlb.
 */
import { readSync, writeSync } from 'node:fs'
import * as e1000 from '#src/drivers/e1000/hw.ts'
import {
  CoherentMemory,
  DMA_FROM_DEVICE,
  DMA_MAPPING_ERROR,
  DMA_TO_DEVICE,
  type DmaDirection,
  type DmaOps,
  PciDev,
  type PciFunction,
  type PciLog,
} from '#src/pci/index.ts'
import { OWNER_DMA, OWNER_HOLDER } from '#src/skb/error.ts'
import type { SkBuff } from '#src/skb/sk-buff.ts'
import type { QtestMachine } from './qtest.ts'

/** The first slot with a card. */
const FIRST_SLOT = 3
/** Each card has memory of its own: descriptors, then bounce buffers. */
const FIRST_BYTE = 4 << 20
const BYTES_OF_CARD = 12 << 20
const DESCRIPTORS = 1 << 20
const BUFFER = 2048
/** Milliseconds for which QEMU's card takes no frames after a write of RCTL. */
const FLUSH_TIME = 1000

/** Returns the options of QEMU for cards with these addresses, which a cable joins. */
export function cableOptions(macs: readonly string[]): string[] {
  return macs.flatMap((mac, i) => [
    ...['-netdev', `hubport,id=n${i},hubid=0`],
    '-device',
    // Without mitigation, an interrupt is not delayed. A ROM has no use without a BIOS.
    `e1000,netdev=n${i},mac=${mac},addr=${FIRST_SLOT + i},romfile=,mitigation=off`,
  ])
}

/** A card of a machine: number 0 or 1. It lives as long as its machine. */
export class QemuSlot implements PciFunction {
  readonly pdev: PciDev
  readonly dma: BounceBuffers
  /** The level of its interrupt line. */
  isAsserted = false
  readonly #machine: QtestMachine
  readonly #slot: number
  readonly #registers: number

  constructor(
    machine: QtestMachine,
    i: number,
    log: PciLog,
    onInterrupt: (isAsserted: boolean) => void,
  ) {
    this.#machine = machine
    this.#slot = FIRST_SLOT + i
    this.#registers = machine.plug(this.#slot, isAsserted => {
      this.isAsserted = isAsserted
      onInterrupt(isAsserted)
    })
    this.pdev = new PciDev(`00:0${this.#slot}.0`, log)
    this.dma = new BounceBuffers(this.pdev, machine.memory, FIRST_BYTE + i * BYTES_OF_CARD)
    this.pdev.connect(this, this.dma)
  }

  read32(offset: number): number {
    return this.#machine.read32(this.#registers + offset)
  }

  /** The time passes in which the card takes no frames after a write of RCTL. */
  write32(offset: number, value: number): void {
    const write = () => this.#machine.write32(this.#registers + offset, value)
    if (offset === e1000.E1000_RCTL) {
      this.#machine.pass(FLUSH_TIME, write)
    } else {
      write()
    }
  }

  command(bits: number): void {
    this.#machine.command(this.#slot, bits)
  }
}

/** Coherent memory in the file of a machine. */
class FileMemory extends CoherentMemory {
  readonly #file: number
  readonly #word = Buffer.alloc(4)

  constructor(dma: number, size: number, file: number) {
    super(dma, size)
    this.#file = file
    writeSync(file, new Uint8Array(size), 0, size, dma)
  }

  override read32(offset: number): number {
    readSync(this.#file, this.#word, 0, 4, this.dma + 4 * this.wordAt(offset))
    return this.#word.readUInt32LE(0)
  }

  override peek32(offset: number): number {
    return this.read32(offset)
  }

  override write32(offset: number, value: number): void {
    this.#word.writeUInt32LE(value >>> 0, 0)
    writeSync(this.#file, this.#word, 0, 4, this.dma + 4 * this.wordAt(offset))
  }
}

interface Mapping {
  readonly skb: SkBuff
  readonly length: number
  readonly direction: DmaDirection
}

/** The DMA of one card. An address is one of the machine's memory. */
export class BounceBuffers implements DmaOps {
  /** How many of the next mappings succeed before one fails; undefined is all. */
  mapsUntilError: number | undefined
  readonly #pdev: PciDev
  readonly #file: number
  readonly #mappings = new Map<number, Mapping>()
  readonly #freeBuffers: number[] = []
  /** Freed descriptors by their size. */
  readonly #freeMemory = new Map<number, number[]>()
  #nextMemory: number
  #nextBuffer: number

  constructor(pdev: PciDev, file: number, first: number) {
    this.#pdev = pdev
    this.#file = file
    this.#nextMemory = first
    this.#nextBuffer = first + DESCRIPTORS
  }

  alloc(size: number): CoherentMemory {
    const dma = this.#freeMemory.get(size)?.pop() ?? this.#nextMemory
    if (dma === this.#nextMemory) {
      this.#nextMemory += Math.ceil(size / 4096) * 4096
    }
    return new FileMemory(dma, size, this.#file)
  }

  free({ dma, size }: CoherentMemory): void {
    this.#freeMemory.set(size, [...(this.#freeMemory.get(size) ?? []), dma])
  }

  mapSingle(skb: SkBuff, length: number, direction: DmaDirection): number {
    if (this.mapsUntilError !== undefined && --this.mapsUntilError < 0) {
      this.mapsUntilError = undefined
      return DMA_MAPPING_ERROR
    }
    const address = this.#freeBuffers.pop() ?? this.#nextBuffer
    if (address === this.#nextBuffer) {
      this.#nextBuffer += BUFFER
    }
    if (direction !== DMA_FROM_DEVICE) {
      writeSync(this.#file, skb.pool.bytes, skb.data, length, address)
    }
    this.#mappings.set(address, { skb, length, direction })
    skb.owner = OWNER_DMA
    return address
  }

  unmapSingle(address: number, length: number, direction: DmaDirection): void {
    const mapping = this.#mappings.get(address)
    if (mapping?.length !== length || mapping.direction !== direction) {
      throw new Error(`dma_unmap_single of ${length} bytes at ${address}, which are not mapped so`)
    }
    const { skb } = mapping
    skb.owner = OWNER_HOLDER
    if (direction !== DMA_TO_DEVICE) {
      readSync(this.#file, skb.pool.bytes, skb.data, length, address)
    }
    this.#mappings.delete(address)
    this.#freeBuffers.push(address)
  }

  checked(): void {}

  released(): void {
    if (this.#mappings.size > 0) {
      this.#pdev.log.err('DMA', `${this.#mappings.size} frames are still mapped`)
    }
  }
}
