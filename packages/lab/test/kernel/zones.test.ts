/** Zones of IPv6 addresses, which sockets refuse: Node would take them from the machine. */
import dgram from 'node:dgram'
import { once } from 'node:events'
import net from 'node:net'
import { beforeEach, expect, test } from 'vitest'
import { dgramState } from '../../src/world/dgram-state.ts'
import { client, clientAndServer, lab, server } from '../support/client-and-server.ts'

clientAndServer()

beforeEach(async () => void (await lab.cable(client, server)))

const refused = (call: string, address: string) =>
  `${call}: '${address}' has a zone, which only a program on the host can use`

test('a UDP socket refuses zones of groups and interfaces, and takes groups without a zone', async () => {
  const made = dgram.createSocket('udp6')
  await client.listen(made)
  for (const socket of [await client.createSocket('udp6'), made]) {
    for (const name of ['addMembership', 'dropMembership'] as const) {
      expect(() => socket[name]('ff02::1:3', '::%server')).toThrow(refused(name, '::%server'))
    }
    for (const name of ['addSourceSpecificMembership', 'dropSourceSpecificMembership'] as const) {
      expect(() => socket[name]('2001:db8::1', 'ff3e::1', '::%server')).toThrow(refused(name, '::%server'))
    }
    expect(() => socket.setMulticastInterface('::%lo')).toThrow(refused('setMulticastInterface', '::%lo'))
    socket.addMembership('ff02::1:3')
    socket.dropMembership('ff02::1:3')
  }
})

test('send and connect of a UDP socket report a zone as their error', async () => {
  const made = dgram.createSocket('udp6')
  await client.listen(made)
  for (const socket of [await client.createSocket('udp6'), made]) {
    const text = refused('send or connect', 'fe80::1%lo')
    expect(String(await new Promise(resolve => socket.send('x', 9, 'fe80::1%lo', resolve)))).toContain(text)
    const failed = once(socket, 'error')
    socket.connect(9, 'fe80::1%lo')
    expect(String(await failed)).toContain(text)
  }
})

test('connections and listening sockets refuse a zone', async () => {
  const text = refused('connect', 'fe80::1%server')
  expect(() => client.createConnection(80, 'fe80::1%server')).toThrow(text)
  await expect(client.connect(80, '[fe80::1%server]')).rejects.toThrow(text)
  await expect(server.listen(net.createServer(), 80, 'fe80::1%client')).rejects.toThrow(
    refused('listen', 'fe80::1%client'),
  )
  await expect(server.createSocket('udp6', 80, 'fe80::1%client')).rejects.toThrow(refused('listen', 'fe80::1%client'))
})

/** Runs JavaScript in Node on the client. `address` is the link-local address of the server. */
async function onClient(code: string): Promise<void> {
  const { stdout } = await server.exec('ip', ['-6', '-o', 'addr', 'show', 'dev', 'client', 'scope', 'link'])
  const [address] = /fe80[0-9a-f:]+/.exec(stdout) ?? []
  const program = `const address = '${address}'; ${code}`
  expect(await client.exec(process.execPath, ['-e', program])).toMatchObject({ status: 0, stderr: '' })
}

test('a datagram whose zone the machine does not have is an error that says so', async () => {
  const socket = await client.createSocket('udp6')
  const { handle } = dgramState(socket)
  for (const [syscall, text] of [
    ['uv_if_indextoiid', /^a datagram from a link-local address is lost: only a program on the host /],
    ['recvmsg', /^another$/],
  ] as const) {
    const failed = once(socket, 'error')
    handle?.onerror(0, handle, Object.assign(new Error('another'), { syscall }))
    expect((await failed)[0].message).toMatch(text)
  }
})

test('the address of a link-local peer has no zone, which would be an interface of the machine', async () => {
  const socket = await server.createSocket('udp6', 7)
  const message = once(socket, 'message')
  await onClient(
    `const s = require('dgram').createSocket('udp6'); s.send('x', 7, address + '%server', () => s.close())`,
  )
  expect((await message)[1].address).toMatch(/^fe80[0-9a-f:]+$/)
  const addresses: unknown[] = []
  const accepting = net.createServer(({ remoteAddress, localAddress }) => addresses.push(remoteAddress, localAddress))
  await server.listen(accepting, 80)
  const connection = once(accepting, 'connection')
  await onClient(`require('net').connect(80, address + '%server').end()`)
  await connection
  expect(addresses).toEqual([expect.stringMatching(/^fe80[0-9a-f:]+$/), expect.stringMatching(/^fe80[0-9a-f:]+$/)])
})
