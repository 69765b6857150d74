/** A link's calls to its worker. */
import { expect, test } from 'vitest'
import type { LabWorker } from '../src/kernel/lab-worker.ts'
import { LabLink } from '../src/network/link.ts'

/** Returns a link, its events, and a function that ends each sleep of its worker. */
function linkOf(report?: unknown) {
  const sleeps: (() => void)[] = []
  const worker = {
    call: (name: string) => {
      if (name === 'sleep') return new Promise<void>(end => sleeps.push(end))
      return Promise.resolve(name === 'report' ? report : undefined)
    },
  }
  const link = new LabLink(worker as unknown as LabWorker, 1, {
    name: 'client-server',
    ends: ['client', 'server'],
    seedOf: seed => seed,
    faults: new Set(),
    onClose() {},
  })
  const events: string[] = []
  for (const event of ['up', 'down'] as const) {
    link.on(event, () => events.push(event))
  }
  const cut = async () => {
    const count = sleeps.length
    const offline = link.offline(1)
    while (sleeps.length === count) {
      await new Promise(setImmediate)
    }
    return { offline, end: () => sleeps[count]?.() }
  }
  return { link, events, cut }
}

test('overlapping calls of offline plug the cable in when the last one ends', async () => {
  const { events, cut } = linkOf()
  const [first, second] = [await cut(), await cut()]
  second.end()
  await second.offline
  expect(events).toEqual(['down'])
  first.end()
  await first.offline
  expect(events).toEqual(['down', 'up'])
})

test('the end of offline leaves a cable cut that down has cut before or meanwhile', async () => {
  const { link, events, cut } = linkOf()
  for (const isBefore of [true, false]) {
    if (isBefore) {
      await link.down()
    }
    const { offline, end } = await cut()
    if (!isBefore) {
      await link.down()
    }
    end()
    await offline
    expect(events.at(-1)).toBe('down')
    await link.up()
  }
})

test('up ends an offline, which does not plug the cable in again', async () => {
  const { link, events, cut } = linkOf()
  const { offline, end } = await cut()
  await link.up()
  await link.down()
  end()
  await offline
  expect(events).toEqual(['down', 'up', 'down'])
})

test('the lateness of a link is the sum of what its stages were late at most, in each direction', async () => {
  const stage = (...times: number[]) => ({
    late: { p50: 0, p99: 0, counts: times.map(ms => [ms, 1]) },
  })
  const { link } = linkOf({
    ab: { stages: [stage(0.5, 3), {}, stage(12)], former: [stage(100)] },
    ba: { stages: [{}, stage()], former: [] },
  })
  expect(await link.lateness()).toEqual({ ab: 15, ba: 0 })
})
