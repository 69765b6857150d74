/** Labs in memory: the calls of a lab, in virtual time. */
import { pbkdf2Sync, randomBytes } from 'node:crypto'
import dgram from 'node:dgram'
import { once } from 'node:events'
import http from 'node:http'
import http2 from 'node:http2'
import net, { type AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import { createLab, type LabHost } from '../../src/index.ts'
import { memoryLabs } from '../support/memory-lab.ts'

const { made } = memoryLabs()

const hello = () => http.createServer((_, response) => response.end('hello'))

async function get(from: LabHost, url: string): Promise<string> {
  return (await from.fetch(url)).text()
}

test('a request crosses a link in virtual time', async () => {
  const lab = await made()
  expect(lab.world).toBe('memory')
  const [client, server] = lab.hosts('client', 'server')
  const link = await lab.cable(client, server, { wire: 'delay 20ms' })
  await server.listen(hello(), 80)
  expect(lab.now).toBe(0)
  expect(await get(client, 'http://server/')).toBe('hello')
  // A handshake, and a request with its response.
  expect(lab.now).toBe(80)
  await lab.sleep('1s')
  const { a, b } = await link.stats()
  expect(a.sent).toBe(b.received)
  expect(server.stats().TcpPassiveOpens).toBe(1)
})

test('a wrong value is shown in one short line', async () => {
  const lab = await made()
  const names = Array.from({ length: 100 }, (_, i) => `h${i}`)
  const wrong = (value: unknown) => value as LabHost
  const [client] = lab.hosts('client')
  await expect(lab.cable(client, wrong(lab.router('r')))).rejects.toThrow(
    /^cable: a promise \(await it\) is not a host of the lab$/,
  )
  await expect(lab.cable(client, wrong(names))).rejects.toThrow(
    /^cable: \[ 'h0', 'h1', 'h2', \.\.\. 97 more items \] is not a host of the lab$/,
  )
})

test('a request of HTTP/2 that follows a reply does not wait for the next timer', async () => {
  const lab = await made()
  const [client, server] = lab.hosts('client', 'server')
  await lab.cable(client, server, { wire: 'delay 5ms' })
  await server.listen(
    http2.createServer((_, response) => response.end()),
    80,
  )
  const session = http2.connect('http://server', {
    createConnection: () => client.createConnection(80, 'server'),
  })
  await once(session, 'connect')
  expect(lab.now).toBe(10)
  for (const at of [20, 30, 40]) {
    await once(session.request().resume(), 'close')
    expect(lab.now).toBe(at)
  }
  session.destroy()
})

test('two hours pass in no time', async () => {
  const lab = await made()
  const began = Date.now()
  await lab.sleep('2h')
  expect(Date.now() - began).toBe(7_200_000)
  expect(lab.now).toBe(7_200_000)
})

test('the counters of a link have what was sent before, and a closed lab refuses', async () => {
  const lab = await made()
  const [client, server] = lab.hosts('client', 'server')
  const link = await lab.cable(client, server, {
    wire: { ab: "match 'udp port 9' ( loss every 5 )" },
  })
  const socket = await client.createSocket('udp4')
  for (let i = 0; i < 20; i++) {
    await new Promise(sent => socket.send('x', 9, 'server', sent))
  }
  expect((await link.stats()).a.drops).toEqual({ WIRE_LOSS: 4 })
  await lab.close()
  await expect(link.stats()).rejects.toThrow('the link is closed')
})

test('a timer of the moment at which a lab ends does not find its sockets closed', async () => {
  const lab = await made()
  const [client, server] = lab.hosts('client', 'server')
  await lab.cable(client, server)
  const socket = await client.createSocket('udp4')
  let sent = 0
  setInterval(() => socket.send('beat', 9, 'server', () => sent++), 1000)
  await lab.sleep(2000)
  setTimeout(() => {
    throw new Error('rang')
  }, 0)
  await lab.close()
  expect(sent).toBe(1)
})

test('a lab in memory is idle when neither a timer nor a packet is due', async () => {
  const lab = await made()
  const [client, server] = lab.hosts('client', 'server')
  await lab.cable(client, server)
  await server.createSocket('udp4', 9)
  expect(lab.isIdle).toBe(true)
  setTimeout(() => {}, 1000)
  expect(lab.isIdle).toBe(false)
  await lab.sleep(1000)
  expect(lab.isIdle).toBe(true)
})

test('synchronous crypto does not stop time', async () => {
  const lab = await made()
  randomBytes(8)
  pbkdf2Sync('secret', 'salt', 1, 8, 'sha256')
  await lab.sleep('1s')
  expect(lab.now).toBe(1000)
})

test('a lost packet is sent again after the time of the RFC', async () => {
  const lab = await made()
  const [client, server] = lab.hosts('client', 'server')
  const { ab } = await lab.cable(client, server, { wire: 'delay 20ms' })
  await server.listen(hello(), 80)
  const fault = await ab.drop('tcp[tcpflags] & tcp-syn != 0', { nth: 1 })
  expect(await get(client, 'http://server/')).toBe('hello')
  expect(fault.hits).toBe(1)
  expect(lab.now).toBe(1080)
})

test('a partition of a minute ends after a minute', async () => {
  const lab = await made()
  const [client, server] = lab.hosts('client', 'server')
  const link = await lab.cable(client, server)
  await server.listen(hello(), 80)
  const parted = link.partition(60_000)
  await link.stats()
  await expect(
    client.fetch('http://server/', { signal: AbortSignal.timeout(5000) }),
  ).rejects.toThrow(/timeout/)
  expect(lab.now).toBe(5000)
  await parted
  expect(lab.now).toBe(60_000)
  expect(await get(client, 'http://server/')).toBe('hello')
})

test('a cable that is cut and plugged in again carries packets again', async () => {
  const lab = await made()
  const [client, server] = lab.hosts('client', 'server')
  const link = await lab.cable(client, server)
  await server.listen(hello(), 80)
  await link.down()
  const answer = get(client, 'http://server/')
  await lab.sleep('1500ms')
  await link.up()
  expect(await answer).toBe('hello')
  expect(lab.now).toBeCloseTo(1500, 1)
})

test('connecting without a cable fails after three requests for the neighbour', async () => {
  const lab = await made()
  const [client, server] = lab.hosts('client', 'server')
  const link = await lab.cable(client, server)
  await link.down()
  await expect(client.connect(80, 'server')).rejects.toThrow('EHOSTUNREACH')
  expect(lab.now).toBe(3000)
})

test('a router forwards, and its NAT hides the hosts inside', async () => {
  const lab = await made()
  const [client, server] = lab.hosts('client', 'server')
  await lab.router('gate', { inside: [client], outside: server, nat: 'port-restricted' })
  const peers: (string | undefined)[] = []
  const listening = net.createServer(socket => {
    peers.push(socket.remoteAddress)
    socket.end('hi')
  })
  await server.listen(listening, 80, '0.0.0.0')
  const socket = await client.connect(
    80,
    server.addresses.find(text => text.includes('.')) as string,
  )
  expect(String((await socket.toArray())[0])).toBe('hi')
  expect(peers.map(text => text?.replace('::ffff:', ''))).toEqual(['198.18.2.1'])
})

test.each(['masquerade', 'full-cone', 'symmetric', 'nat64', 'nptv6'] as const)(
  'a request passes %s',
  async nat => {
    const lab = await made()
    const [client, server] = lab.hosts('client', 'server')
    await lab.router('gate', { inside: [client], outside: server, nat })
    await server.listen(hello(), 80)
    expect(await get(client, 'http://server/')).toBe('hello')
  },
)

test('a firewall lets replies in, and nothing else', async () => {
  const lab = await made()
  const [client, server] = lab.hosts('client', 'server')
  const router = await lab.router('gate', {
    inside: [client],
    outside: server,
    firewall: 'block-inbound',
  })
  await server.listen(hello(), 80)
  await client.listen(hello(), 80)
  expect(await get(client, 'http://server/')).toBe('hello')
  const [, v6 = ''] = client.addresses
  await expect(
    server.fetch(`http://[${v6}]/`, { signal: AbortSignal.timeout(3500) }),
  ).rejects.toThrow()
  expect(router.stats().FirewallInDrops).toBe(3)
})

test('a firewall forgets a datagram and its reply after 30 s', async () => {
  const lab = await made()
  const [client, server] = lab.hosts('client', 'server')
  await lab.router('gate', { inside: [client], outside: server, firewall: 'block-inbound' })
  const [asking, answering] = [dgram.createSocket('udp4'), dgram.createSocket('udp4')]
  const received: string[] = []
  asking.on('message', data => received.push(`${data}`))
  answering.on('message', async (_, { port, address }) => {
    answering.send('first', port, address)
    await lab.sleep('45s')
    answering.send('late', port, address)
  })
  await client.listen(asking, 0)
  await server.listen(answering, 53)
  const to = server.addresses.find(text => text.includes('.')) as string
  asking.send('query', 53, to)
  await lab.sleep('2min')
  expect(received).toEqual(['first'])
})

test('a connection of IPv4 stops with its address, and continues when the host switches back', async () => {
  const lab = await made()
  const [phone, server] = lab.hosts('phone', 'server')
  const internet = await lab.router('internet', { inside: [server] })
  const wifi = await lab.router('wifi', { inside: [phone], outside: internet })
  const lte = await lab.router('lte', { inside: [phone], outside: internet })
  await phone.switchTo(wifi)
  const received: string[] = []
  const listening = net.createServer(socket => socket.on('data', data => received.push(`${data}`)))
  await server.listen(listening, 80)
  const to = server.addresses.find(text => text.includes('.')) as string
  const socket = await phone.connect(80, to)
  await phone.switchTo(lte)
  socket.write('late')
  await lab.sleep('5s')
  expect(received).toEqual([])
  await phone.switchTo(wifi)
  await lab.sleep('30s')
  expect(received).toEqual(['late'])
})

test('hosts of a segment find each other by ARP and neighbour discovery', async () => {
  const lab = await made()
  const [one, two] = lab.hosts('one', 'two')
  const lan = await lab.lan({}, one, two)
  await two.listen(hello(), 80)
  expect(await get(one, 'http://two/')).toBe('hello')
  const [, v6 = ''] = two.addresses
  expect(await get(one, `http://[${v6}]/`)).toBe('hello')
  expect((await lan.portOf(one).stats()).a.sent).toBeGreaterThan(0)
})

test('programs are refused', async () => {
  const lab = await made()
  const [host] = lab.hosts('host')
  const refused = "needs world: 'kernel'"
  expect(() => host.spawn('true')).toThrow(refused)
  await expect(host.exec('true')).rejects.toThrow(refused)
  expect(() => host.launcher('true')).toThrow(refused)
  expect(() => host.worker('file:///x.js')).toThrow(refused)
  expect(() => host.path).toThrow(refused)
})

test('a world that is not known is refused', async () => {
  await expect(createLab({ world: 'moon' as never })).rejects.toThrow(
    "'moon' is not a world, which are kernel, memory",
  )
})

test('an end of the lab closes what runs in it', async () => {
  const lab = await made()
  const [client, server] = lab.hosts('client', 'server')
  await lab.cable(client, server)
  const listening = net.createServer()
  await server.listen(listening, 80)
  expect((listening.address() as AddressInfo).port).toBe(80)
  const socket = await client.connect(80, 'server')
  await lab.close()
  expect(socket.destroyed).toBe(true)
  expect(listening.listening).toBe(false)
  expect(() => client.stats()).toThrow('the lab has ended')
})

test('a corporate firewall lets the web out, and a captive portal redirects until it accepts', async () => {
  const lab = await made()
  const [worker, guest, site, server] = lab.hosts('worker', 'guest', 'site', 'server')
  await lab.router('office', { inside: [worker], outside: site, preset: 'corporate' })
  const portal = await lab.router('cafe', {
    inside: [guest],
    outside: server,
    preset: 'captive-portal',
  })
  for (const host of [site, server]) {
    for (const port of [80, 8080]) {
      await host.listen(hello(), port)
    }
  }
  expect(await get(worker, 'http://site/')).toBe('hello')
  await expect(
    worker.fetch('http://site:8080/', { signal: AbortSignal.timeout(5000) }),
  ).rejects.toThrow(/timeout/)
  const page = await guest.fetch('http://server/')
  expect([page.status, await page.text()]).toEqual([511, 'sign in: router.accept(host) of cafe\n'])
  await portal.accept(guest)
  // Until the portal closes the connection, it has the next request too.
  await lab.sleep('10s')
  expect(await get(guest, 'http://server/')).toBe('hello')
  expect(await get(guest, 'http://server:8080/')).toBe('hello')
})

test('hosts inside a NAT with hairpinning reach a forwarded port by the address outside', async () => {
  const lab = await made()
  const [one, two, server] = lab.hosts('one', 'two', 'server')
  const options = { nat: 'full-cone', hairpin: true, forward: { 'tcp 8080': 'two:80' } } as const
  const gate = await lab.router('gate', { inside: [one, two], outside: server, ...options })
  await two.listen(hello(), 80)
  const outside = gate.interfaces
    .at(-1)
    ?.addresses.find(text => text.includes('.'))
    ?.split('/')[0]
  expect(await get(server, `http://${outside}:8080/`)).toBe('hello')
  expect(await get(one, `http://${outside}:8080/`)).toBe('hello')
})
