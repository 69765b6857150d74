/** Requests that never end hold a connection for seconds, not forever. */
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { serveMetrics } from '../src/metrics/server.ts'
import { ROOT_ACCESS, served, TOKEN } from './served.ts'

test.each([
  ['headers', 'GET / HTTP/1.1\r\nHost: localhost\r\nX: '],
  [
    'a body',
    `POST /command?token=${TOKEN} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{`,
  ],
])('a request with %s that never ends is refused', async (_, bytes) => {
  await using web = await served()
  expect(await web.raw(bytes)).toMatch(/^HTTP\/1.1 408 /)
})

test('a client that does not read a reply loses its connection', async () => {
  const read = async () => ({
    devices: [],
    vnets: Array.from({ length: 100_000 }, (_, pid) => vnet(pid)),
  })
  await using server = await serveMetrics(
    { address: { host: '127.0.0.1', port: 0 }, access: ROOT_ACCESS },
    read,
  )
  const port = Number(new URL(server.url).port)
  const socket = connect(port, '127.0.0.1').pause()
  onTestFinished(() => void socket.destroy())
  socket.write('GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n')
  await expect.poll(() => waiting(port)).toBeGreaterThan(0)
  await expect.poll(() => waiting(port), { timeout: 100_000 }).toBe(0)
}, 120_000)

const vnet = (pid: number) => ({ pid, replied: 1, runtime: undefined })

/** Established connections at a port of this machine's IPv4 (proc(5)), as seen by the server. */
function waiting(port: number): number {
  const local = `:${port.toString(16).toUpperCase().padStart(4, '0')}`
  const lines = readFileSync('/proc/net/tcp', 'latin1').split('\n')
  return lines.filter(line => {
    const [, at = '', , state] = line.trim().split(/\s+/)
    return at.endsWith(local) && state === '01'
  }).length
}
