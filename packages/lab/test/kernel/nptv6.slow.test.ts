/** NPTv6 between hosts with unique local addresses and hosts outside, in both directions. */
import { once } from 'node:events'
import http from 'node:http'
import { beforeEach, describe, expect, test } from 'vitest'
import type { LabHost, LabRouter } from '../../src/index.ts'
import { client, clientAndServer, lab, server } from '../support/client-and-server.ts'

clientAndServer()

let internet: LabRouter
let router: LabRouter

/** client - router - internet - server. */
beforeEach(async () => {
  internet = await lab.router('internet', { inside: [server] })
  router = await lab.router('router', { inside: [client], outside: internet, nat: 'nptv6' })
})

const v6 = (host: LabHost) => host.addresses.find(each => each.includes(':'))!
const outside = (host = client) => router.addressesOutside(host)[0]!
const echo = () => http.createServer(({ socket }, response) => response.end(socket.remoteAddress))
const text = async (from: LabHost, host: string) => (await from.fetch(`http://[${host}]/`)).text()
const ping = async (from: LabHost, ...args: string[]) =>
  (await from.exec('ping', ['-c1', '-W9', ...args])).stdout

describe('a host inside NPTv6', () => {
  test('has an address of fd00::/48, and another one outside', () => {
    expect(v6(client)).toMatch(/^fd00:0:0:\d::1$/)
    expect(outside()).toMatch(/^2001:db8:\d:[0-9a-f]+::1$/)
  })

  test('reaches a host outside by ping and TCP, which sees the address outside', async () => {
    expect(await ping(client, v6(server))).toContain('1 received')
    await server.listen(echo(), 80)
    expect(await text(client, v6(server))).toBe(outside())
  })

  test('is reached from outside by ping and TCP at its address outside only', async () => {
    expect(await ping(server, outside())).toContain('1 received')
    await client.listen(echo(), 80)
    expect(await text(server, outside())).toBe(v6(server))
    expect((await server.exec('ping', ['-c1', '-W1', v6(client)])).stderr).toContain('unreachable')
  })

  test('reaches another host inside by the address outside', async () => {
    const [neighbour] = lab.hosts('neighbour')
    await lab.cable(neighbour, router)
    expect(v6(neighbour)).toMatch(/^fd00:/)
    await neighbour.listen(echo(), 80)
    expect(await text(client, outside(neighbour))).toBe(outside())
    expect(await text(client, v6(neighbour))).toBe(v6(client))
  })

  test('understands errors about its packets: a closed port, a router, a smaller MTU', async () => {
    const socket = await client.createSocket('udp6')
    socket.connect(9, v6(server))
    await once(socket, 'connect')
    socket.send('x')
    expect((await once(socket, 'error'))[0]).toMatchObject({ code: 'ECONNREFUSED' })
    expect(await ping(client, '-t', '2', v6(server))).toContain('Time exceeded')
    const [far] = lab.hosts('far')
    await lab.cable(far, internet, { mtu: 1400 })
    await client.exec('ping', ['-c1', '-W30', '-M', 'do', '-s', '1452', v6(far)])
    expect((await client.exec('ip', ['-6', 'route', 'get', v6(far)])).stdout).toContain('mtu 1400')
  })

  test('sends errors that hosts outside understand', async () => {
    const socket = await server.createSocket('udp6')
    socket.connect(9, outside())
    await once(socket, 'connect')
    socket.send('x')
    expect((await once(socket, 'error'))[0]).toMatchObject({ code: 'ECONNREFUSED' })
  })

  test('uses IPv4 without translation', async () => {
    await server.listen(echo(), 80, '0.0.0.0')
    const address = server.addresses.find(each => !each.includes(':'))!
    expect(await (await client.fetch(`http://${address}/`)).text()).toBe(client.addresses[0])
  })
})

test('a firewall at NPTv6 lets only replies in, of both versions of IP', async () => {
  const [guest] = lab.hosts('guest')
  const made = await lab.router('guarded', {
    inside: [guest],
    outside: internet,
    nat: 'nptv6',
    firewall: 'block-inbound',
  })
  const [at] = made.addressesOutside(guest)
  await guest.listen(echo(), 80)
  const address = guest.addresses.find(each => !each.includes(':'))!
  const blocked = [at!, address].map(host =>
    server.exec('curl', ['-gsm1', `http://${host.includes(':') ? `[${host}]` : host}/`]),
  )
  // 28 is curl's status of a time-out.
  expect((await Promise.all(blocked)).map(({ status }) => status)).toEqual([28, 28])
  await server.listen(echo(), 80)
  expect(await text(guest, v6(server))).toBe(at)
})

test('packets from outside with addresses of the network inside are dropped and counted', async () => {
  await server.exec('ip', ['addr', 'add', 'fd00::9/128', 'dev', 'lo'])
  const dropped = async () => {
    await server.exec('ping', ['-c1', '-W1', '-I', 'fd00::9', outside()])
    return (await router.linkTo(internet).stats()).ba.stages.find(({ stage }) => stage === 'nat')!
      .drops
  }
  // The kernel discards the packet if its neighbour is not found in 3 s.
  await expect.poll(dropped).toEqual({ filtered: expect.any(Number) })
})

test.each([
  [{ nat: 'nptv6', hairpin: true }, 'hairpin is for a NAT of IPv4, not for nptv6'],
  [{ nat: 'nptv6', udpTimeout: '30s' }, 'udpTimeout is for a NAT of IPv4, not for nptv6'],
  [{ nat: 'nptv6', forward: { 'tcp 1': 'client' } }, 'forward is for a NAT of IPv4, not for nptv6'],
  [{ nat: 'nptv6', mtu: 1000 }, 'nptv6 needs an mtu of at least 1280'],
] as const)('a router with %o is refused', async (options, message) => {
  await expect(lab.router('wrong', { ...options, outside: internet })).rejects.toThrow(message)
})

test('a router without NPTv6 has no addresses outside, and NPTv6 neither forwards nor rebinds', async () => {
  expect(() => internet.addressesOutside(client)).toThrow(
    "router internet: addressesOutside needs nat: 'nptv6'",
  )
  expect(() => router.addressesOutside('client' as never)).toThrow(
    "'client' is not a host of the lab",
  )
  await expect(router.forward('tcp 80', 'client')).rejects.toThrow(
    'forward is for a NAT of IPv4, not for nptv6',
  )
  await expect(router.rebind()).rejects.toThrow('has no NAT that rebinds')
})
