/** How often clients with and without rights make a vnet read the kernel's statistics. */
import { expect, test } from 'vitest'
import type { Family } from '../../../src/control/server/operation.ts'
import { vnetFamily } from '../../../src/control/server/vnet-family.ts'
import { NSEC_PER_SEC } from '../../../src/netdev/clock.ts'
import { genlmsghdr, MessageBuilder, NLM_F_DUMP, NLM_F_REQUEST } from '../../../src/netlink/index.ts'
import { ask } from '../../support/genl-request.ts'
import { addDevice, memoryNets } from '../../support/memory-net.ts'

const memoryNet = memoryNets()
const FAMILY = 0x3f0
const GET_STATS = 3

test('clients without rights share one reading of the kernel per second, and root gets a new one each time', async () => {
  const memory = memoryNet()
  const { dev } = await addDevice(memory, {}, { name: 'eth9' })
  let readings = 0
  dev.kernelStats = () => {
    readings++
    return undefined
  }
  const family = vnetFamily({ devices: memory.net.devices, netnsOf: () => undefined })
  const families = new Map<number, Family>([[FAMILY, family]])
  const flags = NLM_F_REQUEST | NLM_F_DUMP
  const request = new MessageBuilder().message(FAMILY, flags, 1).payload(genlmsghdr(GET_STATS, 1)).bytes.slice()
  const readingsOf = (missing?: string) => {
    const before = readings
    ask(families, request, { missing })
    return readings - before
  }
  expect(readingsOf('everything')).toBe(1)
  expect([readingsOf('everything'), readingsOf('everything')]).toEqual([0, 0])
  expect([readingsOf(), readingsOf()]).toEqual([1, 1])
  memory.clock.advance(NSEC_PER_SEC)
  expect([readingsOf('everything'), readingsOf('everything')]).toEqual([1, 0])
})
