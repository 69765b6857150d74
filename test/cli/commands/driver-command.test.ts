/** The command of a driver: its parameters as options and as `name=value`, its other arguments. */
import { expect, test } from 'vitest'
import { UsageError } from '#src/base/usage-error.ts'
import { driverCommand } from '#src/cli/commands/driver-command.ts'
import { parse } from '#src/cli/parse/parse.ts'
import type { Io } from '#src/cli/process/io.ts'
import { driver as cable } from '#src/drivers/cable.ts'
import { driver as snull } from '#src/drivers/snull/driver.ts'
import type { Driver } from '#src/netdev/driver.ts'
import { paramValues } from '#src/netdev/driver.ts'

const io: Io = { out() {}, err() {}, onEnd: () => () => {} }

/** Returns the parameters and the other arguments that a driver is loaded with. */
async function loadedWith(driver: Driver, ...words: string[]) {
  let found: unknown
  const init: Driver['init'] = (params, { args, names }) => {
    found = { params, args, names }
    throw new UsageError('loaded')
  }
  const command = driverCommand({ ...driver, init }, async () => undefined)
  const { args = [], options } = parse(command, words) ?? {}
  await expect(command.run(io, ...args, options)).rejects.toThrow('loaded')
  return found as {
    params: Record<string, unknown>
    args: readonly string[]
    names: readonly string[]
  }
}

test('parameters are taken as insmod takes them, in any order beside options and interfaces', async () => {
  const { params, args } = await loadedWith(
    snull as Driver,
    'lockup=5',
    'a',
    '--stuck',
    '7',
    'timeout=9',
    'b',
    'eth=1',
  )
  expect(params).toMatchObject({ lockup: 5, timeout: 9, stuck: 7, eth: true, lowmem: 0 })
  expect(args).toEqual(['a', 'b'])
})

test.each(['pool-size=3', 'pool_size=3', 'poolSize=3'])(
  '%s sets the parameter pool-size',
  async word => {
    expect((await loadedWith(snull as Driver, word)).params.poolSize).toBe(3)
  },
)

test('a parameter may have a name that every object has', async () => {
  const driver = {
    ...snull,
    params: { ...snull.params, constructor: snull.params.lockup },
  } as unknown as Driver
  expect((await loadedWith(driver, 'constructor=5')).params.constructor).toBe(5)
  expect((await loadedWith(driver, '--constructor', '6')).params.constructor).toBe(6)
  const command = driverCommand(driver, async () => undefined)
  const { args = [], options } = parse(command, ['--constructor', '6', 'constructor=5']) ?? {}
  await expect(command.run(io, ...args, options)).rejects.toThrow(
    'constructor=5: constructor is given twice',
  )
})

test('a value may contain = and /, and --name still names an interface with =', async () => {
  const { params, names } = await loadedWith(
    snull as Driver,
    'drop=RX_CRC=10',
    'log=/tmp/a=b',
    '--name',
    'lockup=5',
  )
  expect(params).toMatchObject({ drop: { every: 10 }, log: '/tmp/a=b', lockup: 0 })
  expect(names).toEqual(['lockup=5'])
})

test('a = after a slash belongs to the place of an interface', async () => {
  expect((await loadedWith(cable as Driver, '/run/netns/a=b/x', 'red/c=d')).args).toEqual([
    '/run/netns/a=b/x',
    'red/c=d',
  ])
})

test.each<[string[], boolean]>([
  [[], false],
  [['--rx-filter-size', '2'], true],
  [['rx-filter-size=2'], true],
  [['--rx-filter-size', '2', 'rx-filter=0'], false],
])('with %j the receive filter is on: %s', async (words, isOn) => {
  expect((await loadedWith(cable as Driver, 'a', 'b', ...words)).params.rxFilter).toBe(isOn)
  expect(paramValues(cable.params, {}).rxFilter).toBe(false)
})
