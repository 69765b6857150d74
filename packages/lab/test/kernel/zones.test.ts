/** Zones of IPv6 addresses are interfaces of the host. */
import dgram from 'node:dgram'
import { once } from 'node:events'
import net from 'node:net'
import { text } from 'node:stream/consumers'
import { beforeEach, expect, test } from 'vitest'
import { dgramState } from '../../src/world/dgram-state.ts'
import { client, clientAndServer, lab, server } from '../support/client-and-server.ts'

clientAndServer()

beforeEach(async () => void (await lab.cable(client, server)))

/** Returns the link-local address of the server. */
async function linkLocal(): Promise<string> {
  const { stdout } = await server.exec('ip', [
    '-6',
    '-o',
    'addr',
    'show',
    'dev',
    'client',
    'scope',
    'link',
  ])
  return /fe80[0-9a-f:]+/.exec(stdout)?.[0] ?? ''
}

test('a UDP socket takes groups on the interfaces of its host', async () => {
  const made = dgram.createSocket('udp6')
  await client.listen(made)
  for (const socket of [await client.createSocket('udp6'), made]) {
    for (const dev of ['server', 'lo']) {
      const groups = async () =>
        (await client.exec('ip', ['-6', 'maddr', 'show', 'dev', dev])).stdout
      socket.addMembership('ff02::1:3', `::%${dev}`)
      expect(await groups()).toContain('ff02::1:3')
      socket.dropMembership('ff02::1:3', `::%${dev}`)
      expect(await groups()).not.toContain('ff02::1:3')
      socket.setMulticastInterface(`::%${dev}`)
    }
  }
})

test('send and connect reach the link of a zone of the host', async () => {
  const to = `${await linkLocal()}%server`
  const receiver = await server.createSocket('udp6', 7)
  const socket = await client.createSocket('udp6')
  const sent = once(receiver, 'message')
  socket.send('sent', 7, to)
  expect(String((await sent)[0])).toBe('sent')
  socket.connect(7, to)
  await once(socket, 'connect')
  const connected = once(receiver, 'message')
  socket.send('connected')
  expect(String((await connected)[0])).toBe('connected')
})

test('connections and listening sockets show zones of their host', async () => {
  const address = await linkLocal()
  const accepting = net.createServer(socket =>
    socket.end(`${socket.remoteAddress} ${socket.localAddress}`),
  )
  await server.listen(accepting, 80, `${address}%client`)
  const socket = client.createConnection(80, `[${address}%server]`)
  expect(await text(socket)).toMatch(new RegExp(`^fe80[0-9a-f:]+%client ${address}%client$`))
})

/** Runs JavaScript in Node on the client. `address` is the link-local address of the server. */
async function onClient(code: string): Promise<void> {
  const program = `const address = '${await linkLocal()}'; ${code}`
  expect(await client.exec(process.execPath, ['-e', program])).toMatchObject({
    status: 0,
    stderr: '',
  })
}

test('a datagram whose zone the machine does not have is an error that says so', async () => {
  const socket = await client.createSocket('udp6')
  const { handle } = dgramState(socket)
  for (const [syscall, expected] of [
    [
      'uv_if_indextoiid',
      /^a datagram from a link-local address is lost: only a program on the host /,
    ],
    ['recvmsg', /^another$/],
  ] as const) {
    const failed = once(socket, 'error')
    handle?.onerror(0, handle, Object.assign(new Error('another'), { syscall }))
    expect((await failed)[0].message).toMatch(expected)
  }
})

test('the sender of a datagram has no zone, which would be an interface of the machine', async () => {
  const socket = await server.createSocket('udp6', 7)
  const message = once(socket, 'message')
  await onClient(
    `const s = require('dgram').createSocket('udp6'); s.send('x', 7, address + '%server', () => s.close())`,
  )
  expect((await message)[1].address).toMatch(/^fe80[0-9a-f:]+$/)
})
