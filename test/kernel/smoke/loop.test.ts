/**
 * The loop driver on a real TAP: what the kernel shows of the interface, and that the kernel
 * reaches itself through it.
 */
import { describe, expect, test } from 'vitest'
import { freshNamespaces } from '#support/fresh-namespaces.ts'
import { pingOnce } from '#support/traffic.ts'
import { BOTH_WAYS, startVnet, stopConserved } from '#support/vnet-process.ts'

const { netns } = freshNamespaces('netns')

test('loop makes the first free vnet%d: its queues, NOARP, a local MAC, up, with both addresses', async () => {
  netns.ip('link add vnet0 type bridge')
  const vnet = await startVnet(['--netns', netns.name, '--json'])
  const [ready] = vnet.interfaces()
  expect(ready).toMatchObject({ name: 'vnet1', netns: netns.name, txqs: 4, rxqs: 2, mtu: 1500 })
  const [link] = JSON.parse(netns.ip('-j -d link show vnet1'))
  expect(link).toMatchObject({
    ifindex: ready?.ifindex,
    mtu: 1500,
    address: ready?.mac,
    link_type: 'ether',
  })
  expect(link.flags).toEqual(expect.arrayContaining(['UP', 'LOWER_UP', 'NOARP']))
  expect(link.linkinfo.info_data).toMatchObject({ type: 'tap', multi_queue: true, numqueues: 4 })
  // locally administered, not a group address
  expect(Number.parseInt(link.address, 16) & 3).toBe(2)
  const [{ addr_info }] = JSON.parse(netns.ip('-j -4 addr show vnet1'))
  const cidrs = addr_info.map(
    ({ local, prefixlen }: { local: string; prefixlen: number }) => `${local}/${prefixlen}`,
  )
  expect(cidrs).toEqual(['198.18.0.1/24', '198.18.1.2/24'])
  await stopConserved(vnet)
  expect(netns.ip('-br link')).not.toContain('vnet1')
})

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

describe.each(BOTH_WAYS)('%s', (_, offload) => {
  test('pings of any size get replies in both networks', async () => {
    const vnet = await startVnet(['--netns', netns.name, '--json', ...offload])
    for (const size of [0, 1, 17, 1472, 1473, 8000, 65507]) {
      for (const remote of ['198.18.0.2', '198.18.1.1']) {
        await pingOnce(netns, `-s ${size} ${remote}`)
      }
    }
    const statistics = await stopConserved(vnet)
    const { total } = statistics.vnet0!
    // 1480 bytes of IP payload a fragment; request and reply, twice
    const fragments = [8, 9, 25, 1480, 1481, 8008, 65515].reduce(
      (n, octets) => n + Math.ceil(octets / 1480),
      0,
    )
    expect(total.txPackets).toBeGreaterThanOrEqual(4 * fragments)
  })

  test('IPv6 pings of any size get replies in both networks', async () => {
    const vnet = await startVnet(['--netns', netns.name, '--json', '--ipv6', ...offload])
    for (const size of [0, 1, 17, 1452, 1453, 8000, 65000]) {
      for (const remote of ['2001:db8::2', '2001:db8:0:1::1']) {
        await pingOnce(netns, `-s ${size} ${remote}`)
      }
    }
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
