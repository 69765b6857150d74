/** The worlds of labs in '@vnet/lab/vitest': VNET_WORLD, the fixture `world`, and both in turn. */
import { afterAll, expect, test } from 'vitest'
import { Consumer } from '../../../../test/support/consumer.ts'

const PROGRAM = `
  import http from 'node:http'
  import { expect } from 'vitest'
  import { test } from '@vnet/lab/vitest'

  async function request(lab) {
    console.log('world ' + lab.world)
    const [client, server] = lab.hosts('client', 'server')
    await lab.cable(client, server, { wire: 'delay 5ms' })
    await server.listen(http.createServer((_, response) => response.end('hello')), 80)
    expect(await (await client.fetch('http://server/')).text()).toBe('hello')
  }

  test('passes', async ({ lab }) => request(lab))
  test.each([1, 2])('passes with %i', async n => expect(n).toBeLessThan(3))
  test.extend({ world: 'memory' })('is in memory', async ({ lab }) => request(lab))
  test('fails in memory', { timeout: 5000 }, async ({ lab }) => {
    if (lab.world === 'memory') throw new Error('on purpose')
  })
`

const consumer = new Consumer()
afterAll(() => consumer[Symbol.dispose]())

/** Root without a capability that a lab in the kernel needs. */
const WITHOUT_RIGHTS = ['setpriv', '--bounding-set=-sys_admin', '--inh-caps=-all']

/** Runs the tests. Returns the worlds of their labs, and the tests that failed. */
function run(world: string, before: string[] = [], required = '0') {
  consumer.write('a.test.js', PROGRAM)
  const env = { VNET_WORLD: world, VNET_REQUIRED: required }
  const { stdout } = consumer.vitest(['a.test.js', '--reporter=verbose'], { before, env })
  const worlds = [...stdout.matchAll(/^world (\w+)$/gm)].map(([, name]) => name)
  const failed = [...new Set([...stdout.matchAll(/× a\.test\.js > (.*?)(?: \d+ms.*)?$/gm)].map(([, title]) => title))]
  return { worlds, failed, stdout }
}

test('VNET_WORLD chooses the world of labs, and a fixture overrides it', () => {
  expect(run('kernel')).toMatchObject({ worlds: ['kernel', 'memory'], failed: [] })
  const inMemory = run('memory')
  expect(inMemory).toMatchObject({ worlds: ['memory', 'memory'], failed: ['fails in memory'] })
  expect(inMemory.stdout).toContain('vnet: the lab was in memory, its clock at 0 s\n')
})

test('with VNET_WORLD=both a test runs in both worlds, and fails if it fails in one', () => {
  const { worlds, failed, stdout } = run('both')
  expect(worlds).toEqual(['memory', 'kernel', 'memory'])
  expect(failed).toEqual(['fails in memory'])
  expect(stdout).toContain('vnet: the lab was in memory')
  expect(stdout).not.toContain('vnet: the lab was in the kernel')
})

test('with VNET_WORLD=both and no rights, what passes in memory is skipped and what fails there fails', () => {
  const { failed, stdout } = run('both', WITHOUT_RIGHTS)
  expect(failed).toEqual(['fails in memory'])
  expect(stdout).toMatch(/↓ a\.test\.js > passes .*\[a lab needs /)
})

test('without rights a test runs in memory, and fails if VNET_REQUIRED is 1', () => {
  expect(run('', WITHOUT_RIGHTS)).toMatchObject({ worlds: ['memory', 'memory'], failed: ['fails in memory'] })
  const required = run('', WITHOUT_RIGHTS, '1')
  expect(required).toMatchObject({ worlds: ['memory'], failed: ['passes', 'fails in memory'] })
})

test('a test in memory that waits in vain fails with the reason', () => {
  consumer.write(
    'b.test.js',
    `import { test } from '@vnet/lab/vitest'
     test.extend({ world: 'memory' })('waits', { timeout: 3000 }, async ({ lab }) => {
       await lab.sleep('2h')
       await new Promise(() => {})
     })`,
  )
  const { stdout, stderr } = consumer.vitest(['b.test.js'])
  expect(stdout + stderr).toContain('Test timed out in 3000ms.')
  expect(stdout + stderr).toContain(
    'vnet: the lab was in memory, its clock at 7200 s; none of its timers and packets was due',
  )
})
