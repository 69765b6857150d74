/** The filters that a lab compiles for its worker. */
import { expect, test } from 'vitest'
import { UsageError } from '../../../src/base/usage-error.ts'
import { filtersIn } from '../src/filters.ts'
import { filtersOf } from '../src/wire-spec.ts'

const named = (...texts: string[]) => filtersIn(texts).map(({ filter }) => filter)

test('every filter that a text names is compiled once, wherever its stage is', () => {
  expect(named("drop 'udp' first 1 | match arp ( delay 5ms icmp nth 2 ) else ( match 'udp' syn ( ) )")).toEqual([
    'udp',
    'arp',
    'icmp',
  ])
  expect(named('swap tcp nth 2', "drop 'tcp' nth 3 | match ip6 ( )")).toEqual(['tcp', 'ip6'])
})

test('conditions without a filter, presets and wrong texts name no filter', () => {
  expect(named('drop nth 2 | match flow 10% ( loss 1% )', 'preset lte')).toEqual([])
  expect(named("match 'tcp' ( los 1% )", 'drop tcp nth 2 after 5')).toEqual([])
})

test('a wrong filter is a usage error, and a link without a text needs no parser', () => {
  expect(() => filtersIn(["match 'tcp prot 80' ( )"])).toThrow(UsageError)
  expect(filtersOf({ ab: '' })).toBeUndefined()
})
