/** The worlds of labs in '@vnet/lab/vitest': VNET_WORLD, the fixture `world`, and both in turn. */
import { afterAll, expect, test } from 'vitest'
import { Consumer } from '#support/consumer.ts'

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
  test('fails in memory', async ({ lab }) => {
    if (lab.world === 'memory') throw new Error('on purpose')
  })
`

const consumer = new Consumer()
afterAll(() => consumer[Symbol.dispose]())

/** Root without a capability that a lab in the kernel needs. */
const WITHOUT_RIGHTS = ['setpriv', '--bounding-set=-sys_admin', '--inh-caps=-all']

/** Runs the tests. Returns the worlds of their labs, and the tests that failed, in their order. */
function run(world: string, before: string[] = [], required = '0', program = PROGRAM) {
  consumer.write('a.test.js', program)
  const env = { VNET_WORLD: world, VNET_REQUIRED: required }
  // vitest's own limit of 5 s would count the load of the machine.
  const args = ['a.test.js', '--reporter=verbose', '--testTimeout=60000']
  const { stdout, stderr } = consumer.vitest(args, { before, env })
  const worlds = [...stdout.matchAll(/^world (\w+)$/gm)].map(([, name]) => name)
  const failed = [
    ...new Set(
      [...stdout.matchAll(/× a\.test\.js > (.*?)(?: \d+ms.*)?$/gm)].map(([, title = '']) => title),
    ),
  ]
  // vitest may report a test that ran twice after the next one.
  failed.sort((a, b) => program.indexOf(a) - program.indexOf(b))
  return { worlds, failed, stdout, stderr }
}

/** Tests that need the kernel. The last four fail, three of them also in other worlds. */
const PROGRAMS = `
  import { expect } from 'vitest'
  import { test } from '@vnet/lab/vitest'

  test('starts programs', async ({ lab }) => {
    const [host] = lab.hosts('host')
    expect((await host.exec('echo', ['hello'])).stdout).toBe('hello\\n')
    host.spawn('true')
    host.worker(new URL('data:text/javascript,'))
    await host.disk().catch(() => {})
  })
  test('enters the namespace', async ({ lab }) => expect(lab.hosts('host')[0].path).toMatch(/^.proc.self.fd/))
  test('reaches the Internet', async ({ lab }) => void (await lab.internet({ inside: lab.hosts('host') })))
  test('catches it', async ({ lab }) => {
    const [host] = lab.hosts('host')
    const refused = await host.exec('true').catch(error => error.message)
    if (lab.world === 'memory') expect(refused).toBe("host host: exec: a program needs world: 'kernel'")
  })
  test.extend({ world: 'memory' })('is in memory', async ({ lab }) => {
    await lab.hosts('host')[0].exec('true')
  })
  test('fails in the kernel', async ({ lab }) => expect((await lab.hosts('host')[0].exec('false')).status).toBe(0))
  test('fails in both', async () => expect(1).toBe(2))
  test('fails in memory', async ({ lab }) => expect(lab.world).toBe('kernel'))
`
const LEFT_OUT = [
  'starts programs',
  'enters the namespace',
  'reaches the Internet',
  'fails in the kernel',
]

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

test('with VNET_WORLD=both a test that needs the kernel runs only there, and a line has the reason', () => {
  const { failed, stderr, stdout } = run('both', [], '1', PROGRAMS)
  expect(failed).toEqual([
    'is in memory',
    'fails in the kernel',
    'fails in both',
    'fails in memory',
  ])
  const lines = stderr
    .split('\n')
    .filter(line => line.startsWith('vnet: ') && line.includes('not tried in memory'))
  expect(lines.map(line => /^vnet: (.*): not tried in memory: host /.exec(line)?.[1])).toEqual(
    LEFT_OUT,
  )
  expect(lines[0]).toBe(
    "vnet: starts programs: not tried in memory: host host: exec: a program needs world: 'kernel'",
  )
  expect(lines[2]).toContain("host internet: a way to the machine's network needs world: 'kernel'")
  expect(stdout).toContain('vnet: the lab was in the kernel')
})

test('in memory alone a test that needs the kernel fails with the reason', () => {
  const { failed, stderr } = run('memory', [], '0', PROGRAMS)
  expect(failed).toEqual([
    ...LEFT_OUT.slice(0, 3),
    'is in memory',
    'fails in the kernel',
    'fails in both',
    'fails in memory',
  ])
  expect(stderr).not.toContain('not tried in memory')
})

test('with VNET_WORLD=both and no rights, a test that needs the kernel is skipped, or fails if VNET_REQUIRED is 1', () => {
  const { failed, stdout } = run('both', WITHOUT_RIGHTS, '0', PROGRAMS)
  expect(failed).toEqual(['is in memory', 'fails in both', 'fails in memory'])
  expect(stdout).toMatch(/↓ a\.test\.js > starts programs .*\[a lab needs /)
  expect(run('both', WITHOUT_RIGHTS, '1', PROGRAMS).failed).toContain('starts programs')
})

test('with VNET_WORLD=both and no rights, what passes in memory is skipped and what fails there fails', () => {
  const { failed, stdout } = run('both', WITHOUT_RIGHTS)
  expect(failed).toEqual(['fails in memory'])
  expect(stdout).toMatch(/↓ a\.test\.js > passes .*\[a lab needs /)
})

test('a test that needs the kernel fails, and is not skipped, if the addon is missing', () => {
  consumer.write('a.test.js', PROGRAM)
  const env = { VNET_WORLD: 'both', VNET_REQUIRED: '0', VNET_ADDON: '/missing/vnet.node' }
  const { stdout } = consumer.vitest(['a.test.js', '--reporter=verbose', '--testTimeout=60000'], {
    env,
  })
  expect(stdout).toMatch(/× a\.test\.js > passes .*\n.*the native addon does not load/)
  expect(stdout).not.toMatch(/^ *↓/m)
})

test('without rights a test runs in memory, and fails if VNET_REQUIRED is 1', () => {
  expect(run('', WITHOUT_RIGHTS)).toMatchObject({
    worlds: ['memory', 'memory'],
    failed: ['fails in memory'],
  })
  const required = run('', WITHOUT_RIGHTS, '1')
  expect(required).toMatchObject({ worlds: ['memory'], failed: ['passes', 'fails in memory'] })
})

test('a test in memory that waits in vain fails with the reason', () => {
  consumer.write(
    'b.test.js',
    `import { test } from '@vnet/lab/vitest'
     test.extend({ world: 'memory' })('waits', { timeout: 10_000 }, async ({ lab }) => {
       await lab.sleep('2h')
       await new Promise(() => {})
     })`,
  )
  const { stdout, stderr } = consumer.vitest(['b.test.js'])
  expect(stdout + stderr).toContain('Test timed out in 10000ms.')
  expect(stdout + stderr).toContain(
    'vnet: the lab was in memory, its clock at 7200 s; none of its timers and packets was due',
  )
})
