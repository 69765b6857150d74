/** TLS on a captured cable: tshark reads what was sent, by the keys in the file. */
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { freshQuietNamespaces } from '#support/fresh-namespaces.ts'
import { outcome } from '#support/netns.ts'
import { startVnet } from '#support/vnet-process.ts'

const { left, right, directory } = freshQuietNamespaces('left', 'right')

const file = (name: string) => join(directory, name)

/** Programs of Node. A pre-shared key needs no certificate. */
const SERVER = `
  const { createServer } = require('node:tls')
  const pskCallback = () => Buffer.alloc(16, 7)
  const options = { pskCallback, ciphers: 'PSK-AES128-GCM-SHA256', maxVersion: 'TLSv1.2' }
  createServer(options, socket => socket.on('data', () => socket.end('HTTP/1.1 418 Teapot\\r\\nContent-Length: 0\\r\\n\\r\\n')))
    .listen(443, '198.18.0.2', () => console.log('listening'))
`
const CLIENT = `
  const { appendFileSync } = require('node:fs')
  const { connect } = require('node:tls')
  const pskCallback = () => ({ psk: Buffer.alloc(16, 7), identity: 'client' })
  const options = { pskCallback, ciphers: 'PSK-AES128-GCM-SHA256', maxVersion: 'TLSv1.2', checkServerIdentity() {} }
  const socket = connect({ host: '198.18.0.2', port: 443, ...options }, () => {
    socket.write('GET /secret HTTP/1.1\\r\\nHost: example\\r\\n\\r\\n')
  })
  socket.on('keylog', line => appendFileSync(process.argv[1], line))
  socket.on('data', data => console.log(String(data).split('\\r\\n')[0]))
`

test('tshark reads TLS content from the file alone, if programs log their keys', async () => {
  const keys = file('keys')
  const addresses = ['--address', 'left=198.18.0.1/24', '--address', 'right=198.18.0.2/24']
  const capture = ['--capture', file('a.pcapng'), '--tls-keys', keys]
  const vnet = await startVnet([
    'cable',
    `${left.name}/left`,
    `${right.name}/right`,
    ...addresses,
    ...capture,
  ])
  const server = right.spawn([process.execPath, '-e', SERVER])
  await once(server.stdout, 'data')
  const { stdout, stderr } = await outcome(left.spawn([process.execPath, '-e', CLIENT, keys]))
  expect({ stdout, stderr }).toEqual({ stdout: 'HTTP/1.1 418 Teapot\n', stderr: '' })
  await vnet.stop()
  const fields = [
    '-T',
    'fields',
    '-E',
    'separator= ',
    '-e',
    'http.request.uri',
    '-e',
    'http.response.code',
  ]
  const shown = (name: string) =>
    execFileSync(
      'tshark',
      ['-2', '-r', file(name), '-d', 'tcp.port==443,tls', ...fields, '-Y', 'http'],
      {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
      },
    )
  expect(shown('a.pcapng')).toMatch(/\/secret.*418/s)
  execFileSync('editcap', ['--discard-all-secrets', file('a.pcapng'), file('b.pcapng')])
  expect(shown('b.pcapng')).toBe('')
})
