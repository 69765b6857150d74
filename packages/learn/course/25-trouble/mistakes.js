// @ts-check

/** @type {import('@vnet/learn').Mistake[]} */
export const mistakes = [
  {
    name: 'timeout-does-nothing',
    step: 1,
    inKernel:
      'dev_watchdog logs "transmit queue 0 timed out" every five seconds (Linux 6.1 once), and the interface is dead until somebody takes it down and up.',
    explainedBy: 'reinit in txTimeout',
    replace: [
      '  dev.counters.count(queue, TX_ERRORS)\n  reinit(dev)\n',
      '  dev.counters.count(queue, TX_ERRORS)\n',
    ],
  },
  {
    name: 'uncounted',
    step: 1,
    inKernel:
      'e1000 counts it in tx_timeout_count of ethtool -S: without a counter, a card that hangs twice an hour looks like a slow network.',
    explainedBy: 'once for each timeout',
    replace: ['  dev.counters.count(queue, TX_ERRORS)\n  reinit(dev)\n', '  reinit(dev)\n'],
  },
  {
    name: 'wakes-only',
    step: 2,
    inKernel:
      'The card still hangs, and the ring is still full: the next frame overwrites a descriptor, or is refused, and the watchdog calls again.',
    explainedBy: 'reinit in txTimeout',
    replace: ['  down(dev)\n  if (!pciDeviceIsPresent', '  if (!pciDeviceIsPresent'],
  },
  {
    name: 'no-up',
    step: 2,
    inKernel:
      'The card was reset and has no ring: the carrier is off until an administrator takes the interface down and up.',
    explainedBy: 'down and up',
    replace: ['  up(dev)\n  netifTxWakeAllQueues(dev)\n', '  netifTxWakeAllQueues(dev)\n'],
  },
  {
    name: 'reset-without-cleaning',
    step: 2,
    inKernel:
      'The card starts at descriptor 0 and the driver somewhere else: sk_buffs of the old lap are never freed, and the ring looks full for ever.',
    explainedBy: 'frames 9 10 11 12',
    replace: [
      '  down(dev)\n  if (!pciDeviceIsPresent',
      '  netifTxStopAllQueues(dev)\n  dev.priv.napi.disable()\n  resetHw(dev.priv.hw)\n  if (!pciDeviceIsPresent',
    ],
  },
  {
    name: 'cleans-first',
    step: 2,
    inKernel:
      'A card that hangs may still write received frames: between the unmapping and the reset it writes into memory of another owner.',
    explainedBy: 'unmapped before the card was reset',
    replace: [
      '  down(dev)\n  if (!pciDeviceIsPresent',
      '  cleanTxRing(dev)\n  down(dev)\n  if (!pciDeviceIsPresent',
    ],
  },
  {
    name: 'waits-for-the-ring',
    step: 2,
    inKernel:
      'A card that hangs never sends the rest: the CPU waits for it for ever, and after some 20 s the log has "soft lockup".',
    explainedBy: 'no loop that waits for a register without a limit',
    replace: [
      '  down(dev)\n  if (!pciDeviceIsPresent',
      '  while (readl(dev.priv.hw, e1000.E1000_TDH) !== dev.priv.tx.nextToUse);\n  down(dev)\n  if (!pciDeviceIsPresent',
    ],
  },
  {
    name: 'no-watchdog',
    step: 3,
    inKernel:
      'The watchdog of the kernel times only queues that are stopped: with few frames, a lost doorbell is a ping that waits for the next ping.',
    explainedBy: 'the watchdog calls txTimeout',
    replace: [
      '  priv.cleanedBefore = -1\n  priv.watchdog.at(dev.net.clock.now() + WATCHDOG)\n  return 0',
      '  return 0',
    ],
  },
  {
    name: 'looks-once',
    step: 3,
    inKernel:
      'e1000_watchdog schedules itself again, every 2 s: a timer rings once, and delayed work runs once.',
    explainedBy: 'the watchdog calls txTimeout',
    replace: [
      '  priv.cleanedBefore = hasWaiting(priv) ? priv.cleaned : -1\n  priv.watchdog.at(dev.net.clock.now() + WATCHDOG)\n',
      '  priv.cleanedBefore = hasWaiting(priv) ? priv.cleaned : -1\n',
    ],
  },
  {
    name: 'ends-with-the-first-hang',
    step: 3,
    inKernel: 'A card that hung once hangs again: the second time nobody looks.',
    explainedBy: 'the watchdog looks again every 2 s',
    replace: ['    txTimeout(dev, 0)\n  }\n', '    txTimeout(dev, 0)\n    return\n  }\n'],
  },
  {
    name: 'idle-is-a-hang',
    step: 3,
    inKernel:
      'The link of a quiet machine goes down and up every two seconds: no frame was sent is no hang if there was none to send.',
    explainedBy: 'a ring that is empty does not hang',
    replace: [
      [
        'if (hasWaiting(priv) && priv.cleaned === priv.cleanedBefore) {',
        'if (priv.cleaned === priv.cleanedBefore) {',
      ],
      [
        'priv.cleanedBefore = hasWaiting(priv) ? priv.cleaned : -1\n',
        'priv.cleanedBefore = priv.cleaned\n',
      ],
    ],
  },
  {
    name: 'waiting-is-a-hang',
    step: 3,
    inKernel:
      'The busier the card, the more often it is reset, because a busy ring is never empty; e1000 looks at the age of the oldest frame.',
    explainedBy: 'it hangs only if none was sent',
    replace: [
      'if (hasWaiting(priv) && priv.cleaned === priv.cleanedBefore) {',
      'if (hasWaiting(priv)) {',
    ],
  },
  {
    name: 'forgets-that-none-waited',
    step: 3,
    inKernel:
      'The first frame after a pause is a hang if it was sent at the wrong moment: a reset once a day, for no reason that anybody finds.',
    explainedBy: 'no frame waited when it looked last',
    replace: [
      'priv.cleanedBefore = hasWaiting(priv) ? priv.cleaned : -1\n',
      'priv.cleanedBefore = priv.cleaned\n',
    ],
  },
  {
    name: 'module-watchdog',
    step: 3,
    inKernel:
      'A static variable belongs to all cards of the driver: while one sends, the hang of another is not noticed, or the wrong one is reset.',
    explainedBy: 'a variable of the module is shared by all cards',
    replace: [
      ['function watchdog(dev) {', 'let before = -1\nfunction watchdog(dev) {'],
      [
        'if (hasWaiting(priv) && priv.cleaned === priv.cleanedBefore) {',
        'if (hasWaiting(priv) && priv.cleaned === before) {',
      ],
      [
        'priv.cleanedBefore = hasWaiting(priv) ? priv.cleaned : -1\n',
        'before = hasWaiting(priv) ? priv.cleaned : -1\n',
      ],
    ],
  },
  {
    name: 'timer-left',
    step: 3,
    inKernel:
      'The timer rings after free_netdev: a use after free, by code that rmmod may have removed; CONFIG_DEBUG_OBJECTS_TIMERS reports it.',
    explainedBy: 'watchdog.cancel() in close',
    replace: ['  priv.watchdog.cancel()\n', ''],
  },
  {
    name: 'handles-all-ones',
    step: 4,
    inKernel:
      'e1000_intr tests for 0 alone: on a shared line, a card that was pulled out claims the interrupts of its neighbours.',
    explainedBy: 'ICR is 0xffffffff',
    replace: ['if (icr === 0 || icr === ALL_ONES) return', 'if (icr === 0) return'],
  },
  {
    name: 'resets-the-removed',
    step: 4,
    inKernel:
      'Writes to nobody, every two seconds, with a line in the log each; and the STATUS of all ones says that the link is up.',
    explainedBy: 'down, and no up',
    replace: [
      [
        "  if (!pciDeviceIsPresent(dev.priv.pdev)) {\n    dev.log.err('the card was removed')\n    return\n  }\n",
        '',
      ],
      ['  if (!pciDeviceIsPresent(priv.pdev)) {\n    reinit(dev)\n    return\n  }\n', ''],
    ],
  },
  {
    name: 'keeps-looking',
    step: 4,
    inKernel: 'The log fills with one line every two seconds, about a card that is in a drawer.',
    explainedBy: 'the watchdog ends with the card',
    replace: [
      '    reinit(dev)\n    return\n  }\n  if (hasWaiting',
      '    reinit(dev)\n  }\n  if (hasWaiting',
    ],
  },
  {
    name: 'noticed-by-traffic',
    step: 4,
    inKernel:
      'An interface without a card has a carrier as long as nobody sends: a bond or a route does not move to another interface.',
    explainedBy: 'pciDeviceIsPresent first',
    replace: ['  if (!pciDeviceIsPresent(priv.pdev)) {\n    reinit(dev)\n    return\n  }\n', ''],
  },
]
