/** Tests with labs on a busy machine, within the five seconds that vitest gives a test. */
import { spawn } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { expect, test } from 'vitest'
import { Consumer } from '#support/consumer.ts'

const FILES = 10
const PROGRAM = `
  import http from 'node:http'
  import { expect } from 'vitest'
  import { test } from '@vnet/lab/vitest'
  test.for([1, 2, 3])('lab %d', async (_, { lab }) => {
    const [client, server] = lab.hosts('client', 'server')
    const link = await lab.cable(client, server, { wire: 'delay 5ms' })
    await server.listen(http.createServer((_, response) => response.end('hello')), 8080)
    const fault = await link.ab.drop('tcp port 8080', { nth: 1 })
    expect(await (await client.fetch('http://server:8080/')).text()).toBe('hello')
    expect(fault.hits).toBe(1)
  })
`

test('ten workers with thirty labs keep the time limit of vitest beside busy processors', {
  timeout: 200_000,
}, () => {
  using consumer = new Consumer()
  const files = Array.from({ length: FILES }, (_, i) => `${i}.test.js`)
  for (const file of files) {
    consumer.write(file, PROGRAM)
  }
  const busy = Array.from({ length: availableParallelism() }, () =>
    spawn('sh', ['-c', 'while :; do :; done']),
  )
  try {
    const workers = [`--maxWorkers=${FILES}`, '--pool=forks']
    const { status, stdout, stderr } = consumer.vitest([...files, ...workers], {
      env: { VNET_REQUIRED: '1' },
    })
    expect({ status, stdout, stderr }).toMatchObject({
      status: 0,
      stdout: expect.stringContaining('30 passed'),
    })
  } finally {
    for (const each of busy) {
      each.kill('SIGKILL')
    }
  }
})
