// @ts-check

/**
 * Mistakes that learners make, as changes of the solution: each is found by a check, and the text
 * is in its explanation.
 * @type {import('@vnet/learn').Mistake[]}
 */
export const mistakes = [
  {
    name: 'anyone-resets',
    inKernel:
      'The core checks no right for private ioctls: without capable(CAP_NET_ADMIN) any user resets the counters of the administrator.',
    explainedBy: 'by a caller that may change nothing returned 0',
    replace: ['if (flags === FLAG_RESET && !data.mayChange) return -EPERM', ''],
  },
  {
    name: 'big-endian',
    inKernel:
      "A struct that a program shares with the kernel has the machine's byte order: on x86, be32_to_cpu makes a size of 24 to 402653184, and each call fails.",
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
    inKernel:
      'A write to /sys/module/NAME/parameters succeeds and is shown, but a copy made at the start never changes.',
    explainedBy: 'set while the driver ran: 6 frames counted',
    replace: [
      'const priv = /** @type {Priv} */ ({ params, frames: 0, bytes: 0 })',
      'const priv = /** @type {Priv} */ ({ params: { ...params }, frames: 0, bytes: 0 })',
    ],
  },
  {
    name: 'default-text',
    inKernel:
      'The set function of kernel_param_ops gets texts from outside only: the default is the initial value of a C variable, converted already.',
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
    inKernel: 'skb:kfree_skb reports NOT_SPECIFIED, which does not tell the frames over the limit from all others.',
    explainedBy: '3 frames longer than limit; dropped: NOT_SPECIFIED',
    replace: [
      'if (skb.len > limit) return skb.drop(SKB_DROP_REASON_PKT_TOO_BIG)',
      'if (skb.len > limit) return skb.drop()',
    ],
  },
  {
    name: 'half-written',
    inKernel:
      "The other half keeps its old bytes: the program's, or, in an uninitialised struct without CONFIG_INIT_STACK_ALL_ZERO, four of the kernel stack: a leak.",
    explainedBy: 'each a u64',
    replace: ['view.setBigUint64(8, BigInt(priv.frames), true)', 'view.setUint32(8, priv.frames, true)'],
  },
  {
    name: 'no-format',
    inKernel:
      'Without a get function in kernel_param_ops the file in sysfs cannot be read (EPERM); with one that prints the number, its text cannot be written back.',
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
    inKernel:
      'copy_to_user writes 24 bytes, however many the program has: a program built for a shorter struct has the memory after it overwritten.',
    explainedBy: 'COUNTERS with size 0 returned 0',
    replace: [
      'if (view.getUint32(0, true) !== SIZE || (flags & ~FLAG_RESET) !== 0) return -EINVAL',
      'if ((flags & ~FLAG_RESET) !== 0) return -EINVAL',
    ],
  },
  {
    name: 'not-live',
    inKernel:
      'With mode 0444 in module_param even root gets EACCES in sysfs: the module has to be removed and loaded again.',
    explainedBy: 'limit cannot change while the driver runs',
    replace: [
      "limit: int({ default: 1514, min: 14, max: 65536, live: true, description: 'count no longer frames than this' }),",
      "limit: int({ default: 1514, min: 14, max: 65536, description: 'count no longer frames than this' }),",
    ],
  },
  {
    name: 'not-supported',
    inKernel:
      'EINVAL means wrong arguments: a program that looks for a feature needs EOPNOTSUPP to know that this driver does not have it.',
    explainedBy: 'SIOCDEVPRIVATE + 1 returned -EINVAL',
    replace: ['if (cmd !== COUNTERS) return -EOPNOTSUPP', 'if (cmd !== COUNTERS) return -EINVAL'],
  },
  {
    name: 'owner-reads',
    inKernel:
      'Reading counters needs no right in Linux, as ip -s link shows: every monitoring program would have to run as root.',
    explainedBy: 'COUNTERS by a caller that may change nothing returned -EPERM',
    replace: ['if (flags === FLAG_RESET && !data.mayChange) return -EPERM', 'if (!data.mayChange) return -EPERM'],
  },
  {
    name: 'plain-error',
    inKernel:
      'A wrong text is an error of the user, for which set returns -EINVAL; a driver that takes it for a fault of its own, as BUG does, kills a process for a typing mistake.',
    explainedBy: 'only=sctp threw Error',
    replace: ['throw new UsageError(', 'throw new Error('],
  },
  {
    name: 'resets-first',
    inKernel:
      'If copy_to_user fails, the counts are lost. The module here accepts that: copy_to_user may sleep, and so may not run under the spinlock that protects read and reset.',
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
    inKernel:
      'A write of sctp succeeds and everything is counted: the administrator trusts a setting that does not exist. The set function has to return -EINVAL.',
    explainedBy: 'only=sctp was taken',
    replace: ['const number = PROTOCOLS.get(name)', 'const number = PROTOCOLS.get(name) ?? 0'],
  },
  {
    name: 'unknown-flags',
    inKernel:
      'Programs set such bits by accident, and then no later version can give them a meaning: adding-syscalls.rst asks for EINVAL.',
    explainedBy: 'COUNTERS with flags 3 returned 0',
    replace: [
      'if (view.getUint32(0, true) !== SIZE || (flags & ~FLAG_RESET) !== 0) return -EINVAL',
      'if (view.getUint32(0, true) !== SIZE) return -EINVAL',
    ],
  },
  {
    name: 'limit-last',
    inKernel: 'The limit would hold only while count is on: a parameter that silently turns off another one.',
    explainedBy: 'whatever count and only are',
    replace: [
      'if (skb.len > limit) return skb.drop(SKB_DROP_REASON_PKT_TOO_BIG)',
      'if (count && skb.len > limit) return skb.drop(SKB_DROP_REASON_PKT_TOO_BIG)',
    ],
  },
  {
    name: 'inherited-names',
    inKernel:
      'C has the same trap in another form: strncmp over the length of the typed text takes tc for tcp. sysfs_streq compares whole texts.',
    explainedBy: 'only=toString was taken',
    replace: ['const number = PROTOCOLS.get(name)', 'const number = Object.fromEntries(PROTOCOLS)[name]'],
  },
]
