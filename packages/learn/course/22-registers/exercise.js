// @ts-check

import { defineExercise, numberOf, verify } from '@vnet/learn'
/** 22. Registers: the first half of a driver for a card that exists. */
import { devClose, devOpen, formatMac } from 'vnet'

/** @typedef {import('vnet').NetDevice} NetDevice */
/** @typedef {import('@vnet/learn').TestBed} TestBed */
/**
 * @typedef {object} Priv
 * @property {import('vnet/drivers').MirrorSlot} slot
 * @property {import('vnet/pci').PciDev} pdev
 * @property {import('vnet').Irq} irq
 * @property {number} phyId
 */

const MAC = '52:54:00:12:34:56'
/** Bits of the command register. */
const MASTER = 4
const MDIC = 0x20
/** The PHY of the card, an M88E1011. */
const PHY_ID = 0x01410c20
/** Reads of a register after which a driver does not give up any more. */
const READS_MAX = 100_000

/**
 * @param {TestBed} bed
 * @returns {Priv}
 */
const privOf = bed => /** @type {Priv} */ (bed.dev.priv)

/** @param {number} value */
const hex = value => `0x${(value >>> 0).toString(16)}`

/**
 * Takes the driver from its card: the device goes down, and the driver calls remove.
 * @param {TestBed} bed
 */
async function takeAway(bed) {
  const { slot } = privOf(bed)
  const dev = /** @type {NetDevice} */ (bed.dev)
  await devClose(dev)
  const { leave } = slot
  slot.leave = () => {}
  dev.netdevOps.ndoUninit?.(dev)
  slot.leave = leave
}

/**
 * Lets the driver probe its card, and returns the result, or the error that it threw as text.
 * @param {TestBed} bed
 */
async function probe(bed) {
  const dev = /** @type {NetDevice} */ (bed.dev)
  try {
    return await dev.netdevOps.ndoInit?.(dev)
  } catch (error) {
    return String(error)
  }
}

/**
 * Counts the reads of MDIC. A driver that reads it for ever is ended.
 * @param {TestBed} bed
 */
function countReads(bed) {
  const { slot } = privOf(bed)
  const read32 = slot.read32.bind(slot)
  let reads = 0
  slot.read32 = offset => {
    if (offset === MDIC && ++reads === READS_MAX) throw new Error('MDIC is read for ever')
    return read32(offset)
  }
  const stop = () => {
    slot.read32 = read32
  }
  return { reads: () => reads, stop }
}

/**
 * @param {TestBed} bed
 * @param {boolean} isOn
 * @param {string} when
 * @param {string} why
 */
function verifyCarrier(bed, isOn, when, why) {
  const { carrier } = bed.dev
  verify(carrier === isOn, {
    seen: `${when}: the carrier is ${carrier ? 'on' : 'off'}`,
    expected: `${isOn ? 'on' : 'off'}: ${why}`,
  })
}

export const exercise = defineExercise({
  version: 1,
  driver: 'registers.js',
  title: 'Registers: find a card and its link',
  summary: "a card that exists: its registers, its EEPROM, its PHY, and its link's interrupt",
  kernelNames: [
    'pci_enable_device',
    'pci_set_master',
    'pci_ioremap_bar',
    'readl',
    'writel',
    'request_irq',
    'netif_carrier_on',
    'pci_disable_device',
  ],
  rules: [
    {
      seen: /ndo_init of .*: EIO/,
      expected:
        'probe returns 0: without pciEnableDevice, each register reads as all ones, of which the ERROR of MDIC is one',
      read: 'Find the card',
    },
    {
      seen: /a kernel ends here by a page fault/,
      expected: 'no access of a register after iounmap, which is the last but one step of remove',
      read: 'Give it back',
    },
  ],
  memory: [
    {
      title: 'finds the card, and its address in the EEPROM',
      read: 'Find the card',
      async run(bed, { another }) {
        const { pdev } = privOf(bed)
        verify(pdev.mapped === 1, {
          seen: `the driver has mapped the registers ${pdev.mapped} times`,
          expected: 'once: pciIoremapBar(pdev, 0)',
        })
        verify((pdev.command & MASTER) !== 0, {
          seen: 'the card may not access memory',
          expected: 'pciSetMaster(pdev): without it, its accesses do nothing, silently',
        })
        verify(formatMac(bed.dev.devAddr) === MAC, {
          seen: `the EEPROM has the address ${MAC}, the device ${formatMac(bed.dev.devAddr)}`,
          expected: `${MAC}: dev.devAddr from words 0 to 2, each with its low byte first`,
        })
        const mac = '02:00:5e:10:20:b0'
        const other = await another({ eeprom: mac })
        verify(formatMac(other.dev.devAddr) === mac, {
          seen: `the EEPROM has the address ${mac}, the device ${formatMac(other.dev.devAddr)}`,
          expected: `${mac}: each card has its own`,
        })
        verify(formatMac(bed.dev.devAddr) === MAC, {
          seen: `after another card was found, the first has the address ${formatMac(bed.dev.devAddr)}`,
          expected: `${MAC}: the state of a card is in dev.priv, not in a variable of the module`,
        })
      },
    },
    {
      title: 'reads a register of the PHY once it is ready',
      read: 'Wait, but not for ever',
      async run(bed) {
        verify(privOf(bed).phyId === PHY_ID, {
          seen: `priv.phyId is ${hex(privOf(bed).phyId)}`,
          expected: `${hex(PHY_ID)}: PHY_ID1 in the upper 16 bits, PHY_ID2 in the lower`,
        })
        await takeAway(bed)
        Object.assign(privOf(bed), { phyId: 0 }).slot.slowness = 5
        await probe(bed)
        verify(privOf(bed).phyId === PHY_ID, {
          seen: `MDIC was ready after 5 reads; priv.phyId is ${hex(privOf(bed).phyId)}`,
          expected: `${hex(PHY_ID)}: read MDIC until READY is set, and then the data`,
        })
      },
    },
    {
      title: 'gives up a PHY that does not reply, and gives back what it has',
      read: 'Wait, but not for ever',
      async run(bed) {
        const { pdev, slot } = privOf(bed)
        await takeAway(bed)
        const mapped = pdev.mapped
        const { reads, stop } = countReads(bed)
        // The EEPROM replies, the PHY does not.
        const { write32 } = slot
        slot.write32 = (offset, value) => {
          slot.slowness = offset === MDIC ? Number.POSITIVE_INFINITY : 0
          write32.call(slot, offset, value)
        }
        const result = await probe(bed)
        slot.write32 = write32
        slot.slowness = 0
        stop()
        verify(reads() < READS_MAX, {
          seen: `MDIC was read ${READS_MAX} times, without a reply`,
          expected: 'a limit, such as ATTEMPTS: a CPU that waits for ever is lost',
        })
        verify(result === -5, {
          seen: `the PHY does not reply, and probe returned ${result}`,
          expected: '-EIO, which is -5: a card without a PHY cannot be used',
        })
        verify(pdev.mapped === mapped && (pdev.command & MASTER) === 0, {
          seen: `probe failed; of its mappings of the registers ${pdev.mapped - mapped} is left, and the card ${(pdev.command & MASTER) === 0 ? 'is off' : 'may access memory'}`,
          expected: 'iounmap and pciDisableDevice: no remove follows a probe that failed',
        })
        await probe(bed)
      },
    },
    {
      title: 'the link comes up by an interrupt',
      read: 'The link',
      run(bed) {
        const { irq, slot } = privOf(bed)
        verify(slot.card.isSending, {
          seen: 'the interface is up, and the card sends no signal into its cable',
          expected: 'CTRL.SLU is set in open, beside the bits that CTRL has',
        })
        verify(irq.count > 0, {
          seen: 'the interface is up, the link too, and no interrupt was taken',
          expected: 'one: irq.request(intr), and LSC in IMS',
        })
        verifyCarrier(bed, true, 'the link is up', 'netifCarrierOn in checkForLink, for LSC in ICR')
        verify(irq.count === 1 && irq.spurious === 0, {
          seen: `the link came up; interrupts: ${irq.count}, of which spurious: ${irq.spurious}`,
          expected: '1 and 0: reading ICR clears the causes; the handler returns IRQ_HANDLED',
        })
      },
    },
    {
      title: 'follows the cable',
      read: 'The link',
      run(bed) {
        const { slot } = privOf(bed)
        slot.unplug()
        bed.advance(1)
        verifyCarrier(bed, false, 'the cable was pulled out', 'LSC, and netifCarrierOff')
        slot.plugIn()
        bed.advance(1)
        verifyCarrier(bed, true, 'the cable is in again', 'LSC, and netifCarrierOn')
        slot.unplug()
        slot.plugIn()
        bed.advance(1)
        verifyCarrier(
          bed,
          true,
          'the cable was out, and in again before the interrupt was taken',
          'the first read of PHY_STATUS reports the lost link, the second the present one',
        )
        slot.unplug()
        slot.plugIn()
        slot.unplug()
        bed.advance(1)
        verifyCarrier(bed, false, 'the cable was out, in, and out', 'the present state')
      },
    },
    {
      title: 'returns IRQ_NONE for an interrupt that is not its own',
      read: 'Whose interrupt?',
      run(bed) {
        const { irq, slot } = privOf(bed)
        const spurious = () => irq.spurious
        irq.raise(0)
        bed.advance(0)
        verify(spurious() === 1, {
          seen: 'an interrupt of another card on the line: ICR is 0, and the handler returned IRQ_HANDLED',
          expected: 'IRQ_NONE',
        })
        const { carrier } = bed.dev
        slot.remove()
        irq.raise(0)
        bed.advance(0)
        verify(spurious() === 2 && bed.dev.carrier === carrier, {
          seen: `the card was pulled out: ICR is 0xffffffff; the handler returned ${spurious() === 2 ? 'IRQ_NONE' : 'IRQ_HANDLED'}, and the carrier is ${bed.dev.carrier ? 'on' : 'off'}`,
          expected: 'IRQ_NONE, and nothing else: these are no causes',
        })
      },
    },
    {
      title: 'leaves a card that is silent when it goes down, and comes up again',
      read: 'Give it back',
      async run(bed) {
        const { irq, slot } = privOf(bed)
        await devClose(bed.dev)
        verify(!slot.card.isSending, {
          seen: 'the interface is down, and the card sends a signal into its cable',
          expected: 'resetHw in close: the other end sees that the link is gone',
        })
        verifyCarrier(bed, false, 'the interface is down', 'netifCarrierOff in close')
        const { count } = irq
        irq.raise(0)
        bed.advance(0)
        verify(irq.count === count, {
          seen: 'the interface is down, and its handler was called',
          expected: 'irq.free() in close',
        })
        await devOpen(bed.dev)
        bed.advance(1)
        verifyCarrier(bed, true, 'the interface is up again', 'open, as the first time')
      },
    },
    {
      title: 'gives the card back',
      read: 'Give it back',
      async run(_bed, { another }) {
        const other = await another()
        const { pdev } = privOf(other)
        await other.close()
        verify(pdev.mapped === 0, {
          seen: `the driver was removed, and the registers are mapped ${pdev.mapped} times`,
          expected: '0 times: iounmap in remove',
        })
        verify((pdev.command & MASTER) === 0, {
          seen: 'the driver was removed, and the card may still access memory',
          expected: 'pciDisableDevice in remove',
        })
      },
    },
  ],
  live: [
    {
      title: 'the interface has the address of the EEPROM, and loses its carrier for a second',
      needs: ['ip', 'sh', 'timeout'],
      read: 'See it live',
      async run({ vnet, run }) {
        const mac = '02:00:5e:00:53:01'
        const [name = 'reg0'] = (await vnet('--eeprom', mac)).interfaces
        const link = async () => (await run('ip', '-s', '-s', '-j', 'link', 'show', name)).stdout
        const before = await link()
        verify(before.includes(`"address":"${mac}"`), {
          seen: `ip link show ${name}: ${/"address":"[^"]*"/.exec(before)?.[0]}`,
          expected: mac,
        })
        const changes = numberOf(/"carrier_changes":(\d+)/, before) ?? 0
        await run('vnet', 'trigger', name, 'unplug')
        const count = `ip -s -s -j link show ${name} | grep -o 'carrier_changes":[0-9]*'`
        const loop = `until [ "$(${count} | cut -d: -f2)" -ge ${changes + 2} ]; do sleep 0.1; done`
        const { status } = await run('timeout', '20', 'sh', '-c', loop)
        verify(status === 0, {
          seen: `vnet trigger ${name} unplug: the carrier did not go off and on within 20 s`,
          expected: 'off, and after a second on',
        })
      },
    },
  ],
})
