// @ts-check
import {
  allocEtherdevMqs,
  defineDriver,
  devAllocSkb,
  EIO,
  ENOMEM,
  ETH_DATA_LEN,
  ETH_ZLEN,
  ethTypeTrans,
  IFF_NOARP,
  IRQ_HANDLED,
  IRQ_NONE,
  Irq,
  Napi,
  NSEC_PER_SEC,
  netifCarrierOff,
  netifCarrierOn,
  netifRx,
  netifTxStartAllQueues,
  netifTxStopAllQueues,
  netifTxWakeAllQueues,
  SKB_DROP_REASON_DEV_STOPPED,
  SKB_DROP_REASON_NOMEM,
  TX_ERRORS,
} from 'vnet'
import { e1000Hw as e1000, e1000CardParams, e1000Faults, MirrorSlot } from 'vnet/drivers'
import {
  DMA_FROM_DEVICE,
  DMA_TO_DEVICE,
  dmaAllocCoherent,
  dmaFreeCoherent,
  dmaMappingError,
  dmaMapSingle,
  dmaRmb,
  dmaUnmapSingle,
  iounmap,
  pciDeviceIsPresent,
  pciDisableDevice,
  pciEnableDevice,
  pciIoremapBar,
  pciSetMaster,
  readl,
  writel,
} from 'vnet/pci'

/** @typedef {import('vnet').SkBuff} SkBuff */
/** @typedef {import('vnet/pci').Iomem} Iomem */
/** @typedef {import('vnet/pci').PciDev} PciDev */
/**
 * @typedef {object} DescriptorRing
 * @property {import('vnet/pci').CoherentMemory} desc its
 *   descriptors, 16 bytes each
 * @property {number} count how many
 * @property {(SkBuff | undefined)[]} skbs by descriptor:
 *   the frame that the card has
 * @property {number[]} dma by descriptor: the address of
 *   its mapping
 * @property {number[]} lengths by descriptor: the length
 *   of its mapping
 * @property {number} nextToUse the next descriptor that
 *   the driver fills
 * @property {number} nextToClean the next descriptor that
 *   the card completes
 */
/**
 * @typedef {object} Priv
 * @property {import('vnet').ParamValues<typeof params>} params
 * @property {MirrorSlot} slot the card's surroundings; a
 *   driver has no access to them
 * @property {PciDev} pdev the card
 * @property {Irq} irq the interrupt line of the card
 * @property {Napi} napi
 * @property {Iomem} hw the registers, from probe to remove
 * @property {DescriptorRing} tx from open to close
 * @property {DescriptorRing} rx from open to close
 * @property {import('vnet').Alarm} watchdog
 * @property {number} cleaned frames that the card has sent
 *   since the interface was made
 * @property {number} cleanedBefore for the watchdog
 */
/** @typedef {import('vnet').NetDevice<Priv>} Device */

const params = { ...e1000CardParams }

const ALL_ONES = 0xffff_ffff
/** The causes that interrupt. */
const IMS_ENABLE_MASK = e1000.E1000_ICR_TXDW | e1000.E1000_ICR_RXT0 | e1000.E1000_ICR_LSC
/** How often the watchdog looks, ns. */
const WATCHDOG = 2 * NSEC_PER_SEC
/**
 * Milliseconds after which the kernel's own watchdog calls
 * txTimeout for a stopped queue.
 */
const TX_TIMEOUT = 5000
/**
 * Bytes of a receive buffer: the longest frame that the
 * card takes, with its CRC.
 */
const RX_BUFFER_LEN = e1000.MAXIMUM_ETHERNET_VLAN_SIZE

/**
 * Masks all interrupts, and gives all registers of the
 * card their first values: it stops.
 * @param {Iomem} hw
 */
function resetHw(hw) {
  writel(hw, e1000.E1000_IMC, ALL_ONES)
  writel(hw, e1000.E1000_CTRL, readl(hw, e1000.E1000_CTRL) | e1000.E1000_CTRL_RST)
  writel(hw, e1000.E1000_IMC, ALL_ONES)
  readl(hw, e1000.E1000_ICR)
}

/**
 * The driver gets a card; exercise 22 has its EEPROM and
 * PHY, which this driver does not use.
 * @param {Device} dev
 */
function probe(dev) {
  const { priv } = dev
  const error = pciEnableDevice(priv.pdev)
  if (error < 0) return error
  pciSetMaster(priv.pdev)
  const hw = pciIoremapBar(priv.pdev, 0)
  if (hw === undefined) {
    pciDisableDevice(priv.pdev)
    return -EIO
  }
  priv.hw = hw
  resetHw(hw)
  return 0
}

/** @param {Device} dev */
function remove(dev) {
  iounmap(dev.priv.hw)
  pciDisableDevice(dev.priv.pdev)
}

/**
 * @param {PciDev} pdev
 * @param {number} count
 * @returns {DescriptorRing | undefined}
 */
function setupRing(pdev, count) {
  const desc = dmaAllocCoherent(pdev, count * e1000.E1000_DESC_SIZE)
  if (desc === undefined) return undefined
  return {
    desc,
    count,
    skbs: Array(count).fill(undefined),
    dma: Array(count).fill(0),
    lengths: Array(count).fill(0),
    nextToUse: 0,
    nextToClean: 0,
  }
}

/**
 * Returns how many descriptors the driver may fill. One is
 * always left: a full ring has the head and the tail of an
 * empty one.
 * @param {DescriptorRing} ring
 */
function descUnused({ count, nextToUse, nextToClean }) {
  return (nextToClean > nextToUse ? 0 : count) + nextToClean - nextToUse - 1
}

/**
 * Gives the card its ring, and turns its transmitter on.
 * @param {Device} dev
 */
function configureTx({ priv: { hw, tx } }) {
  writel(hw, e1000.E1000_TDBAL, tx.desc.dma)
  writel(hw, e1000.E1000_TDBAH, 0)
  writel(hw, e1000.E1000_TDLEN, tx.count * e1000.E1000_DESC_SIZE)
  writel(hw, e1000.E1000_TDH, 0)
  writel(hw, e1000.E1000_TDT, 0)
  writel(hw, e1000.E1000_TCTL, e1000.E1000_TCTL_EN | e1000.E1000_TCTL_PSP)
}

/**
 * Gives the card its ring and its address, and turns its
 * receiver on.
 * @param {Device} dev
 */
function configureRx(dev) {
  const { hw, rx } = dev.priv
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = dev.devAddr
  writel(hw, e1000.E1000_RAL, a | (b << 8) | (c << 16) | (d << 24))
  writel(hw, e1000.E1000_RAH, e | (f << 8) | e1000.E1000_RAH_AV)
  writel(hw, e1000.E1000_RDBAL, rx.desc.dma)
  writel(hw, e1000.E1000_RDBAH, 0)
  writel(hw, e1000.E1000_RDLEN, rx.count * e1000.E1000_DESC_SIZE)
  writel(hw, e1000.E1000_RDH, 0)
  writel(hw, e1000.E1000_RDT, 0)
  writel(hw, e1000.E1000_RCTL, e1000.E1000_RCTL_EN | e1000.E1000_RCTL_BAM)
}

/**
 * The interface was brought up. Returns 0, or an error.
 * @param {Device} dev
 */
function open(dev) {
  const { priv } = dev
  const tx = setupRing(priv.pdev, priv.params.ringSize)
  if (tx === undefined) return -ENOMEM
  const rx = setupRing(priv.pdev, priv.params.ringSize)
  if (rx === undefined) {
    dmaFreeCoherent(priv.pdev, tx.desc)
    return -ENOMEM
  }
  priv.tx = tx
  priv.rx = rx
  netifCarrierOff(dev)
  priv.irq.request(intr)
  netifTxStartAllQueues(dev)
  up(dev)
  // #todo 3: start the watchdog.
  priv.cleanedBefore = -1
  priv.watchdog.at(dev.net.clock.now() + WATCHDOG)
  // #end
  return 0
}

/**
 * The interface is brought down.
 * @param {Device} dev
 */
function close(dev) {
  const { priv } = dev
  // #todo 3: stop the watchdog.
  priv.watchdog.cancel()
  // #end
  down(dev)
  priv.irq.free()
  dmaFreeCoherent(priv.pdev, priv.tx.desc)
  dmaFreeCoherent(priv.pdev, priv.rx.desc)
}

/**
 * Gives the card its rings, and lets it work. Its rings
 * are empty.
 * @param {Device} dev
 */
function up(dev) {
  const { hw, napi } = dev.priv
  configureTx(dev)
  configureRx(dev)
  allocRxBuffers(dev)
  napi.enable()
  writel(hw, e1000.E1000_IMS, IMS_ENABLE_MASK)
  writel(hw, e1000.E1000_CTRL, readl(hw, e1000.E1000_CTRL) | e1000.E1000_CTRL_SLU)
}

/**
 * Stops the card, and takes everything back that it had.
 * @param {Device} dev
 */
function down(dev) {
  const { hw, napi } = dev.priv
  netifTxStopAllQueues(dev)
  netifCarrierOff(dev)
  napi.disable()
  resetHw(hw)
  cleanTxRing(dev)
  cleanRxRing(dev)
}

/**
 * Drops the frames that the card has not sent. It touches
 * none of them any more.
 * @param {Device} dev
 */
function cleanTxRing(dev) {
  const { tx } = dev.priv
  for (let i = tx.nextToClean; i !== tx.nextToUse; i = (i + 1) % tx.count) {
    unmap(dev, tx, i, DMA_TO_DEVICE).drop(SKB_DROP_REASON_DEV_STOPPED)
  }
  tx.nextToUse = 0
  tx.nextToClean = 0
}

/**
 * Frees the buffers that the card has. It was reset.
 * @param {Device} dev
 */
function cleanRxRing(dev) {
  const { rx } = dev.priv
  for (let i = rx.nextToClean; i !== rx.nextToUse; i = (i + 1) % rx.count) {
    unmap(dev, rx, i, DMA_FROM_DEVICE).free()
  }
  rx.nextToUse = 0
  rx.nextToClean = 0
}

/**
 * Takes the frame of a descriptor back from the card.
 * @param {Device} dev
 * @param {DescriptorRing} ring
 * @param {number} i
 * @param {typeof DMA_TO_DEVICE | typeof DMA_FROM_DEVICE} direction
 */
function unmap({ priv: { pdev } }, ring, i, direction) {
  const skb = /** @type {SkBuff} */ (ring.skbs[i])
  dmaUnmapSingle(pdev, ring.dma[i] ?? 0, ring.lengths[i] ?? 0, direction)
  ring.skbs[i] = undefined
  return skb
}

/**
 * @param {SkBuff} skb
 * @param {Device} dev
 */
function xmitFrame(skb, dev) {
  const { pdev, hw, tx } = dev.priv
  // Some cards of the family pad short frames wrongly.
  skb.padto(ETH_ZLEN)
  const dma = dmaMapSingle(pdev, skb, skb.len, DMA_TO_DEVICE)
  if (dmaMappingError(pdev, dma)) return skb.drop(SKB_DROP_REASON_NOMEM)
  const i = tx.nextToUse
  tx.skbs[i] = skb
  tx.dma[i] = dma
  tx.lengths[i] = skb.len
  const at = i * e1000.E1000_DESC_SIZE
  const command = e1000.E1000_TXD_CMD_EOP | e1000.E1000_TXD_CMD_IFCS | e1000.E1000_TXD_CMD_RS
  tx.desc.write32(at + e1000.DESC_BUFFER_ADDR, dma)
  tx.desc.write32(at + e1000.DESC_BUFFER_ADDR_HIGH, 0)
  tx.desc.write32(at + e1000.DESC_LOWER, skb.len | command)
  tx.desc.write32(at + e1000.DESC_UPPER, 0)
  tx.nextToUse = (i + 1) % tx.count
  if (descUnused(tx) === 0) {
    dev.txq(skb).stop()
  }
  // The card sees the descriptor before the tail: writel
  // is in order with earlier stores.
  writel(hw, e1000.E1000_TDT, tx.nextToUse)
}

/**
 * Frees the frames that the card has sent, and wakes the
 * queue if it has room again.
 * @param {Device} dev
 */
function cleanTxIrq(dev) {
  const { pdev, tx } = dev.priv
  while (tx.nextToClean !== tx.nextToUse) {
    const i = tx.nextToClean
    const status = tx.desc.read32(i * e1000.E1000_DESC_SIZE + e1000.DESC_UPPER)
    if ((status & e1000.E1000_TXD_STAT_DD) === 0) break
    dmaRmb(pdev)
    unmap(dev, tx, i, DMA_TO_DEVICE).free()
    tx.nextToClean = (i + 1) % tx.count
    dev.priv.cleaned++
  }
  if (dev.tx[0]?.stopped && descUnused(tx) >= tx.count >> 1) {
    dev.tx[0].wake()
  }
}

/**
 * Gives the card new buffers until its ring is full, or as
 * many as there is memory for.
 * @param {Device} dev
 */
function allocRxBuffers(dev) {
  const { pdev, hw, rx } = dev.priv
  for (let left = descUnused(rx); left > 0; left--) {
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
    rx.nextToUse = (i + 1) % rx.count
  }
  writel(hw, e1000.E1000_RDT, rx.nextToUse)
}

/**
 * Gives the kernel the frames that the card has received,
 * and the card new buffers. Returns how many.
 * @param {Device} dev
 * @param {number} budget the most frames
 */
function cleanRxIrq(dev, budget) {
  const { pdev, rx } = dev.priv
  let work = 0
  while (work < budget && rx.nextToClean !== rx.nextToUse) {
    const i = rx.nextToClean
    const at = i * e1000.E1000_DESC_SIZE
    const status = rx.desc.read32(at + e1000.DESC_UPPER)
    if ((status & e1000.E1000_RXD_STAT_DD) === 0) break
    // The length is read after the status.
    dmaRmb(pdev)
    const length = (rx.desc.read32(at + e1000.DESC_LOWER) & 0xffff) - e1000.ETH_FCS_LEN
    const skb = unmap(dev, rx, i, DMA_FROM_DEVICE)
    rx.nextToClean = (i + 1) % rx.count
    work++
    skb.put(length)
    ethTypeTrans(skb, dev)
    netifRx(skb)
  }
  if (work > 0) {
    allocRxBuffers(dev)
  }
  return work
}

/**
 * The handler of the interrupt.
 * @param {Device} dev
 */
function intr(dev) {
  const { hw, napi } = dev.priv
  const icr = readl(hw, e1000.E1000_ICR)
  // #todo 4: a card that was pulled out.
  // #skeleton if (icr === 0) return IRQ_NONE
  if (icr === 0 || icr === ALL_ONES) return IRQ_NONE
  // #end
  writel(hw, e1000.E1000_IMC, ALL_ONES)
  napi.schedule()
  if ((icr & e1000.E1000_ICR_LSC) !== 0) {
    checkForLink(dev)
  }
  return IRQ_HANDLED
}

/**
 * The poll, which the handler has scheduled.
 * @param {Napi} napi
 * @param {number} budget
 */
function clean(napi, budget) {
  const dev = /** @type {Device} */ (napi.dev)
  cleanTxIrq(dev)
  const work = cleanRxIrq(dev, budget)
  if (work < budget && napi.completeDone(work)) {
    writel(dev.priv.hw, e1000.E1000_IMS, IMS_ENABLE_MASK)
  }
  return work
}

/** @param {Device} dev */
function checkForLink(dev) {
  if ((readl(dev.priv.hw, e1000.E1000_STATUS) & e1000.E1000_STATUS_LU) !== 0) {
    netifCarrierOn(dev)
  } else {
    netifCarrierOff(dev)
  }
}

/**
 * The card has not sent for too long: called by the
 * kernel's watchdog, and by the driver's own.
 * @param {Device} dev
 * @param {number} queue
 */
function txTimeout(dev, queue) {
  // #todo 1: count an error, and reset the card.
  // #skeleton dev.counters.count(queue, 0, 0)
  dev.counters.count(queue, TX_ERRORS)
  reinit(dev)
  // #end
}

/**
 * Stops the card and starts it again. The frames in its
 * rings are lost.
 * @param {Device} dev
 */
function reinit(dev) {
  // #todo 2: down and up; the queue has to run again.
  // #todo 4: leave a card alone that was pulled out.
  // #skeleton netifCarrierOff(dev)
  down(dev)
  if (!pciDeviceIsPresent(dev.priv.pdev)) {
    dev.log.err('the card was removed')
    return
  }
  up(dev)
  netifTxWakeAllQueues(dev)
  // #end
}

/**
 * Looks every 2 s whether the card works.
 * @param {Device} dev
 */
function watchdog(dev) {
  const { priv } = dev
  // #todo 3: a frame was in the ring 2 s ago, and none was
  // #skeleton // sent since: txTimeout. Look again.
  // #todo 4: a card that was pulled out: reinit, for the
  // #skeleton // last time.
  // #skeleton priv.cleanedBefore = -1
  if (!pciDeviceIsPresent(priv.pdev)) {
    reinit(dev)
    return
  }
  if (hasWaiting(priv) && priv.cleaned === priv.cleanedBefore) {
    dev.log.err('Detected Tx Unit Hang')
    txTimeout(dev, 0)
  }
  priv.cleanedBefore = hasWaiting(priv) ? priv.cleaned : -1
  priv.watchdog.at(dev.net.clock.now() + WATCHDOG)
  // #end
}

/**
 * Frames are in the transmit ring.
 * @param {Priv} priv
 */
const hasWaiting = ({ tx }) => tx.nextToClean !== tx.nextToUse

/**
 * What `vnet show` prints of the rings.
 * @type {NonNullable<import('vnet').NetDeviceOps<Priv>['ndoGetParts']>}
 */
const parts = ({ priv: { tx, rx } }) => {
  if (rx === undefined) return []
  return /** @type {const} */ (['tx', 'rx']).map(direction => {
    const ring = direction === 'tx' ? tx : rx
    const length = ring.count - 1 - descUnused(ring)
    const state = `clean ${ring.nextToClean}, use ${ring.nextToUse}`
    return {
      kind: 'ring',
      name: `${direction} ring`,
      direction,
      length,
      capacity: ring.count,
      state,
    }
  })
}

/** @type {import('vnet').NetDeviceOps<Priv>} */
const ops = {
  ndoInit(dev) {
    dev.priv.watchdog = dev.net.clock.alarm(() => watchdog(dev))
    return probe(dev)
  },
  ndoUninit(dev) {
    remove(dev)
    dev.priv.slot.leave()
  },
  ndoOpen: open,
  ndoStop: close,
  ndoStartXmit: xmitFrame,
  ndoTxTimeout: txTimeout,
  ndoGetParts: parts,
  ndoTrigger: (dev, fault) => dev.priv.slot.trigger(fault),
  faults: e1000Faults,
}

/** @param {Device} dev */
function setup(dev) {
  dev.netdevOps = ops
  dev.flags |= IFF_NOARP
  dev.maxMtu = ETH_DATA_LEN
  dev.watchdogTimeo = TX_TIMEOUT
  dev.priv.irq = new Irq(dev)
  dev.priv.napi = new Napi(dev, clean)
  dev.priv.slot.dev = dev
  netifCarrierOff(dev)
}

/** @param {Priv['params']} params */
function init(params) {
  const slot = new MirrorSlot(params)
  const priv = /** @type {Priv} */ ({ params, slot, pdev: slot.pdev, cleaned: 0 })
  return [{ dev: allocEtherdevMqs({ name: 'card%d', setup, priv }), addresses: ['198.18.0.1/24'] }]
}

export const driver = defineDriver({
  name: 'card',
  description: 'a card in trouble',
  params,
  init,
})
