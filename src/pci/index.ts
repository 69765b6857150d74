/**
 * 'vnet/pci': the kernel's PCI and DMA functions for a driver of a card in memory. For a model of a
 * card it has the slot, and an IOMMU that checks each access.
 */
import '../base/dispose.ts'

export { CoherentMemory, WeakCpu } from './coherent.ts'
export {
  DMA_BIDIRECTIONAL,
  DMA_FROM_DEVICE,
  DMA_MAPPING_ERROR,
  DMA_TO_DEVICE,
  type DmaDirection,
  type DmaOps,
  dmaAllocCoherent,
  dmaFreeCoherent,
  dmaMappingError,
  dmaMapSingle,
  dmaRmb,
  dmaUnmapSingle,
  dmaWmb,
} from './dma.ts'
export { type BusMaster, Iommu } from './iommu.ts'
export {
  Iomem,
  iounmap,
  PCI_COMMAND_MASTER,
  PCI_COMMAND_MEMORY,
  PciDev,
  type PciFunction,
  type PciLog,
  pciClearMaster,
  pciDeviceIsPresent,
  pciDisableDevice,
  pciEnableDevice,
  pciIoremapBar,
  pciSetMaster,
  readl,
  writel,
  writelRelaxed,
} from './pci-dev.ts'
