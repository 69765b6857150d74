// @ts-check

/** @type {import('@vnet/learn').Mistake[]} */
export const mistakes = [
  {
    name: 'no-enable',
    step: 1,
    inKernel:
      'The card may be in D3 with its BARs disabled: each readl returns all ones, so the driver finds a card with the address ff:ff:ff:ff:ff:ff, or none.',
    explainedBy: 'without pciEnableDevice, each register reads as all ones',
    replace: [
      ['  const error = pciEnableDevice(priv.pdev)\n  if (error < 0) return error\n', ''],
      ['  pciEnableDevice,\n', ''],
    ],
  },
  {
    name: 'no-set-master',
    step: 1,
    inKernel:
      'The bridge drops the accesses of the card: rings never move, nothing is in the log, and the registers look right.',
    explainedBy: 'the card may not access memory',
    replace: ['  pciSetMaster(priv.pdev)\n', ''],
  },
  {
    name: 'mac-swapped',
    step: 1,
    inKernel:
      'The interface has an address that is not the card’s: its receive filter, the label on it and the DHCP server disagree.',
    explainedBy: 'each with its low byte first',
    replace: [
      ['dev.devAddr[2 * word] = value & 0xff', 'dev.devAddr[2 * word] = value >> 8'],
      ['dev.devAddr[2 * word + 1] = value >> 8', 'dev.devAddr[2 * word + 1] = value & 0xff'],
    ],
  },
  {
    name: 'fixed-mac',
    step: 1,
    inKernel:
      'Two machines of a network have the same address: switches send their frames now to one port, now to the other.',
    explainedBy: 'each card has its own',
    replace: [
      'const value = readEeprom(hw, word)',
      'const value = [0x5452, 0x1200, 0x5634][word] ?? readEeprom(hw, word)',
    ],
  },
  {
    name: 'module-registers',
    step: 1,
    inKernel:
      'A static variable of a module belongs to all its cards: with two of them, one driver writes the registers of the other card.',
    explainedBy: 'the state of a card is in dev.priv',
    replace: [
      ['function probe(dev) {', 'let address\nfunction probe(dev) {'],
      ['priv.hw = hw', 'priv.hw = hw\n  address ??= dev.devAddr\n  dev.devAddr = address'],
    ],
  },
  {
    name: 'does-not-wait',
    step: 2,
    inKernel:
      'MDIO takes some 26 µs a register: the driver reads what the register before had, and finds a PHY that does not exist.',
    explainedBy: 'MDIC was ready after 5 reads',
    replace: ['if ((mdic & e1000.E1000_MDIC_READY) === 0) continue\n', ''],
  },
  {
    name: 'half-an-id',
    step: 2,
    inKernel:
      'The driver cannot tell two PHYs of a maker apart: e1000_detect_gig_phy returns an error for an id that it does not know.',
    explainedBy: 'PHY_ID1 in the upper 16 bits',
    replace: ['priv.phyId = (id1 << 16) | id2', 'priv.phyId = id2'],
  },
  {
    name: 'waits-for-ever',
    step: 2,
    inKernel:
      'A CPU is lost to a card that is broken or was pulled out: after some 20 s the kernel logs "watchdog: BUG: soft lockup".',
    explainedBy: 'MDIC was read 100000 times',
    replace: [
      '  for (let i = 0; i < ATTEMPTS; i++) {\n    const mdic',
      '  for (;;) {\n    const mdic',
    ],
  },
  {
    name: 'ignores-the-phy',
    step: 2,
    inKernel:
      'The interface appears and can never have a link: an administrator looks at the cable, because dmesg is silent.',
    explainedBy: 'probe returned 0',
    replace: ['if (id1 < 0 || id2 < 0) {', 'if (id1 < -EIO || id2 < -EIO) {'],
  },
  {
    name: 'probe-leaks',
    step: 2,
    inKernel:
      'No remove follows a probe that failed: the mapping remains until the next boot, and the card may access memory that has another owner.',
    explainedBy: 'no remove follows a probe that failed',
    replace: ['    remove(dev)\n    return -EIO\n', '    return -EIO\n'],
  },
  {
    name: 'no-slu',
    step: 3,
    inKernel:
      'The PHY of the card never starts to negotiate: ip link shows NO-CARRIER, and so does the other end.',
    explainedBy: 'CTRL.SLU is set in open',
    replace: [
      '  writel(hw, e1000.E1000_CTRL, readl(hw, e1000.E1000_CTRL) | e1000.E1000_CTRL_SLU)\n',
      '',
    ],
  },
  {
    name: 'no-lsc-in-ims',
    step: 3,
    inKernel:
      'The cause is set in ICR, and masked: the link is noticed only when another interrupt reads ICR, or never.',
    explainedBy: 'no interrupt was taken',
    replace: [
      'writel(hw, e1000.E1000_IMS, e1000.E1000_ICR_LSC)',
      'writel(hw, e1000.E1000_IMS, e1000.E1000_ICR_RXT0)',
    ],
  },
  {
    name: 'lsc-ignored',
    step: 3,
    inKernel:
      'ip link shows a carrier that is not there, or none that is: routes and bonds do not move to another interface when a cable is pulled.',
    explainedBy: 'the link is up: the carrier is off',
    replace: [
      'if ((icr & e1000.E1000_ICR_LSC) !== 0) {',
      'if ((icr & e1000.E1000_ICR_RXO) !== 0) {',
    ],
  },
  {
    name: 'icr-not-read',
    step: 3,
    inKernel:
      'An INTx line has a level: the card asserts it until ICR was read, so the handler is called again and again, and the CPU does nothing else.',
    explainedBy: 'reading ICR clears the causes',
    replace: ['const icr = readl(dev.priv.hw, e1000.E1000_ICR)', 'const icr = e1000.E1000_ICR_LSC'],
  },
  {
    name: 'polls-in-open',
    step: 3,
    inKernel:
      'The link needs seconds to negotiate, and open returns before: the carrier is right only if the cable was in, and the other end fast.',
    explainedBy: 'no interrupt was taken',
    replace: [
      ['  irq.request(intr)\n  writel(hw, e1000.E1000_IMS, e1000.E1000_ICR_LSC)\n', ''],
      [
        'readl(hw, e1000.E1000_CTRL) | e1000.E1000_CTRL_SLU)\n',
        'readl(hw, e1000.E1000_CTRL) | e1000.E1000_CTRL_SLU)\n  checkForLink(dev)\n  irq.request(intr)\n',
      ],
    ],
  },
  {
    name: 'never-off',
    step: 4,
    inKernel:
      'The kernel queues frames for a link that is gone, the qdisc fills, and after watchdog_timeo the log has "transmit queue 0 timed out".',
    explainedBy: 'the cable was pulled out: the carrier is on',
    replace: ['  } else {\n    netifCarrierOff(dev)\n  }\n', '  }\n'],
  },
  {
    name: 'reads-once',
    step: 4,
    inKernel:
      'IEEE 802.3 has the link bit latch low: after a short loss the first read reports it, and without a second one the carrier stays off for good.',
    explainedBy: 'the first read of PHY_STATUS reports the lost link',
    replace: ['  readPhyReg(hw, e1000.PHY_STATUS)\n  const status', '  const status'],
  },
  {
    name: 'toggles',
    step: 4,
    inKernel:
      'Two changes may be one interrupt: a driver that counts them instead of reading the state is wrong from then on.',
    explainedBy: 'the cable was out, and in again before the interrupt was taken',
    replace: [
      'if (status >= 0 && (status & e1000.MII_SR_LINK_STATUS) !== 0) {',
      'if (status >= 0 && !dev.carrier) {',
    ],
  },
  {
    name: 'handles-zero',
    step: 3,
    inKernel:
      'On a shared line the kernel cannot notice that nobody handles an interrupt: "nobody cared" never appears, and the storm does not end.',
    explainedBy: 'ICR is 0, and the handler returned IRQ_HANDLED',
    replace: ['if (icr === 0 || icr === ALL_ONES) return', 'if (icr === ALL_ONES) return'],
  },
  {
    name: 'handles-all-ones',
    step: 3,
    inKernel:
      'e1000_intr does so: a card that was pulled out looks like one with all causes set, and the link is checked by registers that no longer exist.',
    explainedBy: 'ICR is 0xffffffff',
    replace: ['if (icr === 0 || icr === ALL_ONES) return', 'if (icr === 0) return'],
  },
  {
    name: 'no-reset-in-close',
    step: 5,
    inKernel:
      'The other end still has a link, and its kernel sends into it; the card interrupts a line that has no handler, or that of another card.',
    explainedBy: 'resetHw in close',
    replace: ['  resetHw(dev.priv.hw)\n  dev.priv.irq', '  dev.priv.irq'],
  },
  {
    name: 'carrier-stays',
    step: 5,
    inKernel:
      'The state of the link outlives the interface: after the next open the stack transmits before there is a link.',
    explainedBy: 'netifCarrierOff in close',
    replace: ['  dev.priv.irq.free()\n  netifCarrierOff(dev)\n', '  dev.priv.irq.free()\n'],
  },
  {
    name: 'no-free-irq',
    step: 5,
    inKernel:
      'The next open fails with -EBUSY, or on a shared line each up adds a handler; rmmod leaves a pointer to code that is gone.',
    explainedBy: 'irq.free() in close',
    replace: ['  dev.priv.irq.free()\n', ''],
  },
  {
    name: 'no-iounmap',
    step: 5,
    inKernel: 'Each rmmod and insmod loses a mapping of 128 KiB, as /proc/vmallocinfo shows.',
    explainedBy: 'iounmap in remove',
    replace: [
      ['  iounmap(dev.priv.hw)\n', ''],
      ['    remove(dev)\n    return -EIO\n', '    iounmap(hw)\n    remove(dev)\n    return -EIO\n'],
    ],
  },
  {
    name: 'no-disable',
    step: 5,
    inKernel:
      'The card remains bus master without a driver: if it was not stopped, it writes to memory that has another owner, until the next boot.',
    explainedBy: 'pciDisableDevice in remove',
    replace: [
      ['  pciDisableDevice(dev.priv.pdev)\n', ''],
      [
        '    remove(dev)\n    return -EIO\n',
        '    remove(dev)\n    pciDisableDevice(priv.pdev)\n    return -EIO\n',
      ],
    ],
  },
]
