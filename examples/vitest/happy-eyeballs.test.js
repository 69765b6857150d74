/** Happy Eyeballs (RFC 8305): a host with two addresses, of which the IPv6 one leads nowhere. */
import { createServer } from 'node:http'
import { test } from '@vnet/lab/vitest'
import { expect } from 'vitest'

const FETCH = `
  const response = await fetch('http://server/')
  console.log(await response.text())`

test.for([
  ['curl', ['-sS', 'http://server/']],
  [process.execPath, ['--input-type=module', '-e', FETCH]],
])('%s takes IPv4 if nothing comes back by IPv6', async ([program, args], { lab }) => {
  const [client, server] = lab.hosts('client', 'server')
  const link = await lab.cable(client, server)
  const blackhole = await link.ab.drop('ip6 and tcp')
  // Replies with the address of the client.
  await server.listen(
    createServer(({ socket }, response) => response.end(socket.remoteAddress)),
    80,
  )

  const { stdout, stderr } = await client.exec(program, args)

  expect(stdout.trim() + stderr).toBe(`::ffff:${client.addresses[0]}`)
  expect(blackhole.hits).toBeGreaterThan(0)
})
