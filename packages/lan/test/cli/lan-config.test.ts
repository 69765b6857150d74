/** How the program reports problems of a configuration file: a line each, without advice. */
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { freshDirectory, written } from '#support/fresh-directory.ts'
import { runMain } from '#support/run-main.ts'

const directory = freshDirectory()

const file = (name: string, text: string) => written(directory, name, text)

test('every problem of a file is a line with its position, and the exit status is 2', async () => {
  const path = file(
    'lan.yaml',
    'hosts:\n  - ip: 198.18.1\n  - ip: 198.18.0.7\n    nmae: web\ndhcp: { leaseTime: soon }\n',
  )
  const { status, stdout, stderr } = await runMain('lan', 'eth9', '--config', path)
  expect([status, stdout]).toEqual([2, ''])
  expect(stderr.split('\n')).toEqual([
    `vnet: ${path}:2:9: hosts[0].ip: expected an IPv4 address or a list, got '198.18.1'`,
    `vnet: ${path}:4:5: hosts[1].nmae: unknown key (known: name, mac, ip, ip6, count, services, ports)`,
    expect.stringMatching(/^vnet: .*:5:20: dhcp\.leaseTime: expected .*, got 'soon'$/),
    '',
  ])
})

test('an error of the DHCP server has its position in the file', async () => {
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
  ['that does not exist', 'none.yaml', /^vnet: .*none\.yaml: no such file or directory\n$/],
  ['that is a directory', '.', /^vnet: .*: is a directory\n$/],
])('a file %s cannot be read, and the exit status is 1', async (_, name, line) => {
  const { status, stderr } = await runMain('lan', '--config', join(directory, name))
  expect([status, stderr]).toEqual([1, expect.stringMatching(line)])
})

test('a malformed lease file is reported with its path', async () => {
  const leases = file('leases.json', 'no\n')
  const { status, stderr } = await runMain('lan', 'eth9', '--leases', leases)
  expect(stderr).toMatch(
    /^vnet: leases .*\/leases\.json: it is not JSON .*: correct the file, or remove it with all leases\n$/,
  )
  expect(status).toBe(2)
})

test('an error in the command line has no position and refers to the help', async () => {
  expect(await runMain('lan', '--network', '198.18.0.7/24')).toEqual({
    status: 2,
    stdout: '',
    stderr: expect.stringMatching(/^vnet: network: expected .*, got '198\.18\.0\.7\/24'\n$/),
  })
  expect(
    await runMain('lan', '--config', file('lan.yaml', ''), '--network', '198.18.0.0/24'),
  ).toMatchObject({
    status: 2,
    stdout: '',
    stderr: 'vnet: --config describes the network: remove --network and --network6\n',
  })
})
