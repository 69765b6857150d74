/** A slot with a card that keeps its registers, and the lines that the kernel would log. */
import { Iommu, PciDev, type PciFunction, WeakCpu } from '#src/pci/index.ts'

export class FakeCard implements PciFunction {
  readonly registers = new Map<number, number>()
  readonly commands: number[] = []

  read32(offset: number): number {
    return this.registers.get(offset) ?? 0
  }

  write32(offset: number, value: number): void {
    this.registers.set(offset, value)
  }

  command(bits: number): void {
    this.commands.push(bits)
  }
}

/** Returns a slot with a card that is enabled and bus master, unless `off`. */
export function slotOf({ isWeak = false, off = false } = {}) {
  const lines: string[] = []
  const log = { err: (_: string, line: string) => void lines.push(line) }
  const pdev = new PciDev('00:03.0', log, isWeak ? new WeakCpu() : undefined)
  const card = new FakeCard()
  const iommu = new Iommu(pdev)
  pdev.connect(card, iommu)
  if (!off) {
    pdev.setCommand(6)
  }
  return { pdev, card, iommu, lines }
}
