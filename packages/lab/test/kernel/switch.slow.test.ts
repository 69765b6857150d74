/** A host with several uplinks that switches between them. */
import { once } from 'node:events'
import http from 'node:http'
import net from 'node:net'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createLab, type Lab, type LabHost, type LabRouter } from '../../src/index.ts'

let lab: Lab
let phone: LabHost
let server: LabHost
let wifi: LabRouter
let lte: LabRouter

beforeEach(async () => {
  lab = await createLab({ seed: 7 })
  ;[phone, server] = lab.hosts('phone', 'server')
  const internet = await lab.router('internet', { inside: [server] })
  wifi = await lab.router('wifi', { inside: [phone], outside: internet, nat: 'restricted' })
  lte = await lab.router('lte', { inside: [phone], outside: internet, nat: 'symmetric' })
})
afterEach(() => lab.close())

const outside = (router: LabRouter) =>
  router.interfaces.find(({ name }) => name === 'internet')!.addresses
const v4 = (addresses: readonly string[]) =>
  addresses.find(each => !each.includes(':'))!.split('/')[0]!
const addressesOn = (name: string) => phone.interfaces.find(each => each.name === name)!.addresses
const seen = async (family: '-4' | '-6') =>
  (await phone.exec('curl', [family, '-sS', '-m30', 'http://server/'])).stdout
const serve = () =>
  server.listen(
    http.createServer(({ socket }, response) =>
      response.end(socket.remoteAddress?.replace('::ffff:', '')),
    ),
    80,
  )

test('new connections of a host come from the address of the uplink that it has switched to', async () => {
  await serve()
  const [onWifi, onLte] = [addressesOn('wifi'), addressesOn('lte')]
  for (const [uplink, addresses] of [
    [lte, onLte],
    [wifi, onWifi],
    [lte, onLte],
  ] as const) {
    await phone.switchTo(uplink)
    expect(phone.addresses).toEqual(addresses.map(each => each.split('/')[0]))
    expect(await seen('-4')).toBe(v4(outside(uplink)))
    expect(addresses).toContain(`${await seen('-6')}/64`)
  }
})

test('the kernel has addresses and routes of the current uplink only', async () => {
  await phone.switchTo(lte)
  const { stdout } = await phone.exec('sh', [
    '-c',
    'ip -o addr show scope global; ip route; ip -6 route',
  ])
  expect(stdout).toContain('dev lte')
  expect(stdout).not.toContain('wifi')
})

test('a host that switches back reaches the hosts that only this uplink leads to', async () => {
  const [printer] = lab.hosts('printer')
  await lab.cable(printer, wifi)
  const ping = async (wait = '-W30') =>
    (await phone.exec('ping', ['-4', '-c1', wait, 'printer'])).status
  expect(await ping()).toBe(0)
  await phone.switchTo(lte)
  expect(await ping('-W1')).not.toBe(0)
  await phone.switchTo(wifi)
  // An error ends ping: a neighbour is unreachable if it is not found in 3 s.
  await expect.poll(() => ping()).toBe(0)
})

test('a connection stops with its address, and continues when the host switches back', async () => {
  await phone.switchTo(wifi)
  const echo = net.createServer(socket => socket.pipe(socket))
  await server.listen(echo, 7)
  const socket = await phone.connect(7, 'server')
  socket.write('one')
  expect(String((await once(socket, 'data'))[0])).toBe('one')
  await phone.switchTo(lte)
  const { ba } = await wifi.linkTo(phone).stats()
  socket.write('two')
  await serve()
  expect(await seen('-4')).toBe(v4(outside(lte)))
  // The kernel sends nothing of the old connection by the new uplink.
  const { stdout } = await phone.exec('ss', ['-tnH', 'state', 'established', 'dport', '=', ':7'])
  expect(stdout).toMatch(/^\s*0\s+3 /)
  expect((await wifi.linkTo(phone).stats()).ba.stages).toEqual(ba.stages)
  await phone.switchTo(wifi)
  expect(String((await once(socket, 'data'))[0])).toBe('two')
})

test('other hosts find a host by the address of its current uplink', async () => {
  const [neighbour] = lab.hosts('neighbour')
  await lab.cable(neighbour, lte)
  await phone.switchTo(lte)
  const onLte = v4(addressesOn('lte'))
  const found = async () => (await neighbour.exec('getent', ['ahosts', 'phone'])).stdout
  expect(await found()).toContain(onLte)
  await phone.switchTo(wifi)
  expect(await found()).not.toContain(onLte)
  expect(await found()).toContain(v4(addressesOn('wifi')))
})

test('a host with several addresses of one network switches away and back with all of them', async () => {
  const cafe = await lab.router('cafe')
  const addresses = [
    ['192.0.2.1/24', '192.0.2.2/24', '198.51.100.1/24'],
    ['192.0.2.254/24'],
  ] as const
  await lab.cable(phone, cafe, { addresses })
  const kernel = async () =>
    (await phone.exec('ip', ['-4', '-o', 'addr', 'show', 'dev', 'cafe'])).stdout
  const before = (await kernel()).match(/inet \S+/g)
  await phone.switchTo(lte)
  expect(addressesOn('cafe')).toEqual([])
  expect(await kernel()).toBe('')
  await phone.switchTo(cafe)
  expect(addressesOn('cafe')).toEqual(addresses[0])
  expect((await kernel()).match(/inet \S+/g)).toEqual(before)
  expect((await phone.exec('ping', ['-c1', '-W5', '192.0.2.254'])).status).toBe(0)
})

test('a host does not switch to one of two uplinks on a segment, but away from both', async () => {
  const [laptop] = lab.hosts('laptop')
  const [one, two] = [await lab.router('one'), await lab.router('two')]
  await lab.lan({}, laptop, one, two)
  await lab.cable(laptop, lte)
  const message =
    'switchTo: one and two are both on the link lan of laptop: give each uplink a link of its own'
  await expect(laptop.switchTo(one)).rejects.toThrow(message)
  expect(laptop.interfaces.map(({ isShut }) => isShut)).toEqual([undefined, undefined])
  await laptop.switchTo(lte)
  expect(laptop.interfaces.map(({ name, isShut }) => [name, isShut])).toEqual([
    ['lan', true],
    ['lte', undefined],
  ])
})

test.each([
  [
    'a namespace that is not a router',
    () => phone.switchTo(server),
    'server is not an uplink of phone; it has wifi, lte',
  ],
  ['a router', () => lte.switchTo(wifi), 'lte is a router: only hosts switch'],
  ['a name', () => phone.switchTo('wifi' as never), "'wifi' is not a host of the lab"],
])('a switch to or of %s is refused', async (_, switching, message) => {
  await expect(switching()).rejects.toThrow(message)
})
