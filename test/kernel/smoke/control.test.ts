/**
 * A vnet over its real socket: found by its file, queried by `vnet/control` and by an independent
 * program.
 */
import { spawn } from 'node:child_process'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { EMFILE, EPERM } from '#src/base/errno.ts'
import { findVnets } from '#src/control/index.ts'
import type { Native } from '#src/linux/native.ts'
import type { NetDevice } from '#src/netdev/net-device.ts'
import { unregisterNetdev } from '#src/netdev/register.ts'
import { freshDirectory } from '#support/fresh-directory.ts'
import { GENL_CLIENT, GENL_REPLIES } from '#support/genl-client.ts'
import { numbered, turn } from '#support/memory-net.ts'
import { outcome } from '#support/netns.ts'
import { servedDevices } from '#support/served-devices.ts'

const directory = freshDirectory()
const { serve, asking, native } = servedDevices(directory)

const found = async () =>
  (await findVnets(asking(), { directory })).devices.map(({ name }) => name).sort()
const interfaces = () =>
  readdirSync(directory)
    .filter(name => name.endsWith('.json'))
    .map(name => JSON.parse(readFileSync(join(directory, name), 'utf8')).interfaces)

describe('finding', () => {
  test('findVnets returns every running vnet with its socket, and no ended one', async () => {
    expect(await findVnets(asking(), { directory })).toMatchObject({
      devices: [],
      here: [],
      failed: [],
      elsewhere: [],
    })
    const one = await serve(['one'])
    const second = await serve(['two', 'three'])
    const { devices } = await findVnets(asking(), { directory })
    expect(new Map(devices.map(({ name, vnet }) => [name, vnet]))).toEqual(
      new Map([
        ['one', one.vnet],
        ['two', second.vnet],
        ['three', second.vnet],
      ]),
    )
    second.control[Symbol.dispose]()
    expect(await found()).toEqual(['one'])
    await expect(asking().devices(second.vnet)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
    expect(readdirSync(directory)).toHaveLength(2)
  })

  test('the file of a vnet has its interfaces, their namespaces and their new names', async () => {
    const { control, devices, net } = await serve(['one', 'two'], {
      netnsOf: ({ name }) => (name === 'two' ? 'red' : undefined),
    })
    const [one, two] = devices.map(({ dev }) => dev) as [NetDevice, NetDevice]
    const namespace = { inode: expect.any(Number), cookie: expect.any(Number) }
    const entries = [
      { name: 'one', ifindex: one.ifindex, ...namespace },
      { name: 'two', ifindex: two.ifindex, netns: 'red', ...namespace },
    ]
    expect(interfaces()).toEqual([entries])
    devices[0]!.port.change({ kind: 'renamed', name: 'uno' })
    expect(interfaces()).toEqual([[{ ...entries[0], name: 'uno' }, entries[1]]])
    await unregisterNetdev(one)
    expect([interfaces(), net.devices]).toEqual([[[entries[1]]], [two]])
    control[Symbol.dispose]()
    expect(interfaces.length === 0 || readdirSync(tmpdir()).includes(directory)).toBe(true)
  })

  test('a vnet of another network namespace is reported if its pid is valid here', async () => {
    await serve(['one'])
    const [name] = readdirSync(directory).filter(name => name.endsWith('.json'))
    const entry = JSON.parse(readFileSync(join(directory, name!), 'utf8'))
    const far = { ...entry, netns: 1, interfaces: [{ name: 'far', ifindex: 2, inode: 1 }] }
    writeFileSync(join(directory, '1-a.json'), JSON.stringify(far))
    writeFileSync(join(directory, '1-b.json'), JSON.stringify({ ...far, pidns: 1 }))
    const { elsewhere, devices } = await findVnets(asking(), { directory })
    expect(devices.map(({ name }) => name)).toEqual(['one'])
    expect(elsewhere).toEqual([{ ...far, vnet: join(directory, '1-a.sock'), uid: 0 }])
  })

  test('an interface of a deleted namespace is elsewhere, even if ours has its inode now', async () => {
    await serve(['one'])
    const [name] = readdirSync(directory).filter(name => name.endsWith('.json'))
    const entry = JSON.parse(readFileSync(join(directory, name!), 'utf8'))
    const [device] = entry.interfaces
    const gone = { ...entry, netns: 1, interfaces: [{ ...device, cookie: device.cookie + 1 }] }
    writeFileSync(join(directory, '1-a.json'), JSON.stringify(gone))
    const { here, elsewhere } = await findVnets(asking(), { directory })
    expect([here.length, elsewhere.length]).toEqual([1, 1])
  })

  test('a vnet that has ended and left its file is not here', async () => {
    const { vnet } = await serve(['one'])
    const file = vnet.replace(/sock$/, 'json')
    const left = JSON.parse(readFileSync(file, 'utf8'))
    writeFileSync(join(directory, '1-a.json'), JSON.stringify(left))
    const { here, failed, elsewhere } = await findVnets(asking(), { directory })
    expect([here.map(entry => entry.vnet), failed, elsewhere]).toEqual([[vnet], [], []])
  })

  test.each([
    ['socket', { socket: () => -EPERM }],
    ['poller', { createPoller: () => -EMFILE }],
  ])('a vnet without %s logs one line and continues', async (_, some) => {
    const { lines, vnet } = await serve(['one'], { native: { ...native, ...some } as Native })
    expect(lines.filter(line => line.startsWith('no control socket'))).toHaveLength(1)
    expect([await found(), vnet]).toEqual([[], join(directory, 'none')])
  })
})

describe('statistics', () => {
  test('counters of vnet, of the kernel and of each queue, and drops by reason arrive unchanged', async () => {
    const { devices, vnet } = await serve(['one', 'two'], {
      netnsOf: ({ name }) => (name === 'two' ? 'red' : undefined),
    })
    for (const frame of numbered(5)) {
      devices[0]!.port.transmit(frame, 3)
    }
    await turn()
    const client = asking()
    const [first, second] = await client.devices(vnet)
    expect(second).toMatchObject({ name: 'two', netns: 'red' })
    const stats = (await client.stats(vnet, first!))!
    expect(stats).toMatchObject({
      name: 'one',
      netns: undefined,
      rxQueues: 2,
      drops: { tx: { NOT_SPECIFIED: 5 }, rx: {} },
      total: { txPackets: 5, txBytes: 300, txDropped: 5, rxPackets: 0 },
      kernel: { txPackets: 5, txBytes: 300, txDropped: 0 },
    })
    expect(stats.queues.map(({ txPackets }) => txPackets)).toEqual([0, 0, 0, 5])
    expect(Object.keys(stats.total)).toHaveLength(25 + 4)
  })

  test('concurrent requests of a client each get their own reply', async () => {
    const { vnet } = await serve(['one', 'two', 'three'])
    const client = asking()
    const devices = await client.devices(vnet)
    const answers = await Promise.all(devices.map(device => client.stats(vnet, device)))
    expect(answers.map(answer => answer?.name)).toEqual(['one', 'two', 'three'])
    expect(await Promise.all(['a', 'b'].map(text => client.echo(vnet, text)))).toEqual(['a', 'b'])
  })

  test('statistics of interfaces with the same name and index in two namespaces are not mixed', async () => {
    const { devices, vnet } = await serve(['eth0', 'eth1'], {
      netnsOf: dev => (dev.mtu === 9000 ? 'red' : 'blue'),
    })
    const [blue, red] = devices.map(({ dev }) => dev)
    red!.mtu = 9000
    red!.rename('eth0')
    red!.ifindex = blue!.ifindex
    devices[1]!.port.transmit(numbered(1)[0]!)
    await turn()
    const client = asking()
    const both = []
    for (const device of await client.devices(vnet)) {
      both.push(await client.stats(vnet, device))
    }
    expect(both).toMatchObject([
      { name: 'eth0', netns: 'blue', total: { txPackets: 0 } },
      { name: 'eth0', netns: 'red', total: { txPackets: 1 } },
    ])
  })

  test('statistics of an interface that is deleted meanwhile are undefined', async () => {
    const { vnet } = await serve(['one'])
    const gone = { ifindex: 99, name: 'gone', netns: undefined }
    expect(await asking().stats(vnet, gone)).toBeUndefined()
  })
})

test('interface names of any bytes and of the maximum length are returned unchanged', async () => {
  const name = '\udcff\udcfe'.repeat(7)
  const { vnet, devices } = await serve(['one'])
  devices[0]!.dev.rename(name)
  const client = asking()
  const [device] = await client.devices(vnet)
  expect([device?.name, (await client.stats(vnet, device!))?.name]).toEqual([name, name])
})

test('a program with plain sockets can resolve the family and dump, and learns what is wrong with a request', async () => {
  await serve(['one', 'two'])
  const { vnet } = (await findVnets(asking(), { directory })).devices[0]!
  const [program = '', ...args] = [...GENL_CLIENT, vnet]
  const { stdout, stderr } = await outcome(spawn(program, args, { stdio: 'pipe' }))
  expect(stderr).toBe('')
  expect(JSON.parse(stdout)).toEqual(GENL_REPLIES)
})

test('requests sent before the vnet ends get a reply', async () => {
  const { control, vnet } = await serve(['one'])
  const client = asking()
  await client.devices(vnet)
  const question = client.devices(vnet)
  control[Symbol.dispose]()
  expect(await question).toMatchObject([{ name: 'one' }])
  await expect(client.devices(vnet)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
})
