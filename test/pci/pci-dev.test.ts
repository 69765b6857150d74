/** The registers of a card: enabled, mapped, pulled out. */
import { expect, test } from 'vitest'
import { ENODEV } from '#src/base/errno.ts'
import {
  type Iomem,
  iounmap,
  pciClearMaster,
  pciDeviceIsPresent,
  pciDisableDevice,
  pciEnableDevice,
  pciIoremapBar,
  pciSetMaster,
  readl,
  writel,
  writelRelaxed,
} from '#src/pci/index.ts'
import { slotOf } from './slot.ts'

const CTRL = 0x100

test('a card replies once it is enabled, with values from 0 to 2^32 - 1', () => {
  const { pdev, card } = slotOf({ off: true })
  const io = pciIoremapBar(pdev, 0) as Iomem
  writel(io, CTRL, 1)
  expect([readl(io, CTRL), card.registers.size]).toEqual([0xffff_ffff, 0])
  expect(pciEnableDevice(pdev)).toBe(0)
  writel(io, CTRL, -1)
  writelRelaxed(io, CTRL + 4, 1 << 31)
  expect([readl(io, CTRL), readl(io, CTRL + 4)]).toEqual([0xffff_ffff, 0x8000_0000])
  expect([...card.registers.values()]).toEqual([0xffff_ffff, 0x8000_0000])
})

test('the command register has the bits that the driver enables, and the card is notified', () => {
  const { pdev, card } = slotOf({ off: true })
  pciEnableDevice(pdev)
  pciSetMaster(pdev)
  expect([pdev.command, pdev.isMaster]).toEqual([6, true])
  pciClearMaster(pdev)
  pciSetMaster(pdev)
  pciDisableDevice(pdev)
  expect([pdev.isMaster, card.commands]).toEqual([false, [2, 6, 2, 6, 2]])
})

test('a card that was pulled out reads as all ones, and writes are lost', () => {
  const { pdev, card } = slotOf()
  const io = pciIoremapBar(pdev, 0) as Iomem
  expect(pciDeviceIsPresent(pdev)).toBe(true)
  pdev.isDisconnected = true
  writel(io, CTRL, 5)
  expect([readl(io, CTRL), card.registers.size, pdev.isMaster]).toEqual([0xffff_ffff, 0, false])
  expect([pciDeviceIsPresent(pdev), pciEnableDevice(pdev)]).toEqual([false, -ENODEV])
})

test('only BAR 0 exists, and its registers cannot be used after iounmap', () => {
  const { pdev } = slotOf()
  expect(pciIoremapBar(pdev, 1)).toBeUndefined()
  const io = pciIoremapBar(pdev, 0) as Iomem
  expect(pdev.mapped).toBe(1)
  iounmap(io)
  expect(pdev.mapped).toBe(0)
  expect(() => readl(io, CTRL)).toThrow('readl of registers after iounmap')
  expect(() => writel(io, CTRL, 0)).toThrow('writel of registers after iounmap')
  expect(() => writelRelaxed(io, CTRL, 0)).toThrow('writel_relaxed of registers after iounmap')
  expect(() => iounmap(io)).toThrow('iounmap of registers after iounmap')
})
