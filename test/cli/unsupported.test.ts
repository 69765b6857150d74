/** Where the program does not run, and that it says so. */
import { expect, test } from 'vitest'
import { unsupported } from '../../src/cli/unsupported.ts'

test.each(['20.19.0', '20.20.2', '22.0.0', '26.1.0'])('Node %s on Linux will do', version => {
  expect(unsupported('linux', version)).toBeUndefined()
})

test.each(['16.20.2', '18.20.8', '20.18.3'])('Node %s is too old', version => {
  expect(unsupported('linux', version)).toBe(`vnet: Node 20.19 or newer is needed, and this is ${version}`)
})

test('elsewhere than on Linux there are no such interfaces', () => {
  expect(unsupported('darwin', '22.0.0')).toBe("vnet: its interfaces are Linux's, and this is darwin: run it on Linux")
})
