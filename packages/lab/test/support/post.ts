/** A request with a body that needs several segments. */
import http from 'node:http'
import { expect } from 'vitest'
import type { ScenarioRun } from '../../src/explore/scenario.ts'

export async function post({ lab, signal }: ScenarioRun): Promise<void> {
  const [client, server] = lab.hosts('client', 'server')
  await lab.cable(client, server, { wire: 'delay 20ms' })
  await server.listen(
    http.createServer((request, response) => request.pipe(response)),
    80,
  )
  const body = Buffer.alloc(5000, 'x')
  const response = await client.fetch('http://server/', { method: 'POST', body, signal })
  expect((await response.arrayBuffer()).byteLength).toBe(5000)
}
