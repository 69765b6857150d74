/** Runs of a lab in memory that are the same. */
import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import http from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { memoryLabs } from '../support/memory-lab.ts'

const { labs, made } = memoryLabs()

test('the same seed gives the same capture', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'vnet-test-'))
  try {
    const run = async (seed: number) => {
      const lab = await made({ seed })
      const [client, server] = lab.hosts('client', 'server')
      const link = await lab.cable(client, server, { wire: 'delay 20ms 5ms loss 10%' })
      const file = join(directory, 'capture.pcapng')
      const end = await link.capture(file)
      await server.listen(
        http.createServer((request, response) => request.pipe(response)),
        80,
      )
      const response = await client.fetch('http://server/', {
        method: 'POST',
        body: Buffer.alloc(100_000, 'x'),
      })
      expect((await response.arrayBuffer()).byteLength).toBe(100_000)
      await end()
      await labs.pop()?.close()
      return createHash('sha256').update(readFileSync(file)).digest('hex')
    }
    const hashes = [await run(7), await run(7), await run(7), await run(8)]
    expect(new Set(hashes.slice(0, 3)).size).toBe(1)
    expect(hashes[3]).not.toBe(hashes[0])
  } finally {
    rmSync(directory, { recursive: true })
  }
})
