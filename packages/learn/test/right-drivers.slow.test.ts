/** Right drivers with checks in memory that take long: solutions and other drivers. */
import { testSolutions, testVariants } from './support/right-drivers.ts'

testVariants([
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
    exercise: '04-interrupt',
    name: 'all bits before TX_DONE',
    replace: [
      [
        'if ((status & RX_READY) !== 0) {',
        'if ((status & TX_DONE) !== 0) netifTxWakeAllQueues(dev)\n  {',
      ],
      [
        '  if ((status & TX_DONE) !== 0) {\n    netifTxWakeAllQueues(dev)\n  }\n  return',
        '  return',
      ],
    ],
  },
  {
    exercise: '09-offloads',
    name: 'a port plus or minus one',
    replace: [
      'at, destination ^ 1)\n  if',
      'at, destination + (destination % 2 === 0 ? 1 : -1))\n  if',
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
    exercise: '12-board',
    name: 'transmit first, and a wake of a queue that runs',
    replace: [
      ['  if ((status & SNULL_RX_INTR) !== 0) {\n    receive(dev)\n  }\n', ''],
      ['if (hw.reclaim(queue) && txq.stopped) {', 'if (hw.reclaim(queue)) {'],
      [
        '  return IRQ_HANDLED',
        '  if ((status & SNULL_RX_INTR) !== 0) {\n    receive(dev)\n  }\n  return IRQ_HANDLED',
      ],
    ],
  },
  {
    exercise: '13-two-cpus',
    name: 'a wake of a queue that runs',
    replace: [
      "if (yield* cpu.read('isStopped')) {\n    yield* cpu.wakeQueue()\n  }",
      'yield* cpu.wakeQueue()',
    ],
  },
])

// Their cases change with those of `vnet conform`.
testSolutions(['19-arp', '20-ping', '21-udp'])
