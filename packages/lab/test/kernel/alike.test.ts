/** What hosts in the kernel and in memory have in common, in the same test for both. */
import { once } from 'node:events'
import net from 'node:net'
import { describe, expect, test } from 'vitest'
import { createLab } from '../../src/index.ts'

test('stats has the same names in both worlds, except those that only the kernel counts', async () => {
  const names: string[][] = []
  for (const world of ['memory', 'kernel'] as const) {
    await using lab = await createLab({ world })
    const [host] = lab.hosts('host')
    const counters = host.stats()
    names.push(Object.keys(counters))
    expect(counters).toMatchObject({ TcpRetransSegs: 0, TcpExtTCPTimeouts: 0, Icmp6InPktTooBigs: 0, UdpNoPorts: 0 })
  }
  const [memory = [], kernel = []] = names
  expect(memory.filter(name => !kernel.includes(name))).toEqual([])
  expect(new Set(memory).size).toBe(memory.length)
  expect(memory.length).toBeGreaterThan(90)
})

describe.for(['memory', 'kernel'] as const)('in the world %s', world => {
  test('a port that the program chooses connects again while its last connection is in TIME-WAIT', async () => {
    await using lab = await createLab({ world })
    const [client, server] = lab.hosts('client', 'server')
    await lab.cable(client, server)
    await server.listen(
      net.createServer(socket => socket.resume()),
      80,
    )
    for (let i = 0; i < 4; i++) {
      const socket = client.run(() => net.connect({ host: 'server', port: 80, localPort: 5000, family: 4 }))
      socket.resume()
      await once(socket, 'connect')
      socket.end()
      await once(socket, 'close')
    }
    expect(client.stats()).toMatchObject({ TcpExtTW: 4, TcpExtTWRecycled: 3, TcpRetransSegs: 0 })
  })
})
