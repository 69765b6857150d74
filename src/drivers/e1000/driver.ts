/**
 * e1000: a driver for Intel's 8254x cards, like Linux' drivers/net/ethernet/intel/e1000. It has
 * only what a driver has: registers, two rings of descriptors in memory that it shares with the
 * card, and an interrupt. It reads from top to bottom: probe, the rings, up and down, transmit,
 * receive, interrupt and poll, link, trouble. docs/drivers/e1000.md has the functions of
 * e1000_main.c beside these.
 *
 * Simplified: one queue, legacy descriptors, no offloads, frames of at most 1518 bytes in one
 * buffer each, and interrupts without a delay. In a kernel, `probe` makes the net_device, too.
 */
import { type Alarm, NSEC_PER_SEC } from '../../base/clock.ts'
import { EADDRNOTAVAIL, EIO, ENODEV, ENOMEM } from '../../base/errno.ts'
import { etherSetup } from '../../netdev/eth.ts'
import {
  ETH_ALEN,
  ETH_DATA_LEN,
  ETH_HLEN,
  ETH_ZLEN,
  IFF_ALLMULTI,
  IFF_PROMISC,
  NETDEV_TX_BUSY,
  NETDEV_TX_OK,
} from '../../netdev/if.ts'
import { IRQ_HANDLED, IRQ_NONE, Irq } from '../../netdev/irq.ts'
import { Napi } from '../../netdev/napi.ts'
import type { NetDevice } from '../../netdev/net-device.ts'
import {
  ethTypeTrans,
  netifCarrierOff,
  netifCarrierOn,
  netifRx,
  netifRxDrop,
  netifTxStartAllQueues,
  netifTxStopAllQueues,
} from '../../netdev/netif.ts'
import type { Errno, NetDeviceOps } from '../../netdev/ops.ts'
import type { Part } from '../../netdev/parts.ts'
import { TX_ERRORS } from '../../netdev/stats.ts'
import { isStationAddress } from '../../packet/ethernet.ts'
import {
  type CoherentMemory,
  DMA_FROM_DEVICE,
  DMA_TO_DEVICE,
  dmaAllocCoherent,
  dmaFreeCoherent,
  dmaMappingError,
  dmaMapSingle,
  dmaRmb,
  dmaUnmapSingle,
  dmaWmb,
  type Iomem,
  iounmap,
  type PciDev,
  pciDeviceIsPresent,
  pciDisableDevice,
  pciEnableDevice,
  pciIoremapBar,
  pciSetMaster,
  readl,
  writel,
} from '../../pci/index.ts'
import { devAllocSkb } from '../../skb/alloc-skb.ts'
import {
  SKB_DROP_REASON_DEV_STOPPED,
  SKB_DROP_REASON_NOMEM,
  SKB_DROP_REASON_PKT_TOO_BIG,
  SKB_DROP_REASON_PKT_TOO_SMALL,
  SKB_DROP_REASON_RX_FRAME,
} from '../../skb/drop-reason.ts'
import type { SkBuff } from '../../skb/sk-buff.ts'
import { resetStatsIoctl } from '../reset-stats.ts'
import * as e1000 from './hw.ts'
import { mcHash } from './rx-address.ts'

/** Milliseconds for which the queue may be stopped before txTimeout. */
const TX_TIMEOUT = 5000
/** How often frames in the ring are looked at, ns: a card that takes none meanwhile hangs. */
const WATCHDOG = 2 * NSEC_PER_SEC
/** Free descriptors at which a stopped queue is woken, in rings that are not smaller. */
const TX_WAKE_THRESHOLD = 32
/** Receive buffers that are returned to the card together. */
const RX_BUFFER_WRITE = 16
/** Bytes of a receive buffer: the longest frame that the card takes. */
const RX_BUFFER_LEN = e1000.MAXIMUM_ETHERNET_VLAN_SIZE
const FRAME_MAX = e1000.MAXIMUM_ETHERNET_VLAN_SIZE - e1000.ETH_FCS_LEN
/** Attempts to read a word that the EEPROM or the PHY may not have ready. */
const ATTEMPTS = 1000
const ALL_ONES = 0xffff_ffff

const IMS_ENABLE_MASK =
  e1000.E1000_ICR_RXT0 |
  e1000.E1000_ICR_TXDW |
  e1000.E1000_ICR_RXDMT0 |
  e1000.E1000_ICR_RXSEQ |
  e1000.E1000_ICR_LSC

/** A ring: its descriptors, and the frame and mapping of each (e1000_tx_ring, e1000_rx_ring). */
interface DescriptorRing {
  readonly desc: CoherentMemory
  readonly count: number
  /** By descriptor: its frame, which the card has until the descriptor is done. */
  readonly skbs: (SkBuff | undefined)[]
  readonly dma: Uint32Array
  readonly lengths: Uint16Array
  /** The next descriptor that the driver fills, and the next that the card completes. */
  nextToUse: number
  nextToClean: number
}

/** One card, in `dev.priv` (e1000_adapter). The driver closes nothing but what `open` made. */
export interface E1000Adapter {
  readonly pdev: PciDev
  /** Descriptors of each ring. */
  readonly ringSize: number
  irq: Irq
  napi: Napi
  /** The registers; from probe to remove. */
  hw: Iomem
  /** From open to close. */
  tx: DescriptorRing | undefined
  rx: DescriptorRing | undefined
  watchdog: Alarm | undefined
  isWatching: boolean
  /** Frames that the card has completed. */
  cleaned: number
  /** Their number when the watchdog last looked, or -1 if no frame waited then. */
  cleanedBefore: number
}

type E1000Device = NetDevice<E1000Adapter>

/** Returns a new adapter for the card. The device's setup fills in the rest. */
export function newAdapter(pdev: PciDev, ringSize: number): E1000Adapter {
  return {
    pdev,
    ringSize,
    irq: undefined,
    napi: undefined,
    hw: undefined,
    tx: undefined,
    rx: undefined,
    watchdog: undefined,
    isWatching: false,
    cleaned: 0,
    cleanedBefore: -1,
  } as unknown as E1000Adapter
}

// Probe and remove.

function probe(dev: E1000Device): Errno {
  const { pdev } = dev.priv
  const error = pciEnableDevice(pdev)
  if (error < 0) return error
  pciSetMaster(pdev)
  const hw = pciIoremapBar(pdev, 0)
  if (hw === undefined) {
    pciDisableDevice(pdev)
    return -EIO
  }
  dev.priv.hw = hw
  resetHw(hw)
  if (!isEepromValid(hw)) {
    dev.log.err('the checksum of the EEPROM is wrong')
    iounmap(hw)
    pciDisableDevice(pdev)
    return -EIO
  }
  readMacAddr(hw, dev.devAddr)
  return 0
}

function remove(dev: E1000Device): void {
  const { hw, pdev } = dev.priv
  iounmap(hw)
  pciDisableDevice(pdev)
  pdev.dmaOps.released()
}

/** Stops everything that the card does, and masks its interrupts. */
function resetHw(hw: Iomem): void {
  writel(hw, e1000.E1000_IMC, ALL_ONES)
  writel(hw, e1000.E1000_RCTL, 0)
  writel(hw, e1000.E1000_TCTL, e1000.E1000_TCTL_PSP)
  writel(hw, e1000.E1000_CTRL, readl(hw, e1000.E1000_CTRL) | e1000.E1000_CTRL_RST)
  // After the reset, nothing is masked or pending that was before.
  writel(hw, e1000.E1000_IMC, ALL_ONES)
  readl(hw, e1000.E1000_ICR)
}

/** Returns a word of the EEPROM, or -EIO. */
function readEeprom(hw: Iomem, word: number): number {
  writel(hw, e1000.E1000_EERD, (word << e1000.E1000_EERD_ADDR_SHIFT) | e1000.E1000_EERD_START)
  for (let i = 0; i < ATTEMPTS; i++) {
    const eerd = readl(hw, e1000.E1000_EERD)
    if ((eerd & e1000.E1000_EERD_DONE) !== 0) return eerd >>> e1000.E1000_EERD_DATA_SHIFT
  }
  return -EIO
}

function isEepromValid(hw: Iomem): boolean {
  let sum = 0
  for (let word = 0; word <= e1000.EEPROM_CHECKSUM_REG; word++) {
    sum += readEeprom(hw, word)
  }
  return (sum & 0xffff) === e1000.EEPROM_SUM
}

function readMacAddr(hw: Iomem, address: Uint8Array): void {
  for (let i = 0; i < ETH_ALEN; i += 2) {
    const word = readEeprom(hw, i / 2)
    address[i] = word & 0xff
    address[i + 1] = word >> 8
  }
}

/** Returns a register of the PHY, or -EIO. */
function readPhyReg(hw: Iomem, register: number): number {
  const phy = e1000.E1000_PHY_ADDRESS << e1000.E1000_MDIC_PHY_SHIFT
  const what = register << e1000.E1000_MDIC_REG_SHIFT
  writel(hw, e1000.E1000_MDIC, what | phy | e1000.E1000_MDIC_OP_READ)
  for (let i = 0; i < ATTEMPTS; i++) {
    const mdic = readl(hw, e1000.E1000_MDIC)
    if ((mdic & e1000.E1000_MDIC_READY) === 0) continue
    return (mdic & e1000.E1000_MDIC_ERROR) === 0 ? mdic & 0xffff : -EIO
  }
  return -EIO
}

// The rings.

function setupRing(pdev: PciDev, count: number): DescriptorRing | undefined {
  const desc = dmaAllocCoherent(pdev, count * e1000.E1000_DESC_SIZE)
  if (desc === undefined) return undefined
  return {
    desc,
    count,
    skbs: new Array<undefined>(count).fill(undefined),
    dma: new Uint32Array(count),
    lengths: new Uint16Array(count),
    nextToUse: 0,
    nextToClean: 0,
  }
}

/** Descriptors that the driver may fill. One is always left, or a full ring would look empty. */
function descUnused({ count, nextToUse, nextToClean }: DescriptorRing): number {
  return (nextToClean > nextToUse ? 0 : count) + nextToClean - nextToUse - 1
}

const next = (i: number, count: number): number => (i + 1 === count ? 0 : i + 1)

/** Drops the frames that the card has not sent. It was reset, so it touches none of them. */
function cleanTxRing(dev: E1000Device, tx: DescriptorRing): void {
  cleanTxIrq(dev, tx)
  for (let i = tx.nextToClean; i !== tx.nextToUse; i = next(i, tx.count)) {
    unmap(dev, tx, i, DMA_TO_DEVICE).drop(SKB_DROP_REASON_DEV_STOPPED)
  }
  tx.nextToUse = 0
  tx.nextToClean = 0
}

function cleanRxRing(dev: E1000Device, rx: DescriptorRing): void {
  for (let i = 0; i < rx.count; i++) {
    if (rx.skbs[i] !== undefined) {
      unmap(dev, rx, i, DMA_FROM_DEVICE).free()
    }
  }
  rx.nextToUse = 0
  rx.nextToClean = 0
}

/** Takes the frame of a descriptor back from the card. */
function unmap(
  dev: E1000Device,
  ring: DescriptorRing,
  i: number,
  direction: typeof DMA_TO_DEVICE | typeof DMA_FROM_DEVICE,
): SkBuff {
  const skb = ring.skbs[i] as SkBuff
  dmaUnmapSingle(dev.priv.pdev, ring.dma[i], ring.lengths[i], direction)
  ring.skbs[i] = undefined
  return skb
}

// Open and close, up and down.

function open(dev: E1000Device): Errno {
  const adapter = dev.priv
  const { pdev, ringSize, irq } = adapter
  if (!pciDeviceIsPresent(pdev)) return -ENODEV
  adapter.tx = setupRing(pdev, ringSize)
  adapter.rx = setupRing(pdev, ringSize)
  if (adapter.tx === undefined || adapter.rx === undefined) {
    freeRings(dev)
    return -ENOMEM
  }
  adapter.watchdog ??= dev.net.clock.alarm(() => watchdog(dev))
  netifCarrierOff(dev)
  configure(dev, adapter.tx, adapter.rx)
  irq.request(intr)
  netifTxStartAllQueues(dev)
  up(dev)
  return 0
}

function close(dev: E1000Device): void {
  down(dev)
  dev.priv.irq.free()
  freeRings(dev)
}

function freeRings(dev: E1000Device): void {
  const adapter = dev.priv
  for (const ring of [adapter.tx, adapter.rx]) {
    if (ring !== undefined) {
      dmaFreeCoherent(adapter.pdev, ring.desc)
    }
  }
  adapter.tx = undefined
  adapter.rx = undefined
}

/** Gives the card its address and its rings, and turns both directions on. */
function configure(dev: E1000Device, tx: DescriptorRing, rx: DescriptorRing): void {
  const { hw } = dev.priv
  rarSet(hw, dev.devAddr)
  configureRing(hw, e1000.E1000_TDBAL, tx)
  // The gaps between frames of half-duplex links, as the manual recommends.
  writel(hw, e1000.E1000_TIPG, 10 | (8 << 10) | (6 << 20))
  const retries = (15 << e1000.E1000_TCTL_CT_SHIFT) | (64 << e1000.E1000_TCTL_COLD_SHIFT)
  writel(hw, e1000.E1000_TCTL, e1000.E1000_TCTL_EN | e1000.E1000_TCTL_PSP | retries)
  configureRing(hw, e1000.E1000_RDBAL, rx)
  writel(hw, e1000.E1000_RDTR, 0)
  writel(hw, e1000.E1000_RCTL, e1000.E1000_RCTL_EN | e1000.E1000_RCTL_BAM)
  setRxMode(dev)
  allocRxBuffers(dev, rx, descUnused(rx))
}

/** The registers of both rings have the same places, from the base address on. */
function configureRing(hw: Iomem, base: number, { desc, count }: DescriptorRing): void {
  const after = (register: number) => base + register - e1000.E1000_TDBAL
  writel(hw, base, desc.dma)
  writel(hw, after(e1000.E1000_TDBAH), 0)
  writel(hw, after(e1000.E1000_TDLEN), count * e1000.E1000_DESC_SIZE)
  writel(hw, after(e1000.E1000_TDH), 0)
  writel(hw, after(e1000.E1000_TDT), 0)
}

/** Enables the poll and the interrupts, and the link, of which an interrupt follows. */
function up(dev: E1000Device): void {
  const { hw, napi } = dev.priv
  napi.enable()
  writel(hw, e1000.E1000_IMS, IMS_ENABLE_MASK)
  const control = e1000.E1000_CTRL_SLU | e1000.E1000_CTRL_ASDE | e1000.E1000_CTRL_FD
  writel(hw, e1000.E1000_CTRL, readl(hw, e1000.E1000_CTRL) | control)
  writel(hw, e1000.E1000_ICS, e1000.E1000_ICR_LSC)
}

/** Stops the card, then takes all frames back: until the reset, it may access them. */
function down(dev: E1000Device): void {
  const adapter = dev.priv
  const { hw, napi, tx, rx } = adapter
  netifTxStopAllQueues(dev)
  netifCarrierOff(dev)
  napi.disable()
  adapter.watchdog?.cancel()
  adapter.isWatching = false
  resetHw(hw)
  if (tx !== undefined) {
    cleanTxRing(dev, tx)
  }
  if (rx !== undefined) {
    cleanRxRing(dev, rx)
  }
}

/** Stops the card and starts it again: unsent frames are lost. The link wakes the queue. */
function reinit(dev: E1000Device): void {
  const { pdev, tx, rx } = dev.priv
  down(dev)
  if (!pciDeviceIsPresent(pdev)) {
    dev.log.err('the card was removed')
    return
  }
  if (tx === undefined || rx === undefined) return
  configure(dev, tx, rx)
  up(dev)
}

// Transmit.

function xmitFrame(skb: SkBuff, dev: E1000Device): number {
  const { pdev, hw, tx } = dev.priv
  if (tx === undefined || descUnused(tx) === 0) {
    dev.tx[0].stop()
    return NETDEV_TX_BUSY
  }
  if (skb.len < ETH_HLEN || skb.len > FRAME_MAX) {
    skb.drop(skb.len < ETH_HLEN ? SKB_DROP_REASON_PKT_TOO_SMALL : SKB_DROP_REASON_PKT_TOO_BIG)
    return NETDEV_TX_OK
  }
  skb.padto(ETH_ZLEN)
  const dma = dmaMapSingle(pdev, skb, skb.len, DMA_TO_DEVICE)
  if (dmaMappingError(pdev, dma)) {
    skb.drop(SKB_DROP_REASON_NOMEM)
    return NETDEV_TX_OK
  }
  // The card has the frame from here on, until its descriptor is done.
  txQueue(tx, skb, dma)
  if (descUnused(tx) === 0) {
    dev.tx[0].stop()
  }
  // The descriptor is in memory before the card may look at it.
  dmaWmb(pdev)
  writel(hw, e1000.E1000_TDT, tx.nextToUse)
  if (!dev.priv.isWatching) {
    watch(dev)
  }
  return NETDEV_TX_OK
}

/** Fills the next descriptor. */
function txQueue(tx: DescriptorRing, skb: SkBuff, dma: number): void {
  const i = tx.nextToUse
  const length = skb.len
  tx.skbs[i] = skb
  tx.dma[i] = dma
  tx.lengths[i] = length
  const { desc } = tx
  const at = i * e1000.E1000_DESC_SIZE
  desc.write32(at + e1000.DESC_BUFFER_ADDR, dma)
  desc.write32(at + e1000.DESC_BUFFER_ADDR_HIGH, 0)
  const command = e1000.E1000_TXD_CMD_EOP | e1000.E1000_TXD_CMD_IFCS | e1000.E1000_TXD_CMD_RS
  desc.write32(at + e1000.DESC_LOWER, length | command)
  // The status of the last lap is cleared, too.
  desc.write32(at + e1000.DESC_UPPER, 0)
  tx.nextToUse = next(i, tx.count)
}

/** Frees the frames that the card has sent, and wakes the queue if there is room again. */
function cleanTxIrq(dev: E1000Device, tx: DescriptorRing): void {
  const { pdev } = dev.priv
  while (tx.nextToClean !== tx.nextToUse) {
    const i = tx.nextToClean
    const status = tx.desc.read32(i * e1000.E1000_DESC_SIZE + e1000.DESC_UPPER)
    if ((status & e1000.E1000_TXD_STAT_DD) === 0) break
    dmaRmb(pdev)
    unmap(dev, tx, i, DMA_TO_DEVICE).free()
    tx.nextToClean = next(i, tx.count)
    dev.priv.cleaned++
  }
  const room = Math.min(TX_WAKE_THRESHOLD, tx.count >> 1)
  if (dev.tx[0].stopped && dev.carrier && descUnused(tx) >= room) {
    dev.tx[0].wake()
  }
}

// Receive.

/** Gives the card `count` new buffers, or as many as there is memory for. */
function allocRxBuffers(dev: E1000Device, rx: DescriptorRing, count: number): void {
  const { pdev, hw } = dev.priv
  const first = rx.nextToUse
  for (let left = count; left > 0; left--) {
    const skb = devAllocSkb(dev, RX_BUFFER_LEN)
    if (skb === undefined) break
    const dma = dmaMapSingle(pdev, skb, RX_BUFFER_LEN, DMA_FROM_DEVICE)
    if (dmaMappingError(pdev, dma)) {
      skb.free()
      break
    }
    const i = rx.nextToUse
    rx.skbs[i] = skb
    rx.dma[i] = dma
    rx.lengths[i] = RX_BUFFER_LEN
    const at = i * e1000.E1000_DESC_SIZE
    rx.desc.write32(at + e1000.DESC_BUFFER_ADDR, dma)
    rx.desc.write32(at + e1000.DESC_BUFFER_ADDR_HIGH, 0)
    rx.desc.write32(at + e1000.DESC_UPPER, 0)
    rx.nextToUse = next(i, rx.count)
  }
  if (rx.nextToUse !== first) {
    dmaWmb(pdev)
    // The descriptor at the tail is not the card's: a full ring would look empty to it.
    writel(hw, e1000.E1000_RDT, rx.nextToUse)
  }
  if (descUnused(rx) > 0 && !dev.priv.isWatching) {
    watch(dev)
  }
}

/** Gives the kernel the frames that the card has written, at most `budget`. Returns how many. */
function cleanRxIrq(dev: E1000Device, rx: DescriptorRing, budget: number): number {
  const { pdev } = dev.priv
  let work = 0
  while (work < budget) {
    const i = rx.nextToClean
    const at = i * e1000.E1000_DESC_SIZE
    const status = rx.skbs[i] === undefined ? 0 : rx.desc.read32(at + e1000.DESC_UPPER)
    if ((status & e1000.E1000_RXD_STAT_DD) === 0) break
    // The length is read after the status.
    dmaRmb(pdev)
    const length = (rx.desc.read32(at + e1000.DESC_LOWER) & 0xffff) - e1000.ETH_FCS_LEN
    const skb = unmap(dev, rx, i, DMA_FROM_DEVICE)
    rx.nextToClean = next(i, rx.count)
    work++
    receiveSkb(dev, skb, status, length)
    if (descUnused(rx) >= RX_BUFFER_WRITE) {
      allocRxBuffers(dev, rx, descUnused(rx))
    }
  }
  if (descUnused(rx) > 0) {
    allocRxBuffers(dev, rx, descUnused(rx))
  }
  return work
}

function receiveSkb(dev: E1000Device, skb: SkBuff, status: number, length: number): void {
  const errors = (status >> e1000.E1000_RXD_ERR_SHIFT) & e1000.E1000_RXD_ERR_FRAME_ERR_MASK
  const isWhole = (status & e1000.E1000_RXD_STAT_EOP) !== 0
  if (!isWhole || errors !== 0 || length < ETH_HLEN || length > RX_BUFFER_LEN) {
    netifRxDrop(skb, dev, SKB_DROP_REASON_RX_FRAME)
    return
  }
  skb.put(length)
  ethTypeTrans(skb, dev)
  netifRx(skb)
}

// Interrupt and poll.

function intr(dev: E1000Device): number {
  const { hw, napi } = dev.priv
  // Reading clears it. A card that was removed reads as all ones.
  const icr = readl(hw, e1000.E1000_ICR)
  if (icr === 0 || icr === ALL_ONES) return IRQ_NONE
  writel(hw, e1000.E1000_IMC, ALL_ONES)
  napi.schedule()
  // Last: an interface that goes down is noticed here, too, and closes the device.
  if ((icr & (e1000.E1000_ICR_LSC | e1000.E1000_ICR_RXSEQ)) !== 0) {
    checkForLink(dev)
  }
  return IRQ_HANDLED
}

function clean(napi: Napi, budget: number): number {
  const dev = napi.dev as E1000Device
  const { hw, tx, rx } = dev.priv
  if (tx === undefined || rx === undefined) return 0
  cleanTxIrq(dev, tx)
  const work = cleanRxIrq(dev, rx, budget)
  if (work < budget && napi.completeDone(work)) {
    writel(hw, e1000.E1000_IMS, IMS_ENABLE_MASK)
  }
  return work
}

// The link, addresses and modes.

function checkForLink(dev: E1000Device): void {
  const { hw } = dev.priv
  // The first read reports a link that was lost meanwhile, the second the present one.
  readPhyReg(hw, e1000.PHY_STATUS)
  const status = readPhyReg(hw, e1000.PHY_STATUS)
  if (status >= 0 && (status & e1000.MII_SR_LINK_STATUS) !== 0) {
    netifCarrierOn(dev)
    dev.tx[0].wake()
  } else {
    netifCarrierOff(dev)
  }
}

/** Sets the address that the card takes frames for. The high half is written last: it is valid. */
function rarSet(hw: Iomem, address: Uint8Array): void {
  const [a, b, c, d, e, f] = address
  writel(hw, e1000.E1000_RAL, a | (b << 8) | (c << 16) | (d << 24))
  writel(hw, e1000.E1000_RAH, e | (f << 8) | e1000.E1000_RAH_AV)
}

function setMac(dev: E1000Device, address: Uint8Array): Errno {
  if (!isStationAddress(address, 0)) return -EADDRNOTAVAIL
  rarSet(dev.priv.hw, address)
  return 0
}

/** Programs the filter: all frames, all groups, or the groups of `dev.mc` in the table. */
function setRxMode(dev: E1000Device): void {
  const { hw } = dev.priv
  const isPromisc = (dev.flags & IFF_PROMISC) !== 0
  const modes = e1000.E1000_RCTL_UPE | e1000.E1000_RCTL_MPE
  let rctl = readl(hw, e1000.E1000_RCTL) & ~modes
  if (isPromisc) {
    rctl |= modes
  } else if ((dev.flags & IFF_ALLMULTI) !== 0) {
    rctl |= e1000.E1000_RCTL_MPE
  }
  const table = new Uint32Array(e1000.E1000_MC_TBL_SIZE)
  for (const address of dev.mc) {
    const hash = mcHash(address, 0, 0)
    table[hash >> 5] |= 1 << (hash & 31)
  }
  for (const [i, bits] of table.entries()) {
    writel(hw, e1000.E1000_MTA + 4 * i, bits)
  }
  writel(hw, e1000.E1000_RCTL, rctl)
}

// Trouble.

/** Looks after a while whether the card has taken frames and has buffers. */
function watch(dev: E1000Device): void {
  const adapter = dev.priv
  adapter.isWatching = true
  adapter.cleanedBefore = hasWaiting(adapter) ? adapter.cleaned : -1
  adapter.watchdog?.at(dev.net.clock.now() + WATCHDOG)
}

const hasWaiting = ({ tx }: E1000Adapter): boolean =>
  tx !== undefined && tx.nextToClean !== tx.nextToUse

/** Resets a card that hangs, and lets one without buffers interrupt. Ends when all is done. */
function watchdog(dev: E1000Device): void {
  const adapter = dev.priv
  // An interrupt that is due, or that waits for a step, is not the card's delay.
  dev.net.flush()
  const { hw, rx, cleaned, cleanedBefore } = adapter
  adapter.isWatching = false
  if (rx === undefined) return
  const isWaiting = hasWaiting(adapter)
  if (isWaiting && cleaned === cleanedBefore && dev.gate === undefined) {
    dev.log.err('Detected Tx Unit Hang')
    txTimeout(dev, 0)
    return
  }
  const lacksBuffers = descUnused(rx) > 0
  if (lacksBuffers) {
    writel(hw, e1000.E1000_ICS, e1000.E1000_ICR_RXDMT0)
  }
  if (isWaiting || lacksBuffers) {
    watch(dev)
  }
}

function txTimeout(dev: E1000Device, queue: number): void {
  dev.counters.count(queue, TX_ERRORS)
  reinit(dev)
}

/** The rings as they are in memory, for `vnet show` and the page. */
function parts(dev: E1000Device): Part[] {
  const { tx, rx } = dev.priv
  if (tx === undefined || rx === undefined) return []
  const state = ({ nextToClean, nextToUse }: DescriptorRing) =>
    `clean ${nextToClean}, use ${nextToUse}`
  let arrived = 0
  for (let i = rx.nextToClean; arrived < rx.count && isDone(rx, i); i = next(i, rx.count)) {
    arrived++
  }
  const capacity = tx.count
  const waiting = capacity - 1 - descUnused(tx)
  return [
    { kind: 'ring', name: 'tx ring', direction: 'tx', length: waiting, capacity, state: state(tx) },
    { kind: 'ring', name: 'rx ring', direction: 'rx', length: arrived, capacity, state: state(rx) },
  ]
}

const isDone = ({ skbs, desc }: DescriptorRing, i: number): boolean =>
  skbs[i] !== undefined &&
  (desc.peek32(i * e1000.E1000_DESC_SIZE + e1000.DESC_UPPER) & e1000.E1000_RXD_STAT_DD) !== 0

/** The operations of the driver. A board of which it is a part adds its own. */
export const e1000NetdevOps: NetDeviceOps<E1000Adapter> = {
  ndoInit: probe,
  ndoUninit: remove,
  ndoOpen: open,
  ndoStop: close,
  ndoStartXmit: xmitFrame,
  ndoTxTimeout: txTimeout,
  ndoSetRxMode: setRxMode,
  ndoSetMacAddress: setMac,
  ndoGetParts: parts,
  ndoSiocdevprivate: resetStatsIoctl,
}

/** Sets up a device for a card. */
export function e1000Setup(dev: E1000Device): void {
  etherSetup(dev)
  dev.netdevOps = e1000NetdevOps
  dev.maxMtu = ETH_DATA_LEN
  dev.watchdogTimeo = TX_TIMEOUT
  dev.linkKsettings = { speed: 1000, duplex: 'full' }
  dev.priv.irq = new Irq(dev)
  dev.priv.napi = new Napi(dev, clean)
  netifCarrierOff(dev)
}
