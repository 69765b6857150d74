/** explore finds the packets that break a scenario when they are lost or duplicated. */
import { once } from 'node:events'
import { existsSync, mkdirSync } from 'node:fs'
import net from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { ANSWER, captures, exploreEcho, faults, REQUEST } from '#support/explore/echo.ts'
import {
  type ExploreOptions,
  type ExploreReport,
  type ExploreResult,
  explore,
  type LabScenario,
} from '../../../src/index.ts'
import { dropsOf } from '../../support/explore/vote.mjs'

test('a program that survives every fault passes, and each packet was met', async () => {
  const report = await exploreEcho('', { timeout: '1min' })
  expect(report.cleanErrors).toEqual([])
  expect(report.packets.map(({ name }) => name)).toEqual([REQUEST, ANSWER])
  expect([report.count('failed'), report.count('missed'), report.passed]).toEqual([0, 0, true])
  expect(report.points).toHaveLength(4)
})

/** Sends one datagram. Returns with its answer, and rejects when the link has lost a packet. */
const ask: LabScenario = async ({ lab }) => {
  const [client, server] = lab.hosts('client', 'server')
  const link = await lab.cable(client, server)
  const receiver = await server.createSocket('udp4', 5000)
  receiver.on('message', (message, from) => receiver.send(message, from.port, from.address))
  const sender = await client.createSocket('udp4')
  let isAnswered = false
  sender.once('message', () => {
    isAnswered = true
  })
  sender.send('question', 5000, 'server')
  while (!isAnswered) {
    if ((await dropsOf(link)) > 0) throw new Error('no answer')
    await sleep(2)
  }
}

test('repeat fails by the same faults, and passes without them', async () => {
  await expect(explore.repeat(ask, [`drop ${REQUEST}`])).rejects.toThrow('no answer')
  await explore.repeat(ask, [`delay 10ms ${REQUEST}`])
  await expect(explore.repeat(ask, ['drop a-b ab udp a:* > b:1 packet 1'])).rejects.toThrow(
    'the run has only 0 of the 1 packets of the faults',
  )
})

test('a function runs in this process, and its packets and faults can be chosen', async () => {
  const progress: number[] = []
  mkdirSync(captures)
  const options = { captures, faults: ['drop', 'delay 30ms'], filter: 'udp src port 5000' }
  const report = await explore(ask, { ...options, onProgress: ({ done }) => progress.push(done) })
  expect([faults(report), report.passed]).toEqual([[`drop ${ANSWER}`], false])
  // Repetitions add no point.
  expect([...new Set(progress)]).toEqual([1, 2])
  const lines = String(report).split('\n')
  expect(lines[0]).toMatch(/^3 clean runs passed in [\d.]+ to [\d.]+ ms; TCP's least timeout is /)
  expect(lines[2]).toMatch(/^ +ms +link +packet +drop +delay 30ms$/)
  expect(lines[3]).toMatch(
    /^1 +[\d.]+ +client-server ba +udp server:5000 > client:\* packet 1, 50 bytes +FAILED +\.$/,
  )
  expect(lines.at(-1)).toMatch(
    /^2 points: 1 passed, 1 failed; \d+ runs in [\d.]+ s, [\d.]+ points\/s/,
  )
  const { packets, faults: columns, points }: ExploreResult = JSON.parse(JSON.stringify(report))
  expect(columns).toEqual(options.faults)
  expect(packets).toMatchObject([
    { name: ANSWER, text: expect.stringMatching(/^IP 198\.18\.1\.2\.5000 > .* length 8$/) },
  ])
  expect(points[0]).toMatchObject({
    packet: 0,
    fault: 0,
    faults: [`drop ${ANSWER}`],
    verdict: 'failed',
    failed: 4,
  })

  // The table is the same again.
  const again = await explore(ask, options)
  const table = ({ points }: ExploreReport) =>
    points.map(({ faults, verdict }) => [faults, verdict])
  expect(table(again)).toEqual(table(report))
  expect([report.unsteady, again.unsteady]).toEqual([[], []])
})

test('an exploration that is aborted reports the verdicts up to then', async () => {
  const stop = new AbortController()
  const options = { concurrency: 1, faults: ['duplicate', 'drop'], signal: stop.signal }
  const report = await exploreEcho('twice', { ...options, onProgress: () => stop.abort() })
  expect(report.points.map(({ verdict }) => verdict)).toEqual([
    'failed',
    'skipped',
    'skipped',
    'skipped',
  ])
  expect([faults(report), report.passed]).toEqual([[`duplicate ${REQUEST}`], false])
  await expect(exploreEcho('', { signal: stop.signal })).rejects.toThrow('aborted')
})

test('an exploration that is stopped while a failure is repeated reports it, with its runs up to then', async () => {
  const stop = new AbortController()
  let runs = 0
  const stopping: LabScenario = async run => {
    // Three clean runs, one that fails, and its first repetition.
    if (++runs === 5) {
      stop.abort()
    }
    await ask(run)
  }
  const report = await explore(stopping, { faults: ['drop'], signal: stop.signal, captures: false })
  expect(report.failures).toMatchObject([
    { faults: [`drop ${REQUEST}`], failed: 1, runs: 1, stopped: true },
  ])
  expect(String(report)).toContain(`\nFAILED in 1 of 1 runs, and then stopped: drop ${REQUEST}\n`)
  expect(String(report)).toContain(' ab: drop "udp dst port 5000" nth 1 (not tried)\n')
  expect([runs, report.count('failed'), report.count('skipped')]).toEqual([5, 1, 1])
})

test('an error of an earlier run does not fail the run in which it arrives', async () => {
  let runs = 0
  let stage: 'waiting' | 'due' | 'past' = 'waiting'
  const late: LabScenario = async run => {
    if (++runs === 1) {
      const timer = setInterval(() => {
        if (stage !== 'due') return
        clearInterval(timer)
        stage = 'past'
        throw new Error('of an earlier run')
      }, 1)
    }
    if (runs === 2) {
      stage = 'due'
      while (stage === 'due') {
        await sleep(1)
      }
    }
    await ask(run)
  }
  // Otherwise vitest reports the error, too.
  const listeners = process.listeners('uncaughtException')
  process.removeAllListeners('uncaughtException')
  const report = await explore(late, { faults: ['duplicate'], captures: false })
  for (const listener of listeners) {
    process.on('uncaughtException', listener)
  }
  expect([report.cleanErrors, report.passed]).toEqual([[], true])
})

test('no packet of other links is faulted', async () => {
  const both: LabScenario = async ({ lab }) => {
    const [a, b, c] = lab.hosts('a', 'b', 'c')
    for (const other of [b, c]) {
      await lab.cable(a, other)
      const receiver = await other.createSocket('udp4', 5000)
      const received = once(receiver, 'message')
      const sender = await a.createSocket('udp4')
      sender.send('question', 5000, other.name)
      await received
    }
  }
  const report = await explore(both, { links: ['a-c'], faults: ['duplicate'] })
  expect(report.packets.map(({ name }) => name)).toEqual(['a-c ab udp a:* > c:5000 packet 1'])
  expect([report.points.length, report.passed]).toEqual([1, true])
})

test.each<[ExploreOptions, string]>([
  [
    { links: ['server-client'] },
    "links: 'server-client' is not a link of the scenario, which has client-server",
  ],
  [
    { filter: 'tcp' },
    "explore: 'tcp' matches no packet that is in each clean run, so nothing can be tried",
  ],
  [
    { faults: ['ce', 'reset'] },
    'explore: no packet can have these faults, so nothing can be tried: ce, reset',
  ],
])('the options %j, which select nothing, are refused', async (options, message) => {
  await expect(explore(ask, options)).rejects.toThrow(message)
})

test('an exploration whose budget ends before the first fault has not passed, and says so', async () => {
  const report = await explore(ask, { faults: ['duplicate'], budget: 2 ** -20 })
  expect([report.count('skipped'), report.points.length, report.failures]).toEqual([2, 2, []])
  const untried = expect.stringMatching(
    /^2 of 2 points were not tried: the budget of .* s has ended$/,
  )
  expect([report.passed, report.unsteady]).toEqual([
    false,
    ['not passed: no fault was tried', untried],
  ])
})

test('the directory of captures is made before the first run', async () => {
  let wasThere: boolean | undefined
  const directory = join(captures, 'new', 'directory')
  const observe: LabScenario = run => {
    wasThere ??= existsSync(directory)
    return ask(run)
  }
  const report = await explore(observe, {
    faults: ['drop'],
    filter: 'udp src port 5000',
    captures: directory,
  })
  expect([wasThere, faults(report)]).toEqual([true, [`drop ${ANSWER}`]])
  expect(report.failures[0]!.captures).toEqual([expect.stringContaining(directory)])
})

test('captures below a file are refused before the first run', async () => {
  const directory = `${process.execPath}/captures`
  let runs = 0
  await expect(explore(() => runs++, { captures: directory })).rejects.toThrow(`mkdir ${directory}`)
  expect(runs).toBe(0)
})

/** Gives up before TCP repeats a segment after 200 ms, but not before it does after 50 ms. */
const hasty: LabScenario = async ({ lab }) => {
  const [client, server] = lab.hosts('client', 'server')
  await lab.cable(client, server)
  await server.listen(
    net.createServer(socket => socket.pipe(socket)),
    7,
  )
  const socket = await client.connect(7, 'server')
  socket.setTimeout(150, () => socket.destroy(new Error('idle')))
  socket.write('hello')
  await once(socket, 'data')
  socket.destroy()
}

test('a run in memory that returns other data is repeated in the kernel, where it does so, too', async () => {
  const cut: LabScenario = async ({ lab }) => {
    const [client, server] = lab.hosts('client', 'server')
    await lab.cable(client, server)
    await server.listen(
      net.createServer(socket => socket.on('error', () => {}).end('whole')),
      80,
    )
    return client.run(() => text(net.connect(80, 'server')))
  }
  const options = { world: 'memory', faults: ['fin'], compare: true, captures: false } as const
  const { failures } = await explore(cut, options)
  expect(new Set(failures.map(({ kernel }) => kernel))).toEqual(new Set(['failed']))
})

test("a failure in memory is repeated in the kernel with the same least timeout of TCP's", async () => {
  const options = { world: 'memory', faults: ['drop'], captures: false } as const
  expect((await explore(hasty, options)).failures).toEqual([])
  const { failures } = await explore(hasty, { ...options, rtoMin: false })
  expect(failures.length).toBeGreaterThan(0)
  // One of each error: they all have the same.
  expect(failures.flatMap(({ kernel }) => kernel ?? [])).toEqual(['failed'])
})
