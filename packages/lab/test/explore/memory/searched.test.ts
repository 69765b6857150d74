/** Bugs that the search for repairs and schedules finds after many runs. */
import { expect, test } from 'vitest'
import { explore, type LabScenario, type Progress } from '../../../src/index.ts'
import { asking, OPTIONS, replyOf, requestOf } from '../../support/searched-scenarios.ts'

/**
 * A client that numbers its requests and repeats them, and a server that executes each number once.
 * The bug: it forgets numbers after an hour of its wall clock, which may jump.
 */
const counting: LabScenario = async ({ lab }) => {
  const [client, server] = lab.hosts('client', 'server')
  await lab.cable(client, server, { wire: 'delay 5ms' })
  let executed = 0
  await server.start(async ({ host }) => {
    const seen = new Map<string, number>()
    const socket = await host.createSocket('udp4', 5000)
    socket.on('message', (message, from) => {
      const id = String(message)
      if (Date.now() - (seen.get(id) ?? 0) >= 3_600_000) {
        executed++
      }
      seen.set(id, Date.now())
      socket.send(message, from.port, from.address)
    })
  })
  const socket = await client.createSocket('udp4')
  for (let id = 1; id <= 4; id++) {
    let isAnswered = false
    socket.once('message', () => {
      isAnswered = true
    })
    while (!isAnswered) {
      socket.send(String(id), 5000, 'server')
      await lab.sleep('100ms')
    }
  }
  if (executed !== 4) throw new Error(`4 requests were executed ${executed} times`)
}

/** A client that repeats its request, and that asks another port after it has repeated one. */
const switching: LabScenario = async ({ lab }) => {
  const [client, server] = lab.hosts('client', 'server')
  await lab.cable(client, server)
  for (const port of [1001, 1002]) {
    const socket = await server.createSocket('udp4', port)
    socket.on('message', (message, from) => socket.send(message, from.port, from.address))
  }
  const ask = async (port: number) => {
    const socket = await client.createSocket('udp4')
    let isAnswered = false
    socket.once('message', () => {
      isAnswered = true
    })
    for (let attempt = 0; ; attempt++) {
      socket.send('question', port, 'server')
      await lab.sleep('100ms')
      if (isAnswered) return attempt
    }
  }
  await ask((await ask(1001)) > 0 ? 1002 : 1001)
}

const searching = (options: object) =>
  explore(counting, {
    ...OPTIONS,
    faults: ['drop', 'clock +2h on server'],
    timeout: '5s',
    ...options,
  })

test('schedules find a bug that needs a lost reply and a jump of the clock, and no more', async () => {
  const progress: Progress[] = []
  const report = await searching({
    schedules: 60,
    onProgress: (each: Progress) => progress.push(each),
  })
  expect(report.points.map(({ verdict }) => verdict)).toEqual(Array(16).fill('passed'))
  const { schedules, failures } = report
  expect(schedules.failed).toBeGreaterThan(failures.length)
  expect(schedules.passed + schedules.failed + schedules.missed).toBe(60)
  const pair = [
    'drop client-server ba udp server:5000 > client:* packet 1',
    'clock +7200s on server client-server ab udp client:* > server:5000 packet 2',
  ]
  const found = failures.find(({ faults }) => faults.join() === pair.join())
  expect(found).toMatchObject({
    failed: 4,
    runs: 4,
    error: expect.stringContaining('were executed 5 times'),
  })
  expect(failures.some(({ from }) => from > 2)).toBe(true)
  for (const { faults } of failures) {
    expect(faults.filter(fault => fault.startsWith('clock'))).toHaveLength(1)
  }
  expect(found?.test).toContain(`    '${pair[0]}',\n    '${pair[1]}',\n`)
  await expect(explore.repeat(counting, pair, { world: 'memory' })).rejects.toThrow(
    'executed 5 times',
  )
  expect(progress[0]?.total).toBe(76)
  expect(progress.at(-1)).toMatchObject({ done: 76, total: 76, left: 0, failed: failures.length })
})

test('a schedule is missed if a lost packet moves a fault behind its repair', async () => {
  const faults = ['drop', 'silence forever', 'repair']
  const { schedules, failures } = await explore(switching, {
    ...OPTIONS,
    faults,
    schedules: 60,
    timeout: '700ms',
  })
  expect(failures).toEqual([])
  expect(schedules.missed).toBeGreaterThan(0)
  const request = 'client-server ab udp client:* > server:1001'
  const reply = 'client-server ba udp server:1001 > client:*'
  const early = [
    `drop ${request} packet 1`,
    `silence forever ${reply} packet 1`,
    `repair ${request} packet 2`,
  ]
  const repeated = explore.repeat(switching, early, { world: 'memory', timeout: '700ms' })
  await expect(repeated).rejects.toThrow('no repair came after the fault: timed out after 700 ms')
})

test('the same seed has the same schedules, and the report has their verdicts', async () => {
  const failed = async (seed: number) => {
    const report = await searching({ schedules: 25, seed })
    return [report.schedules, report.failures.map(({ faults }) => faults), String(report)] as const
  }
  const [one, again, other] = [await failed(1), await failed(1), await failed(2)]
  expect(one.slice(0, 2)).toEqual(again.slice(0, 2))
  expect(one.slice(0, 2)).not.toEqual(other.slice(0, 2))
  expect(one[2]).toContain(`\n25 schedules: ${one[0].failed} failed, 0 skipped\n`)
})

test('schedules that were not run are counted, and a stop keeps what was found', async () => {
  const stop = new AbortController()
  const onProgress = ({ done, failed }: Progress) => done > 30 && failed > 0 && stop.abort()
  const report = await searching({ schedules: 1_000_000, signal: stop.signal, onProgress })
  const { schedules, failures } = report
  expect(failures.length).toBeGreaterThan(0)
  expect(schedules.skipped).toBeGreaterThan(900_000)
  expect(schedules.skipped + schedules.passed + schedules.failed + schedules.missed).toBe(1_000_000)
  expect(report.unsteady).toContain(
    `${schedules.skipped} of 1000000 schedules were not run: it was stopped`,
  )
  expect(report.toJSON().schedules).toEqual(schedules)
  const stopped = await searching({ schedules: 1_000_000, stopAt: 1 })
  expect(stopped.failures).toHaveLength(1)
})

test('a fault is repaired at each later packet of its run until a run fails, which needs this packet', async () => {
  const report = await explore(asking, {
    ...OPTIONS,
    faults: ['mute forever', 'crash on server', 'drop', 'repair'],
  })
  const failed = report.failures.map(({ faults }) => faults)
  const repair = `repair ${requestOf(3)}`
  expect(failed.toSorted()).toEqual([
    [`crash on server ${requestOf(1)}`, repair],
    [`crash on server ${replyOf(1)}`, repair],
    [`mute forever ${requestOf(1)}`, repair],
    [`mute forever ${replyOf(1)}`, repair],
  ])
  // No repair at a later packet was tried, or counts as skipped.
  expect(
    report.points.filter(({ faults }) =>
      faults.some(({ verb, n }) => verb === 'repair' && n === 3),
    ),
  ).toHaveLength(4)
  expect([
    report.skippedRepairs,
    report.unsteady.filter(line => line.includes('not tried')),
  ]).toEqual([0, []])
  const passed = report.points
    .filter(({ verdict }) => verdict === 'passed')
    .map(({ faults }) => faults.length)
  expect(passed.length).toBeGreaterThan(4)
  expect(report.failures[0]?.packets).toHaveLength(2)
  const lines = String(report).split('\n')
  expect(lines.find(line => line.includes('mute forever'))).not.toContain('repair')
  expect(lines.find(line => line.startsWith('1 '))).toMatch(/ FAILED +FAILED +x2\.0$/)
  expect(lines).toContain(`${report.points.length - 2} faults with a repair: 4 failed, 0 skipped`)
  await expect(explore.repeat(asking, failed[0] ?? [], { world: 'memory' })).rejects.toThrow(
    'no reply of 1',
  )
})
