/** The report of `vnet run` for people. */
import { expect, test } from 'vitest'
import { type RunReport, reportLines } from '../src/run/run-report.ts'

const none = { lost: [], duplicated: [], corrupted: [], reordered: [], marked: [], tooLong: 0 }
const report: RunReport = {
  ...{ seed: 7, status: 0, seconds: 1.25 },
  out: { ...none, packets: 10, bytes: 4000 },
  in: { ...none, packets: 0, bytes: 0 },
  ...{ retransmissions: 0, routerRetransmissions: 0, refused: 0, repeatedQueries: 0 },
}

test('a run without a loss has a line for the run and one for each direction', () => {
  expect(reportLines(report)).toEqual([
    '1.3 s, seed 7',
    'out: 10 packets, 4 kB',
    'in: 0 packets, 0 B',
  ])
})

test('losses and changes have their causes, and repeated segments and queries are counted', () => {
  const out = {
    ...report.out,
    lost: [
      { packets: 3, by: 'loss 30%' },
      { packets: 1, by: 'TX_CARRIER' },
    ],
    marked: [{ packets: 2, by: 'rate 1mbit' }],
    tooLong: 4,
  }
  const lines = reportLines({
    ...report,
    ...{ out, retransmissions: 2, routerRetransmissions: 1, repeatedQueries: 5, refused: 6 },
    missed: "drop 'udp' nth 9",
  })
  expect(lines.slice(0, 2)).toEqual([
    '1.3 s, seed 7; TCP segments sent again: 2 by the command, 1 by the router; DNS queries sent again: 5',
    'out: 10 packets, 4 kB; lost: 3 by loss 30%, 1 by TX_CARRIER; marked: 2 by rate 1mbit',
  ])
  expect(lines[3]).toMatch(/^out: .*4/)
  expect(lines[4]).toMatch(/6/)
  expect(lines[5]).toBe("drop 'udp' nth 9 hit no packet")
})

test('packets that were lost before vnet stand beside the drops of the wire', () => {
  const lost = [
    { packets: 275, by: 'before vnet' },
    { packets: 5, by: 'loss 5%' },
    { packets: 2, by: 'tx_dropped' },
  ]
  expect(reportLines({ ...report, out: { ...report.out, lost } })[1]).toBe(
    'out: 10 packets, 4 kB; lost: 275 before vnet, 5 by loss 5%, 2 by tx_dropped',
  )
})
