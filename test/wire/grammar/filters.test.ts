import { expect, test } from 'vitest'
import { filtersOf } from '#src/wire/grammar/groups.ts'
import { readText } from '#src/wire/parse.ts'

test.each([
  [
    "drop 'udp' first 1 | match arp ( delay 5ms icmp nth 2 ) else ( match 'tcp' syn ( ) )",
    'udp arp icmp tcp',
  ],
  ["swap tcp nth 2 loss 1% | drop 'ip6' after 2s", 'tcp ip6'],
  ["match 'arp' ( match 'arp' nth 1 ( ) )", 'arp arp'],
  ['drop nth 2 | match flow 10% ( loss 1% ) | preset lte | lte', ''],
  ['', ''],
])('the filters of %j are %j', (text, filters) => {
  expect(filtersOf(readText(text)).join(' ')).toBe(filters)
})
