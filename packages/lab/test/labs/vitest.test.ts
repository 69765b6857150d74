/** '@vnet/lab/vitest': the fixture in runs of vitest, and labs of users without rights. */
import { readFileSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { recordsIn } from '#support/capture-records.ts'
import { Consumer } from '#support/consumer.ts'
import { rootless, TREE } from '#support/ordinary-user.ts'

const PROGRAM = `
  import net from 'node:net'
  import { expect } from 'vitest'
  import { test } from '@vnet/lab/vitest'

  async function ping(lab) {
    const [client, server] = lab.hosts('client', 'server')
    await lab.cable(client, server, { capture: true })
    return client.exec('ping', ['-c1', '-W30', 'server'])
  }

  test('passes', async ({ lab }) => {
    console.log('seed', String(lab.seed))
    expect((await ping(lab)).status).toBe(0)
  })
  test('fails', async ({ lab }) => {
    await ping(lab)
    throw new Error('on purpose')
  })
  test('times out', { timeout: 3000 }, async ({ lab }) => {
    await ping(lab)
    const [third] = lab.hosts('third')
    const { signal } = await third.exec('sleep', ['1000'])
    console.log('ended by', signal)
  })
  test('does not end', { timeout: 2000 }, async ({ lab }) => {
    const [server] = lab.hosts('server')
    await server.listen(Object.assign(net.createServer(), { close() {} }), 80)
  })
  const pings = async ({ lab }) => expect((await ping(lab)).status).toBe(0)
  test.concurrent('runs beside another', pings)
  test.concurrent('runs beside it', pings)
`

let consumer: Consumer

beforeAll(() => {
  consumer = new Consumer()
  consumer.write('a.test.js', PROGRAM)
})
afterAll(() => consumer[Symbol.dispose]())

/** Returns the results that a run of vitest prints, by test. */
function results(stdout: string) {
  const [{ assertionResults }] = JSON.parse(stdout).testResults
  const each = assertionResults as { title: string; status: string; failureMessages: string[] }[]
  return Object.fromEntries(each.map(({ title, status }) => [title, status]))
}

/** The number of packets of a capture, which is complete. */
function packetsIn(path: string): number {
  return [...recordsIn(path)].length
}

const FAILING = {
  passes: 'passed',
  fails: 'failed',
  'times out': 'failed',
  'does not end': 'failed',
}
const BESIDE = { 'runs beside another': 'passed', 'runs beside it': 'passed' }

test.each([
  // The seed of the name.
  { pool: 'forks', env: {}, seed: 1_648_153_180 },
  { pool: 'threads', env: { VNET_SEED: '42' }, seed: 42 },
])(
  'a lab ends with its test, and captures of failed tests are kept ($pool)',
  ({ pool, env, seed }) => {
    const reporters = ['--reporter=default', '--reporter=json', '--outputFile.json=out.json']
    const { status, stdout, stderr } = consumer.vitest(
      [`--pool=${pool}`, '--testTimeout=30000', ...reporters],
      { env },
    )
    expect(status).toBe(1)
    expect(results(readFileSync(`${consumer.directory}/out.json`, 'utf8'))).toEqual({
      ...FAILING,
      ...BESIDE,
    })
    const printed = stdout + stderr
    expect(printed).toContain(`seed ${seed}\n`)
    expect(printed).toContain('ended by SIGKILL')
    expect(printed).toContain(
      'the lab has not ended within 2000 ms: a server or a worker does not close',
    )
    const captures = [...printed.matchAll(/^vnet: captured in (\/\S+\/client-server\.pcapng)$/gm)]
    expect(captures.length).toBe(2)
    for (const [, path = ''] of captures) {
      expect(packetsIn(path)).toBeGreaterThan(3)
      rmSync(dirname(path), { recursive: true })
    }
  },
)

test('the message of a failed test says what was dropped on which link, in at most five lines, and the seed', () => {
  consumer.write(
    'b.test.js',
    `
    import { test } from '@vnet/lab/vitest'
    test('Loses packets!', async ({ lab }) => {
      const [a, b] = lab.hosts('a', 'b')
      const link = await lab.cable(a, b)
      const socket = await a.createSocket('udp4')
      for (let i = 1; i <= 7; i++) {
        const fault = await link.ab.drop('udp port ' + (5000 + i))
        for (let n = 0; n < 10 * i; n++) socket.send('x', 5000 + i, 'b')
        await fault.hit(10 * i)
        await fault.remove()
      }
      throw new Error(lab.name)
    })`,
  )
  const options = [
    '--testTimeout=30000',
    '--reporter=default',
    '--reporter=json',
    '--outputFile.json=b.json',
  ]
  expect(consumer.vitest(['b.test.js', ...options]).stderr).toContain(
    'vnet: dropped on a-b ab: 70 by ',
  )
  const report = readFileSync(`${consumer.directory}/b.json`, 'utf8')
  const [message = ''] = JSON.parse(report).testResults[0].assertionResults[0].failureMessages
  expect(message).toContain('loses-packets')
  const lines = message.split('\n').filter((line: string) => line.startsWith('vnet: '))
  expect(lines).toHaveLength(6)
  expect(lines[0]).toMatch(/^vnet: dropped on a-b ab: 70 by /)
  expect(lines[4]).toMatch(/^vnet: dropped on [3-9] more$/)
  expect(lines[5]).toMatch(/^vnet: the seed was VNET_SEED=\d+$/)
})

test('the message of a failed test lists the faults that hit no packet, once, and what their filters cannot match', () => {
  consumer.write(
    'faults.test.js',
    `
    import { expect } from 'vitest'
    import { test } from '@vnet/lab/vitest'
    test('hits nothing', async ({ lab }) => {
      const [a, b] = lab.hosts('a', 'b')
      const link = await lab.cable(a, b)
      const fault = await link.ab.drop('tcp port 80')
      await link.ab.drop('tcp[tcpflags] & tcp-push != 0', { nth: 2 })
      expect(await link.ba.drop('udp')).not.toHaveHit()
      await (await link.ba.drop('icmp')).remove()
      expect(fault).toHaveHit()
    })`,
  )
  const options = ['--testTimeout=30000', '--reporter=json', '--outputFile.json=faults.json']
  consumer.vitest(['faults.test.js', ...options], { env: { VNET_WORLD: 'memory' } })
  const report = readFileSync(`${consumer.directory}/faults.json`, 'utf8')
  const [message = ''] = JSON.parse(report).testResults[0].assertionResults[0].failureMessages
  const lines = message.split('\n').filter((line: string) => line.includes('no packet was hit by'))
  expect(lines).toEqual([
    expect.stringMatching(/^\w*Error: no packet was hit by drop "tcp port 80" on a-b, ab$/),
    expect.stringMatching(
      /^vnet: no packet was hit by drop "tcp\[.* nth 2 on a-b, ab; tcp\[\.\.\.\] in a filter never matches IPv6/,
    ),
  ])
})

test('a lab has run before the first test, so no test waits for its parts', () => {
  consumer.write(
    'c.test.js',
    `
    import { existsSync, readFileSync } from 'node:fs'
    import { test } from '@vnet/lab/vitest'
    test('first', () => {
      const symbols = Object.getOwnPropertySymbols(globalThis).filter(key => globalThis[key] !== undefined)
      console.log('worker ' + symbols.some(({ description }) => description === 'the worker of this thread'))
      console.log('filters ' + readFileSync('/proc/self/maps', 'latin1').includes('/libpcap.so'))
      console.log('captures ' + existsSync(process.env.VNET_CAPTURE))
    })`,
  )
  const { stdout } = consumer.vitest(['c.test.js'], {
    env: { VNET_CAPTURE: join(consumer.directory, 'captures') },
  })
  for (const what of ['worker true', 'filters true', 'captures false']) {
    expect(stdout).toContain(`${what}\n`)
  }
})

/** Root without a capability that a lab needs. */
const before = ['setpriv', '--bounding-set=-sys_admin', '--inh-caps=-all']

test('without rights the tests are skipped, or fail with the reason if VNET_REQUIRED is 1', () => {
  const run = (env = {}) =>
    consumer.vitest(['-t', 'passes', '--testTimeout=30000', '--reporter=verbose'], { before, env })
  const skipped = run()
  expect([skipped.status, skipped.stdout]).toEqual([
    0,
    expect.stringContaining('[a lab needs CAP_SYS_ADMIN'),
  ])
  const failed = run({ VNET_REQUIRED: '1' })
  expect(failed.status).toBe(1)
  expect(failed.stderr).toContain('LabUnavailableError: a lab needs CAP_SYS_ADMIN')
  const unknown = run({ VNET_REQUIRED: 'yes' })
  expect([unknown.status, unknown.stderr]).toEqual([
    1,
    expect.stringContaining('VNET_REQUIRED=yes: it is 1 or 0'),
  ])
})

test('createLab rejects with what to do', () => {
  const program = `
    import { createLab, LabUnavailableError } from '@vnet/lab'
    const error = await createLab({ world: 'kernel' }).catch(error => error)
    console.log(error instanceof LabUnavailableError, error.message)`
  const { stdout } = consumer.node(['--input-type=module', '-e', program], {
    before: ['setpriv', '--bounding-set=-net_admin'],
  })
  expect(stdout).toMatch(/^true a lab needs CAP_NET_ADMIN/)
})

test('an ordinary user has labs by vnet rootless, with programs that see /etc/hosts and /sys', () => {
  const command = [process.execPath, `${TREE}/packages/lab/test/support/lab-process.mjs`]
  const { status, stdout, stderr } = rootless(command, {}, 'end\n')
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  expect(JSON.parse(stdout).status).toBe(0)
})
