import { expect, test } from 'vitest'
import { guestTime, reportText } from '../src/commands/guest.ts'

test.each([
  [320_000_000, '0.32 s'],
  [7_200_320_000_000, '2 h 0.32 s'],
  [90_061_500_000_000, '1 d 1 h 1 min 1.50 s'],
])('%i ns is %s', (ns, text) => {
  expect(guestTime(ns)).toBe(text)
})

const usage = [
  { name: 'node', ns: 3e8 },
  { name: 'sh', ns: 1e7 },
]
const run = {
  status: 0,
  signal: null,
  digest: '0123456789abcdef0123',
  lost: 0,
  files: [],
  failures: [],
  usage,
}

test('the report has the time in the guest, the time here, and the busy programs', () => {
  expect(reportText({ ...run, guestNs: 7.2e12, wallMs: 1410 })).toBe(
    '2 h 0.00 s in the guest, 1.41 s here; busy 0.31 s: node 0.30 s, sh 0.01 s; sha256 0123456789abcdef',
  )
})

test('a run that took longer than in the guest says how much slower it was', () => {
  expect(reportText({ ...run, guestNs: 5e8, wallMs: 10_000 })).toContain(
    '10.00 s here, 20 times slower;',
  )
})

test("a program's name with a line break makes no line of its own", () => {
  const forged = [{ name: 'x\nvnet: passed 0.37 s', ns: 1e7 }]
  expect(reportText({ ...run, usage: forged, guestNs: 5e8, wallMs: 100 })).toContain(
    ': x\\x0avnet: passed 0.37 s 0.01 s;',
  )
})
