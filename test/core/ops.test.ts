/** Operations that nothing outside calls yet, through a device's own ops; and link headers of other kinds. */
import { describe, expect, test } from 'vitest'
import { EINVAL, EOPNOTSUPP } from '../../src/core/errno.ts'
import { devHardHeader, devParseHeader } from '../../src/core/eth.ts'
import type { HeaderOps, NetDeviceOps } from '../../src/core/ops.ts'
import { allocSkb } from '../../src/skb/alloc-skb.ts'
import { addDevice, makeDevice, memoryNets } from '../support/memory-net.ts'

const makeNet = memoryNets()

/** The first of the sixteen, include/uapi/linux/sockios.h. */
const SIOCDEVPRIVATE = 0x89f0

describe('ndoSiocdevprivate', () => {
  /** Command 0 sets a number and answers the former one, as the copy of an ifreq goes back to who asked. */
  const ops: Partial<NetDeviceOps<unknown>> = {
    ndoSiocdevprivate(dev, ifr, data, cmd) {
      if (cmd !== SIOCDEVPRIVATE) return -EOPNOTSUPP
      if (data.length !== 1) return -EINVAL
      ifr[16] = dev.map.port
      dev.map = { ...dev.map, port: data[0] }
      return 0
    },
  }

  test('is given the copy of an ifreq, the data and the command, and answers in them', () => {
    const dev = makeDevice(ops)
    const ifr = new Uint8Array(40)
    const ask = (cmd: number, ...data: number[]) =>
      dev.netdevOps.ndoSiocdevprivate?.(dev, ifr, Uint8Array.from(data), cmd)
    expect([ask(SIOCDEVPRIVATE, 7), ifr[16], ask(SIOCDEVPRIVATE, 9), ifr[16]]).toEqual([0, 0, 0, 7])
    expect([ask(SIOCDEVPRIVATE), ask(SIOCDEVPRIVATE + 15, 1), dev.map.port]).toEqual([-EINVAL, -EOPNOTSUPP, 9])
  })

  test('is no operation of a driver that has none', () => {
    expect(makeDevice().netdevOps.ndoSiocdevprivate).toBe(undefined)
  })
})

test('a device of another kind than Ethernet has its own header operations', async () => {
  const memory = makeNet()
  // What the shortest of links carries: the protocol alone, and no address.
  const protocolOnly: HeaderOps = {
    create(skb, _dev, type) {
      const at = skb.push(2)
      skb.bytes.set([type >> 8, type], at)
      return 2
    },
    parse: () => 0,
  }
  const { dev } = await addDevice(memory)
  Object.assign(dev, { headerOps: protocolOnly, hardHeaderLen: 2, addrLen: 0 })
  const skb = allocSkb(memory.pool, 64)
  if (skb === undefined) throw new Error('no slot')
  skb.reserve(dev.hardHeaderLen)
  skb.dev = dev
  expect(devHardHeader(skb, dev, 0x0800, dev.broadcast)).toBe(2)
  expect([...skb.bytes.subarray(skb.data, skb.tail)]).toEqual([8, 0])
  expect(devParseHeader(skb, new Uint8Array(6))).toBe(0)
  skb.free()
})
