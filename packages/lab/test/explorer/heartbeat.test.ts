/** Heartbeats: a program that is silent, and one that only waits for a CPU. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, test, vi } from 'vitest'
import { testDirectory } from '#support/fresh-directory.ts'
import { Heartbeat } from '../../src/explore/heartbeat.ts'
import type { Lab } from '../../src/index.ts'
import * as own from '../../src/memory/time/own-time.ts'
import { closeWithin } from '../../src/network/fixture.ts'
import { BLOCKED, errorOf } from '../support/blocking-scenario.ts'

const { ownTime, schedstatOf } = own
afterEach(() => vi.restoreAllMocks())

test('a scenario that computes without a return to its event loop is ended and named', async () => {
  expect(await errorOf('for (;;);', 100)).toMatch(BLOCKED)
})

/** Resolves with the reply of a heartbeat after 200 ms, or later on a busy machine. */
const later = () =>
  new Promise<boolean>(resolve => {
    const heartbeat = new Heartbeat(() => {})
    heartbeat.take({ beat: undefined })
    heartbeat.start(200, resolve)
  })

test.each([
  ['a start of which nothing is known', undefined],
  ['a wait for a CPU', { beat: 'starved' }],
])('%s is not silence', async (_, beat) => {
  // The own time of a thread stands still while it waits for a CPU.
  vi.spyOn(own, 'ownTime').mockImplementation(path => (path === 'starved' ? 0 : ownTime(path)))
  const heartbeat = new Heartbeat(() => {})
  const late = vi.fn()
  if (beat !== undefined) {
    heartbeat.take(beat)
  }
  heartbeat.start(20, late)
  expect(await later()).toBe(true)
  heartbeat.stop()
  expect(late).not.toHaveBeenCalled()
})

test('something that does not end is ended although it has beats', async () => {
  const isBlocked = await new Promise(resolve => {
    const heartbeat = new Heartbeat(() => heartbeat.take({ beat: undefined }))
    heartbeat.take({ beat: undefined })
    heartbeat.start(30, resolve)
  })
  expect(isBlocked).toBe(false)
})

test('the own time of a thread is real time without its waits for a CPU', () => {
  const path = join(testDirectory(), 'schedstat')
  writeFileSync(path, `1 ${3600e9} 1\n`)
  expect(performance.now() - ownTime(path)).toBeGreaterThan(3_599_000)
  expect(ownTime(schedstatOf())).toBeLessThanOrEqual(performance.now())
  expect(ownTime(undefined)).toBeGreaterThan(0)
})

test('a lab that does not close is reported after a time of its own thread', async () => {
  const lab = { close: () => new Promise(() => {}), unclosed: ['server of a'] } as unknown as Lab
  const text =
    'the lab has not ended within 20 ms: a server or a worker does not close; server of a'
  await expect(closeWithin(lab, 20)).rejects.toThrow(text)
})
