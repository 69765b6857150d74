/** Which clients make a vnet read the kernel's statistics. */
import { expect, test, vi } from 'vitest'
import type { Family } from '#src/control/operations/operation.ts'
import { vnetFamily } from '#src/control/operations/vnet-family.ts'
import { NLM_F_DUMP } from '#src/netlink/index.ts'
import { ask, read, request } from '#support/genl-request.ts'
import { addDevice, memoryNets } from '#support/memory-net.ts'

const memoryNet = memoryNets()
const FAMILY = 0x3f0
const GET_STATS = 3

test('a client without rights gets vnet’s counters, and never makes vnet ask the kernel for its own', async () => {
  const memory = memoryNet()
  const { dev } = await addDevice(memory, {}, { name: 'eth9' })
  const readings = vi.spyOn(dev, 'kernelStats')
  const family = vnetFamily({ devices: memory.net.devices, now: () => 0, netnsOf: () => undefined })
  const families = new Map<number, Family>([[FAMILY, family]])
  const one = request(FAMILY, GET_STATS, { write: b => b.string(2, 'eth9') }).slice()
  const all = request(FAMILY, GET_STATS, { flags: NLM_F_DUMP }).slice()
  const statsFor = (missing?: string) =>
    [one, all].flatMap(each => read(ask(families, each, { missing })).answers)
  const unprivileged = statsFor('everything')
  expect(unprivileged).toMatchObject([
    { ifname: 'eth9', stats: { txPackets: 0 } },
    { ifname: 'eth9' },
  ])
  for (const answer of unprivileged) {
    expect(answer).not.toHaveProperty('kernelStats')
  }
  expect(readings).not.toHaveBeenCalled()
  expect(statsFor()).toMatchObject([
    { kernelStats: { txPackets: 0 } },
    { kernelStats: { txPackets: 0 } },
  ])
  expect(readings).toHaveBeenCalledTimes(2)
})
