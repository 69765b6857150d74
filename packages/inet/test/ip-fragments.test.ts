/** Fragments of IPv4 and IPv6 between hosts in memory, on a fake clock. */
import { expect, test } from 'vitest'
import { random } from '#src/base/random.ts'
import { scaled } from '#support/scale.ts'
import { bound, bytes, endpoint, pair, probe } from './ip-network.ts'

const FAMILIES = [
  [4, '198.18.1.2'],
  [6, '2001:db8::2'],
] as const

/** Hosts that know each other, and the fragments of a datagram of 5000 bytes. */
function cut(family: 4 | 6, to: string) {
  const { network, a, b, devB } = pair()
  const receiver = bound(b, family, 53)
  const { socket } = bound(a, family, 1234)
  socket.send(bytes(1), endpoint(to, 53))
  network.run()
  network.frames.length = 0
  receiver.messages.length = 0
  network.lose = () => true
  socket.send(bytes(5000), endpoint(to, 53))
  network.lose = () => false
  const lengths = () => receiver.messages.map(([data]) => data.length)
  return { network, a, b, devB, receiver, lengths, fragments: network.frames.splice(0) }
}

test.each(FAMILIES)(
  'a datagram of IPv%i larger than the MTU arrives in fragments',
  (family, to) => {
    const { network, a, b } = pair()
    const receiver = bound(b, family, 53)
    const { socket } = bound(a, family, 1234)
    for (const length of [1453, 5000, 65_507]) {
      socket.send(bytes(length), endpoint(to, 53))
      network.run()
      expect(receiver.messages.pop()?.[0]).toBe(Buffer.from(bytes(length)).toString('latin1'))
    }
    expect(Math.max(...network.frames.map(({ length }) => length))).toBeLessThanOrEqual(1514)
    expect(b.stack.counters()[family === 4 ? 'IpReasmOKs' : 'Ip6ReasmOKs']).toBe(
      family === 4 ? 2 : 3,
    )
  },
)

test.each(FAMILIES)(
  'fragments of IPv%i make their packet in any order, with repeats',
  (family, to) => {
    const { devB, receiver, fragments } = cut(family, to)
    const { below } = random(3)
    expect(fragments.length).toBe(4)
    for (let round = 0; round < scaled(2000); round++) {
      const order = fragments.slice()
      for (let i = order.length - 1; i > 0; i--) {
        const j = below(i + 1)
        ;[order[i], order[j]] = [order[j] as Uint8Array, order[i] as Uint8Array]
      }
      // The last one completes the packet, so only others are repeated.
      order.splice(below(order.length - 1) + 1, 0, order[0] as Uint8Array)
      for (const frame of order) {
        devB.receive(frame, 0, frame.length)
      }
      expect(receiver.messages.pop()?.[0]).toBe(Buffer.from(bytes(5000)).toString('latin1'))
      expect(receiver.messages).toEqual([])
      // All fragments again make another packet.
      for (const frame of fragments) {
        devB.receive(frame, 0, frame.length)
      }
      receiver.messages.length = 0
    }
  },
)

test.each(FAMILIES)(
  'an incomplete packet of IPv%i is dropped and reported after its time',
  (family, to) => {
    const { network, a, b, devB, lengths, fragments } = cut(family, to)
    const { errors } = probe(a)
    for (const frame of fragments.slice(0, 3)) {
      devB.receive(frame, 0, frame.length)
    }
    const time = family === 4 ? 30_000 : 60_000
    network.run(time - 1)
    expect(network.frames).toEqual([])
    network.run(10)
    expect(network.frames.length).toBe(1)
    // "Fragment reassembly time exceeded", which is not for protocol 99.
    const at = family === 4 ? 34 : 54
    expect([...(network.frames[0]?.subarray(at, at + 2) ?? [])]).toEqual([family === 4 ? 11 : 3, 1])
    expect(errors).toEqual([])
    devB.receive(fragments[3] as Uint8Array, 0, fragments[3]?.length ?? 0)
    expect(lengths()).toEqual([])
    expect(b.stack.counters()[family === 4 ? 'IpReasmTimeout' : 'Ip6ReasmTimeout']).toBe(1)
  },
)

test.each(FAMILIES)('fragments of IPv%i that overlap end their packet', (family, to) => {
  const { b, devB, lengths, fragments } = cut(family, to)
  const [first, second, third, last] = fragments as [Uint8Array, Uint8Array, Uint8Array, Uint8Array]
  const overlapping = second.slice()
  if (family === 4) {
    // Eight bytes earlier; the checksum of the header grows by as much.
    overlapping[21] = (overlapping[21] as number) - 1
    const check = (overlapping[24] as number) * 256 + (overlapping[25] as number) + 1
    overlapping.set([check >>> 8, check & 0xff], 24)
  } else {
    overlapping[57] = (overlapping[57] as number) - 8
  }
  for (const frame of [first, overlapping, second, third, last]) {
    devB.receive(frame, 0, frame.length)
  }
  expect(lengths()).toEqual([])
  expect(b.stack.counters()[family === 4 ? 'IpReasmFails' : 'Ip6ReasmFails']).toBe(1)
})

test('the fragments that wait have a bounded memory', () => {
  const { b, devB, fragments } = cut(4, '198.18.1.2')
  const [first] = fragments as [Uint8Array]
  for (let id = 0; id < 5000; id++) {
    const frame = first.slice()
    // Another identification, and the checksum that goes with it.
    const old = (frame[18] as number) * 256 + (frame[19] as number)
    let check = (frame[24] as number) * 256 + (frame[25] as number) + old - id
    if (check < 0) {
      check += 0xffff
    }
    if (check > 0xffff) {
      check -= 0xffff
    }
    frame.set([id >>> 8, id & 0xff], 18)
    frame.set([check >>> 8, check & 0xff], 24)
    devB.receive(frame, 0, frame.length)
  }
  // 4 MiB of 1480 bytes and 512 for each
  expect(b.stack.counters().IpReasmFails).toBe(5000 - 2106)
})
