/** lan, with everything on its network, is loaded only by the commands that need it. */
import { expect, test, vi } from 'vitest'
import { runMain } from '#support/run-main.ts'

const loaded = vi.hoisted(() => ({ times: 0, yaml: 0 }))
vi.mock('../../src/driver.ts', async original => {
  loaded.times++
  return await original()
})

vi.mock('#src/base/config-file.ts', async original => {
  loaded.yaml++
  return await original()
})

test('commands that do not need lan load neither it nor the parser of YAML', async () => {
  for (const words of [
    ['loop', '--nothing'],
    ['snull', '--nothing'],
    ['cable', 'left'],
    ['--nothing'],
    ['nothing'],
    ['echo'],
    ['./nothing.js'],
    ['exec'],
    ['rootless'],
  ]) {
    expect((await runMain(...words)).status).not.toBe(0)
  }
  for (const words of [['--version'], ['--help'], ['help'], ['help', 'snull']]) {
    expect((await runMain(...words)).status).toBe(0)
  }
  expect(loaded).toEqual({ times: 0, yaml: 0 })
})

test('help and completion have the options of lan', async () => {
  for (const words of [
    ['lan', '--help'],
    ['help', 'lan'],
    ['completion', 'bash'],
  ]) {
    expect((await runMain(...words)).stdout).toContain('--negotiation')
  }
  expect(loaded.times).toBe(1)
})

test('the list of all commands contains the description of the lan driver', async () => {
  const { driver } = await import('../../src/driver.ts')
  const text = (await runMain('help', '--all')).stdout.replaceAll(/\s+/g, ' ')
  expect(text).toContain(`lan ${driver.args} ${driver.description}`)
})
