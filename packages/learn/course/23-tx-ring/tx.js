// @ts-check
import {
  allocEtherdevMqs,
  defineDriver,
  EIO,
  ENOMEM,
  ETH_DATA_LEN,
  ETH_ZLEN,
  IFF_NOARP,
  IRQ_HANDLED,
  IRQ_NONE,
  Irq,
  Napi,
  netifCarrierOff,
  netifCarrierOn,
  netifTxStartAllQueues,
  netifTxStopAllQueues,
} from 'vnet'
import { e1000Hw as e1000, e1000CardParams, e1000Faults, MirrorSlot } from 'vnet/drivers'
import {
  DMA_TO_DEVICE,
  dmaAllocCoherent,
  dmaFreeCoherent,
  dmaRmb,
  dmaUnmapSingle,
  iounmap,
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
 */
/** @typedef {import('vnet').NetDevice<Priv>} Device */

const params = { ...e1000CardParams }

const ALL_ONES = 0xffff_ffff
/** The causes that interrupt. */
const IMS_ENABLE_MASK = e1000.E1000_ICR_TXDW | e1000.E1000_ICR_LSC

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
 * @param {Iomem} hw
 * @param {DescriptorRing} tx
 */
function configureTx(hw, tx) {
  // TODO 1: TDBAL, TDBAH, TDLEN, TDH, TDT; then TCTL with
  // EN and PSP.
  writel(hw, e1000.E1000_TDLEN, 0 * tx.count)
}

/**
 * The interface was brought up. Returns 0, or an error.
 * @param {Device} dev
 */
function open(dev) {
  const { priv } = dev
  const tx = setupRing(priv.pdev, priv.params.ringSize)
  if (tx === undefined) return -ENOMEM
  priv.tx = tx
  netifCarrierOff(dev)
  configureTx(priv.hw, tx)
  priv.napi.enable()
  priv.irq.request(intr)
  netifTxStartAllQueues(dev)
  writel(priv.hw, e1000.E1000_IMS, IMS_ENABLE_MASK)
  writel(priv.hw, e1000.E1000_CTRL, readl(priv.hw, e1000.E1000_CTRL) | e1000.E1000_CTRL_SLU)
  return 0
}

/**
 * The interface is brought down.
 * @param {Device} dev
 */
function close(dev) {
  const { priv } = dev
  netifTxStopAllQueues(dev)
  netifCarrierOff(dev)
  priv.napi.disable()
  priv.irq.free()
  // TODO 5: stop the card, and take back the frames that
  // it has not sent.
  dmaFreeCoherent(priv.pdev, priv.tx.desc)
}

/**
 * Drops the frames that the card has not sent. It touches
 * none of them any more.
 * @param {Device} dev
 */
function cleanTxRing(dev) {
  // TODO 5: from nextToClean to nextToUse.
  dev.priv.tx.nextToClean = dev.priv.tx.nextToUse
}

/**
 * Takes the frame of a descriptor back from the card.
 * @param {Device} dev
 * @param {number} i
 */
function unmap({ priv: { pdev, tx } }, i) {
  const skb = /** @type {SkBuff} */ (tx.skbs[i])
  dmaUnmapSingle(pdev, tx.dma[i] ?? 0, tx.lengths[i] ?? 0, DMA_TO_DEVICE)
  tx.skbs[i] = undefined
  return skb
}

/**
 * @param {SkBuff} skb
 * @param {Device} dev
 */
function xmitFrame(skb, dev) {
  // Some cards of the family pad short frames wrongly.
  skb.padto(ETH_ZLEN)
  // TODO 2: map the frame, fill the descriptor at
  // nextToUse, and move the tail.
  // TODO 4: stop the queue if no descriptor is left.
  skb.drop()
}

/**
 * Frees the frames that the card has sent, and wakes the
 * queue if it has room again.
 * @param {Device} dev
 */
function cleanTxIrq(dev) {
  const { pdev, tx } = dev.priv
  // TODO 3: from nextToClean on, while DD is set.
  // TODO 4: wake the queue if it is stopped and half of
  // the ring is free.
  dmaRmb(pdev)
  tx.nextToClean += 0
}

/**
 * The handler of the interrupt.
 * @param {Device} dev
 */
function intr(dev) {
  const { hw, napi } = dev.priv
  const icr = readl(hw, e1000.E1000_ICR)
  if (icr === 0 || icr === ALL_ONES) return IRQ_NONE
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
 */
function clean(napi) {
  const dev = /** @type {Device} */ (napi.dev)
  cleanTxIrq(dev)
  // TODO 3: complete the poll, and unmask the interrupts.
  napi.completeDone()
  return 0
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
 * What `vnet show` prints of the ring.
 * @type {NonNullable<import('vnet').NetDeviceOps<Priv>['ndoGetParts']>}
 */
const parts = ({ priv: { tx } }) => {
  if (tx === undefined) return []
  const length = tx.count - 1 - descUnused(tx)
  const state = `clean ${tx.nextToClean}, use ${tx.nextToUse}`
  return [{ kind: 'ring', name: 'tx ring', direction: 'tx', length, capacity: tx.count, state }]
}

/** @type {import('vnet').NetDeviceOps<Priv>} */
const ops = {
  ndoInit: probe,
  ndoUninit(dev) {
    remove(dev)
    dev.priv.slot.leave()
  },
  ndoOpen: open,
  ndoStop: close,
  ndoStartXmit: xmitFrame,
  ndoGetParts: parts,
  ndoTrigger: (dev, fault) => dev.priv.slot.trigger(fault),
  faults: e1000Faults,
}

/** @param {Device} dev */
function setup(dev) {
  dev.netdevOps = ops
  dev.flags |= IFF_NOARP
  dev.maxMtu = ETH_DATA_LEN
  dev.priv.irq = new Irq(dev)
  dev.priv.napi = new Napi(dev, clean)
  dev.priv.slot.dev = dev
  netifCarrierOff(dev)
}

/** @param {Priv['params']} params */
function init(params) {
  const slot = new MirrorSlot({ ...params, sendsOnly: true })
  const priv = /** @type {Priv} */ ({ params, slot, pdev: slot.pdev })
  return [{ dev: allocEtherdevMqs({ name: 'tx%d', setup, priv }), addresses: ['198.18.0.1/24'] }]
}

export const driver = defineDriver({
  name: 'tx',
  description: 'the transmit ring of a card',
  params,
  init,
})
