// @ts-check

/**
 * Mistakes that learners make, as changes of the solution: each is found by a check, and the text
 * is in its explanation.
 * @type {import('@vnet/learn').Mistake[]}
 */
export const mistakes = [
  {
    name: 'module-count',
    step: 4,
    inKernel:
      'A static variable of a module belongs to all its devices: with two cards, one changes the state of the other, and nothing in the log says so.',
    explainedBy: 'a variable of the module is shared by all devices',
    replace: [
      [
        `* @returns {SkBuff | undefined}
 */`,
        `* @returns {SkBuff | undefined}
 */
let used = 0`,
      ],
      [
        'priv.slots[at] = undefined',
        `priv.slots[at] = undefined
  used--`,
      ],
      ['if (priv.head === priv.tail) {', 'if (used++ === 0) {'],
    ],
  },
  {
    name: 'no-interrupt',
    step: 1,
    inKernel:
      'The line remains disabled until it has a handler: no frame is completed, and the frame that takes the last slot stops the queue for ever.',
    explainedBy: 'the driver has: the cache, the slots',
    replace: [
      'const error = kernel.requestIrq(() => interrupt(dev))',
      'const error = Number(params.slots < 1)',
    ],
  },
  {
    name: 'interrupt-first',
    step: 1,
    inKernel:
      'From request_irq on, an interrupt of another card on the line calls the handler, which finds slots that are NULL.',
    explainedBy: 'request_irq last',
    replace: [
      [
        '  if (!kernel.kmemCacheCreate()) return -ENOMEM\n',
        `  const error = kernel.requestIrq(() => interrupt(dev))
  if (error !== 0) return error
  if (!kernel.kmemCacheCreate()) return -ENOMEM
`,
      ],
      [
        '  const error = kernel.requestIrq(() => interrupt(dev))\n  if (error !== 0) {',
        '  if (params.slots < 1) {',
      ],
    ],
  },
  {
    name: 'sleeps',
    step: 3,
    inKernel:
      'ndo_start_xmit holds a spinlock: GFP_KERNEL may sleep, which is a deadlock at worst. CONFIG_DEBUG_ATOMIC_SLEEP reports it.',
    explainedBy: 'sleeping function called from invalid context: kmem_cache_alloc',
    replace: ['kmemCacheAlloc(GFP_ATOMIC)', 'kmemCacheAlloc(GFP_KERNEL)'],
  },
  {
    name: 'no-kick',
    step: 4,
    inKernel:
      'The card does not know of the frame: it is sent when something else kicks the card, and otherwise never.',
    explainedBy: 'these were back: none',
    replace: [
      `  if (priv.head === priv.tail) {
    priv.kernel.kick()
  }
`,
      '',
    ],
  },
  {
    name: 'no-stop',
    step: 4,
    inKernel:
      'head overtakes tail: the slot of a frame that the card still has is overwritten, and that frame is leaked.',
    explainedBy: 'the driver has 9 descriptors',
    replace: [
      `  if (priv.head - priv.tail === priv.params.slots) {
    dev.txq(skb).stop()
  }
`,
      '',
    ],
  },
  {
    name: 'stops-for-no-memory',
    step: 3,
    inKernel: 'The frame is leaked; and if the ring is empty, no completion ever wakes the queue.',
    explainedBy: 'dropped: nothing; back came: none',
    replace: [
      'if (descriptor === undefined) return skb.drop(SKB_DROP_REASON_NOMEM)',
      'if (descriptor === undefined) return dev.txq(skb).stop()',
    ],
  },
  {
    name: 'drops-without-reason',
    step: 3,
    inKernel:
      'In a trace of drops only SKB_DROP_REASON_NOMEM tells a machine that is short of memory from a broken driver.',
    explainedBy: 'dropped: NOT_SPECIFIED 2',
    replace: ['skb.drop(SKB_DROP_REASON_NOMEM)', 'skb.drop()'],
  },
  {
    name: 'keeps-descriptors',
    step: 2,
    inKernel:
      'kmem_cache_destroy logs that the "Slab cache still has objects" and does not destroy it; the frames of the descriptors are leaked.',
    explainedBy: 'kmem_cache_destroy with 2 objects remaining',
    replace: [
      `  for (let skb = take(priv); skb !== undefined; skb = take(priv)) {
    skb.drop(SKB_DROP_REASON_DEV_STOPPED)
  }
`,
      '',
    ],
  },
  {
    name: 'keeps-the-slots',
    step: 2,
    inKernel: 'Each down and up loses an array until the next boot, as kmemleak reports.',
    explainedBy: 'the driver still has: the slots',
    replace: ['  priv.kernel.kfree(priv.slots)\n', ''],
  },
  {
    name: 'keeps-the-cache',
    step: 2,
    inKernel:
      'SLUB merges equal caches: each up takes one more reference, and rmmod loses the memory.',
    explainedBy: 'the driver still has: the cache',
    replace: [
      '  priv.kernel.kfree(priv.slots)\n  priv.kernel.kmemCacheDestroy()\n',
      '  priv.kernel.kfree(priv.slots)\n',
    ],
  },
  {
    name: 'interrupt-last',
    step: 2,
    inKernel:
      'Until free_irq returns, the handler may run, and uses slots and a cache that are free; CONFIG_DEBUG_SHIRQ calls it in free_irq on purpose.',
    explainedBy: 'free_irq first',
    replace: [
      ['  priv.kernel.freeIrq()\n', ''],
      [
        '  priv.kernel.kfree(priv.slots)\n  priv.kernel.kmemCacheDestroy()\n',
        '  priv.kernel.kfree(priv.slots)\n  priv.kernel.kmemCacheDestroy()\n  priv.kernel.freeIrq()\n',
      ],
    ],
  },
  {
    name: 'cache-before-slots',
    step: 2,
    inKernel:
      'Harmless in this driver, because the array is not from the cache; but the reverse order remains right when a later step uses an earlier one.',
    explainedBy: 'free_irq, kfree, kmem_cache_destroy: the last first',
    replace: [
      '  priv.kernel.kfree(priv.slots)\n  priv.kernel.kmemCacheDestroy()\n',
      '  priv.kernel.kmemCacheDestroy()\n  priv.kernel.kfree(priv.slots)\n',
    ],
  },
  {
    name: 'ignores-a-failure',
    step: 1,
    inKernel:
      'The cache is NULL: the first kmem_cache_alloc in ndo_start_xmit is a NULL pointer dereference.',
    explainedBy: 'kmem_cache_create failed, and ndoOpen returned',
    replace: ['if (!kernel.kmemCacheCreate()) return -ENOMEM', 'kernel.kmemCacheCreate()'],
  },
  {
    name: 'leaks-the-cache',
    step: 1,
    inKernel:
      'No ndo_stop follows an ndo_open that failed: the cache is lost, and each attempt refers to it again.',
    explainedBy: 'kcalloc failed, ndoOpen returned -ENOMEM, and the driver still has: the cache',
    replace: ['    kernel.kmemCacheDestroy()\n    return -ENOMEM\n', '    return -ENOMEM\n'],
  },
  {
    name: 'leaks-the-slots',
    step: 1,
    inKernel:
      'No ndo_stop follows an ndo_open that failed: the array is lost, and kmemleak reports it.',
    explainedBy: 'request_irq failed, ndoOpen returned -EBUSY, and the driver still has: the slots',
    replace: [
      '    kernel.kfree(slots)\n    kernel.kmemCacheDestroy()\n    return error\n',
      '    kernel.kmemCacheDestroy()\n    return error\n',
    ],
  },
  {
    name: 'other-error',
    step: 1,
    inKernel:
      'ip link reports that memory is short where an interrupt was busy, and the administrator looks for the fault in the wrong place.',
    explainedBy: 'request_irq failed, and ndoOpen returned -12',
    replace: ['    return error\n', '    return -ENOMEM\n'],
  },
  {
    name: 'slots-last',
    step: 1,
    inKernel:
      'The handler may run as soon as request_irq knows it, on another CPU too, and finds slots that are NULL.',
    explainedBy: 'called request_irq, dev.priv.slots was undefined',
    replace: [
      ['  Object.assign(priv, { slots, head: 0, tail: 0 })\n', ''],
      [
        '  netifTxStartAllQueues(dev)\n',
        '  Object.assign(priv, { slots, head: 0, tail: 0 })\n  netifTxStartAllQueues(dev)\n',
      ],
    ],
  },
  {
    name: 'stops-and-drops',
    step: 3,
    inKernel:
      'The queue is stopped although the ring has room: if it is empty, no completion ever wakes the queue.',
    explainedBy: 'back came: none; the queue is still stopped',
    replace: [
      'if (descriptor === undefined) return skb.drop(SKB_DROP_REASON_NOMEM)',
      `if (descriptor === undefined) dev.txq(skb).stop()
  if (descriptor === undefined) return skb.drop(SKB_DROP_REASON_NOMEM)`,
    ],
  },
  {
    name: 'no-reset',
    step: 2,
    inKernel:
      'The card continues after ndo_stop: it writes by DMA to memory that is free, or interrupts without a handler.',
    explainedBy: 'reset too',
    replace: ['  priv.kernel.reset()\n', ''],
  },
  {
    name: 'kicks-each',
    step: 4,
    inKernel:
      'A doorbell for each frame is a write over PCIe for each; with a card that coalesces by a timer, a steady stream puts its interrupt off.',
    explainedBy: 'kicks the card, and no other',
    replace: [
      `if (priv.head === priv.tail) {
    priv.kernel.kick()
  }`,
      'priv.kernel.kick()',
    ],
  },
  {
    name: 'kicks-once',
    step: 4,
    inKernel:
      'The card has emptied its ring and waits for the doorbell: nothing is sent any more, until the watchdog.',
    explainedBy: 'these were back: 1, 2, 3',
    replace: ['if (priv.head === priv.tail) {', 'if (priv.head === 0) {'],
  },
  {
    name: 'eight-slots',
    step: 1,
    inKernel:
      'With slots=16 the driver writes past the end of the array, into memory of another owner: KASAN reports slab-out-of-bounds.',
    explainedBy: 'kcalloc was called for 8 slots',
    replace: ['kernel.kcalloc(params.slots, GFP_KERNEL)', 'kernel.kcalloc(8, GFP_KERNEL)'],
  },
  {
    name: 'always-busy',
    step: 1,
    inKernel:
      'request_irq fails for many reasons, such as -EINVAL for a line that does not exist: the administrator looks for another card on it.',
    explainedBy: 'and ndoOpen returned -16',
    replace: ['    return error\n', '    return -EBUSY\n'],
  },
  {
    name: 'sleeps-in-no-memory',
    step: 3,
    inKernel:
      'A wait for memory in ndo_start_xmit: the lock of the queue is held, and the memory may come only from frames that this queue would send.',
    explainedBy: 'sleeping function called from invalid context: kmem_cache_alloc',
    replace: [
      'const descriptor = priv.kernel.kmemCacheAlloc(GFP_ATOMIC)',
      'const descriptor = priv.kernel.kmemCacheAlloc(GFP_ATOMIC) ?? priv.kernel.kmemCacheAlloc(GFP_KERNEL)',
    ],
  },
]
