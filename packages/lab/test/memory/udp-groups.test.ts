/** The groups and broadcasts of node:dgram on hosts in memory. */
import dgram from 'node:dgram'
import { afterEach, expect, test } from 'vitest'
import { Tcp } from '../../../inet/src/tcp/tcp.ts'
import { type Host, Network } from '../../../inet/test/ip-network.ts'
import { bindUdp } from '../../src/world/code.ts'
import { bootOf } from './socket-worlds.ts'

const sockets: dgram.Socket[] = []

afterEach(() => {
  for (const socket of sockets.splice(0)) {
    socket.close()
  }
})

async function bound(host: Host, family: 4 | 6, port: number) {
  const socket = dgram.createSocket({ type: family === 4 ? 'udp4' : 'udp6', reuseAddr: true })
  sockets.push(socket)
  await bindUdp(bootOf(new Tcp(host.stack), host.udp), socket, port, undefined)
  const messages: string[] = []
  socket.on('message', data => messages.push(data.toString()))
  return { socket, messages }
}

/** Sends a datagram, and returns the error code of Node. */
function sendTo(socket: dgram.Socket, text: string, to: string): Promise<string | undefined> {
  return new Promise(resolve => {
    socket.send(text, 5353, to, error => resolve((error as NodeJS.ErrnoException | null)?.code))
  })
}

function segment() {
  const network = new Network()
  const hosts = [network.host(), network.host()] as const
  for (const subnet of [1, 2]) {
    network.join(
      hosts.map(({ stack }, i) => [
        stack,
        `198.18.${subnet}.${i + 1}/24`,
        `2001:db8:${subnet}::${i + 1}/64`,
      ]),
    )
  }
  return { network, hosts }
}

/** Lets packets arrive, and the immediates run in which Node gets them. */
async function settle(network: Network): Promise<void> {
  network.run()
  for (let i = 0; i < 3; i++) {
    await new Promise(resolve => setImmediate(resolve))
  }
}

test.each([
  [4, '239.1.2.3', '198.18.2.1', '198.18.2.2'],
  [6, 'ff02::1:5', '::%eth1', '::%eth1'],
] as const)(
  'a member of a group of IPv%i receives its datagrams until it leaves',
  async (family, group, from, to) => {
    const { network, hosts } = segment()
    const sender = await bound(hosts[0], family, 0)
    const receiver = await bound(hosts[1], family, 5353)
    sender.socket.setMulticastInterface(from)
    receiver.socket.addMembership(group, to)
    expect(() => receiver.socket.addMembership(group, to)).toThrow('EADDRINUSE')
    sender.socket.setMulticastTTL(7)
    await sendTo(sender.socket, 'first', group)
    await settle(network)
    expect(receiver.messages).toEqual(['first'])
    expect(network.frames[0]?.[family === 4 ? 22 : 21]).toBe(7)
    // The hardware address of its second interface.
    expect(network.frames[0]?.[11]).toBe(3)
    receiver.socket.dropMembership(group, to)
    expect(() => receiver.socket.dropMembership(group, to)).toThrow('EADDRNOTAVAIL')
    await sendTo(sender.socket, 'second', group)
    await settle(network)
    expect(receiver.messages).toEqual(['first'])
  },
)

test('a host without a route for groups needs the address of an interface', async () => {
  const { hosts } = segment()
  const { socket } = await bound(hosts[0], 4, 0)
  expect(() => socket.addMembership('239.1.2.3')).toThrow('ENODEV')
  expect(() => socket.addMembership('198.18.1.2', '198.18.1.1')).toThrow('EINVAL')
  expect(() => socket.setMulticastInterface('198.18.1.9')).toThrow('EADDRNOTAVAIL')
  expect(await sendTo(socket, 'lost', '239.1.2.3')).toBe('ENETUNREACH')
})

test('a socket sends broadcasts after setBroadcast(true) alone', async () => {
  const { network, hosts } = segment()
  const sender = await bound(hosts[0], 4, 0)
  const receiver = await bound(hosts[1], 4, 5353)
  expect(await sendTo(sender.socket, 'early', '198.18.1.255')).toBe('EACCES')
  sender.socket.setBroadcast(true)
  expect(await sendTo(sender.socket, 'late', '198.18.1.255')).toBeUndefined()
  sender.socket.setTTL(9)
  await sendTo(sender.socket, 'unicast', '198.18.1.2')
  await settle(network)
  expect(receiver.messages).toEqual(['late', 'unicast'])
  expect(network.frames.at(-1)?.[22]).toBe(9)
  sender.socket.setBroadcast(false)
  expect(await sendTo(sender.socket, 'off', '198.18.1.255')).toBe('EACCES')
})
