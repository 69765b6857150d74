// @ts-check

/**
 * Mistakes that learners make, as changes of the solution: each is found by a check, and the text
 * is in its explanation.
 * @type {import('@vnet/learn').Mistake[]}
 */
export const mistakes = [
  {
    name: 'anyone-resets',
    explainedBy: 'by a caller that may change nothing returned 0',
    replace: ['if (flags === FLAG_RESET && !data.mayChange) return -EPERM', ''],
  },
  {
    name: 'big-endian',
    explainedBy: 'COUNTERS returned -EINVAL',
    replace: [
      `const flags = view.getUint32(4, true)
  if (view.getUint32(0, true) !== SIZE || (flags & ~FLAG_RESET) !== 0) return -EINVAL`,
      `const flags = view.getUint32(4)
  if (view.getUint32(0) !== SIZE || (flags & ~FLAG_RESET) !== 0) return -EINVAL`,
    ],
  },
  {
    name: 'copied',
    explainedBy: 'set while the driver ran: 6 frames counted',
    replace: [
      'const priv = /** @type {Priv} */ ({ params, frames: 0, bytes: 0 })',
      'const priv = /** @type {Priv} */ ({ params: { ...params }, frames: 0, bytes: 0 })',
    ],
  },
  {
    name: 'default-text',
    explainedBy: 'a default is not parsed',
    replace: [
      "only: text({ default: 0, live: true, description: 'count this protocol only', parse: protocolOf, format: nameOf }),",
      `only: text({
    default: 'all',
    live: true,
    description: 'count this protocol only',
    parse: protocolOf,
    format: nameOf,
  }),`,
    ],
  },
  {
    name: 'drops-no-reason',
    explainedBy: '3 frames longer than limit; dropped: NOT_SPECIFIED',
    replace: [
      'if (skb.len > limit) return skb.drop(SKB_DROP_REASON_PKT_TOO_BIG)',
      'if (skb.len > limit) return skb.drop()',
    ],
  },
  {
    name: 'half-written',
    explainedBy: 'each a u64',
    replace: ['view.setBigUint64(8, BigInt(priv.frames), true)', 'view.setUint32(8, priv.frames, true)'],
  },
  {
    name: 'no-format',
    explainedBy: 'shows only=icmp as 1',
    replace: [
      [
        `/** @param {number} number */
const nameOf = number => [...PROTOCOLS.keys()].find(name => PROTOCOLS.get(name) === number) ?? String(number)
`,
        '',
      ],
      [
        "only: text({ default: 0, live: true, description: 'count this protocol only', parse: protocolOf, format: nameOf }),",
        "only: text({ default: 0, live: true, description: 'count this protocol only', parse: protocolOf }),",
      ],
    ],
  },
  {
    name: 'no-size',
    explainedBy: 'COUNTERS with size 0 returned 0',
    replace: [
      'if (view.getUint32(0, true) !== SIZE || (flags & ~FLAG_RESET) !== 0) return -EINVAL',
      'if ((flags & ~FLAG_RESET) !== 0) return -EINVAL',
    ],
  },
  {
    name: 'not-live',
    explainedBy: 'limit cannot change while the driver runs',
    replace: [
      "limit: int({ default: 1514, min: 14, max: 65536, live: true, description: 'count no longer frames than this' }),",
      "limit: int({ default: 1514, min: 14, max: 65536, description: 'count no longer frames than this' }),",
    ],
  },
  {
    name: 'not-supported',
    explainedBy: 'SIOCDEVPRIVATE + 1 returned -EINVAL',
    replace: ['if (cmd !== COUNTERS) return -EOPNOTSUPP', 'if (cmd !== COUNTERS) return -EINVAL'],
  },
  {
    name: 'owner-reads',
    explainedBy: 'COUNTERS by a caller that may change nothing returned -EPERM',
    replace: ['if (flags === FLAG_RESET && !data.mayChange) return -EPERM', 'if (!data.mayChange) return -EPERM'],
  },
  {
    name: 'plain-error',
    explainedBy: 'only=sctp threw Error',
    replace: ['throw new UsageError(', 'throw new Error('],
  },
  {
    name: 'resets-first',
    explainedBy: '0 of 3 frames are left',
    replace: [
      `data.write(bytes)
  if (flags === FLAG_RESET) priv.frames = priv.bytes = 0`,
      `if (flags === FLAG_RESET) priv.frames = priv.bytes = 0
  data.write(bytes)`,
    ],
  },
  {
    name: 'takes-anything',
    explainedBy: 'only=sctp was taken',
    replace: ['const number = PROTOCOLS.get(name)', 'const number = PROTOCOLS.get(name) ?? 0'],
  },
  {
    name: 'unknown-flags',
    explainedBy: 'COUNTERS with flags 3 returned 0',
    replace: [
      'if (view.getUint32(0, true) !== SIZE || (flags & ~FLAG_RESET) !== 0) return -EINVAL',
      'if (view.getUint32(0, true) !== SIZE) return -EINVAL',
    ],
  },
  {
    name: 'limit-last',
    explainedBy: 'whatever count and only are',
    replace: [
      'if (skb.len > limit) return skb.drop(SKB_DROP_REASON_PKT_TOO_BIG)',
      'if (count && skb.len > limit) return skb.drop(SKB_DROP_REASON_PKT_TOO_BIG)',
    ],
  },
  {
    name: 'inherited-names',
    explainedBy: 'only=toString was taken',
    replace: ['const number = PROTOCOLS.get(name)', 'const number = Object.fromEntries(PROTOCOLS)[name]'],
  },
]
