/** RepeatedQueries: the DNS queries that a host of a lab sends again. */
import { expect, test } from 'vitest'
import { createLab, type LabHost } from '../../src/index.ts'
import { countRepeatedQueries } from '../../src/run/repeated-queries.ts'

/** Returns a query for the IPv4 addresses of a name. */
function queryFor(name: string, id: number): Buffer {
  const labels = name
    .split('.')
    .map(label => Buffer.concat([Buffer.of(label.length), Buffer.from(label)]))
  const header = Buffer.from([id >> 8, id & 0xff, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0])
  return Buffer.concat([header, ...labels, Buffer.from([0, 0, 1, 0, 1])])
}

/** Returns a function that sends from one port to port 53, or another, of the host `server`. */
async function sender(host: LabHost, type: 'udp4' | 'udp6') {
  const socket = await host.createSocket(type)
  return (message: Uint8Array, port = 53) =>
    new Promise<void>((resolve, reject) => {
      socket.send(message, port, 'server', error => (error ? reject(error) : resolve()))
    })
}

test('a query is repeated if the id, the name and the source port are those of an earlier one', async () => {
  await using lab = await createLab()
  const [client, server] = lab.hosts('client', 'server')
  await lab.cable(client, server)
  using queries = countRepeatedQueries(client.place, 'server')
  for (const type of ['udp4', 'udp6'] as const) {
    const [one, other] = [await sender(client, type), await sender(client, type)]
    await one(queryFor('example.org', 1))
    await one(queryFor('example.org', 2))
    await one(queryFor('example.com', 1))
    await other(queryFor('example.org', 1))
    await one(queryFor('example.org', 3), 54)
    await one(queryFor('example.org', 3))
    expect(queries.take()).toBe(0)
    await one(queryFor('example.org', 1))
    await one(queryFor('example.org', 1))
    await other(queryFor('example.org', 1))
    expect(queries.take()).toBe(3)
    expect(queries.take()).toBe(0)
  }
})

test('neither malformed queries nor queries that arrive are counted', async () => {
  await using lab = await createLab()
  const [client, server] = lab.hosts('client', 'server')
  await lab.cable(client, server)
  using queries = countRepeatedQueries(server.place, 'client')
  using sent = countRepeatedQueries(client.place, 'server')
  const socket = await server.createSocket('udp4', 53)
  const send = await sender(client, 'udp4')
  for (const message of [
    queryFor('example.org', 1),
    Buffer.of(1, 2, 3),
    queryFor('example.org', 1).subarray(0, 20),
  ]) {
    for (let i = 0; i < 2; i++) {
      const arrived = new Promise(resolve => socket.once('message', resolve))
      await send(message)
      await arrived
    }
  }
  expect([queries.take(), sent.take()]).toEqual([0, 1])
})

test('only the latest queries are remembered', async () => {
  await using lab = await createLab()
  const [client, server] = lab.hosts('client', 'server')
  await lab.cable(client, server)
  using queries = countRepeatedQueries(client.place, 'server')
  const send = await sender(client, 'udp4')
  let count = 0
  for (let id = 0; id < 5000; id++) {
    await send(queryFor('example.org', id))
    count += queries.take()
  }
  await send(queryFor('example.org', 0))
  await send(queryFor('example.org', 4999))
  expect([count, queries.take()]).toEqual([0, 1])
})
