import { expect, test } from 'vitest'
import { SKB_DROP_REASON_TX_CARRIER } from '#src/skb/drop-reason.ts'
import { SkbError } from '#src/skb/error.ts'
import type { SkBuff } from '#src/skb/sk-buff.ts'
import { direct } from '#src/wire/directed-wire.ts'
import { addDevice, freshNet, numbered, numberOf, turn } from '#support/memory-net.ts'

const memory = freshNet()

test('a direct wire delivers every frame unchanged, in order, on the queue it came from', async () => {
  const { dev, port } = await addDevice(memory, {}, { txqs: 2, rxqs: 2 })
  const wire = direct(dev)
  const sent = numbered(6)
  for (const [i, octets] of sent.entries()) {
    const skb = memory.pool.alloc(60) as SkBuff
    skb.bytes.set(octets, skb.put(60))
    skb.queueMapping = i % 2
    memory.made++
    wire.push(skb)
  }
  await turn()
  const received = port.received.map(frame => [frame.queue, numberOf(frame), frame.bytes])
  const expected = sent.map((octets, i) => [i % 2, i, octets])
  expect(received.sort()).toEqual(expected.sort())
  const byQueue = (q: number) => port.received.filter(frame => frame.queue === q).map(numberOf)
  expect([byQueue(0), byQueue(1)]).toEqual([
    [0, 2, 4],
    [1, 3, 5],
  ])
})

test('a direct wire refuses a freed frame', async () => {
  const { dev } = await addDevice(memory)
  const skb = memory.pool.alloc(60) as SkBuff
  skb.free()
  expect(() => direct(dev).push(skb)).toThrow(SkbError)
  expect(memory.pool.out).toBe(0)
})

test('a direct wire drops arriving frames while the cable is cut', async () => {
  const { dev, port } = await addDevice(memory)
  dev.cut = true
  const skb = memory.pool.alloc(60) as SkBuff
  skb.put(60)
  direct(dev).push(skb)
  await turn()
  expect([
    port.received.length,
    memory.pool.drops[SKB_DROP_REASON_TX_CARRIER],
    memory.pool.out,
  ]).toEqual([0, 1, 0])
})
