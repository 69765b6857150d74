/** The loop driver on a real TAP: no offloads, IPv6, its MAC, and reverse path filters. */
import { describe, expect, test } from 'vitest'
import { freshNamespaces } from '#support/fresh-namespaces.ts'
import { pingOnce, pingSizes } from '#support/traffic.ts'
import { BOTH_WAYS, startVnet, stopConserved } from '#support/vnet-process.ts'

const { netns } = freshNamespaces('netns')

test('IPv6 addresses receive when the program is ready', async () => {
  const vnet = await startVnet(['--netns', netns.name, '--json', '--ipv6'])
  const routes = JSON.parse(netns.ip('-j -6 route show table local type local'))
  expect(routes.map(({ dst }: { dst: string }) => dst)).toEqual(
    expect.arrayContaining(['2001:db8::1', '2001:db8:0:1::2']),
  )
  await stopConserved(vnet)
})

test('each run of loop has another random MAC', async () => {
  const macs = new Set<string | undefined>()
  for (let i = 0; i < 2; i++) {
    const vnet = await startVnet(['--netns', netns.name, '--json'])
    macs.add(vnet.interfaces()[0]?.mac)
    await stopConserved(vnet)
  }
  expect(macs.size).toBe(2)
})

test('pings of any size get replies in both networks without offloads', async () => {
  const vnet = await startVnet(['--netns', netns.name, '--json', '--no-offload'])
  await pingSizes(netns, [0, 1, 17, 1472, 1473, 8000, 65507], ['198.18.0.2', '198.18.1.1'])
  const { total } = (await stopConserved(vnet)).vnet0!
  // 57 fragments of at most 1480 bytes of IP payload; request and reply, twice
  expect(total.txPackets).toBeGreaterThanOrEqual(4 * 57)
})

describe.each(BOTH_WAYS)('%s', (_, offload) => {
  test('IPv6 pings of any size get replies in both networks', async () => {
    const vnet = await startVnet(['--netns', netns.name, '--json', '--ipv6', ...offload])
    const addresses = ['2001:db8::2', '2001:db8:0:1::1']
    await pingSizes(netns, [0, 1, 17, 1452, 1453, 8000, 65000], addresses)
    await stopConserved(vnet)
  })
})

test.each([0, 1, 2])('pings get replies with rp_filter %i', async filter => {
  for (const name of ['all', 'default']) {
    netns.exec(`sysctl -qw net.ipv4.conf.${name}.rp_filter=${filter}`)
  }
  const vnet = await startVnet(['--netns', netns.name, '--json'])
  expect(netns.exec('cat /proc/sys/net/ipv4/conf/vnet0/rp_filter').trim()).toBe(`${filter}`)
  await pingOnce(netns, '198.18.0.2')
  await pingOnce(netns, '198.18.1.1')
  await stopConserved(vnet)
})
