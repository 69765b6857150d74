/** Where the program does not run, and that it says so. */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
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

test.each([
  ["Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '18.20.8' } })", /Node 20\.19 /],
  ["Object.defineProperty(process, 'platform', { value: 'darwin' })", /this is darwin/],
])('the program says so in one line and exits with 1', (code, said) => {
  const program = fileURLToPath(new URL('../../dist/vnet.js', import.meta.url))
  const preload = `--import=data:text/javascript,${encodeURIComponent(code)}`
  const { status, stdout, stderr } = spawnSync(process.execPath, [preload, program], { encoding: 'utf8' })
  expect([status, stdout]).toEqual([1, ''])
  expect(stderr).toMatch(said)
  expect(stderr).toMatch(/^vnet: [^\n]+\n$/)
})
