/** A protocol on UDP that sends again what was lost. */
import { once } from 'node:events'
import { test } from '@vnet/lab/vitest'
import { expect } from 'vitest'

const RETRY_MS = 20

/** Sends a numbered request until its reply comes. Returns how often it was sent. */
async function request(socket, number) {
  let sent = 0
  const send = () => {
    sent++
    socket.send(String(number), 5000, 'server')
  }
  send()
  const timer = setInterval(send, RETRY_MS)
  try {
    for (;;) {
      const [reply] = await once(socket, 'message')
      if (Number(reply) === number) return sent
    }
  } finally {
    clearInterval(timer)
  }
}

test('every request gets a response although each direction loses 30 % of the packets', async ({
  lab,
}) => {
  const [client, server] = lab.hosts('client', 'server')
  await lab.cable(client, server, { wire: 'loss 30%' })
  const service = await server.createSocket('udp4', 5000)
  service.on('message', (message, { port, address }) => service.send(message, port, address))
  const socket = await client.createSocket('udp4')

  let sent = 0
  for (let number = 1; number <= 30; number++) {
    sent += await request(socket, number)
  }

  expect(sent).toBeGreaterThan(30)
})
