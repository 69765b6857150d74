/**
 * The loop driver on a real TAP: what the kernel shows of the interface, and that the kernel
 * reaches itself through it.
 */
import { expect, test } from 'vitest'
import { freshNamespaces } from '#support/fresh-namespaces.ts'
import { pingSizes } from '#support/traffic.ts'
import { startVnet, stopConserved } from '#support/vnet-process.ts'

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

test('pings of any size get replies in both networks', async () => {
  const vnet = await startVnet(['--netns', netns.name, '--json'])
  await pingSizes(netns, [0, 1, 17, 1472, 1473, 8000, 65507], ['198.18.0.2', '198.18.1.1'])
  const { total } = (await stopConserved(vnet)).vnet0!
  // 57 fragments of at most 1480 bytes of IP payload; request and reply, twice
  expect(total.txPackets).toBeGreaterThanOrEqual(4 * 57)
})
