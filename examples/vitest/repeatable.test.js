/** A test with random losses loses the same packets in each run. */
import { once } from 'node:events'
import { createLab } from '@vnet/lab'
import { test } from '@vnet/lab/vitest'
import { expect } from 'vitest'

/** Sends 50 numbered datagrams over a bad link. Returns the numbers that arrive, and the hits. */
async function numbersThatArrive(lab) {
  const [client, server] = lab.hosts('client', 'server')
  const link = await lab.cable(client, server)
  const receiver = await server.createSocket('udp4', 5000)
  const sender = await client.createSocket('udp4')
  // Of these datagrams alone: the kernels send packets of their own whenever they like.
  await link.ab.wire('match "udp port 5000" ( loss 20% )')
  const fault = await link.ab.drop('udp port 5000', { every: 10 })

  const arrived = []
  receiver.on('message', message => arrived.push(Number(message)))
  for (let number = 1; number <= 50; number++) {
    sender.send(String(number), 5000, 'server')
  }
  await fault.hit(5)
  await link.ab.wire('')
  sender.send('end', 5000, 'server')
  while (!Number.isNaN(arrived.at(-1))) {
    await once(receiver, 'message')
  }
  return { arrived, hits: fault.hits }
}

test('the same seed drops the same datagrams, 20 times', async ({ lab }) => {
  const first = await numbersThatArrive(lab)
  expect(first.hits).toBe(5)

  for (let run = 2; run <= 20; run++) {
    const again = await createLab({ seed: lab.seed })
    try {
      expect(await numbersThatArrive(again)).toEqual(first)
    } finally {
      await again.close()
    }
  }
})
