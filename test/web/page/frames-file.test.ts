import { expect, it } from 'vitest'
import { captureLine, captureName } from '../../../src/web/page/frames-file.ts'

const TIME = new Date(2026, 10, 21, 6, 3, 9).getTime()

it.each([
  ['sn0', 'vnet-sn0-20261121-060309.pcapng'],
  ['red/eth0.100', 'vnet-red-eth0.100-20261121-060309.pcapng'],
  ['<b>"ö', 'vnet--b----20261121-060309.pcapng'],
  ['../x', 'vnet-..-x-20261121-060309.pcapng'],
])('a capture of %s is called %s', (label, name) => {
  expect(captureName(label, TIME)).toBe(name)
})

it.each([
  ['sn0', '', 'vnet capture sn0 f.pcapng'],
  ['red/eth0', 'tcp port 80', "vnet capture --filter 'tcp port 80' red/eth0 f.pcapng"],
  ['$(x)', "host '1'", `vnet capture --filter "host '1'" '$(x)' f.pcapng`],
  ['-n', '-x', 'vnet capture --filter -x -- -n f.pcapng'],
])('the command line that captures %s with the filter "%s" is %s', (label, filter, line) => {
  expect(captureLine(label, filter, 'f.pcapng')).toBe(line)
})
