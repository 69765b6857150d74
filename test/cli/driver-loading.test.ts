/** A command loads no driver that it does not run. */
import { expect, test, vi } from 'vitest'
import { runMain } from '../support/run-main.ts'

const loaded = vi.hoisted(() => ({ times: 0 }))
vi.mock('../../src/drivers/cable.ts', async original => {
  loaded.times++
  return await original()
})

test.each(['lan', 'simulate', 'exec', 'list', 'loop'])('vnet %s does not load cable', async word => {
  expect((await runMain(word, '--help')).status).toBe(0)
  expect(loaded.times).toBe(0)
})

test('the help of the program loads every driver', async () => {
  expect((await runMain('--help')).stdout).toContain('cable')
  expect(loaded.times).toBe(1)
})
