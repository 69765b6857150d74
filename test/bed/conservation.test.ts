import { expect, test } from 'vitest'
import { assertConserved, balance } from '#src/bed/conservation.ts'
import { netifRx } from '#src/netdev/netif.ts'
import type { SkBuff } from '#src/skb/sk-buff.ts'
import { addDevice, freshNet, numbered, sendAll } from '#support/memory-net.ts'

const memory = freshNet()

test('the balance counts what went in, came out, was dropped and is held', async () => {
  const held: SkBuff[] = []
  const a = await addDevice(memory, { ndoStartXmit: skb => netifRx(skb) })
  const b = await addDevice(memory, { ndoStartXmit: skb => skb.drop() })
  const c = await addDevice(memory, { ndoStartXmit: skb => void held.push(skb) })
  for (const [{ port }, n] of [
    [a, 3],
    [b, 2],
    [c, 1],
  ] as const) {
    sendAll(port, ...numbered(n))
  }
  expect(balance(memory.net)).toEqual({ in: 6, made: 0, out: 3, dropped: 2, held: 1 })
  expect(assertConserved(memory.net)).toEqual(balance(memory.net))
  expect(balance(memory.net, [b.dev])).toMatchObject({ in: 2, dropped: 2 })
  for (const skb of held) {
    skb.drop()
  }
})

test('assertConserved throws if a frame vanishes uncounted or comes from nowhere', async () => {
  let make = false
  const { port } = await addDevice(memory, {
    ndoStartXmit: skb => {
      if (make) {
        netifRx(skb.copy() as SkBuff)
      }
      netifRx(skb)
    },
  })
  const { net } = memory
  const send = () => {
    sendAll(port, ...numbered(1))
  }
  send()
  memory.pool.alloc(60)?.free()
  assertConserved(net)
  make = true
  send()
  const text = 'frames are not conserved: 2 in + 0 made, 3 out, 0 dropped, 0 held'
  expect(() => assertConserved(net)).toThrow(text)
  expect(() => assertConserved(net, net.devices, 2)).toThrow('2 in + 2 made')
  assertConserved(net, net.devices, 1)
  memory.made = 1
})

test('assertConserved throws for a freed frame that was neither delivered nor dropped', async () => {
  const { port } = await addDevice(memory, { ndoStartXmit: skb => skb.free() })
  sendAll(port, ...numbered(1))
  expect(() => assertConserved(memory.net)).toThrow('1 in + 0 made, 0 out, 0 dropped, 0 held')
  memory.made = -1
})
