import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { PassThrough } from 'node:stream'
import { expect, test } from 'vitest'
import type { FileLab } from '../../src/file/file-lab.ts'
import { serveLines } from '../../src/file/requests.ts'

/** A lab in which programs do not end. */
const endless = { host: () => ({ exec: () => new Promise(() => {}) }) } as unknown as FileLab
const EXEC = '{"id": 1, "method": "exec", "params": {"host": "a", "command": "sleep 1000"}}'

test('a request that does not end delays the end of the lab for a limited time', async () => {
  const input = new PassThrough()
  const lines = createInterface({ input })
  const responses: object[] = []
  const served = serveLines(endless, lines, response => responses.push(response), 1)
  // The limit keeps no process alive by itself.
  const alive = setInterval(() => {}, 1000)
  input.end(`${EXEC}\n{}\n`)
  await once(lines, 'close')
  await served
  clearInterval(alive)
  expect(responses).toEqual([{ id: null, error: expect.stringContaining('method: expected') }])
})

test('`end` ends the lab without waiting for other requests', async () => {
  const input = new PassThrough()
  const served = serveLines(endless, createInterface({ input }), () => {})
  input.write(`${EXEC}\n{"method": "end"}\n`)
  await served
  input.end()
})
