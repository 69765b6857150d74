/** What hosts in the kernel and in memory have in common, in the same test for both. */
import { once } from 'node:events'
import net from 'node:net'
import os from 'node:os'
import { describe, expect, test } from 'vitest'
import { createLab, type LabHost } from '../../src/index.ts'

test('stats has the same names in both worlds, except names that only the kernel counts', async () => {
  const names: string[][] = []
  for (const world of ['memory', 'kernel'] as const) {
    await using lab = await createLab({ world })
    const [host] = lab.hosts('host')
    const counters = host.stats()
    names.push(Object.keys(counters))
    expect(counters).toMatchObject({
      TcpRetransSegs: 0,
      TcpExtTCPTimeouts: 0,
      Icmp6InPktTooBigs: 0,
      UdpNoPorts: 0,
    })
  }
  const [memory = [], kernel = []] = names
  expect(memory.filter(name => !kernel.includes(name))).toEqual([])
  expect(new Set(memory).size).toBe(memory.length)
  expect(memory.length).toBeGreaterThan(90)
})

/** A request like superagent's and a query like knex's: it starts when it is awaited. */
class Lazy {
  readonly options: net.TcpNetConnectOpts = { host: 'server', port: 80 }
  set(port: number): this {
    this.options.port = port
    return this
  }
  // biome-ignore lint/suspicious/noThenProperty: what the test is about
  then(done: (text: string) => void, failed: (error: Error) => void): void {
    const socket = net.connect(this.options)
    socket.once('error', failed)
    socket.once('data', data => done(data.toString()))
  }
}

/** Joins a group on the interface that the host chooses. Returns the first datagram there. */
async function member(host: LabHost, group: string): Promise<{ readonly text: Promise<string> }> {
  const socket = await host.createSocket(net.isIPv6(group) ? 'udp6' : 'udp4', 5353)
  socket.addMembership(group)
  return { text: once(socket, 'message').then(([data]) => String(data)) }
}

describe.for(['memory', 'kernel'] as const)('in the world %s', world => {
  test.for([
    ['cable', '224.0.0.251'],
    ['lan', '239.1.2.3'],
    ['cable', 'ff02::fb'],
    ['lan', 'ff08::1234'],
  ] as const)('groups have a route by a %s: %s', async ([kind, group]) => {
    await using lab = await createLab({ world })
    const [sender, receiver] = lab.hosts('sender', 'receiver')
    if (kind === 'cable') {
      await lab.cable(sender, receiver)
    } else {
      await lab.lan({}, sender, receiver)
    }
    const { text } = await member(receiver, group)
    const socket = await sender.createSocket(net.isIPv6(group) ? 'udp6' : 'udp4')
    socket.send('hello', 5353, group)
    expect(await text).toBe('hello')
  })

  test('a socket joins a group on every interface of the host, once, and on no other', async () => {
    await using lab = await createLab({ world })
    const [host, other] = lab.hosts('host', 'other')
    await lab.cable(host, other)
    const socket = await host.createSocket('udp4', 5353)
    const own = Object.values(host.run(() => os.networkInterfaces())).flatMap(each => each ?? [])
    const addresses = own.filter(({ family }) => family === 'IPv4').map(({ address }) => address)
    expect(addresses).toEqual(['127.0.0.1', expect.any(String)])
    for (const address of addresses) {
      socket.addMembership('224.0.0.251', address)
      expect(() => socket.addMembership('224.0.0.251', address)).toThrow('EADDRINUSE')
      socket.dropMembership('224.0.0.251', address)
      expect(() => socket.dropMembership('224.0.0.251', address)).toThrow('EADDRNOTAVAIL')
    }
    expect(() => socket.addMembership('224.0.0.251', '192.0.2.1')).toThrow('ENODEV')
  })

  test('groups lead to the first interface, and to the next one after its end', async () => {
    await using lab = await createLab({ world })
    const [sender, first, second] = lab.hosts('sender', 'first', 'second')
    const link = await lab.cable(sender, first)
    await lab.cable(sender, second)
    const arrives = [await member(first, '239.1.2.3'), await member(second, '239.1.2.3')]
    const send = async (text: string) =>
      (await sender.createSocket('udp4')).send(text, 5353, '239.1.2.3')
    await send('one')
    expect(await arrives[0]?.text).toBe('one')
    await link.close()
    await send('two')
    expect(await arrives[1]?.text).toBe('two')
  })

  test('a port that the program chooses connects again while its last connection is in TIME-WAIT', async () => {
    await using lab = await createLab({ world })
    const [client, server] = lab.hosts('client', 'server')
    await lab.cable(client, server)
    await server.listen(
      net.createServer(socket => socket.resume()),
      80,
    )
    for (let i = 0; i < 4; i++) {
      const socket = client.run(() =>
        net.connect({ host: 'server', port: 80, localPort: 5000, family: 4 }),
      )
      socket.resume()
      await once(socket, 'connect')
      socket.end()
      await once(socket, 'close')
    }
    expect(client.stats()).toMatchObject({ TcpExtTW: 4, TcpExtTWRecycled: 3, TcpRetransSegs: 0 })
  })

  test('wrong texts are the same errors, and a host without a link is one that says so', async () => {
    await using lab = await createLab({ world })
    const [a, b] = lab.hosts('a', 'b')
    const wrong = await a.fetch('http://b/').catch((error: Error) => error.cause)
    expect(String(wrong)).toContain('b has no link: await lab.cable(...) or lab.lan(...) makes one')
    await expect(lab.cable(a, b, { wire: 'delay 20 ms' })).rejects.toMatchObject({
      name: 'FileError',
      column: 7,
    })
    const link = await lab.cable(a, b)
    await expect(link.wire('dely 20ms')).rejects.toMatchObject({ name: 'FileError', column: 1 })
    await expect(link.ab.drop('tcp prot 80')).rejects.toMatchObject({ name: 'UsageError' })
  })

  test('a request that starts when it is awaited starts on the host that has made it', async () => {
    await using lab = await createLab({ world })
    const [client, server] = lab.hosts('client', 'server')
    await lab.cable(client, server)
    await server.listen(
      net.createServer(socket => socket.end(`hello ${server.name}`)),
      80,
    )
    const made = new Lazy()
    expect(client.run(() => made)).toBe(made)
    expect(await made).toBe('hello server')
    expect(await client.run(() => new Lazy().set(81)).set(80)).toBe('hello server')
    const library = client.bind({ get: () => new Lazy() })
    expect(await library.get()).toBe('hello server')
    const bound = client.bind(() => new Lazy())
    expect(await bound()).toBe('hello server')
    // The callback is the caller's.
    const name = await new Promise(resolve => {
      client.run(() => new Lazy()).then(() => resolve(os.hostname()), resolve)
    })
    expect(name).toBe(os.hostname())
    await expect(client.run(() => new Lazy().set(81))).rejects.toMatchObject({
      code: 'ECONNREFUSED',
    })
    const frozen = Object.freeze(new Lazy())
    expect(client.run(() => frozen)).toBe(frozen)
  })
})

// In the kernel the time of the last acknowledgment depends on the load of the machine.
test('in memory, too, a port connects again while the server is in TIME-WAIT, because timestamps increase', async () => {
  await using lab = await createLab({ world: 'memory' })
  const [client, server] = lab.hosts('client', 'server')
  await lab.cable(client, server, { wire: 'delay 5ms' })
  await server.listen(
    net.createServer(socket => socket.resume().end()),
    80,
  )
  for (let i = 0; i < 8; i++) {
    const socket = client.run(() =>
      net.connect({ host: 'server', port: 80, localPort: 5000, family: 4 }),
    )
    socket.resume()
    await once(socket, 'close')
    // The last acknowledgment arrives.
    await lab.sleep(20)
  }
  expect(client.stats()).toMatchObject({ TcpExtTCPSynRetrans: 0, TcpOutRsts: 0 })
})
