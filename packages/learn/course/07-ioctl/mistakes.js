// @ts-check

/**
 * Mistakes that learners make, as changes of the solution: each is found by a check, and the text
 * is in its explanation.
 * @type {import('@vnet/learn').Mistake[]}
 */
export const mistakes = [
  {
    name: 'anyone-resets',
    step: 5,
    inKernel:
      'The core checks no right for private ioctls: without capable(CAP_NET_ADMIN) any user resets the counters of the administrator.',
    explainedBy: 'by a caller that may change nothing returned 0',
    replace: ['if (flags === FLAG_RESET && !data.mayChange) return -EPERM', ''],
  },
  {
    name: 'big-endian',
    step: 4,
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
    step: 1,
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
    step: 3,
    inKernel:
      'The set function of kernel_param_ops gets texts from outside only: the default is the initial value of a C variable, converted already.',
    explainedBy: 'a default is not parsed',
    replace: ['default: 0,', `default: 'all',`],
  },
  {
    name: 'drops-no-reason',
    step: 1,
    inKernel:
      'skb:kfree_skb reports NOT_SPECIFIED, which does not tell the frames over the limit from all others.',
    explainedBy: '3 frames longer than limit; dropped: NOT_SPECIFIED',
    replace: [
      'if (skb.len > limit) return skb.drop(SKB_DROP_REASON_PKT_TOO_BIG)',
      'if (skb.len > limit) return skb.drop()',
    ],
  },
  {
    name: 'half-written',
    step: 4,
    inKernel:
      "The other half keeps its old bytes: the program's, or, in an uninitialised struct without CONFIG_INIT_STACK_ALL_ZERO, four of the kernel stack: a leak.",
    explainedBy: 'each a u64',
    replace: [
      'view.setBigUint64(8, BigInt(priv.frames), true)',
      'view.setUint32(8, priv.frames, true)',
    ],
  },
  {
    name: 'no-format',
    step: 3,
    inKernel:
      'Without a get function in kernel_param_ops the file in sysfs cannot be read (EPERM); with one that prints the number, its text cannot be written back.',
    explainedBy: 'shows only=icmp as 1',
    replace: [
      [
        `/** @param {number} number */
const nameOf = number =>
  [...PROTOCOLS.keys()].find(name => PROTOCOLS.get(name) === number) ?? String(number)

`,
        '',
      ],
      [
        `    format: nameOf,
`,
        '',
      ],
    ],
  },
  {
    name: 'no-size',
    step: 4,
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
    step: 1,
    inKernel:
      'With mode 0444 in module_param even root gets EACCES in sysfs: the module has to be removed and loaded again.',
    explainedBy: 'limit cannot change while the driver runs',
    replace: [
      `max: 65536,
    live: true,`,
      'max: 65536,',
    ],
  },
  {
    name: 'not-supported',
    step: 4,
    inKernel:
      'EINVAL means wrong arguments: a program that looks for a feature needs EOPNOTSUPP to know that this driver does not have it.',
    explainedBy: 'SIOCDEVPRIVATE + 1 returned -EINVAL',
    replace: ['if (cmd !== COUNTERS) return -EOPNOTSUPP', 'if (cmd !== COUNTERS) return -EINVAL'],
  },
  {
    name: 'owner-reads',
    step: 4,
    inKernel:
      'Reading counters needs no right in Linux, as ip -s link shows: every monitoring program would have to run as root.',
    explainedBy: 'COUNTERS by a caller that may change nothing returned -EPERM',
    replace: [
      'if (flags === FLAG_RESET && !data.mayChange) return -EPERM',
      'if (!data.mayChange) return -EPERM',
    ],
  },
  {
    name: 'plain-error',
    step: 3,
    inKernel:
      'A wrong text is an error of the user, for which set returns -EINVAL; a driver that takes it for a fault of its own, as BUG does, kills a process for a typing mistake.',
    explainedBy: 'only=sctp threw Error',
    replace: ['throw new UsageError(', 'throw new Error('],
  },
  {
    name: 'resets-first',
    step: 5,
    inKernel:
      'If copy_to_user fails, the counts are lost. The module here accepts that: copy_to_user may sleep, and so may not run under the spinlock that protects read and reset.',
    explainedBy: '0 of 3 frames are left',
    replace: [
      `data.write(bytes)
  if (flags === FLAG_RESET) {
    priv.frames = 0
    priv.bytes = 0
  }`,
      `if (flags === FLAG_RESET) {
    priv.frames = 0
    priv.bytes = 0
  }
  data.write(bytes)`,
    ],
  },
  {
    name: 'takes-anything',
    step: 3,
    inKernel:
      'A write of sctp succeeds and everything is counted: the administrator trusts a setting that does not exist. The set function has to return -EINVAL.',
    explainedBy: 'only=sctp was taken',
    replace: ['const number = PROTOCOLS.get(name)', 'const number = PROTOCOLS.get(name) ?? 0'],
  },
  {
    name: 'unknown-flags',
    step: 4,
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
    step: 1,
    inKernel:
      'The limit would hold only while count is on: a parameter that silently turns off another one.',
    explainedBy: 'whatever count and only are',
    replace: [
      'if (skb.len > limit) return skb.drop(SKB_DROP_REASON_PKT_TOO_BIG)',
      'if (count && skb.len > limit) return skb.drop(SKB_DROP_REASON_PKT_TOO_BIG)',
    ],
  },
  {
    name: 'inherited-names',
    step: 3,
    inKernel:
      'C has the same trap in another form: strncmp over the length of the typed text takes tc for tcp. sysfs_streq compares whole texts.',
    explainedBy: 'only=toString was taken',
    replace: [
      'const number = PROTOCOLS.get(name)',
      'const number = Object.fromEntries(PROTOCOLS)[name]',
    ],
  },
  {
    name: 'resets-one',
    step: 5,
    inKernel: 'The average length of a frame, bytes by frames, is wrong from the first reset on.',
    explainedBy: '0: both are reset',
    replace: ['    priv.bytes = 0\n', ''],
  },
  {
    name: 'low-flags-only',
    step: 4,
    inKernel:
      'The check was written for the bits that somebody thought of: bit 31 passes, and can never get a meaning.',
    explainedBy: 'COUNTERS with flags 256, by a caller',
    replace: ['(flags & ~FLAG_RESET) !== 0', '(flags & 0xfe) !== 0'],
  },
  {
    name: 'low-byte-of-size',
    step: 4,
    inKernel:
      'A u8 in place of a u32: a struct of 280 bytes looks like one of 24, and the rest of it is never filled in.',
    explainedBy: 'COUNTERS with size 280 returned 0',
    replace: ['view.getUint32(0, true) !== SIZE', 'view.getUint8(0) !== SIZE'],
  },
  {
    name: 'rights-first',
    step: 5,
    inKernel:
      'A program that asks with an unknown flag gets EPERM, runs again with sudo, and gets EINVAL: it never learns which flags there are without rights.',
    explainedBy: 'are checked before rights',
    replace: [
      [
        '  if (view.getUint32(0, true) !== SIZE',
        '  if ((flags & FLAG_RESET) !== 0 && !data.mayChange) return -EPERM\n  if (view.getUint32(0, true) !== SIZE',
      ],
      ['  if (flags === FLAG_RESET && !data.mayChange) return -EPERM\n', ''],
    ],
  },
  {
    name: 'one-number-unknown',
    step: 4,
    inKernel:
      'The other 14 private numbers reset counters, too: a tool of another driver that is run by mistake does.',
    explainedBy: 'SIOCDEVPRIVATE + 2 returned 0',
    replace: ['if (cmd !== COUNTERS)', 'if (cmd === COUNTERS + 1)'],
  },
  {
    name: 'bytes-of-32-bits',
    step: 4,
    inKernel:
      'At 10 Gbit/s a counter of 32 bits overflows every 3.4 seconds: drivers have u64 counters for that.',
    explainedBy: 'a u64 has 64 bits',
    replace: ['BigInt(priv.bytes)', 'BigInt(priv.bytes >>> 0)'],
  },
  {
    name: 'tcp-is-udp',
    step: 3,
    inKernel:
      'A wrong number in a table: only=tcp shows the traffic of DNS, and nobody doubts a counter.',
    explainedBy: 'a frame of TCP, with only=tcp',
    replace: [
      'tcp: ipv4.IPPROTO_TCP, udp: ipv4.IPPROTO_UDP',
      'tcp: ipv4.IPPROTO_UDP, udp: ipv4.IPPROTO_TCP',
    ],
  },
  {
    name: 'limit-of-what-counts',
    step: 1,
    inKernel:
      'The limit would hold only for frames that only selects: a parameter that silently turns off another one.',
    explainedBy: 'whatever only is',
    replace: [
      'if (skb.len > limit) return',
      'if (skb.len > limit && (only === 0 || ipv4.protocol(skb.bytes, skb.nh) === only)) return',
    ],
  },
  {
    name: 'bytes-of-all',
    step: 2,
    inKernel:
      'Frames and bytes are of different traffic: the average length that a tool computes is nonsense.',
    explainedBy: 'what is not counted adds no bytes',
    replace: [
      `    priv.frames++
    priv.bytes += skb.len
  }`,
      `    priv.frames++
  }
  priv.bytes += skb.len`,
    ],
  },
  {
    name: 'empty-is-all',
    step: 3,
    inKernel:
      'echo > parameters/only sets a filter to nothing by mistake, and everything is counted.',
    explainedBy: 'only= was taken',
    replace: ['const number = PROTOCOLS.get(name)', "const number = PROTOCOLS.get(name || 'all')"],
  },
  {
    name: 'catches-efault',
    step: 4,
    inKernel: 'EINVAL for a bad pointer: the programmer looks at size and flags, which are right.',
    explainedBy: 'COUNTERS with 0 bytes of memory returned -EINVAL',
    replace: [
      '  const bytes = data.read(SIZE)\n',
      `  let bytes
  try {
    bytes = data.read(SIZE)
  } catch {
    return -EINVAL
  }
`,
    ],
  },
]
