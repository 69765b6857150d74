// @ts-check

/**
 * Mistakes that learners make, as changes of the solution: each is found by a check, and the text
 * is in its explanation.
 * @type {import('@vnet/learn').Mistake[]}
 */
export const mistakes = [
  {
    name: 'module-count',
    explainedBy: 'a variable of the module is shared by all devices',
    replace: [
      ['function take(priv) {', 'let used = 0\nfunction take(priv) {'],
      ['  priv.slots[at] = undefined\n', '  priv.slots[at] = undefined\n  used--\n'],
      ['if (priv.head === priv.tail) priv.kernel.kick()', 'if (used++ === 0) priv.kernel.kick()'],
    ],
  },
  {
    name: 'no-interrupt',
    explainedBy: 'the driver has: the cache, the slots',
    replace: ['const error = kernel.requestIrq(() => interrupt(dev))', 'const error = Number(params.slots < 1)'],
  },
  {
    name: 'interrupt-first',
    explainedBy: 'request_irq last',
    replace: [
      [
        '  if (!kernel.kmemCacheCreate()) return -ENOMEM\n',
        `  const error = kernel.requestIrq(() => interrupt(dev))
  if (error !== 0) return error
  if (!kernel.kmemCacheCreate()) return -ENOMEM
`,
      ],
      ['  const error = kernel.requestIrq(() => interrupt(dev))\n  if (error !== 0) {', '  if (params.slots < 1) {'],
    ],
  },
  {
    name: 'sleeps',
    explainedBy: 'sleeping function called from invalid context: kmem_cache_alloc',
    replace: ['kmemCacheAlloc(GFP_ATOMIC)', 'kmemCacheAlloc(GFP_KERNEL)'],
  },
  {
    name: 'no-kick',
    explainedBy: 'these were back: none',
    replace: ['  if (priv.head === priv.tail) priv.kernel.kick()\n', ''],
  },
  {
    name: 'no-stop',
    explainedBy: 'the driver has 9 descriptors',
    replace: ['  if (priv.head - priv.tail === priv.params.slots) dev.txq(skb).stop()\n', ''],
  },
  {
    name: 'stops-for-no-memory',
    explainedBy: 'dropped: nothing; back came: none',
    replace: [
      'if (descriptor === undefined) return skb.drop(SKB_DROP_REASON_NOMEM)',
      'if (descriptor === undefined) return dev.txq(skb).stop()',
    ],
  },
  {
    name: 'drops-without-reason',
    explainedBy: 'dropped: NOT_SPECIFIED 2',
    replace: ['skb.drop(SKB_DROP_REASON_NOMEM)', 'skb.drop()'],
  },
  {
    name: 'keeps-descriptors',
    explainedBy: 'kmem_cache_destroy with 2 objects remaining',
    replace: [
      '  for (let skb = take(priv); skb !== undefined; skb = take(priv)) skb.drop(SKB_DROP_REASON_DEV_STOPPED)\n',
      '',
    ],
  },
  {
    name: 'keeps-the-slots',
    explainedBy: 'the driver still has: the slots',
    replace: ['  priv.kernel.kfree(priv.slots)\n', ''],
  },
  {
    name: 'keeps-the-cache',
    explainedBy: 'the driver still has: the cache',
    replace: [
      '  priv.kernel.kfree(priv.slots)\n  priv.kernel.kmemCacheDestroy()\n',
      '  priv.kernel.kfree(priv.slots)\n',
    ],
  },
  {
    name: 'interrupt-last',
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
    explainedBy: 'free_irq, kfree, kmem_cache_destroy: the last first',
    replace: [
      '  priv.kernel.kfree(priv.slots)\n  priv.kernel.kmemCacheDestroy()\n',
      '  priv.kernel.kmemCacheDestroy()\n  priv.kernel.kfree(priv.slots)\n',
    ],
  },
  {
    name: 'ignores-a-failure',
    explainedBy: 'kmem_cache_create failed, and ndoOpen returned',
    replace: ['if (!kernel.kmemCacheCreate()) return -ENOMEM', 'kernel.kmemCacheCreate()'],
  },
  {
    name: 'leaks-the-cache',
    explainedBy: 'kcalloc failed, ndoOpen returned -ENOMEM, and the driver still has: the cache',
    replace: ['    kernel.kmemCacheDestroy()\n    return -ENOMEM\n', '    return -ENOMEM\n'],
  },
  {
    name: 'leaks-the-slots',
    explainedBy: 'request_irq failed, ndoOpen returned -EBUSY, and the driver still has: the slots',
    replace: [
      '    kernel.kfree(slots)\n    kernel.kmemCacheDestroy()\n    return error\n',
      '    kernel.kmemCacheDestroy()\n    return error\n',
    ],
  },
  {
    name: 'other-error',
    explainedBy: 'request_irq failed, and ndoOpen returned -12',
    replace: ['    return error\n', '    return -ENOMEM\n'],
  },
  {
    name: 'slots-last',
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
    explainedBy: 'back came: none; the queue is still stopped',
    replace: [
      'if (descriptor === undefined) return skb.drop(SKB_DROP_REASON_NOMEM)',
      `if (descriptor === undefined) dev.txq(skb).stop()
  if (descriptor === undefined) return skb.drop(SKB_DROP_REASON_NOMEM)`,
    ],
  },
  {
    name: 'no-reset',
    explainedBy: 'reset too',
    replace: ['  priv.kernel.reset()\n', ''],
  },
]
