/** A path with a smaller MTU than its ends know. */
import { createServer } from 'node:http'
import { test } from '@vnet/lab/vitest'
import { expect } from 'vitest'

const FILE = 'x'.repeat(100_000)
const DOWNLOAD = ['-4', '-sS', 'http://server/']

/** Returns what joins a client to an HTTP server with a file. */
async function path(lab, wire) {
  const [client, server] = lab.hosts('client', 'server')
  await lab.cable(client, server, { wire })
  await server.listen(
    createServer((_, response) => response.end(FILE)),
    80,
  )
  return { client, server }
}

test('a server sends smaller packets once ICMP says so', async ({ lab }) => {
  const { client, server } = await path(lab, 'mtu 1300 icmp')
  const { stdout } = await client.exec('curl', DOWNLOAD)
  expect(stdout).toBe(FILE)
  expect((await server.exec('ip', ['route', 'get', client.addresses[0]])).stdout).toContain(
    'mtu 1300',
  )
})

test('where ICMP is filtered, a download hangs after the handshake', async ({ lab }) => {
  const { client } = await path(lab, 'mtu 1300')
  const { status, stdout } = await client.exec('curl', ['--max-time', '0.7', ...DOWNLOAD])
  const TIMED_OUT = 28
  expect(status).toBe(TIMED_OUT)
  expect(stdout).toBe('')
})
