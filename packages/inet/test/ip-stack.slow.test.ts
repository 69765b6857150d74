/** Thousands of neighbours of hosts in memory. */
import { expect, test } from 'vitest'
import { address, bound, bytes, endpoint, Network } from './ip-network.ts'

test('neighbours are bounded, and silent neighbours make room first', () => {
  const network = new Network()
  const [a, b] = [network.host(), network.host()]
  const [dev] = network.join([
    [a.stack, '10.0.0.1/8'],
    [b.stack, '10.0.0.2/8'],
  ])
  const { messages } = bound(b, 4, 53)
  const { socket } = bound(a, 4, 0)
  const scan = (from: number, count: number) => {
    for (let i = from; i < from + count; i++) {
      socket.send(bytes(1), { address: Uint8Array.of(10, 1, i >>> 8, i), port: 53 })
    }
  }
  socket.send(bytes(1), endpoint('10.0.0.2', 53))
  network.run()
  for (const from of [0, 2000]) {
    scan(from, 2000)
    network.run()
  }
  expect(dev.neighbours.size).toBe(2048)
  expect(dev.neighbours.has(address('10.0.0.2'))).toBe(true)
  // More than there is room for, while all are asked for: the first are dropped.
  scan(4000, 3000)
  expect(dev.neighbours.size).toBe(2048)
  network.run()
  socket.send(bytes(2), endpoint('10.0.0.2', 53))
  network.run()
  expect(messages.length).toBe(2)
})
