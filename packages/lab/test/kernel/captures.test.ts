/** Captures of the links of labs, and what every kind of link takes. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { afterEach, expect, test, vi } from 'vitest'
import { recordsIn } from '#support/capture-records.ts'
import { createLab, type LabHost } from '../../src/index.ts'

const directory = mkdtempSync(join(tmpdir(), 'vnet-test-captures-'))
afterEach(() => {
  vi.unstubAllEnvs()
  rmSync(directory, { recursive: true, force: true })
})

/** The interfaces of a capture that have a packet. */
function sendersIn(path: string): string[] {
  const names = new Set<string>()
  for (const packet of recordsIn(path)) {
    names.add(packet.interfaceName ?? '')
  }
  return [...names].sort()
}

const ping = async (from: LabHost, to: string) =>
  expect((await from.exec('ping', ['-c1', '-W30', to])).status).toBe(0)
const mtus = async (host: LabHost) => {
  const { stdout } = await host.exec('sh', [
    '-c',
    'for each in /sys/class/net/*; do cat $each/mtu; done',
  ])
  return [...new Set(stdout.trim().split('\n'))].sort()
}

test('the links of a router with a NAT have captures, an MTU and a wire', async () => {
  const lab = await createLab({ name: 'routed' })
  const [inside, outside] = lab.hosts('inside', 'outside')
  const options = {
    nat: 'restricted',
    capture: true,
    mtu: 1400,
    wire: { ab: 'delay 1ms' },
  } as const
  const router = await lab.router('router', { inside: [inside], outside, ...options })
  for (const host of [inside, outside]) {
    const { ab, ba } = await router.linkTo(host).stats()
    expect([
      ab.stages.some(({ stage }) => stage === 'delay'),
      ba.stages.some(({ stage }) => stage === 'delay'),
    ]).toEqual([true, false])
    expect(await mtus(host)).toEqual(['1400', '65536'])
  }
  expect(await mtus(router)).toEqual(['1400', '65536'])
  await ping(inside, outside.addresses[0] ?? '')
  const paths = lab.keepCaptures()
  await lab.close()
  expect(paths.map(path => basename(path)).sort()).toEqual([
    'inside-router.pcapng',
    'router-outside.pcapng',
  ])
  const senders = paths.flatMap(sendersIn)
  for (const name of ['inside/router', 'router/inside', 'router/outside', 'outside/router']) {
    expect(senders).toContain(`routed:${name}`)
  }
  rmSync(dirname(paths[0] ?? ''), { recursive: true })
})

test('a lan has a capture of all its ports, and an MTU', async () => {
  const lab = await createLab({ name: 'segment' })
  const [a, b] = lab.hosts('a', 'b')
  await lab.lan({ capture: true, mtu: 1300 }, a, b)
  expect(await mtus(a)).toEqual(['1300', '65536'])
  await ping(a, 'b')
  const [path = ''] = lab.keepCaptures()
  await lab.close()
  expect([basename(path), sendersIn(path)]).toEqual([
    'lan.pcapng',
    ['segment:a/lan', 'segment:b/lan'],
  ])
  rmSync(dirname(path), { recursive: true })
})

test('a lan with an MTU too small for IPv6 has IPv4 alone', async () => {
  await using lab = await createLab()
  const [a, b] = lab.hosts('a', 'b')
  const lan = await lab.lan({ mtu: 1000 }, a, b)
  expect([lan.network6, a.addresses.filter(each => each.includes(':'))]).toEqual([undefined, []])
  await ping(a, 'b')
})

test('VNET_CAPTURE records every link of every lab in a directory, and keeps the files', async () => {
  vi.stubEnv('VNET_CAPTURE', join(directory, 'made'))
  {
    await using lab = await createLab({ name: 'all' })
    const [a, b, c] = lab.hosts('a', 'b', 'c')
    await lab.cable(a, b)
    await lab.router('r', { inside: [b], outside: c, nat: 'masquerade' })
    await lab.cable(a, c, { capture: false })
    await lab.lan({}, a, c)
    await ping(a, 'b')
  }
  const [lab = '', ...others] = readdirSync(join(directory, 'made'))
  expect([lab, others]).toEqual([expect.stringMatching(/^all-\w+$/), []])
  const files = readdirSync(join(directory, 'made', lab)).sort()
  expect(files).toEqual(['a-b.pcapng', 'b-r.pcapng', 'lan.pcapng', 'r-c.pcapng'])
  expect(sendersIn(join(directory, 'made', lab, 'a-b.pcapng'))).toEqual(['all:a/b', 'all:b/a'])
})

test('a VNET_CAPTURE that is not a directory is a usage error', async () => {
  vi.stubEnv('VNET_CAPTURE', '/dev/null')
  await expect(createLab()).rejects.toThrow('VNET_CAPTURE=/dev/null: not a directory')
})

test('a partition of one direction leaves the other as it is', async () => {
  await using lab = await createLab()
  const [a, b] = lab.hosts('a', 'b')
  const link = await lab.cable(a, b)
  const [socket, peer] = await Promise.all([
    a.createSocket('udp4', 5000),
    b.createSocket('udp4', 5000),
  ])
  const received: string[] = []
  for (const each of [socket, peer]) {
    each.on('message', bytes => received.push(String(bytes)))
  }
  const ended = link.ab.partition(60_000)
  await link.stats()
  const back = new Promise(resolve => socket.once('message', resolve))
  socket.send('there', 5000, 'b')
  await link.stats()
  peer.send('back', 5000, 'a')
  await back
  const { ab, ba } = await link.stats()
  expect([ab.stages.map(({ stage }) => stage), ba.stages]).toEqual([['partition'], []])
  expect(received).toEqual(['back'])
  await link.close()
  await ended
  await expect(link.ab.partition(-1)).rejects.toThrow(
    'ab.partition(ms): -1 is not a number of milliseconds',
  )
})

test('a host has a name of up to 63 characters, and interfaces with its first 15', async () => {
  await using lab = await createLab({ name: 'long' })
  const name = `postgres-${'x'.repeat(54)}`
  const [client, server] = lab.hosts('client', name)
  await lab.cable(client, server)
  await lab.cable(client, server)
  expect(client.interfaces.map(each => each.name)).toEqual(['postgres-xxxxxx', 'postgres-xxxxx2'])
  await ping(client, name)
  expect(() => lab.hosts('x'.repeat(64))).toThrow('a name has 1 to 63 letters')
})

test('the comment of a dropped packet has the number of frame.packet_id in both directions', async () => {
  const lab = await createLab()
  const [a, b] = lab.hosts('a', 'b')
  const link = await lab.cable(a, b, { capture: true })
  const faults = await Promise.all([link.ab.drop('udp port 5000'), link.ba.drop('udp port 5000')])
  const [socket, peer] = await Promise.all([
    a.createSocket('udp4', 5000),
    b.createSocket('udp4', 5000),
  ])
  socket.send('x', 5000, 'b')
  peer.send('x', 5000, 'a')
  for (const fault of faults) {
    await fault.hit()
  }
  const [path = ''] = lab.keepCaptures()
  await lab.close()
  const ids = new Set<string>()
  for (const packet of recordsIn(path)) {
    const { comments = [], packetId } = packet
    for (const comment of comments) {
      const [, direction, number, id = number] =
        /wire (ab|ba), .*packet (\d+)\)(?:, id (\d+))?$/.exec(comment) ?? []
      // Frames that never reached the wire are dropped for other reasons.
      if (number === undefined) continue
      expect(Number(id)).toBe(packetId)
      ids.add(direction ?? '')
    }
  }
  expect([...ids].sort()).toEqual(['ab', 'ba'])
  rmSync(dirname(path), { recursive: true })
})
