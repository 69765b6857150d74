/** A command loads no driver that it does not run, and no driver framework if it runs none. */
import { expect, test, vi } from 'vitest'
import { runMain } from '#support/run-main.ts'

const loaded = vi.hoisted(() => ({ times: 0, devices: 0, lines: 0, drivers: 0 }))
vi.mock('#src/cli/command-line.ts', async original => {
  loaded.lines++
  return await original()
})

vi.mock('#src/cli/commands/driver-command.ts', async original => {
  loaded.drivers++
  return await original()
})

vi.mock('#src/drivers/cable.ts', async original => {
  loaded.times++
  return await original()
})

vi.mock('#src/netdev/net-device.ts', async original => {
  loaded.devices++
  return await original()
})

test.each(['--version', '-V'])('vnet %s loads no command', async option => {
  expect((await runMain(option)).status).toBe(0)
  expect(loaded.lines).toBe(0)
})

test('a command that queries running vnets does not load the commands of drivers', async () => {
  expect((await runMain('list', '--help')).status).toBe(0)
  expect(loaded.drivers).toBe(0)
})

test.each(['simulate', 'exec', 'list', 'wire'])(
  'vnet %s does not load what devices are made of',
  async word => {
    expect((await runMain(word, '--help')).status).toBe(0)
    expect(loaded.devices).toBe(0)
  },
)

test.each(['lan', 'simulate', 'exec', 'list', 'loop'])(
  'vnet %s does not load cable',
  async word => {
    expect((await runMain(word, '--help')).status).toBe(0)
    expect(loaded.times).toBe(0)
  },
)

test('without a command and without --help, only the first driver is loaded', async () => {
  expect((await runMain('--netns', '/nowhere')).status).toBe(1)
  expect(loaded.times).toBe(0)
})

test('the help of the program loads no driver, and the list of all commands loads every one', async () => {
  expect((await runMain('--help')).stdout).toContain('cable')
  expect(loaded.times).toBe(0)
  expect((await runMain('help', '--all')).stdout).toContain('cable')
  expect(loaded.times).toBe(1)
})
