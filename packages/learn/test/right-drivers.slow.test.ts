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
  {
    exercise: '23-tx-ring',
    name: 'like e1000_main.c: a dma_wmb before writel, and the status cleared when it is cleaned',
    replace: [
      ['  tx.desc.write32(at + e1000.DESC_UPPER, 0)\n', ''],
      [
        '    tx.nextToClean = (i + 1) % tx.count\n',
        '    tx.desc.write32(i * e1000.E1000_DESC_SIZE + e1000.DESC_UPPER, 0)\n    tx.nextToClean = (i + 1) % tx.count\n',
      ],
      [
        '  writel(hw, e1000.E1000_TDT, tx.nextToUse)\n',
        '  dmaWmb(pdev)\n  writel(hw, e1000.E1000_TDT, tx.nextToUse)\n',
      ],
      ['  dmaUnmapSingle,\n', '  dmaUnmapSingle,\n  dmaWmb,\n'],
    ],
  },
  {
    exercise: '23-tx-ring',
    name: 'a dma_wmb before writel_relaxed, and no dma_rmb, which only the length needs',
    replace: [
      [
        '  writel(hw, e1000.E1000_TDT, tx.nextToUse)\n',
        '  dmaWmb(pdev)\n  writelRelaxed(hw, e1000.E1000_TDT, tx.nextToUse)\n',
      ],
      ['  dmaUnmapSingle,\n', '  dmaUnmapSingle,\n  dmaWmb,\n'],
      ["  writel,\n} from 'vnet/pci'", "  writel,\n  writelRelaxed,\n} from 'vnet/pci'"],
      ['    dmaRmb(pdev)\n', ''],
    ],
  },
  {
    exercise: '23-tx-ring',
    name: 'cleans before it sends, and wakes as soon as a descriptor is free',
    replace: [
      ['  skb.padto(ETH_ZLEN)\n', '  skb.padto(ETH_ZLEN)\n  cleanTxIrq(dev)\n'],
      ['descUnused(tx) >= tx.count >> 1', 'descUnused(tx) > 0'],
    ],
  },
  {
    exercise: '24-rx-ring',
    name: 'like e1000_main.c: RDT is the last buffer, a dma_wmb, and the status cleared when it is read',
    replace: [
      ['    rx.desc.write32(at + e1000.DESC_UPPER, 0)\n    rx.nextToUse', '    rx.nextToUse'],
      [
        '    rx.nextToClean = (i + 1) % rx.count\n    work++\n',
        '    rx.desc.write32(at + e1000.DESC_UPPER, 0)\n    rx.nextToClean = (i + 1) % rx.count\n    work++\n',
      ],
      [
        '  writel(hw, e1000.E1000_RDT, rx.nextToUse)\n',
        '  dmaWmb(pdev)\n  writel(hw, e1000.E1000_RDT, (rx.nextToUse + rx.count - 1) % rx.count)\n',
      ],
      ['  dmaUnmapSingle,\n', '  dmaUnmapSingle,\n  dmaWmb,\n'],
    ],
  },
  {
    exercise: '24-rx-ring',
    name: 'a new buffer after each frame',
    replace: [
      ['    netifRx(skb)\n  }\n', '    netifRx(skb)\n    allocRxBuffers(dev)\n  }\n'],
      ['  if (work > 0) {\n    allocRxBuffers(dev)\n  }\n  return work', '  return work'],
    ],
  },
  {
    exercise: '24-rx-ring',
    name: 'one read of both words after a barrier, and a refill in each poll',
    replace: [
      [
        '    const status = rx.desc.read32(at + e1000.DESC_UPPER)\n',
        '    dmaRmb(pdev)\n    const status = rx.desc.read32(at + e1000.DESC_UPPER)\n',
      ],
      [
        '  if (work > 0) {\n    allocRxBuffers(dev)\n  }\n  return work',
        '  allocRxBuffers(dev)\n  return work',
      ],
    ],
  },
])

// Their cases change with those of `vnet conform`.
testSolutions(['19-arp', '20-ping', '21-udp'])
