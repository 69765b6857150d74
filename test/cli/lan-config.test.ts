/** What the program says of a configuration file that is not right: a line a problem, without advice to read the help. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { runMain } from '../support/run-main.ts'

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'vnet-config-'))
})
afterEach(() => rmSync(directory, { recursive: true }))

function file(name: string, text: string): string {
  writeFileSync(join(directory, name), text)
  return join(directory, name)
}

test('every problem is a line with its place, and the exit status is 2', async () => {
  const path = file(
    'lan.yaml',
    'hosts:\n  - ip: 198.18.1\n  - ip: 198.18.0.7\n    nmae: web\ndhcp: { leaseTime: soon }\n',
  )
  const { status, stdout, stderr } = await runMain('lan', 'eth9', '--config', path)
  expect([status, stdout]).toEqual([2, ''])
  expect(stderr.split('\n')).toEqual([
    `vnet: ${path}:2:9: hosts[0].ip: '198.18.1' is not an IPv4 address`,
    `vnet: ${path}:4:5: hosts[1].nmae: there is no such key: is it name?`,
    expect.stringMatching(/^vnet: .*:5:20: dhcp\.leaseTime: 'soon' is not /),
    '',
  ])
})

test('what only the DHCP server finds wrong has its place too', async () => {
  const path = file('lan.json', '{ "dhcp": { "options": { "mtu": 1400, "colour": "red" } } }')
  const { status, stderr } = await runMain('lan', '--config', path)
  expect([status, stderr]).toEqual([
    2,
    expect.stringMatching(
      /^vnet: .*\/lan\.json:1:49: dhcp\.options\.colour: no option "colour" to set: use a name .*\n$/,
    ),
  ])
})

test.each([
  ['that is not there', 'none.yaml', /^vnet: open .*none\.yaml: ENOENT, no such file or directory\n$/],
  ['that is a directory', '.', /^vnet: open .*: EISDIR, .*\n$/],
])('a file %s cannot be read, which is status 1', async (_, name, line) => {
  const { status, stderr } = await runMain('lan', '--config', join(directory, name))
  expect([status, stderr]).toEqual([1, expect.stringMatching(line)])
})

test('a broken file of leases is told of by its name', async () => {
  const leases = file('leases.json', 'no\n')
  const { status, stderr } = await runMain('lan', 'eth9', '--leases', leases)
  expect(stderr).toMatch(
    /^vnet: leases .*\/leases\.json: EINVAL, invalid argument; it is no JSON .*: mend the file, or remove it and all leases with it\n$/,
  )
  expect(status).toBe(2)
})

test('what the command line itself says wrong has the advice, and no place', async () => {
  expect(await runMain('lan', '--network', '198.18.0.7/24')).toEqual({
    ...{ status: 2, stdout: '' },
    stderr: "vnet: network: '198.18.0.7/24' is an address in it: write 198.18.0.0/24 (see vnet --help)\n",
  })
  expect(await runMain('lan', '--config', file('lan.yaml', ''), '--network', '198.18.0.0/24')).toMatchObject({
    ...{ status: 2, stdout: '' },
    stderr: 'vnet: --config says what the network is: leave --network and --network6 away (see vnet --help)\n',
  })
})
