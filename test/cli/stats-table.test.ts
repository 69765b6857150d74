/** The output of `vnet stats`, from counters to text. */
import { expect, test } from 'vitest'
import { statsTable } from '#src/cli/commands/stats.ts'
import type { DeviceStats } from '#src/control/index.ts'
import { queueCounterFields } from '#src/control/protocol/queue-counters.ts'
import { kernelName, linkStats64Fields } from '#src/netdev/stats.ts'
import { list } from '#support/list.ts'
import { statisticsRow as stats } from './statistics-row.ts'

function device(fields: Partial<DeviceStats>): DeviceStats {
  const drops = { tx: {}, rx: {} }
  const nothing = {
    total: stats(),
    queues: [stats()],
    rxQueues: 1,
    held: 0,
    beforeVnet: 0,
    drops,
    kernel: stats(),
  }
  return { name: 'sn0', ifindex: 1, netns: undefined, time: 0, ...nothing, ...fields }
}

test('counters have the same names as in the kernel', () => {
  expect(linkStats64Fields.map(kernelName)).toEqual(
    // include/uapi/linux/if_link.h
    list(`
      rx_packets tx_packets rx_bytes tx_bytes rx_errors tx_errors rx_dropped tx_dropped multicast collisions
      rx_length_errors rx_over_errors rx_crc_errors rx_frame_errors rx_fifo_errors rx_missed_errors
      tx_aborted_errors tx_carrier_errors tx_fifo_errors tx_heartbeat_errors tx_window_errors rx_compressed
      tx_compressed rx_nohandler rx_otherhost_dropped
    `),
  )
})

test('a field that either side has counted has a row, and drops by reason follow', () => {
  const total = stats({ txPackets: 1234, rxPackets: 5, txDropped: 3 })
  const kernel = stats({ txPackets: 1234, rxPackets: 5, txErrors: 1 })
  const drops = { tx: { NEIGH: 2, L4_HDR: 1 }, rx: { DEV_READY: 4 } }
  expect(statsTable([device({ total, kernel, drops })], {})).toBe(
    `\
sn0                     vnet  kernel
  rx_packets               5       5
  tx_packets            1234    1234
  tx_errors                0       1
  tx_dropped               3       0
  tx dropped NEIGH         2
  tx dropped L4_HDR        1
  rx dropped DEV_READY     4
`,
  )
})

test('--all shows every field', () => {
  expect(statsTable([device({})], { all: true }).split('\n')).toHaveLength(
    1 + 25 + queueCounterFields.length + 2 + 1,
  )
  expect(statsTable([device({})], {})).toBe('sn0  vnet  kernel\n')
})

test('an interface that is being deleted has - in the kernel column', () => {
  expect(statsTable([device({ total: stats({ txPackets: 7 }), kernel: undefined })], {})).toBe(`\
sn0           vnet  kernel
  tx_packets     7       -
`)
})

test('--queues shows a row for each queue, without receive fields if it does not receive', () => {
  const queues = [stats({ txPackets: 1, rxPackets: 12, multicast: 1 }), stats({ txPackets: 2 })]
  const total = stats({ txPackets: 3 })
  expect(statsTable([device({ total, kernel: total, queues })], { queues: true })).toBe(`\
sn0           vnet  kernel
  tx_packets     3       3
  queue  rx_packets  tx_packets  multicast
  0              12           1          1
  1               -           2          -
`)
})

test('other counters that are not 0 come last, and in the row of their queue', () => {
  const queues = [stats({ txPackets: 2, requeues: 3 }), stats()]
  const total = stats({ txPackets: 2, requeues: 3 })
  expect(
    statsTable([device({ total, kernel: stats(), queues, held: 4 })], { queues: true }),
  ).toBe(`\
sn0           vnet  kernel
  tx_packets     2       0
  requeues       3
  held           4
  queue  tx_packets  requeues
  0               2         3
  1               0         0
`)
  const all = statsTable([device({ total: stats({ txTimeouts: 1 }) })], { all: true, queues: true })
  const names = queueCounterFields.map(kernelName)
  const values = names.map(name => ` {2}${name} +${Number(name === 'tx_timeouts')}\\n`).join('')
  expect(all).toMatch(
    new RegExp(
      `^${values} {2}before vnet +0\\n {2}held +0\\n {2}queue .* {2}${names.join(' {2}')}$`,
      'm',
    ),
  )
})

test('each interface is a block, named with its namespace', () => {
  expect(statsTable([device({}), device({ netns: 'red' })], {})).toBe(
    'sn0  vnet  kernel\n\nred/sn0  vnet  kernel\n',
  )
})

test('a column has the rate of each counter a second if the round before is known', () => {
  const at = (n: number, drops: number) =>
    device({
      time: n,
      total: stats({ txPackets: n, txDropped: drops }),
      drops: { tx: drops > 0 ? { NEIGH: drops } : {}, rx: {} },
      held: drops,
    })
  const other = { ...at(7, 0), netns: 'red' }
  expect(statsTable([at(600, 3), other], {}, [at(100, 1)])).toBe(`\
sn0                 vnet  kernel  vnet/s
  tx_packets         600       0    1000
  tx_dropped           3       0       4
  tx dropped NEIGH     3               4
  held                 3

red/sn0       vnet  kernel
  tx_packets     7       0

interface  tx/s  tx bit/s  rx/s  rx bit/s  drop/s   dropped  held
sn0          1k         0     0         0       4  tx NEIGH     3
red/sn0       -         -     -         -       -               0
`)
})

test('the line of an interface has bits, and names the most frequent of its present drops', () => {
  const reading = (
    time: number,
    txBytes: number,
    tx: Record<string, number>,
    rx: Record<string, number>,
  ) => device({ time, total: stats({ txBytes, rxPackets: time }), drops: { tx, rx } })
  const before = reading(1000, 0, { NEIGH: 90, NOMEM: 5, L4_HDR: 1 }, { FULL_RING: 1 })
  const now = reading(3000, 3e6, { NEIGH: 90, NOMEM: 7, L4_HDR: 5 }, { FULL_RING: 9, RX_CRC: 1 })
  expect(statsTable([now], {}, [before]).split('\n\n').at(-1)).toBe(`\
interface  tx/s  tx bit/s  rx/s  rx bit/s  drop/s                            dropped  held
sn0           0       12M    1k         0     7.5  rx FULL_RING, tx L4_HDR, tx NOMEM     0
`)
})

test('a counter that was reset between two rounds has no rate', () => {
  const last = device({ time: 1000, total: stats({ txPackets: 100 }) })
  expect(statsTable([device({ time: 2000, total: stats({ txPackets: 7 }) })], {}, [last])).toBe(`\
sn0           vnet  kernel  vnet/s
  tx_packets     7       0       -

interface  tx/s  tx bit/s  rx/s  rx bit/s  drop/s  dropped  held
sn0           -         0     0         0       0              0
`)
})

test('stats omits the rate column if the vnet does not report when the counters were read', () => {
  expect(statsTable([device({})], {}, [device({})])).toBe('sn0  vnet  kernel\n')
})

test('frames lost before vnet and the seed of the wire have a row', () => {
  expect(statsTable([{ ...device({ beforeVnet: 275 }), seed: 7 }], {})).toBe(`\
sn0            vnet  kernel
  before vnet   275
  wire seed       7
`)
})
