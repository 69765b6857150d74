/** A session of SSH (npm: ssh2) over a link that passes nothing for a while. */
import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { test } from '@vnet/lab/vitest'
import ssh2 from 'ssh2'
import { expect } from 'vitest'

const LINES = 50
const KEY = {
  namedCurve: 'P-256',
  publicKeyEncoding: { type: 'spki', format: 'pem' },
  privateKeyEncoding: { type: 'sec1', format: 'pem' },
}

/** A server with one command, which counts: a line every 10 ms. */
function countingServer() {
  const { privateKey: key } = generateKeyPairSync('ec', KEY)
  return new ssh2.Server({ hostKeys: [key] }, client => {
    client.on('error', () => {})
    client.on('authentication', context => context.accept())
    client.on('session', accept => {
      accept().on('exec', acceptCommand => {
        const stream = acceptCommand()
        let line = 0
        const timer = setInterval(() => {
          stream.write(`${++line}\n`)
          if (line < LINES) return
          clearInterval(timer)
          stream.exit(0)
          stream.end()
        }, 10)
      })
    })
  })
}

/** Logs in to the namespace `server`. */
async function login(namespace, options) {
  const connection = new ssh2.Client()
  const sock = await namespace.connect(22, 'server')
  connection.connect({ sock, username: 'me', password: '', ...options })
  await once(connection, 'ready')
  return connection
}

test('a session continues after a partition, and no line is missing', async ({ lab }) => {
  const [client, server] = lab.hosts('client', 'server')
  const link = await lab.cable(client, server)
  await server.listen(countingServer(), 22)
  const connection = await login(client)

  const stream = await new Promise((resolve, reject) => {
    connection.exec('count', (error, stream) => (error ? reject(error) : resolve(stream)))
  })
  let output = ''
  stream.setEncoding('utf8').on('data', text => {
    output += text
  })
  await once(stream, 'data')
  const partition = link.partition(300)
  await once(stream, 'close')
  await partition
  connection.end()

  expect(output.trim().split('\n').map(Number)).toEqual(
    Array.from({ length: LINES }, (_, i) => i + 1),
  )
  expect(server.stats().TcpRetransSegs).toBeGreaterThan(0)
})

test('a session ends when its NAT forgets it, and the next one works', async ({ lab }) => {
  const [client, server] = lab.hosts('client', 'server')
  const router = await lab.router('router', {
    inside: [client],
    outside: server,
    nat: 'restricted',
  })
  await server.listen(countingServer(), 22)
  const connection = await login(client, { keepaliveInterval: 100 })

  // The next packet has another port, for which the server has no connection.
  await router.rebind()
  const [error] = await once(connection, 'error')
  expect(error.code).toBe('ECONNRESET')

  await login(client)
})
