/** What serves a page or metrics is loaded only by the options for it. */
import { expect, test, vi } from 'vitest'
import { runMain } from '../../../../test/support/run-main.ts'

const loaded = vi.hoisted(() => ({ times: 0 }))
vi.mock('../../src/commands/web-process.ts', async original => {
  loaded.times++
  return await original()
})

test('a run without --web and --metrics loads neither, nor their servers', async () => {
  expect((await runMain('--netns', '/nowhere')).status).toBe(1)
  expect(loaded.times).toBe(0)
  expect((await runMain('--netns', '/nowhere', '--metrics', '0')).status).toBe(1)
  expect(loaded.times).toBe(1)
})
