/** Live checks that take longer than they may because the machine is busy. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { freshDirectory } from '#support/fresh-directory.ts'
import type { LiveCheck } from '../../src/exercise.ts'
import { onVnet, runLive } from '../../src/live.ts'
import * as processorWait from '../../src/processor-wait.ts'

const directory = freshDirectory()
const file = join(directory, 'driver.mjs')

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  writeFileSync(file, 'await new Promise(() => setInterval(() => {}, 1000))\n')
})
afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
})

const LATE = 'no interface is up 50 s after the start'

test.each([
  [12_000, { result: 'not run', why: `${LATE}, of which it waited 12 s for a processor` }],
  [9_000, { result: 'failed', seen: LATE }],
])('a start that waited %i ms for a processor is judged accordingly', async (waited, expected) => {
  vi.spyOn(processorWait, 'processorWaitOf').mockReturnValue(waited)
  const check: LiveCheck = {
    title: 'it starts',
    read: '',
    run: async live => void (await live.vnet()),
  }
  const result = runLive(check, onVnet(file))
  await vi.advanceTimersByTimeAsync(50_000)
  expect(await result).toMatchObject(expected)
})
