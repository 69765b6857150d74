/**
 * A card without a driver: a test writes its registers and descriptors itself. `run` lets the card
 * work. `sent` are frames that left by the cable, `drops` the reasons of dropped frames.
 */
import { type CardConnections, E1000Card } from '#src/drivers/e1000/card.ts'
import * as e1000 from '#src/drivers/e1000/hw.ts'
import {
  type CoherentMemory,
  DMA_FROM_DEVICE,
  DMA_TO_DEVICE,
  dmaAllocCoherent,
  dmaMappingError,
  dmaMapSingle,
  dmaUnmapSingle,
  type Iomem,
  Iommu,
  PciDev,
  pciIoremapBar,
  readl,
  writel,
} from '#src/pci/index.ts'
import { dropReasonName } from '#src/skb/drop-reason-name.ts'
import type { SkBuffPool } from '#src/skb/pool.ts'
import type { SkBuff } from '#src/skb/sk-buff.ts'
import { skbOf } from '#support/skb.ts'

export const MAC = [0x52, 0x54, 0, 0x12, 0x34, 1]
const COUNT = 8
const BUFFER = 1522

export class Bench implements CardConnections {
  readonly lines: string[] = []
  readonly pdev = new PciDev('00:03.0', { err: (_, line) => void this.lines.push(line) })
  readonly iommu = new Iommu(this.pdev)
  readonly card: E1000Card
  readonly io: Iomem
  readonly tx: CoherentMemory
  readonly rx: CoherentMemory
  readonly sent: number[][] = []
  readonly drops: string[] = []
  /** The interrupt line, and whether the card sends a signal. */
  isAsserted = false
  hasSignal = false
  /** How often the card has requested to run, now and later. */
  requests = 0
  laterRequests = 0
  /** Set it to false to refuse memory for frames. */
  hasMemory = true
  readonly #pool: SkBuffPool
  readonly #mapped: { skb: SkBuff; dma: number; length: number; isTx: boolean }[] = []
  #tail = 0

  constructor(pool: SkBuffPool) {
    this.#pool = pool
    this.card = new E1000Card(Uint8Array.from(MAC), this.iommu, this)
    this.pdev.connect(this.card, this.iommu)
    this.pdev.setCommand(6)
    this.io = pciIoremapBar(this.pdev, 0) as Iomem
    this.tx = dmaAllocCoherent(this.pdev, COUNT * e1000.E1000_DESC_SIZE) as CoherentMemory
    this.rx = dmaAllocCoherent(this.pdev, COUNT * e1000.E1000_DESC_SIZE) as CoherentMemory
  }

  read = (register: number) => readl(this.io, register)
  write = (register: number, value: number) => writel(this.io, register, value)

  /** Sets both rings up, turns both directions on, and the link. */
  start(): this {
    for (const [base, { dma }] of [
      [e1000.E1000_TDBAL, this.tx],
      [e1000.E1000_RDBAL, this.rx],
    ] as const) {
      this.write(base, dma)
      this.write(base + 8, COUNT * e1000.E1000_DESC_SIZE)
    }
    this.write(e1000.E1000_TCTL, e1000.E1000_TCTL_EN | e1000.E1000_TCTL_PSP)
    this.write(e1000.E1000_RCTL, e1000.E1000_RCTL_EN | e1000.E1000_RCTL_BAM)
    this.card.signal(true)
    this.write(e1000.E1000_CTRL, e1000.E1000_CTRL_SLU)
    this.read(e1000.E1000_ICR)
    return this
  }

  /** Fills the next transmit descriptor, without moving the tail. Returns its number. */
  put(
    octets: readonly number[],
    command = e1000.E1000_TXD_CMD_EOP | e1000.E1000_TXD_CMD_RS,
  ): number {
    const dma = this.#map(skbOf(this.#pool, octets), octets.length, true)
    const i = this.#tail
    const at = i * e1000.E1000_DESC_SIZE
    this.tx.write32(at, dma)
    this.tx.write32(at + e1000.DESC_LOWER, (octets.length | command) >>> 0)
    this.tx.write32(at + e1000.DESC_UPPER, 0)
    this.#tail = (i + 1) % COUNT
    return i
  }

  /** Moves the transmit tail past the last descriptor, and lets the card work. */
  ring(): void {
    this.write(e1000.E1000_TDT, this.#tail)
    this.run()
  }

  isDone = (i: number) => (this.tx.peek32(i * e1000.E1000_DESC_SIZE + e1000.DESC_UPPER) & 1) === 1

  /** Gives the card receive buffers for descriptors from `first` on, and moves the tail. */
  fill(count: number, first = 0): void {
    for (let i = first; i < first + count; i++) {
      const skb = skbOf(this.#pool, [], BUFFER)
      this.rx.write32((i % COUNT) * e1000.E1000_DESC_SIZE, this.#map(skb, BUFFER, false))
      this.rx.write32((i % COUNT) * e1000.E1000_DESC_SIZE + e1000.DESC_UPPER, 0)
    }
    this.write(e1000.E1000_RDT, (first + count) % COUNT)
    this.run()
  }

  /** A frame arrives by the cable, and the card works. */
  arrive(octets: readonly number[]): void {
    this.card.receive(skbOf(this.#pool, octets, 60))
    this.run()
  }

  /** Length, status and first bytes of a receive descriptor and its buffer. */
  received(i: number, bytes = 14): [length: number, status: number, octets: number[]] {
    const at = i * e1000.E1000_DESC_SIZE
    const { skb } = this.#mapped.find(({ dma }) => dma === this.rx.peek32(at)) as { skb: SkBuff }
    return [
      this.rx.peek32(at + e1000.DESC_LOWER),
      this.rx.peek32(at + e1000.DESC_UPPER),
      [...skb.pool.bytes.subarray(skb.data, skb.data + bytes)],
    ]
  }

  run(): void {
    if (this.requests > 0) {
      this.requests = 0
      this.card.run()
    }
  }

  /** Takes all frames back, and frees them. */
  end(): void {
    this.card.remove()
    for (const { skb, dma, length, isTx } of this.#mapped.splice(0)) {
      dmaUnmapSingle(this.pdev, dma, length, isTx ? DMA_TO_DEVICE : DMA_FROM_DEVICE)
      skb.free()
    }
  }

  #map(skb: SkBuff, length: number, isTx: boolean): number {
    const dma = dmaMapSingle(this.pdev, skb, length, isTx ? DMA_TO_DEVICE : DMA_FROM_DEVICE)
    dmaMappingError(this.pdev, dma)
    this.#mapped.push({ skb, dma, length, isTx })
    return dma
  }

  interrupt(isAsserted: boolean): void {
    this.isAsserted = isAsserted
  }

  schedule(): void {
    this.requests++
  }

  scheduleLater(): void {
    this.laterRequests++
  }

  alloc(length: number): SkBuff | undefined {
    return this.hasMemory ? this.#pool.alloc(length) : undefined
  }

  send(skb: SkBuff): void {
    this.sent.push([...skb.bytes.subarray(skb.data, skb.tail)])
    skb.free()
  }

  drop(skb: SkBuff, reason: number): void {
    this.drops.push(dropReasonName(reason))
    skb.free()
  }

  signals(isOn: boolean): void {
    this.hasSignal = isOn
  }
}
