/** A download over a slow link: curl does not get more than the link carries. */
import { createServer } from 'node:http'
import { test } from '@vnet/lab/vitest'
import { expect } from 'vitest'

const FILE = Buffer.alloc(400_000, 'x')

test('curl downloads a file over 8 Mbit/s, and no faster', async ({ lab }) => {
  const [client, server] = lab.hosts('client', 'server')
  await lab.cable(client, server, { wire: 'rate 8mbit delay 10ms' })
  await server.listen(
    createServer((_, response) => response.end(FILE)),
    80,
  )

  const format = '%{size_download} %{speed_download}'
  const { stdout } = await client.exec('curl', [
    '-sS',
    '-o',
    '/dev/null',
    '-w',
    format,
    'http://server/',
  ])

  const [bytes, bytesPerSecond] = stdout.split(' ').map(Number)
  expect(bytes).toBe(FILE.length)
  expect(bytesPerSecond).toBeLessThan(1_000_000)
})
