/** A lab in the kernel: two hosts, a link with faults, a server of the test and a program. */
import { createServer } from 'node:http'
import { text } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import { createLab } from '../../../src/index.ts'

test('a program and code of a host reach a server of another host over a link with faults', async () => {
  await using lab = await createLab({ world: 'kernel', seed: 7 })
  const [client, server] = lab.hosts('client', 'server')
  const link = await lab.cable(client, server, { wire: 'delay 2ms' })
  const http = createServer(({ url }, response) => response.end(`hello ${url}`))
  await server.listen(http, 80)
  const { status, stdout } = await client.exec('curl', ['-sS', 'http://server/program'])
  expect({ status, stdout }).toEqual({ status: 0, stdout: 'hello /program' })
  const socket = await client.connect(80, 'server')
  socket.end('GET /code HTTP/1.0\r\n\r\n')
  expect(await text(socket)).toContain('hello /code')

  const { ab, ba } = await link.stats()
  for (const { stages } of [ab, ba]) {
    expect(stages).toMatchObject([{ stage: 'delay', dropped: 0 }])
    expect(stages[0]?.out).toBeGreaterThan(5)
  }
  await link.ab.drop('icmp', { nth: 1 })
  const ping = async (seconds: number) =>
    (await client.exec('ping', ['-4', '-c1', `-W${seconds}`, 'server'])).status
  expect([await ping(0.2), await ping(30)]).toEqual([1, 0])
})
