/** Routers of a lab: what they forward, routes to them, and their NATs, seen by real sockets. */
import type { RemoteInfo, Socket } from 'node:dgram'
import { once } from 'node:events'
import http from 'node:http'
import net from 'node:net'
import { describe, expect, test } from 'vitest'
import type { LabHost, LabRouterOptions } from '../../src/index.ts'
import { client, clientAndServer, lab, server } from '../support/client-and-server.ts'

clientAndServer()

const NATS = ['masquerade', 'full-cone', 'restricted', 'port-restricted', 'symmetric'] as const

/** A UDP socket and its received messages. */
interface Peer {
  readonly socket: Socket
  /** The texts of all datagrams that arrived. */
  readonly arrived: readonly string[]
  send(text: string, port: number, host: string): Promise<void>
  /** The next datagram. */
  next(): Promise<{ readonly text: string; readonly from: RemoteInfo }>
}

async function peer(namespace: LabHost, port = 0, host?: string): Promise<Peer> {
  const socket = await namespace.createSocket('udp4', port, host)
  const waiting: { text: string; from: RemoteInfo }[] = []
  const arrived: string[] = []
  socket.on('message', (message, from) => {
    arrived.push(String(message))
    waiting.push({ text: String(message), from })
    socket.emit('kept')
  })
  return {
    socket,
    arrived,
    send: (text, to, name) =>
      new Promise((resolve, reject) =>
        socket.send(text, to, name, e => (e ? reject(e) : resolve())),
      ),
    async next() {
      while (waiting.length === 0) {
        await once(socket, 'kept')
      }
      return waiting.shift()!
    },
  }
}

/** Sends a datagram, and returns the port and the address that it comes from. */
async function seenBy(receiver: Peer, sender: Peer, host = 'server'): Promise<RemoteInfo> {
  await sender.send('hello', receiver.socket.address().port, host)
  return (await receiver.next()).from
}

const nat = (kind: NonNullable<LabRouterOptions['nat']>) =>
  lab.router('router', { inside: [client], outside: server, nat: kind })

describe('a router', () => {
  test('forwards IPv4 and IPv6 between its neighbours, which see each other’s addresses', async () => {
    await lab.router('router', { inside: [client, server] })
    await server.listen(
      http.createServer((request, response) => response.end(request.socket.remoteAddress)),
      80,
    )
    for (const address of server.addresses) {
      const seen = await (
        await client.fetch(`http://${address.includes(':') ? `[${address}]` : address}/`)
      ).text()
      expect(client.addresses).toContain(seen.replace('::ffff:', ''))
    }
    expect((await client.exec('ping', ['-c', '1', '-W', '15', 'server'])).status).toBe(0)
  })

  test('has a link to each neighbour, and a test can set its wire', async () => {
    const router = await lab.router('router', { inside: [client], outside: server })
    const [receiver, sender] = [await peer(server, 5000), await peer(client)]
    await router.linkTo(server).ab.drop('udp', { first: 1 })
    await sender.send('lost', 5000, 'server')
    await sender.send('kept', 5000, 'server')
    expect((await receiver.next()).text).toBe('kept')
    expect(() => router.linkTo(router)).toThrow('was not made with a link to router')
  })

  test('a chain of routers is passed in both directions, by the path with the fewest', async () => {
    const [near, far] = [
      await lab.router('near', { inside: [client] }),
      await lab.router('far', { inside: [server] }),
    ]
    const middle = await lab.router('middle', { inside: [near, far] })
    const hops = async () => (await seenTtl()).ttl
    const seenTtl = async () => {
      const { stdout } = await client.exec('ping', ['-c', '1', '-W', '15', 'server'])
      return { ttl: 64 - Number(/ttl=(\d+)/.exec(stdout)?.[1]) }
    }
    expect(await hops()).toBe(3)
    expect(middle.interfaces.map(({ name }) => name).sort()).toEqual(['far', 'near'])
    await lab.cable(near, far)
    expect(await hops()).toBe(2)
  })

  test('sends ICMP errors for networks that it does not know', async () => {
    const router = await lab.router('router', { inside: [client] })
    await client.exec('ip', ['route', 'add', '203.0.113.0/24', 'via', router.addresses[0]!])
    const { stdout } = await client.exec('ping', ['-c', '1', '-W', '15', '203.0.113.1'])
    expect(stdout).toContain('Destination Net Unreachable')
  })

  test('refuses a NAT without an outside, and a name that is taken', async () => {
    await expect(lab.router('router', { inside: [client], nat: 'symmetric' })).rejects.toThrow(
      'a NAT needs `outside`',
    )
    await expect(lab.router('client')).rejects.toThrow('the name is taken')
    await expect(lab.router('r', { outside: server, nat: 'cone' as never })).rejects.toThrow(
      "router r: nat: 'cone' is not a NAT, which are",
    )
  })
})

describe('a NAT', () => {
  test.each(NATS)(
    '%s: the server sees the router, and reaches the client by the same port',
    async kind => {
      const router = await nat(kind)
      const [receiver, sender] = [await peer(server, 5000), await peer(client)]
      const seen = await seenBy(receiver, sender)
      expect(router.addresses).toContain(seen.address)
      await receiver.send('answer', seen.port, seen.address)
      const { text, from } = await sender.next()
      expect([text, from.port]).toEqual(['answer', 5000])
      expect(server.addresses).toContain(from.address)
    },
  )

  test.each(NATS)('%s: TCP, ping and datagrams in fragments pass', async kind => {
    const router = await nat(kind)
    await server.listen(
      http.createServer((request, response) => response.end(request.socket.remoteAddress)),
      80,
    )
    const [address] = server.addresses
    const body = await (await client.fetch(`http://${address}/`)).text()
    expect(router.addresses).toContain(body.replace('::ffff:', ''))
    expect(
      (await client.exec('ping', ['-c', '1', '-W', '15', '-s', '3000', address!])).status,
    ).toBe(0)
    const [receiver, sender] = [await peer(server, 5000), await peer(client)]
    await sender.send('x'.repeat(4000), 5000, 'server')
    const { text, from } = await receiver.next()
    expect(text).toHaveLength(4000)
    await receiver.send('y'.repeat(4000), from.port, from.address)
    expect((await sender.next()).text).toHaveLength(4000)
  })

  test.each(NATS)('%s: a closed port of the server is an error of the client', async kind => {
    await nat(kind)
    const socket = await client.createSocket('udp4')
    await new Promise<void>(resolve => socket.connect(9, server.addresses[0]!, resolve))
    const refused = once(socket, 'error')
    socket.send('x')
    expect((await refused)[0]).toMatchObject({ code: 'ECONNREFUSED' })
  })

  test.each(NATS)('%s: a host inside learns the MTU of the wire outside', async kind => {
    const router = await nat(kind)
    await router.linkTo(server).ab.wire('mtu 1300 icmp')
    const [address] = server.addresses
    const ping = await client.exec('ping', [
      '-c',
      '1',
      '-W',
      '15',
      '-M',
      'do',
      '-s',
      '1400',
      address!,
    ])
    expect(ping.stdout).toMatch(/mtu ?= ?1300/)
  })

  test.each(NATS)('%s: a reset by the wire outside reaches both ends', async kind => {
    const router = await nat(kind)
    const link = router.linkTo(server)
    const listener = net.createServer()
    await server.listen(listener, 80)
    for (const direction of [link.ab, link.ba]) {
      const accepted = once(listener, 'connection')
      const near = await client.connect(80, server.addresses[0]!)
      const [far] = (await accepted) as [net.Socket]
      const errors = [near, far].map(async end => (await once(end.resume(), 'error'))[0].code)
      await direction.fault('reset', 'tcp[tcpflags] & tcp-push != 0', { nth: 1 })
      const sender = direction === link.ab ? near : far
      sender.write('news')
      expect(await Promise.all(errors)).toEqual(['ECONNRESET', 'ECONNRESET'])
    }
  })

  test.each(NATS)('%s: fragments in any order reach the host inside', async kind => {
    const router = await nat(kind)
    const [receiver, sender] = [await peer(server, 5000), await peer(client)]
    const { port, address } = await seenBy(receiver, sender)
    // Each first fragment arrives after the others of its datagram.
    await router.linkTo(server).ba.fault({ delay: '20ms' }, 'ip[6:2] & 0x3fff = 0x2000')
    for (let i = 0; i < 10; i++) {
      await receiver.send(String(i).repeat(3000), port, address)
    }
    for (let i = 0; i < 10; i++) {
      expect((await sender.next()).text).toBe(String(i).repeat(3000))
    }
    const { ba } = await router.linkTo(server).stats()
    expect(ba.stages.find(({ stage }) => stage === 'nat')?.drops ?? {}).toEqual({})
  })

  test('the outside has no route to IPv4 hosts inside, but they reply over IPv6', async () => {
    await nat('full-cone')
    const inside4 = client.addresses.find(each => !each.includes(':'))!
    const inside6 = client.addresses.find(each => each.includes(':'))!
    const ping = async (address: string) =>
      (await server.exec('ping', ['-c', '1', '-W', '15', address])).status
    expect([await ping(inside4), await ping(inside6)]).toEqual([2, 0])
  })

  test.each([
    ['full-cone', [true, true, true]],
    ['restricted', [true, true, false]],
    ['port-restricted', [true, false, false]],
    ['symmetric', [true, false, false]],
    ['masquerade', [true, false, false]],
  ] as const)('%s: who may send to the port of the client', async (kind, admitted) => {
    const [stranger] = lab.hosts('stranger')
    const internet = await lab.router('internet', { inside: [server, stranger] })
    await lab.router('router', { inside: [client], outside: internet, nat: kind })
    const [receiver, sender] = [await peer(server, 5000), await peer(client)]
    const { address, port } = await seenBy(receiver, sender)
    // The server itself, another port of it, and another host, in this order.
    const peers = [receiver, await peer(server), await peer(stranger)]
    for (const [i, each] of peers.entries()) {
      await each.send(String(i), port, address)
    }
    // A sender's frames arrive in order: after a reply from each, all have arrived.
    for (const [i, each] of peers.entries()) {
      const seen = await seenBy(each, sender, i === 2 ? 'stranger' : 'server')
      await each.send('answer', seen.port, seen.address)
      while ((await sender.next()).text !== 'answer') {}
    }
    expect(peers.map((_, i) => sender.arrived.includes(String(i)))).toEqual(admitted)
  })

  test('symmetric: each peer sees another port; a cone shows them one', async () => {
    const [other] = lab.hosts('other')
    const internet = await lab.router('internet', { inside: [server, other] })
    const ports = async (kind: 'symmetric' | 'restricted') => {
      const [host] = lab.hosts(`in-${kind}`)
      await lab.router(kind, { inside: [host], outside: internet, nat: kind })
      const sender = await peer(host)
      const receivers = [await peer(server), await peer(other)]
      return [
        await seenBy(receivers[0]!, sender, 'server'),
        await seenBy(receivers[1]!, sender, 'other'),
      ]
    }
    const [one, two] = await ports('symmetric')
    expect(one!.port).not.toBe(two!.port)
    const [three, four] = await ports('restricted')
    expect(three!.port).toBe(four!.port)
  })

  test.each(['full-cone', 'restricted', 'symmetric'] as const)(
    '%s: a rebind gives the client another port',
    async kind => {
      const router = await nat(kind)
      const [receiver, sender] = [await peer(server, 5000), await peer(client)]
      const before = await seenBy(receiver, sender)
      expect((await seenBy(receiver, sender)).port).toBe(before.port)
      await router.rebind()
      await receiver.send('too late', before.port, before.address)
      const after = await seenBy(receiver, sender)
      expect(after.address).toBe(before.address)
      expect(after.port).not.toBe(before.port)
      await receiver.send('in time', after.port, after.address)
      expect((await sender.next()).text).toBe('in time')
      const { ba } = await router.linkTo(server).stats()
      expect(ba.stages.find(({ stage }) => stage === 'nat')?.drops).toEqual({ unmapped: 1 })
    },
  )

  test('a router without a NAT of its own has nothing to rebind', async () => {
    const router = await lab.router('router', { inside: [client], outside: server })
    await expect(router.rebind()).rejects.toThrow('the router router has no NAT that rebinds')
  })

  test('the wire outside meets the addresses outside', async () => {
    const router = await nat('symmetric')
    const address = router.addresses.filter(each => !each.includes(':'))
    const [receiver, sender] = [await peer(server, 5000), await peer(client)]
    const link = router.linkTo(server)
    const fault = await link.ab.drop(`udp and (src host ${address[0]} or src host ${address[1]})`, {
      first: 1,
    })
    await sender.send('lost', 5000, 'server')
    await fault.hit()
    await sender.send('kept', 5000, 'server')
    expect((await receiver.next()).text).toBe('kept')
  })
})

test.each(['first', 'last'])(
  'a cable whose routes the kernel refuses, made %s, fails alone',
  async place => {
    const router = await lab.router('router', { inside: [server] })
    const [good, bad] = lab.hosts('good', 'bad')
    // The gateway of `bad` is not in its network.
    const options = { addresses: [['192.0.2.1/24'], ['203.0.113.1/24']] } as const
    const makers = [
      () => lab.cable(bad, router, options),
      () => lab.cable(client, router),
      () => lab.cable(good, router),
    ]
    if (place === 'last') {
      makers.reverse()
    }
    const settled = await Promise.allSettled(makers.map(make => make()))
    if (place === 'last') {
      settled.reverse()
    }
    expect(settled.map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'fulfilled'])
    expect(settled[0]).toMatchObject({ reason: { message: expect.stringContaining('route') } })
    expect(bad.interfaces).toEqual([])
    for (const host of [client, good]) {
      const { status } = await host.exec('ping', ['-c1', '-W30', 'server'])
      expect(status, host.name).toBe(0)
    }
  },
)
