/** The fields of docs/json.md are the fields that each command prints with --json. */
import { beforeEach, expect, test } from 'vitest'
import { controlCommands } from '#src/cli/commands/control-commands.ts'
import { COMMON, OUTPUTS } from '#src/cli/json-fields.ts'
import { driver as loop } from '#src/drivers/loop.ts'
import { driver as snull } from '#src/drivers/snull/driver.ts'
import { servedNets } from '#support/served-nets.ts'

const { serve, moveAway, runMain } = servedNets()
beforeEach(async () => {
  await serve({ ...snull, segment: () => [] }, ['sn0', 'red/sn1'])
})

/** Commands that print no line for each of many things. */
const rows = OUTPUTS.filter(
  ({ command, when }) => when === undefined || command === 'an error',
).map(({ command, event, fields }) => [command, event, Object.keys(fields)] as const)

const ARGS: Readonly<Record<string, readonly string[]>> = {
  list: [],
  'param IF': ['sn0'],
  'param IF NAME': ['sn0', 'lockup'],
  'param IF NAME=VALUE': ['sn0', 'lockup=5'],
  'trigger IF FAULT': ['sn0', 'flap'],
  carrier: ['sn0', 'off'],
  ioctl: ['sn0', '0'],
  'lan show': ['show'],
}

/** `vnet detach` needs `vnet node`: test/containers/agent/agent.test.ts has it. */
const asked = rows.filter(([command]) => command !== 'detach')

test.each(asked)(
  'vnet %s --json prints %s objects with their fields',
  async (command, event, fields) => {
    const isError = event === 'error'
    const [name = ''] = command.split(' ')
    const { status, stdout, stderr } = await runMain(
      ...(isError ? ['show', 'sn9'] : [name, ...(ARGS[command] ?? ['sn0'])]),
      '--json',
    )
    expect([status, isError ? stdout : stderr]).toEqual([isError ? 1 : 0, ''])
    const { event: printed, ...rest } = JSON.parse(isError ? stderr : stdout)
    expect([printed, Object.keys(rest)]).toEqual([event, fields])
  },
)

test('list --all names the namespace of an interface of another pid namespace, and no own addresses', async () => {
  await serve(loop, ['lo'])
  moveAway({ pidns: 1 })
  const { status, stdout } = await runMain('list', '--all', '--json')
  const lo = expect.objectContaining({ name: 'lo', pid: null, addresses: null })
  expect([status, JSON.parse(stdout).interfaces]).toEqual([0, expect.arrayContaining([lo])])
  expect(await runMain('list', '--all')).toMatchObject({
    stdout: expect.stringMatching(/^net:\[1\]\/lo +loop +up +- /m),
  })
})

/** `simulate` prints the stages of `wire`. */
const AS_OTHERS = ['simulate']

test('there is an output for each command about running vnets that has --json', () => {
  const described = OUTPUTS.flatMap(({ command }) => command.match(/[a-z]+/g) ?? [])
  const having = controlCommands.filter(({ options = [] }) =>
    options.some(({ key }) => key === 'json'),
  )
  const names = having.map(({ name }) => name).filter(name => !AS_OTHERS.includes(name))
  expect(names.length).toBeGreaterThan(15)
  expect(names.filter(name => !described.includes(name))).toEqual([])
})

test('a field without a text is one that means the same everywhere', () => {
  for (const { command, fields } of OUTPUTS) {
    const common = Object.entries(fields).filter(([, text]) => text === '')
    expect(Object.keys(COMMON), command).toEqual(
      expect.arrayContaining(common.map(([name]) => name)),
    )
  }
})
