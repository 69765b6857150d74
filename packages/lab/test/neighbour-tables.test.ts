import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { testDirectory } from '#support/fresh-directory.ts'
import { overflowLine, tableFulls } from '../src/kernel/counters.ts'

test('the times that a neighbour table was full are the sum over families and CPUs', () => {
  const directory = testDirectory()
  const rows = (...fulls: string[]) => fulls.map(n => `00000403 00000012 ${n}\n`).join('')
  writeFileSync(
    join(directory, 'arp_cache'),
    `entries  allocs   table_fulls\n${rows('00000001', '0000001f')}`,
  )
  writeFileSync(
    join(directory, 'ndisc_cache'),
    `entries  allocs   table_fulls\n${rows('00000000', '00000004')}`,
  )
  expect(tableFulls(directory)).toBe(36)
})

test('a kernel that does not show its neighbour tables counts as one with room', () => {
  expect(tableFulls('/nonexistent')).toBe(0)
  const directory = testDirectory()
  writeFileSync(join(directory, 'arp_cache'), 'entries  allocs\n00000403 00000012\n')
  expect(tableFulls(directory)).toBe(0)
})

test('a table that was full since the start of a lab is a line with the remedy', () => {
  expect(overflowLine(0)).toEqual([])
  expect(overflowLine(4)).toEqual([
    "the kernel's neighbour table was full 4 times, and packets were lost: " +
      'sysctl -w net.ipv4.neigh.default.gc_thresh3=16384 net.ipv6.neigh.default.gc_thresh3=16384',
  ])
})
