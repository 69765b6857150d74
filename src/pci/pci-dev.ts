/**
 * PciDev: `struct pci_dev`, a card in its slot as its driver finds it. The driver enables it, maps
 * its registers (BAR 0), and reads and writes them with `readl` and `writel`. The functions have
 * the names of the kernel's, and act as they do (Documentation/PCI/pci.rst).
 *
 * The card is a PciFunction: a model of one, or a real program's. Its access to memory goes through
 * the DmaOps of its slot (dma.ts).
 */
import { ENODEV } from '../base/errno.ts'
import { callerOf, type Fn } from '../base/exception.ts'
import type { WeakCpu } from './coherent.ts'
import type { DmaOps } from './dma.ts'

/** Bits of the command register. */
export const PCI_COMMAND_MEMORY = 2
export const PCI_COMMAND_MASTER = 4

/** The value of a read without a reply. */
const ALL_ONES = 0xffff_ffff

/** The card: its registers, at byte offsets in BAR 0. Only `readl` and `writel` call it. */
export interface PciFunction {
  read32(offset: number): number
  write32(offset: number, value: number): void
  /** The command register changed. */
  command?(bits: number): void
}

/** Gets lines of the kernel about the card, each with a word for its kind, to limit their rate. */
export interface PciLog {
  err(kind: string, text: string): void
}

/**
 * One card. The program makes it, connects the card and its access to memory, and hands it to the
 * driver, which returns it to the state that it had before `probe`.
 */
export class PciDev {
  /** Its place, as lspci(8) prints it: `00:03.0`. */
  readonly name: string
  readonly log: PciLog
  /** Reorders the memory accesses of the driver; undefined for a CPU that does not. */
  readonly cpu: WeakCpu | undefined
  dmaOps!: DmaOps
  /** PCI_COMMAND_* bits. */
  command = 0
  /** True once the card was pulled out: reads return all ones, and writes are lost. */
  isDisconnected = false
  /** Register mappings of the driver: pciIoremapBar without iounmap. */
  mapped = 0
  #card!: PciFunction

  constructor(name: string, log: PciLog, cpu?: WeakCpu) {
    this.name = name
    this.log = log
    this.cpu = cpu
  }

  /** Puts a card into the slot. */
  connect(card: PciFunction, dmaOps: DmaOps): void {
    this.#card = card
    this.dmaOps = dmaOps
  }

  /** The card may access memory: it was not pulled out, and its driver called pciSetMaster. */
  get isMaster(): boolean {
    return (this.command & PCI_COMMAND_MASTER) !== 0 && !this.isDisconnected
  }

  /** For Iomem: reads a register, all ones if no card replies. */
  read32(offset: number): number {
    if (this.isDisconnected || (this.command & PCI_COMMAND_MEMORY) === 0) return ALL_ONES
    return this.#card.read32(offset) >>> 0
  }

  /** For Iomem: writes a register; lost if no card takes it. */
  write32(offset: number, value: number): void {
    if (this.isDisconnected || (this.command & PCI_COMMAND_MEMORY) === 0) return
    this.#card.write32(offset, value >>> 0)
  }

  /** For the functions below: writes the command register. */
  setCommand(bits: number): void {
    this.command = bits
    if (!this.isDisconnected) {
      this.#card.command?.(bits)
    }
  }
}

/** The registers of a card, mapped into the driver's memory (`void __iomem *`). */
export class Iomem {
  readonly pdev: PciDev
  isMapped = true

  constructor(pdev: PciDev) {
    this.pdev = pdev
  }
}

/** pci_enable_device: the card replies to accesses of its registers. Returns 0, or -ENODEV. */
export function pciEnableDevice(pdev: PciDev): number {
  if (pdev.isDisconnected) return -ENODEV
  pdev.setCommand(pdev.command | PCI_COMMAND_MEMORY)
  return 0
}

/** pci_disable_device: the card accesses memory no more. */
export function pciDisableDevice(pdev: PciDev): void {
  pciClearMaster(pdev)
}

/** pci_set_master: lets the card access memory. Without it, its accesses do nothing, silently. */
export function pciSetMaster(pdev: PciDev): void {
  pdev.setCommand(pdev.command | PCI_COMMAND_MASTER)
}

/** pci_clear_master: the card accesses memory no more. */
export function pciClearMaster(pdev: PciDev): void {
  pdev.setCommand(pdev.command & ~PCI_COMMAND_MASTER)
}

/** pci_device_is_present: false if the card was pulled out. */
export function pciDeviceIsPresent(pdev: PciDev): boolean {
  return !pdev.isDisconnected
}

/** pci_ioremap_bar: maps the registers. Only BAR 0 exists: undefined for others. Undo: iounmap. */
export function pciIoremapBar(pdev: PciDev, bar: number): Iomem | undefined {
  if (bar !== 0) return undefined
  pdev.mapped++
  return new Iomem(pdev)
}

/** iounmap: the driver uses these registers no more. */
export function iounmap(io: Iomem): void {
  if (!io.isMapped) throw pageFault(iounmap, 'iounmap')
  io.isMapped = false
  io.pdev.mapped--
}

/**
 * readl: returns a register, 0 to 2^32 - 1; all ones if the card was pulled out or is not enabled.
 * Loads that follow it see everything that the card wrote before.
 */
export function readl(io: Iomem, offset: number): number {
  if (!io.isMapped) throw pageFault(readl, 'readl')
  const { pdev } = io
  const value = pdev.read32(offset)
  pdev.cpu?.rmb()
  return value
}

/** writel: writes a register. The card sees earlier stores to coherent memory first. */
export function writel(io: Iomem, offset: number, value: number): void {
  if (!io.isMapped) throw pageFault(writel, 'writel')
  const { pdev } = io
  pdev.cpu?.wmb()
  pdev.write32(offset, value)
}

/** writel_relaxed: writes a register, in no order with stores to memory: dmaWmb comes before it. */
export function writelRelaxed(io: Iomem, offset: number, value: number): void {
  if (!io.isMapped) throw pageFault(writelRelaxed, 'writel_relaxed')
  io.pdev.write32(offset, value)
}

function pageFault(fn: Fn, verb: string): Error {
  const where = callerOf(fn)
  const what = `${verb} of registers after iounmap${where === undefined ? '' : `, ${where}`}`
  return new Error(`${what}: a kernel ends here by a page fault`)
}
