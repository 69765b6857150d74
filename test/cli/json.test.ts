/** docs/json.md has the fields that each command prints with --json. */
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { EOPNOTSUPP, VnetError } from '../../src/base/errno.ts'
import { commands, vnetAttributes as of } from '../../src/control/protocol/family.ts'
import type { MessageBuilder } from '../../src/netlink/index.ts'
import { FakeVnet } from '../support/fake-vnet.ts'
import { fileDirectory } from '../support/fresh-directory.ts'
import { mainIn } from '../support/run-main.ts'

const [ECHO, GET_DEVICES, GET_STATS, RESET_STATS, SET_CARRIER, GET_PARAM, SET_PARAM, TRIGGER] = [1, 2, 3, 4, 5, 6, 7, 8]
const [CUT, PLUG, GET_PARTS, GET_SCENARIO] = [14, 15, 20, 23]
const none = () => []
const refuse = () => {
  throw new VnetError(EOPNOTSUPP, 'fake', 'not here')
}
const sn0 = (b: MessageBuilder) => void b.u32(1, 7).string(2, 'sn0').string(63, 'lockup flap')
const lockup = (b: MessageBuilder) =>
  void b.string(35, 'snull').string(15, 'lockup').string(16, '5').string(17, 'int').flag(18).string(19, 'the lockup')

let vnet: FakeVnet
const directory = fileDirectory()
const { runMain } = mainIn(directory)
beforeAll(() => {
  vnet = new FakeVnet(directory, {
    [GET_DEVICES]: () => [sn0],
    [ECHO]: () => [b => void b.string(1, 'x')],
    [GET_STATS]: () => [sn0],
    [GET_PARAM]: () => [lockup],
    [GET_PARTS]: none,
    [GET_SCENARIO]: refuse,
    [commands.ioctl.cmd]: () => [
      b => void b.s32(of.ioctlResult.type, 0).binary(of.ioctlIfreq.type, new Uint8Array(40)),
    ],
    [commands.step.cmd]: () => [b => void b.binary(of.stepMode.type, Uint8Array.of(0))],
    [commands.getSegment.cmd]: none,
    ...Object.fromEntries([RESET_STATS, SET_CARRIER, SET_PARAM, TRIGGER, CUT, PLUG].map(cmd => [cmd, none])),
  })
})
afterAll(() => {
  vnet[Symbol.dispose]()
})

const page = readFileSync(new URL('../../docs/json.md', import.meta.url), 'utf8')
const rows = [...page.matchAll(/^\| (`[^|]+`|an error[^|]*) \| `(\w+)` \| (`.*`) \|$/gm)].map(
  ([, command = '', event = '', fields = '']) =>
    [command.replaceAll('`', ''), event, [...fields.matchAll(/`(\w+)`/g)].map(([, name]) => name)] as const,
)

const ARGS: Readonly<Record<string, readonly string[]>> = {
  list: [],
  'param IF': ['sn0'],
  'param IF NAME': ['sn0', 'lockup'],
  'param IF NAME=VALUE': ['sn0', 'lockup=5'],
  'trigger IF FAULT': ['sn0', 'flap'],
  carrier: ['sn0', 'off'],
  echo: ['x'],
  ioctl: ['sn0', '0'],
  'lan show': ['show'],
}

test.each(rows)('vnet %s --json prints %s objects with the fields of the page', async (command, event, fields) => {
  const isError = event === 'error'
  const [name = ''] = command.split(' ')
  const { status, stdout, stderr } = await runMain(
    ...(isError ? ['show', 'sn9'] : [name, ...(ARGS[command] ?? ['sn0'])]),
    '--json',
  )
  expect([status, isError ? stdout : stderr]).toEqual([isError ? 1 : 0, ''])
  const { event: printed, ...rest } = JSON.parse(isError ? stderr : stdout)
  expect([printed, Object.keys(rest)]).toEqual([event, fields])
})

test('list --all does not list own addresses for an interface of another pid namespace', async () => {
  const lo = (b: MessageBuilder) => void b.u32(1, 1).string(2, 'lo')
  using _ = new FakeVnet(
    directory,
    { [GET_DEVICES]: () => [lo], [GET_STATS]: none },
    { interfaces: [{ name: 'lo', ifindex: 1, inode: 1 }], netns: 1, pidns: 1 },
  )
  const { status, stdout } = await runMain('list', '--all', '--json')
  expect([status, JSON.parse(stdout).interfaces]).toEqual([
    0,
    expect.arrayContaining([expect.objectContaining({ name: 'lo', pid: null, addresses: null })]),
  ])
  expect(await runMain('list', '--all')).toMatchObject({ stdout: expect.stringMatching(/^lo +- +up +- /m) })
})

test('the page has a row for each kind of object that is printed once', () => {
  expect(rows.length).toBe(17)
})
