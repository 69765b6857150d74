/** Which ends of a scenario are failures, under a fault that ends its connection. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import net, { type Socket } from 'node:net'
import { expect, test } from 'vitest'
import { type ExploreOptions, explore } from '../../src/explore/index.ts'
import type { ScenarioRun } from '../../src/explore/scenario.ts'

type Asking = (socket: Socket, run: ScenarioRun) => unknown

/** Connects to an echo server, and gives the client's socket to `asking`. */
const scenarioOf = (asking: Asking) => async (run: ScenarioRun) => {
  const [client, server] = run.lab.hosts('client', 'server')
  await run.lab.cable(client, server)
  await server.listen(
    net.createServer(socket => socket.on('error', () => {}).pipe(socket)),
    7,
  )
  const socket = await client.connect(7, 'server')
  await asking(socket, run)
}

/** Writes, and returns the reply. */
const reply = async (socket: Socket): Promise<string> => {
  socket.write('hello')
  const [data] = await once(socket, 'data')
  return String(data)
}

/** The packet with the client's bytes. */
const ONE = {
  world: 'memory',
  captures: false,
  filter: 'tcp dst port 7 and tcp[13] & 8 != 0',
} as const

async function explored(asking: Asking, options: ExploreOptions = {}) {
  const report = await explore(scenarioOf(asking), { ...ONE, faults: ['reset'], ...options })
  expect(report.cleanErrors).toEqual([])
  return report
}

test('a scenario that rejects with the reset of its connection has reported it: the report lists the error', async () => {
  const report = await explored(reply)
  const { points, failures, passed, unsteady } = report
  expect(points.map(({ verdict, runs }) => [verdict, runs])).toEqual([['error', 1]])
  expect([failures, passed, unsteady]).toEqual([[], true, []])
  const lines = String(report).split('\n')
  expect(lines.filter(line => / error$/.test(line))).toHaveLength(1)
  const at = lines.indexOf(
    'errors in time, which are failures only with --strict (the option strict):',
  )
  expect(lines[at + 1]).toBe('  1 point: Error: read ECONNRESET')
  expect(lines.at(-1)).toMatch(/^1 points: 1 error; /)
  expect(report.toJSON().points).toMatchObject([{ verdict: 'error', failed: 0 }])
})

test('the same scenario fails with strict, and with a repair among the faults', async () => {
  const strict = await explored(reply, { strict: true })
  expect(strict.failures).toMatchObject([{ failed: 4, runs: 4 }])
  expect(strict.failures[0]!.test).not.toContain('strict')
  const repaired = await explored(reply, { faults: ['reset', 'silence forever', 'repair'] })
  expect(repaired.points[0]).toMatchObject({ verdict: 'failed', failed: 4 })
})

test.each<[string, Asking, string]>([
  [
    'an assertion',
    async socket => assert.equal(await reply(socket).catch(() => ''), 'hello'),
    'AssertionError',
  ],
  [
    'an assertion that is the cause of an error',
    socket =>
      reply(socket).catch(() => {
        throw new Error('wrong', { cause: new assert.AssertionError({ message: 'no' }) })
      }),
    'Error: wrong',
  ],
  [
    'settles',
    (socket, { settles }) =>
      settles(
        reply(socket).catch(() => new Promise(() => {})),
        { within: '1s' },
      ),
    'Error: not settled within 1s',
  ],
  [
    'eventually',
    async (socket, { eventually }) => {
      const got = await reply(socket).catch(() => '')
      await eventually(() => assert.equal(got, 'hello', 'no reply'), { within: '1s' })
    },
    'eventually, at ',
  ],
  [
    'an error that nothing handles',
    socket =>
      reply(socket).catch(error => {
        void Promise.reject(new Error('nobody handles this'))
        throw error
      }),
    'Error: nobody handles this',
  ],
  [
    'a run that does not end',
    socket => reply(socket).catch(() => new Promise(() => {})),
    'timed out after',
  ],
])('a scenario fails by %s, also under a reset', async (_, asking, error) => {
  // Without a fault, each of them passes.
  const { failures } = await explored(asking)
  expect(failures).toMatchObject([{ error: expect.stringMatching(`^${error}`), failed: 4 }])
  expect(failures[0]!.test).toContain(', strict: false')
})

test('a run may have more time than a timer of Node takes', async () => {
  const { cleanErrors } = await explore(scenarioOf(reply), {
    world: 'memory',
    captures: false,
    timeout: '1000h',
    faults: ['drop'],
    stopAt: 1,
  })
  expect(cleanErrors).toEqual([])
})

test('a repetition passes with the error of its fault only without strict', async () => {
  const fault = 'reset client-server ab tcp client:* > server:7 seq 1'
  const repeat = (strict?: boolean) =>
    explore.repeat(scenarioOf(reply), [fault], {
      world: 'memory',
      timeout: '5s',
      ...(strict !== undefined && { strict }),
    })
  await repeat(false)
  await expect(repeat()).rejects.toThrow('ECONNRESET')
  await expect(repeat(true)).rejects.toThrow('ECONNRESET')
})

test('by default a request is tried with faults that end connections, and what waits for ever counts once', async () => {
  const report = await explore(scenarioOf(reply), ONE)
  const { points, kinds, failures } = report
  expect(kinds.map(({ text }) => text)).toEqual([
    'reset',
    'silence forever',
    'mute forever',
    'forget on client',
    'forget on server',
  ])
  // At the first byte, the middle one and the last one. The half that arrives has a reply, too.
  expect(points.map(({ verdict }) => verdict)).toEqual([
    'error',
    'failed',
    'failed',
    'error',
    'error',
    'error',
    'failed',
    'passed',
    'error',
  ])
  const request = 'client-server ab tcp client:* > server:7 byte'
  expect(failures).toMatchObject([
    {
      faults: [`silence forever ${request} 0`],
      also: [`silence forever ${request} 2`, `mute forever ${request} 0`],
      error: expect.stringMatching('^timed out after'),
    },
  ])
  expect(String(report)).toContain('\nnot tried: drop')
})

test('datagrams keep the default faults of packets', async () => {
  const report = await explore(
    async ({ lab }) => {
      const [client, server] = lab.hosts('client', 'server')
      await lab.cable(client, server)
      const socket = await client.createSocket('udp4')
      socket.send('x', 7, 'server')
      await lab.sleep(10)
    },
    { world: 'memory', captures: false, filter: 'udp' },
  )
  expect(report.kinds.map(({ text }) => text)).toEqual(['drop', 'duplicate', 'delay', 'corrupt'])
})
