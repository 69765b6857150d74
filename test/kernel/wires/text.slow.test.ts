/** The words of a wire between real sockets: filters of libpcap, faults by packet, presets. */
import { once } from 'node:events'
import { expect, test } from 'vitest'
import { freshQuietNamespaces } from '#support/fresh-namespaces.ts'
import { tcpConnect, tcpListen, udpSocket } from '#support/sockets.ts'
import { pingWithoutLoss } from '#support/traffic.ts'
import { type Running, startVnet, stopConserved } from '#support/vnet-process.ts'

const { near, far } = freshQuietNamespaces('near', 'far')

async function cable(...options: string[]): Promise<Running> {
  const addresses = ['--address', 'left=198.18.0.1/24', '--address', 'right=198.18.0.2/24']
  return startVnet([
    'cable',
    `${near.name}/left`,
    `${far.name}/right`,
    ...addresses,
    '--json',
    '--seed',
    '7',
    ...options,
  ])
}

test('a filter of libpcap picks the packets that a fault drops', async () => {
  const vnet = await cable('--wire-ab', "drop 'udp dst port 5001' nth 2")
  await pingWithoutLoss(near, '-c 3 -i 0.01 198.18.0.2')
  const to = await udpSocket(far, '198.18.0.2', 5001)
  const other = await udpSocket(far, '198.18.0.2', 5002)
  const from = await udpSocket(near, '198.18.0.1', 5000)
  const received: string[] = []
  to.on('message', text => received.push(text.toString()))
  for (const text of ['1', '2', '3']) {
    const arrived = [once(other, 'message'), ...(text === '2' ? [] : [once(to, 'message')])]
    from.send(text, 5001, '198.18.0.2')
    from.send(text, 5002, '198.18.0.2')
    await Promise.all(arrived)
  }
  expect(received).toEqual(['1', '3'])
  for (const socket of [to, other, from]) {
    socket.close()
  }
  await stopConserved(vnet)
})

test('a reset ends the connection at both ends, and the next connection is left alone', async () => {
  const vnet = await cable('--wire-ab', "reset 'tcp[tcpflags] & tcp-push != 0' first 1")
  const server = await tcpListen(far, '198.18.0.2', 5001)
  const accepted = once(server, 'connection')
  const client = await tcpConnect(near, '198.18.0.1', '198.18.0.2', 5001)
  const [peer] = await accepted
  const ends = Promise.all([once(client, 'error'), once(peer, 'error')])
  client.write('never arrives')
  expect((await ends).map(([error]) => error.code)).toEqual(['ECONNRESET', 'ECONNRESET'])

  const next = once(server, 'connection')
  const again = await tcpConnect(near, '198.18.0.1', '198.18.0.2', 5001)
  const [second] = await next
  again.write('arrives')
  expect(String((await once(second, 'data'))[0])).toBe('arrives')
  again.destroy()
  second.destroy()
  server.close()
  await stopConserved(vnet)
})

test('a preset delays each direction by half of its round-trip time', async () => {
  const vnet = await cable('--wire', 'preset lte')
  await pingWithoutLoss(near, '-c 1 198.18.0.2')
  const { stdout } = await near.run('ping -q -c 3 -i 0.1 198.18.0.2')
  expect(Number(/= ([\d.]+)\//.exec(stdout)?.[1])).toBeGreaterThanOrEqual(70)
  await stopConserved(vnet)
})
