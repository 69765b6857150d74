/**
 * snull on real TAPs: a kernel communicates with itself through two interfaces, as its own tools
 * show it.
 */
import { describe, expect, test } from 'vitest'
import { freshNamespaces } from '#support/fresh-namespaces.ts'
import { firstOf } from '#support/scale.ts'
import { tcpExchange } from '#support/sockets.ts'
import { farEnd, nearEnd, pingTwice } from '#support/traffic.ts'
import { BOTH_WAYS, startVnet, stopConserved } from '#support/vnet-process.ts'

const MIB = 1 << 20

const { netns } = freshNamespaces('netns')

const start = (...args: string[]) => startVnet(['snull', '--netns', netns.name, '--json', ...args])

test('snull makes sn0 and sn1 with the driver’s MACs and an address each, NOARP and up', async () => {
  const vnet = await start()
  const links = JSON.parse(netns.ip('-j addr show'))
  for (const [i, address] of ['198.18.0.1', '198.18.1.2'].entries()) {
    const link = links.find(({ ifname }: { ifname: string }) => ifname === `sn${i}`)
    // "\0SNUL0"
    expect(link.address).toBe(`00:53:4e:55:4c:3${i}`)
    expect(link.flags).toEqual(expect.arrayContaining(['UP', 'LOWER_UP', 'NOARP']))
    expect(link.addr_info).toContainEqual(
      expect.objectContaining({ local: address, prefixlen: 24 }),
    )
  }
  await stopConserved(vnet)
})

describe.each(firstOf(1, BOTH_WAYS))('%s', (_, offload) => {
  test('both remotes reply to pings, also of 8,000 bytes', async () => {
    const vnet = await start(...offload)
    await pingTwice(netns, '198.18.0.2', '198.18.1.1')
    await stopConserved(vnet)
  })

  test('TCP carries megabytes in both directions unchanged', async () => {
    const vnet = await start(...offload)
    const { peer, sent, received } = await tcpExchange(nearEnd(netns), farEnd(netns), MIB)
    expect(received).toEqual(sent)
    expect(peer).toBe('198.18.1.1')
    const { sn0, sn1 } = await stopConserved(vnet)
    for (const { total } of [sn0!, sn1!]) {
      expect(total.txBytes).toBeGreaterThan(MIB)
    }
    // Frames of 64 KiB with offloads, of 1,514 bytes without.
    const size = sn0!.total.txBytes / sn0!.total.txPackets
    if (offload.length === 0) {
      expect(size).toBeGreaterThan(1514)
    } else {
      expect(size).toBeLessThanOrEqual(1514)
    }
  })
})
