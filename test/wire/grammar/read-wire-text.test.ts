import { expect, test } from 'vitest'
import { readWireText } from '#src/wire/parse.ts'

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
  expect(readWireText(text).filters.join(' ')).toBe(filters)
})

test('readWireText notes what may be a mistake, and refuses times without a unit on request', () => {
  expect(readWireText('delay 20').notes).toEqual(["'20' has no unit: it means 20us, as in tc(8)"])
  expect(readWireText('delay 20ms')).toMatchObject({ text: 'delay 20ms', notes: [] })
  expect(() => readWireText('delay 20', { bareUs: false })).toThrow(/^the time '20' has no unit/)
})
