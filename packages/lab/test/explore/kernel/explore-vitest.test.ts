/** test.explore of '@vnet/lab/vitest', in a run of vitest. */
import { readFileSync, rmSync } from 'node:fs'
import { dirname } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { Consumer } from '#support/consumer.ts'

const PROGRAM = `
  import { getCurrentTest } from 'vitest/suite'
  import { test } from '@vnet/lab/vitest'

  const ask = again => async ({ lab }) => {
    console.log('timeout of ' + again + ' ' + getCurrentTest().timeout)
    const [client, server] = lab.hosts('client', 'server')
    await lab.cable(client, server)
    const receiver = await server.createSocket('udp4', 5000)
    receiver.on('message', (message, from) => receiver.send(message, from.port, from.address))
    const sender = await client.createSocket('udp4')
    const answered = new Promise(resolve => sender.once('message', resolve))
    sender.send('question', 5000, 'server')
    const timer = again && setInterval(() => sender.send('question', 5000, 'server'), 300)
    await answered
    clearInterval(timer)
  }
  const faults = ['drop']
  test.explore('asks again', { faults, timeout: '2s', budget: '30s' }, ask(true))
  test.explore('asks once', { faults, timeout: '1s', stopAt: 1 }, ask(false))
  const signal = AbortSignal.abort(new Error('by its own signal'))
  test.explore('is stopped', { signal }, ask(true))
  test.explore('does not begin', new URL('./none.mjs', import.meta.url))
`

const consumer = new Consumer()
afterAll(() => consumer[Symbol.dispose]())

/** Root without a capability that a lab needs. */
const before = ['setpriv', '--bounding-set=-sys_admin', '--inh-caps=-all']

test('test.explore passes or fails by its report, and has a timeout of its own', () => {
  consumer.write('a.test.js', PROGRAM)
  const reporters = ['--reporter=default', '--reporter=json', '--outputFile.json=out.json']
  // The timeout of other tests is shorter than an exploration.
  const { stdout, stderr } = consumer.vitest(['--testTimeout=100', ...reporters])
  const [{ assertionResults }] = JSON.parse(
    readFileSync(`${consumer.directory}/out.json`, 'utf8'),
  ).testResults
  const results = assertionResults as { title: string; status: string; failureMessages: string[] }[]
  expect(results.map(({ title, status }) => [title, status])).toEqual([
    ['asks again', 'passed'],
    ['asks once', 'failed'],
    ['is stopped', 'failed'],
    ['does not begin', 'failed'],
  ])
  const [, asksOnce, stopped, missing] = results.map(({ failureMessages }) =>
    failureMessages.join(),
  )
  expect(asksOnce).toContain(
    'FAILED in 4 of 4 runs, in memory, and in the kernel too: drop client-server ab udp client:* > server:5000 packet 1',
  )
  expect(asksOnce).toContain("test('survives: drop client-server ab")
  expect(stopped).toContain('by its own signal')
  expect(missing).toContain('none.mjs')
  expect(stdout).toContain('timeout of true 50000\n')
  expect(stdout).toContain('timeout of false 0\n')
  expect(stderr).toContain('vnet: asks once: 1 of 2 faults were not tried\n')
  for (const [, path = ''] of (asksOnce ?? '').matchAll(/captured in (\S+)/g)) {
    rmSync(dirname(path), { recursive: true, force: true })
  }
})

test('test.explore in the kernel is skipped without rights, and fails if VNET_REQUIRED is 1', () => {
  const text = `import { test } from '@vnet/lab/vitest'\n test.explore('explores', 'none.mjs')`
  consumer.write('b.test.js', text)
  const run = (env = {}) =>
    consumer.vitest(['b.test.js', '--reporter=verbose'], {
      before,
      env: { VNET_WORLD: 'kernel', ...env },
    })
  const skipped = run()
  expect([skipped.status, skipped.stdout]).toEqual([
    0,
    expect.stringContaining('[a lab needs CAP_SYS_ADMIN'),
  ])
  const failed = run({ VNET_REQUIRED: '1' })
  expect([failed.status, failed.stderr]).toEqual([
    1,
    expect.stringContaining('a lab needs CAP_SYS_ADMIN'),
  ])
})
