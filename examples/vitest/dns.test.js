/** The resolver of Node asks a name server (npm: dns-packet) over a link that loses packets. */
import { once } from 'node:events'
import { test } from '@vnet/lab/vitest'
import { decode, encode } from 'dns-packet'
import { expect } from 'vitest'

const NAMES = Array.from({ length: 6 }, (_, i) => `host${i}.example`)

/** Starts a name server that knows the addresses 192.0.2.N of hostN.example. */
async function nameServer(namespace) {
  const socket = await namespace.createSocket('udp4', 53)
  socket.on('message', (message, { port, address }) => {
    const { id, questions } = decode(message)
    const answers = questions.map(({ name }) => ({
      type: 'A',
      name,
      data: `192.0.2.${/\d+/.exec(name)}`,
    }))
    socket.send(encode({ type: 'response', id, questions, answers }), port, address)
  })
}

test('names are found although a third of the packets is lost', async ({ lab }) => {
  const [client, server] = lab.hosts('client', 'server')
  const link = await lab.cable(client, server)
  await nameServer(server)
  const lost = await link.ab.drop('udp dst port 53', { every: 3 })

  const worker = client.worker(new URL('programs/resolve.js', import.meta.url), {
    workerData: { server: server.addresses[0], names: NAMES },
  })
  const [addresses] = await once(worker, 'message')

  expect(addresses).toEqual(NAMES.map((_, i) => `192.0.2.${i}`))
  expect(lost.hits).toBeGreaterThan(0)
})
