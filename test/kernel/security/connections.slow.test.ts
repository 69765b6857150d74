/**
 * Clients of `vnet lan` that keep connections open: others are served in the meantime, and the
 * connections end after a time.
 */
import { writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { freshNamespaces } from '#support/fresh-namespaces.ts'
import { outcome } from '#support/netns.ts'
import { hasCarrier, untilShown } from '#support/shown-link.ts'
import { startVnet } from '#support/vnet-process.ts'

const CONFIG = 'hosts: [{ name: web, ip: 198.18.0.7, ports: [{ port: 80, service: http }] }]\n'

const { own, near, directory: dir } = freshNamespaces('near')

test('connections with half-sent HTTP headers are closed, and new clients are served meanwhile', async () => {
  writeFileSync(`${dir}/lan.yaml`, CONFIG)
  const vnet = await startVnet([
    'lan',
    `${near.name}/eth9`,
    '--negotiation',
    '0',
    '--config',
    `${dir}/lan.yaml`,
  ])
  await untilShown(own, near, 'eth9', hasCarrier)
  await near.run('ip addr add 198.18.0.50/24 dev eth9')
  const script = `
import socket
def connect():
    return socket.create_connection(('198.18.0.7', 80), 60)
half = [connect() for _ in range(200)]
for one in half: one.sendall(b'GET / HTTP/1.1\\r\\nX: ')
new = connect()
new.sendall(b'GET / HTTP/1.1\\r\\nHost: web\\r\\nConnection: close\\r\\n\\r\\n')
got = b''
while more := new.recv(4096): got += more
print(got.split(b'\\r\\n')[0].decode(), flush=True)
def isOver(one):
    try: return one.recv(1) == b''
    except ConnectionResetError: return True
print(sum(map(isOver, half)))
`
  const { stdout, stderr } = await outcome(near.spawn(['python3', '-c', script]))
  expect([stdout, stderr]).toEqual(['HTTP/1.1 200 OK\n200\n', ''])
  expect((await vnet.stop()).status).toBe(0)
})
