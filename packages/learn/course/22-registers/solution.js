// @ts-check
import {
  allocEtherdevMqs,
  defineDriver,
  EIO,
  IFF_NOARP,
  IRQ_HANDLED,
  IRQ_NONE,
  Irq,
  netifCarrierOff,
  netifCarrierOn,
  parseMac,
  SKB_DROP_REASON_DEV_READY,
  text,
  UsageError,
} from 'vnet'
import { e1000Hw as e1000, e1000Faults, MirrorSlot } from 'vnet/drivers'
import {
  iounmap,
  pciDisableDevice,
  pciEnableDevice,
  pciIoremapBar,
  pciSetMaster,
  readl,
  writel,
} from 'vnet/pci'

/** @typedef {import('vnet/pci').Iomem} Iomem */
/**
 * @typedef {object} Priv
 * @property {MirrorSlot} slot the card's surroundings; a
 *   driver has no access to them
 * @property {import('vnet/pci').PciDev} pdev the card
 * @property {Irq} irq the interrupt line of the card
 * @property {Iomem} hw the registers, from probe to remove
 * @property {number} phyId the id of the PHY, from its two
 *   registers
 */
/** @typedef {import('vnet').NetDevice<Priv>} Device */

const params = {
  eeprom: text({ default: '52:54:00:12:34:56', description: 'the address in the EEPROM' }),
}

/** How often a register is read until it is ready. */
const ATTEMPTS = 1000
const ALL_ONES = 0xffff_ffff

/**
 * Masks all interrupts, and gives all registers of the
 * card their first values.
 * @param {Iomem} hw
 */
function resetHw(hw) {
  writel(hw, e1000.E1000_IMC, ALL_ONES)
  writel(hw, e1000.E1000_CTRL, readl(hw, e1000.E1000_CTRL) | e1000.E1000_CTRL_RST)
  writel(hw, e1000.E1000_IMC, ALL_ONES)
  readl(hw, e1000.E1000_ICR)
}

/**
 * Returns a word of the EEPROM, or -EIO.
 * @param {Iomem} hw
 * @param {number} word
 */
function readEeprom(hw, word) {
  writel(hw, e1000.E1000_EERD, (word << e1000.E1000_EERD_ADDR_SHIFT) | e1000.E1000_EERD_START)
  for (let i = 0; i < ATTEMPTS; i++) {
    const eerd = readl(hw, e1000.E1000_EERD)
    if ((eerd & e1000.E1000_EERD_DONE) !== 0) return eerd >>> e1000.E1000_EERD_DATA_SHIFT
  }
  return -EIO
}

/**
 * Returns a register of the PHY, or -EIO.
 * @param {Iomem} hw
 * @param {number} register
 */
function readPhyReg(hw, register) {
  // #todo 2: write MDIC, and read it until it is ready, but
  // #skeleton // not for ever.
  // #skeleton return -EIO
  const phy = e1000.E1000_PHY_ADDRESS << e1000.E1000_MDIC_PHY_SHIFT
  const what = register << e1000.E1000_MDIC_REG_SHIFT
  writel(hw, e1000.E1000_MDIC, what | phy | e1000.E1000_MDIC_OP_READ)
  for (let i = 0; i < ATTEMPTS; i++) {
    const mdic = readl(hw, e1000.E1000_MDIC)
    if ((mdic & e1000.E1000_MDIC_READY) === 0) continue
    return (mdic & e1000.E1000_MDIC_ERROR) === 0 ? mdic & 0xffff : -EIO
  }
  return -EIO
  // #end
}

/**
 * The driver gets a card. Returns 0, or an error after
 * which it has nothing of the card.
 * @param {Device} dev
 */
function probe(dev) {
  // #todo 1: enable the card, map its registers, reset it,
  // #skeleton // and read its address.
  // #todo 2: read the PHY's id, from PHY_ID1 and PHY_ID2.
  // #skeleton dev.priv.phyId = 0
  // #skeleton return 0
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
  for (let word = 0; word < 3; word++) {
    const value = readEeprom(hw, word)
    dev.devAddr[2 * word] = value & 0xff
    dev.devAddr[2 * word + 1] = value >> 8
  }
  const [id1, id2] = [readPhyReg(hw, e1000.PHY_ID1), readPhyReg(hw, e1000.PHY_ID2)]
  if (id1 < 0 || id2 < 0) {
    remove(dev)
    return -EIO
  }
  priv.phyId = (id1 << 16) | id2
  return 0
  // #end
}

/**
 * The driver gives the card back.
 * @param {Device} dev
 */
function remove(dev) {
  // #todo 5: the opposite of probe.
  // #skeleton dev.priv.phyId = 0
  iounmap(dev.priv.hw)
  pciDisableDevice(dev.priv.pdev)
  // #end
}

/**
 * The interface was brought up.
 * @param {Device} dev
 */
function open(dev) {
  // #solution
  const { hw, irq } = dev.priv
  // #end
  netifCarrierOff(dev)
  // #todo 3: request the interrupt, let LSC interrupt, and
  // #skeleton // set the link up.
  irq.request(intr)
  writel(hw, e1000.E1000_IMS, e1000.E1000_ICR_LSC)
  writel(hw, e1000.E1000_CTRL, readl(hw, e1000.E1000_CTRL) | e1000.E1000_CTRL_SLU)
  // #end
}

/**
 * The interface is brought down.
 * @param {Device} dev
 */
function close(dev) {
  // #todo 5: the opposite of open.
  // #skeleton netifCarrierOff(dev)
  resetHw(dev.priv.hw)
  dev.priv.irq.free()
  netifCarrierOff(dev)
  // #end
}

/**
 * The handler of the interrupt.
 * @param {Device} dev
 */
function intr(dev) {
  // #todo 3: read the causes; was it this card?
  // #skeleton checkForLink(dev)
  // #skeleton return IRQ_NONE
  const icr = readl(dev.priv.hw, e1000.E1000_ICR)
  if (icr === 0 || icr === ALL_ONES) return IRQ_NONE
  if ((icr & e1000.E1000_ICR_LSC) !== 0) {
    checkForLink(dev)
  }
  return IRQ_HANDLED
  // #end
}

/**
 * Sets the carrier to the state of the link.
 * @param {Device} dev
 */
function checkForLink(dev) {
  // #todo 4: set the carrier to the link in PHY_STATUS.
  // #skeleton netifCarrierOff(dev)
  const { hw } = dev.priv
  // The first read reports a link that was lost meanwhile, the second the present one.
  readPhyReg(hw, e1000.PHY_STATUS)
  const status = readPhyReg(hw, e1000.PHY_STATUS)
  if (status >= 0 && (status & e1000.MII_SR_LINK_STATUS) !== 0) {
    netifCarrierOn(dev)
  } else {
    netifCarrierOff(dev)
  }
  // #end
}

/**
 * This driver has no ring: the next exercise sends frames.
 * @param {import('vnet').SkBuff} skb
 */
function startXmit(skb) {
  skb.drop(SKB_DROP_REASON_DEV_READY)
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
  ndoStartXmit: startXmit,
  ndoTrigger: (dev, fault) => dev.priv.slot.trigger(fault),
  faults: e1000Faults,
}

/** @param {Device} dev */
function setup(dev) {
  dev.netdevOps = ops
  dev.flags |= IFF_NOARP
  dev.priv.irq = new Irq(dev)
  dev.priv.slot.dev = dev
  netifCarrierOff(dev)
}

/** @param {import('vnet').ParamValues<typeof params>} params */
function init({ eeprom }) {
  const mac = parseMac(eeprom)
  if (mac === undefined) throw new UsageError(`'${eeprom}' is not a hardware address`)
  const slot = new MirrorSlot({ mac, lag: 0, weak: false })
  const priv = /** @type {Priv} */ ({ slot, pdev: slot.pdev })
  return [{ dev: allocEtherdevMqs({ name: 'reg%d', setup, priv }), addresses: ['198.18.0.1/24'] }]
}

export const driver = defineDriver({
  name: 'registers',
  description: 'the registers and the link of a card',
  params,
  init,
})
