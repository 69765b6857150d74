/**
 * DHCP on a real TAP, by a program whose main thread has its own descriptor table: a flood of
 * renewals, and a directory of another user.
 */
import { chownSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { expect, test } from 'vitest'
import { freshNamespaces } from '#support/fresh-namespaces.ts'
import { outcome } from '#support/netns.ts'
import { hasCarrier, untilShown } from '#support/shown-link.ts'
import { PROGRAM, spawnVnet } from '#support/vnet-process.ts'

const FLOOD = resolve(import.meta.dirname, '../../support/dhcp-flood.py')
const { own, near, directory: dir } = freshNamespaces('near')

const args = () => ['lan', 'eth9', '--negotiation', '0', '--leases', `${dir}/leases`]
const within = () => ['ip', 'netns', 'exec', near.name]
const kept = () => JSON.parse(readFileSync(`${dir}/leases`, 'utf8')).leases

test('a client that renews 5,000 times in a row is served 20 times, and an acknowledged lease is in the file', async () => {
  const vnet = await spawnVnet(args(), { within: within() })
  await untilShown(own, near, 'eth9', hasCarrier)
  const found = await outcome(near.spawn(['python3', FLOOD, 'eth9', '198.18.0.150', '5000']))
  expect([found.stdout, found.stderr]).toEqual(['2 198.18.0.150\n5 198.18.0.150\n', ''])
  const [lease] = kept()
  expect(lease).toMatchObject({ address: '198.18.0.150', state: 'bound' })
  const shown = await near.run(`${process.execPath} ${PROGRAM} lan show eth9 --counters --json`)
  const { refused } = JSON.parse(shown.stdout).segments[0].counters.answered
  expect(refused).toBeGreaterThan(0)
  const { status, stderr } = await vnet.stop('SIGTERM')
  expect(status).toBe(0)
  expect(stderr.split('\n').filter(line => line.startsWith('DHCPACK')).length).toBeLessThan(
    5000 - refused,
  )
  expect(Date.parse(kept()[0].expires)).toBeGreaterThan(Date.parse(lease.expires))
})

test('a lease directory of another user is refused before there is an interface, in one line', async () => {
  chownSync(dir, 65534, 65534)
  const { status, stderr } = await near.run([process.execPath, PROGRAM, ...args()].join(' '))
  expect([status, stderr]).toEqual([
    1,
    `vnet: leases ${dir}/leases: permission denied; the directory ${dir} does not belong to user 0, or is not writable: ` +
      'name a file in a directory of that user\n',
  ])
  expect(near.ip('-br link show')).not.toContain('eth9')
})
