/**
 * The cost of an exploration that fails, as numbers of threads and of runs in the kernel. In a
 * process of its own, whose threads are those of the exploration alone.
 */
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { type ExploreReport, explore } from '../../src/explore/index.ts'
import { ModuleRunner } from '../../src/explore/runners.ts'
import { createLab } from '../../src/index.ts'

/** Sends questions one after the other, none of which is repeated. Two things may be wrong. */
const source = `
  export default async function scenario({ lab, settles }) {
    const [client, server] = lab.hosts('client', 'server')
    await lab.cable(client, server)
    const socket = await server.createSocket('udp4', 5000)
    socket.on('message', (message, { port, address }) => socket.send(message, port, address))
    const asking = await client.createSocket('udp4')
    for (let i = 0; i < 3; i++) {
      console.log('question', i)
      const answer = new Promise(resolve => asking.once('message', resolve))
      asking.send('question', 5000, 'server')
      await settles(answer, { within: '1s', what: i < 2 ? 'an early answer' : 'a late answer' })
    }
  }`
const module = new URL(`data:text/javascript,${encodeURIComponent(source)}`)

/** Of six packets, two faults each fail, with one of two errors. */
const PACKETS = 6
const FAILED = 2 * PACKETS

let report: ExploreReport
let threads = 0
let inKernel = 0
let canKernel = false
const countThread = () => threads++

beforeAll(async () => {
  canKernel = await createLab({ world: 'kernel' }).then(
    lab => lab.close().then(() => true),
    () => false,
  )
  process.on('worker', countThread)
  const run = vi.spyOn(ModuleRunner.prototype, 'run')
  report = await explore(module, {
    world: 'memory',
    captures: false,
    concurrency: 1,
    faults: ['drop', 'corrupt', 'duplicate'],
  })
  inKernel = run.mock.calls.filter(([{ world }]) => world === 'kernel').length
}, 60_000)
afterAll(() => {
  process.off('worker', countThread)
  vi.restoreAllMocks()
})

test('a failure starts one thread, and faults with the same error at a packet are one failure', () => {
  const { points, failures } = report
  expect(points.filter(({ verdict }) => verdict === 'failed')).toHaveLength(FAILED)
  expect(failures.map(({ failed, runs, also }) => [failed, runs, also.length])).toEqual(
    Array(PACKETS).fill([4, 4, 1]),
  )
  expect(failures[0]!.also).toEqual([failures[0]!.faults[0]!.replace('drop', 'corrupt')])
  expect(threads).toBeLessThanOrEqual(1 + FAILED)
})

test('a failure costs five runs more: it is repeated, recorded and tried as a wire', () => {
  const { runs, points } = report
  const clean = 3
  // In a thread that has had an error, a failure is repeated before it counts.
  expect(runs).toBeLessThanOrEqual(clean + points.length + FAILED + 5 * PACKETS)
})

test('one failure of each error is repeated in the kernel, and the report has the number of the others', ({
  skip,
}) => {
  skip(!canKernel, 'no labs in the kernel')
  expect(inKernel).toBe(2)
  const outcomes = report.failures.map(({ kernel }) => kernel)
  expect(outcomes.filter(kernel => kernel === 'failed')).toHaveLength(2)
  expect(outcomes.filter(kernel => kernel === undefined)).toHaveLength(PACKETS - 2)
  expect(String(report)).toContain(
    `\n${PACKETS - 2} failures were not repeated in the kernel: one of each error was\n`,
  )
})

test('what a thread prints is in the report of its failure', () => {
  expect(report.failures[0]!.output).toBe('question 0\n')
})
