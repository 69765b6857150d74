/** The driver lan, with all that is on its network, is loaded where it may be asked for, and not by every start. */
import { expect, test, vi } from 'vitest'
import { runMain } from '../support/run-main.ts'

const loaded = vi.hoisted(() => ({ times: 0 }))
vi.mock('../../src/lan/driver.ts', async original => {
  loaded.times++
  return await original()
})

test('commands that are not about it start without it, all that tells of every command has it', async () => {
  for (const words of [
    ['loop', '--nothing'],
    ['snull', '--nothing'],
    ['--nothing'],
    ['echo'],
    ['./nothing.js'],
    ['exec'],
  ]) {
    expect((await runMain(...words)).status).not.toBe(0)
  }
  expect((await runMain('--version')).status).toBe(0)
  expect(loaded.times).toBe(0)
  expect((await runMain('nothing')).stderr).toContain('loop, snull, cable, lan,')
  expect(loaded.times).toBe(1)
  for (const words of [['--help'], ['help'], ['lan', '--help'], ['help', 'lan'], ['completion', 'bash']]) {
    expect((await runMain(...words)).stdout).toContain('lan')
  }
})
