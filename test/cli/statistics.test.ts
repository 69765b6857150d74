/** The final table, from counters to text. */
import { expect, test } from 'vitest'
import { type DeviceStatistics, statisticsTable } from '#src/cli/statistics.ts'
import { statisticsRow as stats } from './statistics-row.ts'

function device(fields: Partial<DeviceStatistics>): DeviceStatistics {
  const drops = { tx: {}, rx: {} }
  const nothing = {
    total: stats(),
    queues: [stats()],
    rxQueues: 1,
    held: 0,
    beforeVnet: 0,
    drops,
    kernel: undefined,
  }
  return { name: 'vnet0', netns: undefined, time: 0, ...nothing, ...fields }
}

test('a device with one queue has a row for each direction', () => {
  const total = stats({
    txPackets: 12,
    txBytes: 3456,
    rxPackets: 7,
    rxBytes: 89,
    rxErrors: 1,
    rxDropped: 2,
    txDropped: 3,
  })
  expect(statisticsTable([device({ total })])).toBe(`\
          packets  bytes  errors  dropped
vnet0 tx       12   3456       0        3
vnet0 rx        7     89       1        2
`)
})

test('each of several queues has a row for each direction', () => {
  const queues = [stats({ txPackets: 1, rxPackets: 3 }), stats({ txPackets: 2, rxPackets: 99 })]
  expect(
    statisticsTable([device({ total: stats({ txPackets: 3, rxPackets: 3 }), queues })]),
  ).toBe(`\
          packets  bytes  errors  dropped
vnet0 tx        3      0       0        0
  tx-0          1      0       0        0
  tx-1          2      0       0        0
vnet0 rx        3      0       0        0
  rx-0          3      0       0        0
`)
})

test('notes below the table show drops by reason and the drops of the kernel', () => {
  const drops = { tx: { NEIGH: 2, FULL_RING: 1 }, rx: { DEV_STOPPED: 4 } }
  const kernel = stats({ txDropped: 5, rxDropped: 6 })
  expect(statisticsTable([device({ name: 'a', drops, kernel }), device({ name: 'b' })])).toBe(`\
      packets  bytes  errors  dropped
a tx        0      0       0        0
a rx        0      0       0        0
b tx        0      0       0        0
b rx        0      0       0        0
a tx dropped: NEIGH 2, FULL_RING 1
a rx dropped: DEV_STOPPED 4
a dropped by the kernel: tx 5, rx 6
`)
})

test('notes below the table show the other counters that are not 0', () => {
  const total = stats({ requeues: 3, txTimeouts: 2 })
  expect(
    statisticsTable([device({ name: 'a', total, held: 1 }), device({ name: 'b', held: 4 })]),
  ).toMatch(/^b rx .*\na requeues: 3\na tx_timeouts: 2\na held: 1\nb held: 4\n$/m)
})

test('two interfaces of one name are shown with their namespaces, in the notes too', () => {
  const drops = { tx: { NEIGH: 2 }, rx: {} }
  const devices = [
    device({ name: 'e0', netns: 'red', drops }),
    device({ name: 'e0', netns: 'blue', held: 1 }),
  ]
  expect(statisticsTable([...devices, device({ name: 'other', netns: 'red' })])).toBe(`\
            packets  bytes  errors  dropped
red/e0 tx         0      0       0        0
red/e0 rx         0      0       0        0
blue/e0 tx        0      0       0        0
blue/e0 rx        0      0       0        0
other tx          0      0       0        0
other rx          0      0       0        0
red/e0 tx dropped: NEIGH 2
blue/e0 held: 1
`)
})

test('frames that were lost before vnet have a line', () => {
  expect(statisticsTable([device({ beforeVnet: 275 })])).toMatch(/\nvnet0 before vnet: 275\n$/)
})
