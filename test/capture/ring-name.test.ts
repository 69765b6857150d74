import { expect, test } from 'vitest'
import { ringName } from '#src/capture/capture-file.node.ts'

// In local time, as dumpcap has it.
const moment = {
  seconds: new Date(2026, 10, 21, 8, 30, 0).getTime() / 1000,
  nanoseconds: 999_999_999,
}

test.each([
  ['a.pcapng', 1, 'a_00001_20261121083000.pcapng'],
  ['/tmp/b.c/a.pcap', 42, '/tmp/b.c/a_00042_20261121083000.pcap'],
  ['/tmp/b.c/a', 42, '/tmp/b.c/a_00042_20261121083000'],
  ['a.b.pcapng', 99_999, 'a.b_99999_20261121083000.pcapng'],
  ['a.pcapng', 100_000, 'a_00000_20261121083000.pcapng'],
  ['d/.hidden', 2, 'd/.hidden_00002_20261121083000'],
])('the file of %s with the number %i is %s', (path, number, name) => {
  expect(ringName(path, number, moment)).toBe(name)
})
