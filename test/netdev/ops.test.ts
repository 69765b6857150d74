/** Link headers of other kinds. */
import { expect, test } from 'vitest'
import { devHardHeader, devParseHeader } from '#src/netdev/eth.ts'
import type { HeaderOps } from '#src/netdev/ops.ts'
import { allocSkb } from '#src/skb/alloc-skb.ts'
import { addDevice, memoryNets } from '#support/memory-net.ts'

const makeNet = memoryNets()

test('a device of another kind than Ethernet has its own header operations', async () => {
  const memory = makeNet()
  // The shortest link header: the protocol alone, and no address.
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
  const skb = allocSkb(dev, 64)
  if (skb === undefined) throw new Error('no slot')
  skb.reserve(dev.hardHeaderLen)
  expect(devHardHeader(skb, dev, 0x0800, dev.broadcast)).toBe(2)
  expect([...skb.bytes.subarray(skb.data, skb.tail)]).toEqual([8, 0])
  expect(devParseHeader(skb, new Uint8Array(6))).toBe(0)
  skb.free()
})
