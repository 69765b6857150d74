/** Right drivers that are not the solutions: the checks in memory must pass them. */
import { testVariants } from './support/right-drivers.ts'

testVariants([
  { exercise: '03-ring', name: 'no hold', replace: ['  skb.hold()\n', ''] },
  {
    exercise: '03-ring',
    name: 'a wake for each frame',
    replace: [
      '    netifRx(skb)\n  }\n  netifTxWakeAllQueues(dev)',
      '    netifRx(skb)\n    netifTxWakeAllQueues(dev)\n  }',
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
