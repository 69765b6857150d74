/** The control socket over real netlink: found by its port and its file, spoken to by programs that hold nothing of ours. */

import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ControlClient, findVnets, serveControl } from '../../src/control/index.ts'
import { EADDRINUSE, EAGAIN, ENOENT, EPERM } from '../../src/core/errno.ts'
import { LOGLEVEL_DEBUG } from '../../src/core/log.ts'
import type { NetDevice } from '../../src/core/net-device.ts'
import { random } from '../../src/core/random.ts'
import { unregisterNetdev } from '../../src/core/register.ts'
import type { Native } from '../../src/kernel/native.ts'
import { AF_NETLINK, MSG_DONTWAIT, NETLINK_USERSOCK, SOCK_RAW, sockaddrNl } from '../../src/kernel/uapi.ts'
import { genlmsghdr, MessageBuilder, messages, NLM_F_DUMP, NLM_F_REQUEST, writeAck } from '../../src/netlink/index.ts'
import { addDevice, memoryNets, numbered, turn } from '../support/memory-net.ts'
import { type Netns, OwnNetns } from '../support/netns.ts'
import { asNobodyIn } from '../support/privileges.ts'

const VNET_PORT = 0x766e6574
const FAMILY = 0x3f0
const memoryNet = memoryNets()
const client = fileURLToPath(new URL('../support/genl-client.py', import.meta.url))

let own: OwnNetns
let netns: Netns
let native: Native
let root: string
let directory: string
let ends: Disposable[]

beforeEach(() => {
  own = new OwnNetns()
  netns = own.addQuiet()
  native = own.at(netns)
  root = mkdtempSync(join(tmpdir(), 'vnet-control-'))
  directory = join(root, 'vnet')
  ends = []
})
afterEach(() => {
  for (const end of ends) end[Symbol.dispose]()
  own.remove()
  rmSync(root, { recursive: true })
})

/** A net in memory that is served in the namespace. */
async function serve(
  names: readonly string[],
  options: { netnsOf?: (dev: NetDevice) => string; native?: Native } = {},
) {
  const memory = memoryNet({ level: LOGLEVEL_DEBUG })
  const control = serveControl(options.native ?? native, memory.net, { ...options, directory })
  ends.push(control)
  const devices = []
  for (const name of names) devices.push(await addDevice(memory, {}, { name, txqs: 4, rxqs: 2 }))
  return { ...memory, control, devices }
}

function ask(options?: { timeoutMs: number }): ControlClient {
  const client = new ControlClient(native, options)
  ends.push(client)
  return client
}

const found = async () => (await findVnets(ask(), directory)).devices.map(({ name, port }) => [name, port])

describe('finding', () => {
  test('the first vnet has the port that is known, the others the next ones, and all are found', async () => {
    await serve(['one'])
    const second = await serve(['two', 'three'])
    await serve(['four'])
    expect(await found()).toEqual([
      ['one', VNET_PORT],
      ['two', VNET_PORT + 1],
      ['three', VNET_PORT + 1],
      ['four', VNET_PORT + 2],
    ])
    second.control[Symbol.dispose]()
    expect((await found()).map(([name]) => name)).toEqual(['one', 'four'])
    await serve(['five'])
    expect(await found()).toContainEqual(['five', VNET_PORT + 1])
  })

  test('nobody is there, and then somebody without a file', async () => {
    expect(await findVnets(ask(), directory)).toEqual({ devices: [], failed: [], elsewhere: [] })
    // A file is in the way of the directory.
    writeFileSync(directory, '')
    const { lines } = await serve(['one'])
    expect(await found()).toEqual([['one', VNET_PORT]])
    expect(lines.filter(line => line.startsWith(`not in ${directory}`))).toHaveLength(1)
  })

  test('its file is there as long as it is, and names the interfaces it has at the time', async () => {
    const { control, devices } = await serve(['one', 'two'])
    const interfaces = () =>
      findVnets(ask(), directory).then(() =>
        readdirSync(directory).map(name => JSON.parse(readFileSync(join(directory, name), 'utf8')).interfaces),
      )
    expect(await interfaces()).toEqual([['one', 'two']])
    await unregisterNetdev(devices[0]!.dev)
    expect(await interfaces()).toEqual([['two']])
    control[Symbol.dispose]()
    expect(await interfaces()).toEqual([])
  })

  test('one of another namespace is told of where its process number means something', async () => {
    await serve(['one'])
    const [name] = readdirSync(directory)
    const entry = JSON.parse(readFileSync(join(directory, name!), 'utf8'))
    writeFileSync(join(directory, 'a.json'), JSON.stringify({ ...entry, netns: 1 }))
    writeFileSync(join(directory, 'b.json'), JSON.stringify({ ...entry, netns: 1, pidns: 1 }))
    expect((await findVnets(ask(), directory)).elsewhere).toEqual([{ ...entry, netns: 1 }])
  })

  test('in another namespace there is none of them', async () => {
    await serve(['one'])
    const other = new ControlClient(own.at(own.addQuiet()))
    ends.push(other)
    await expect(other.devices(VNET_PORT)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  })

  test('a vnet that gets no socket, or no port, says so at debug level and goes on', async () => {
    const refused = await serve(['one'], { native: own.at(netns, { socket: () => -EPERM }) })
    expect(refused.lines).toContainEqual(expect.stringMatching(/^no control socket.*EPERM/))
    const taken = await serve(['two'], { native: own.at(netns, { bind: () => -EADDRINUSE }) })
    expect(taken.lines).toContainEqual(expect.stringMatching(/^no control socket.*EADDRINUSE/))
    expect(await found()).toEqual([])
  })
})

describe('statistics', () => {
  test('ours, the host’s, each queue and each reason arrive as they are', async () => {
    const { devices } = await serve(['one', 'two'], {
      netnsOf: dev => (dev.name === 'two' ? 'red' : (undefined as never)),
    })
    const [one] = devices
    for (const frame of numbered(5)) one!.port.transmit(frame, 3)
    await turn()
    const client = ask()
    const [first, second] = await client.devices(VNET_PORT)
    expect(second).toMatchObject({ name: 'two', netns: 'red' })
    const stats = (await client.stats(VNET_PORT, first!))!
    expect(stats).toMatchObject({
      ...{ name: 'one', netns: undefined, rxQueues: 2, drops: { tx: { NOT_SPECIFIED: 5 }, rx: {} } },
      total: { txPackets: 5, txBytes: 300, txDropped: 5, rxPackets: 0 },
      kernel: { txPackets: 5, txBytes: 300, txDropped: 0 },
    })
    expect(stats.queues.map(({ txPackets }) => txPackets)).toEqual([0, 0, 0, 5])
    expect(Object.keys(stats.total)).toHaveLength(25 + 3)
  })

  test('questions asked at once are answered each with its own', async () => {
    await serve(['one', 'two', 'three'])
    const client = ask()
    const devices = await client.devices(VNET_PORT)
    // A client has one dump at a time: so one client a question.
    const answers = await Promise.all(devices.map(device => ask().stats(VNET_PORT, device)))
    expect(answers.map(answer => answer?.name)).toEqual(['one', 'two', 'three'])
    expect(await Promise.all([client.family(VNET_PORT), client.family(VNET_PORT)])).toEqual([FAMILY, FAMILY])
  })

  test('hundreds of queues come in many parts, all of them', async () => {
    const memory = memoryNet()
    ends.push(serveControl(native, memory.net, { directory }))
    for (const name of ['a', 'b']) await addDevice(memory, {}, { name, txqs: 256, rxqs: 256 })
    const client = ask()
    for (const device of await client.devices(VNET_PORT)) {
      expect((await client.stats(VNET_PORT, device))!.queues).toHaveLength(256)
    }
  })

  test('interfaces of the same name and number in different namespaces are told apart', async () => {
    const { devices } = await serve(['eth0', 'eth1'], { netnsOf: dev => (dev.mtu === 9000 ? 'red' : 'blue') })
    const [blue, red] = devices.map(({ dev }) => dev)
    red!.mtu = 9000
    red!.rename('eth0')
    red!.ifindex = blue!.ifindex
    devices[1]!.port.transmit(numbered(1)[0]!)
    await turn()
    const client = ask()
    const both = []
    for (const device of await client.devices(VNET_PORT)) both.push(await client.stats(VNET_PORT, device))
    expect(both).toMatchObject([
      { name: 'eth0', netns: 'blue', total: { txPackets: 0 } },
      { name: 'eth0', netns: 'red', total: { txPackets: 1 } },
    ])
    for (const stats of both) expect(stats!.queues).toHaveLength(4)
  })

  test('one that has gone meanwhile has none', async () => {
    await serve(['one'])
    const gone = { ifindex: 99, name: 'gone', netns: undefined }
    expect(await ask().stats(VNET_PORT, gone)).toBeUndefined()
  })
})

describe('clients of every kind', () => {
  test.each([
    ['root', () => []],
    ['nobody', () => asNobodyIn(netns)],
  ])('%s, with plain sockets, resolves the family, dumps, and is told what is wrong', async (_, privileges) => {
    await serve(['one', 'two'])
    const { stdout, stderr } = await netns.run([...privileges(), 'python3', client, `${VNET_PORT}`].join(' '))
    expect(stderr).toBe('')
    expect(JSON.parse(stdout)).toEqual({
      family: FAMILY,
      nosuch: -2,
      devices: ['one', 'two'],
      unknownAttribute: { error: -22, message: 'unknown attribute type 77', offset: 20 },
    })
  })

  test('one that never reads its answers costs nothing but them: others are served, and it may go on later', async () => {
    await serve(['one'])
    const deaf = own.own(native.socket(AF_NETLINK, SOCK_RAW, NETLINK_USERSOCK, -1))
    const dump = new MessageBuilder()
      .message(FAMILY, NLM_F_REQUEST | NLM_F_DUMP, 1)
      .payload(genlmsghdr(3, 1))
      .u32(6, 1).bytes
    const to = sockaddrNl(VNET_PORT)
    for (let i = 0; i < 1000; i++) {
      if (native.sendto(deaf, dump, MSG_DONTWAIT, to) === -EAGAIN) await turn()
    }
    expect(await found()).toEqual([['one', VNET_PORT]])
  })

  test('a datagram full of questions is answered in part, and the next one in another turn of the event loop', async () => {
    let asked = 0
    const memory = memoryNet()
    ends.push(serveControl(native, memory.net, { directory }))
    const ndoGetStats64 = () => void asked++
    await addDevice(memory, { ndoGetStats64 }, { name: 'one' })
    const questions = new MessageBuilder()
    for (let i = 0; i < 2000; i++) {
      questions.message(FAMILY, NLM_F_REQUEST, i).payload(genlmsghdr(3, 1)).string(2, 'one')
    }
    const socket = own.own(native.socket(AF_NETLINK, SOCK_RAW, NETLINK_USERSOCK, -1))
    for (let i = 0; i < 3; i++) native.sendto(socket, questions.bytes, MSG_DONTWAIT, sockaddrNl(VNET_PORT))
    const turns: number[] = []
    while (turns.length < 3) {
      const before = asked
      await new Promise(resolve => setImmediate(resolve))
      if (asked > before) turns.push(asked - before)
    }
    // What fits into 8 KiB, of 28 octets each.
    expect(turns).toEqual([292, 292, 292])
  })

  test('random datagrams are survived', async () => {
    const { lines } = await serve(['one'])
    const socket = own.own(native.socket(AF_NETLINK, SOCK_RAW, NETLINK_USERSOCK, -1))
    const to = sockaddrNl(VNET_PORT)
    const chance = random(1)
    for (let i = 0; i < 3000; i++) {
      const octets = Uint8Array.from({ length: i % 64 }, () => chance.next() * 256)
      if (octets.length >= 4) octets.set([octets.length, 0, 0, 0])
      if (native.sendto(socket, octets, MSG_DONTWAIT, to) === -EAGAIN) await turn()
    }
    expect(await found()).toEqual([['one', VNET_PORT]])
    expect(lines.filter(line => line.startsWith('control:'))).toEqual([])
  })
})

describe('a vnet that does not answer', () => {
  test('is an error that says so, after the time allowed', async () => {
    const stalled = own.own(native.socket(AF_NETLINK, SOCK_RAW, NETLINK_USERSOCK, -1))
    expect(native.bind(stalled, sockaddrNl(VNET_PORT))).toBe(0)
    const { failed } = await findVnets(ask({ timeoutMs: 50 }), directory)
    expect(failed.map(({ message }) => message)).toEqual([
      expect.stringMatching(/^vnet_nl on port 1986946420: ETIMEDOUT, .*; it has not answered for 0.05 s$/),
    ])
  })

  test('is not answered for by somebody else who sends to the client', async () => {
    const [vnet, other] = [0, 1].map(() => own.own(native.socket(AF_NETLINK, SOCK_RAW, NETLINK_USERSOCK, -1)))
    native.bind(vnet!, sockaddrNl(VNET_PORT))
    const question = expect(ask().family(VNET_PORT)).rejects.toMatchObject({ code: 'ENOENT' })
    const [request, meta] = [new Uint8Array(256), new Int32Array(3)]
    const length = native.recvmsg(vnet!, request, MSG_DONTWAIT, meta)
    const [message] = [...messages(request, 0, length)]
    const client = sockaddrNl(meta[0]! >>> 0)
    for (const [socket, error] of [
      [other!, -EPERM],
      [vnet!, -ENOENT],
    ] as const) {
      const builder = new MessageBuilder()
      writeAck(builder, request, message!, meta[0]! >>> 0, { error })
      expect(native.sendto(socket, builder.bytes, MSG_DONTWAIT, client)).toBe(builder.bytes.length)
    }
    await question
  })

  test('because it ended with the question unread is nobody, and that is known before the time allowed is over', async () => {
    const ending = own.own(native.socket(AF_NETLINK, SOCK_RAW, NETLINK_USERSOCK, -1))
    native.bind(ending, sockaddrNl(VNET_PORT))
    const finding = findVnets(ask(), directory)
    own.close(ending)
    expect(await finding).toEqual({ devices: [], failed: [], elsewhere: [] })
  })

  test('because another has its port by then does not come about: what was asked before the end is answered', async () => {
    const { control } = await serve(['one'])
    const finding = findVnets(ask(), directory)
    control[Symbol.dispose]()
    await serve(['two'])
    expect(await finding).toMatchObject({ devices: [{ name: 'two' }], failed: [] })
  })

  test('but is something else and sends what is no answer is an error that says so', async () => {
    const other = own.own(native.socket(AF_NETLINK, SOCK_RAW, NETLINK_USERSOCK, -1))
    native.bind(other, sockaddrNl(VNET_PORT))
    const finding = findVnets(ask(), directory)
    const meta = new Int32Array(3)
    const length = native.recvmsg(other, new Uint8Array(256), MSG_DONTWAIT, meta)
    expect(length).toBeGreaterThan(0)
    // Of the first question a client asks; its attribute is longer than the message.
    const answer = new MessageBuilder().message(FAMILY, 0, 1).payload(genlmsghdr(1, 1)).u16(1, FAMILY).bytes
    answer[20] = 200
    native.sendto(other, answer, MSG_DONTWAIT, sockaddrNl(meta[0]! >>> 0))
    const { failed } = await finding
    expect(failed.map(({ message }) => message)).toEqual([
      expect.stringMatching(/^vnet_nl on port \d+: EPROTO, .*; .*\d/),
    ])
  })

  test('and a client that is closed asks nothing any more, on a number that may be another’s descriptor', async () => {
    const client = ask()
    client.close()
    // It gets the number that has become free.
    own.own(native.socket(AF_NETLINK, SOCK_RAW, NETLINK_USERSOCK, -1))
    await expect(client.family(VNET_PORT)).rejects.toMatchObject({ code: 'EBADF' })
  })

  test('and a client that is closed meanwhile ends its questions', async () => {
    const stalled = own.own(native.socket(AF_NETLINK, SOCK_RAW, NETLINK_USERSOCK, -1))
    native.bind(stalled, sockaddrNl(VNET_PORT))
    const client = ask()
    const question = expect(client.family(VNET_PORT)).rejects.toMatchObject({ code: 'ECANCELED' })
    client.close()
    await question
  })
})
