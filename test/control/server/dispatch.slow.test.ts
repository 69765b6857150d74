/** Random requests of programs. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { VNET_GENL_ID } from '#src/control/protocol/family.ts'
import { netifCarrierOn } from '#src/netdev/netif.ts'
import { NLM_F_ACK, NLM_F_DUMP } from '#src/netlink/index.ts'
import { forAll } from '#support/for-all.ts'
import { dispatchAll, request } from '#support/genl-request.ts'
import { memoryNets } from '#support/memory-net.ts'
import { mutated } from '../../netlink/arbitraries.ts'
import { GET_DEVICES, GET_STATS, served } from './dispatched.ts'

const memoryNet = memoryNets()

test('random and mutated requests throw nothing, and no byte after them is read', async () => {
  const defects: unknown[] = []
  const { net, families } = await served(memoryNet())
  const right = [
    request(0x10, 3, { flags: NLM_F_ACK, write: b => b.string(2, 'vnet_nl') }),
    request(VNET_GENL_ID, GET_DEVICES, { write: b => b.string(2, 'one') }),
    request(VNET_GENL_ID, GET_STATS, { flags: NLM_F_DUMP, write: b => b.u32(1, 2).u32(6, 1) }),
    request(VNET_GENL_ID, 1, { write: b => b.string(1, 'hello') }),
    request(VNET_GENL_ID, 5, { write: b => b.u32(1, 2).u8(21, 1) }),
    request(VNET_GENL_ID, 7, { write: b => b.string(15, 'a').string(16, '1') }),
    request(VNET_GENL_ID, 8, { write: b => b.u32(1, 2).string(22, 'flap').u32(10, 0) }),
    request(VNET_GENL_ID, 9, {
      write: b =>
        b.u32(1, 2).u32(23, 0x89f0).binary(24, new Uint8Array(40)).binary(26, new Uint8Array(8)),
    }),
    request(VNET_GENL_ID, 10, { write: b => b.u32(29, 6).u64(30, 5n) }),
  ]
  const octets = fc.oneof(
    fc.uint8Array({ maxLength: 96 }),
    ...right.map(mutated),
    mutated(new Uint8Array(right.flatMap(each => [...each]))),
  )
  forAll(2000, [octets], octets => {
    const [one, other] = [0x00, 0xff].map(after => {
      // The only state that a request here may change and another may report.
      for (const dev of net.devices) {
        netifCarrierOn(dev)
      }
      const bytes = new Uint8Array(octets.length + 64).fill(after)
      bytes.set(octets)
      const sent: Uint8Array[] = []
      const client = {
        missing: undefined,
        missingToCapture: undefined,
        share: 0,
        privileged: true,
        onDrained: undefined,
        notify: () => true,
        handOver() {},
        send: (octets: Uint8Array) => void sent.push(octets.slice()),
        dump(parts: Iterator<Uint8Array, Uint8Array>) {
          sent.push(parts.next().value.slice())
        },
      }
      dispatchAll(families, bytes, octets.length, client, error => defects.push(error))
      return sent
    })
    expect(one).toEqual(other)
  })
  expect(defects.splice(0)).toEqual([])
})
