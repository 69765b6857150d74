/** Right drivers that are not the solutions: the checks in memory must pass them. */
import { testVariants } from './support/right-drivers.ts'

testVariants([
  { exercise: '03-ring', name: 'no hold', replace: ['  skb.hold()\n', ''] },
  {
    exercise: '03-ring',
    name: 'a set of busy devices, which the module has',
    replace: [
      ['function open(dev) {', 'const busy = new WeakSet()\nfunction open(dev) {'],
      ['dev.priv.busy = false\n  ring.purge', 'busy.delete(dev)\n  ring.purge'],
      ['if (priv.busy) return\n  priv.busy = true', 'if (busy.has(dev)) return\n  busy.add(dev)'],
      ['dev.priv.busy = false\n  for', 'busy.delete(dev)\n  for'],
    ],
  },
  {
    exercise: '03-ring',
    name: 'a wake for each frame',
    replace: [
      '    netifRx(skb)\n  }\n  netifTxWakeAllQueues(dev)',
      '    netifRx(skb)\n    netifTxWakeAllQueues(dev)\n  }',
    ],
  },
  {
    exercise: '10-switch',
    name: 'addresses as text',
    replace: [
      'let address = 0\n  for (let i = 0; i < 6; i++) {\n    address = address * 256 + bytes[at + i]\n  }\n  return address',
      "return bytes.subarray(at, at + 6).join(':')",
    ],
  },
  {
    exercise: '11-statistics',
    name: 'a register that is read twice',
    replace: [
      'if (netifRunning(dev)) {\n    collect(dev)',
      'if (netifRunning(dev)) {\n    collect(dev)\n    collect(dev)',
    ],
  },
])
