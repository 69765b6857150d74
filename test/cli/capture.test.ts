/** `vnet capture` of served vnets: its requests, its file, and vnets that refuse. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, test, vi } from 'vitest'
import { EPERM, VnetError } from '#src/base/errno.ts'
import { ControlClient } from '#src/control/index.ts'
import { defineDriver } from '#src/netdev/driver.ts'
import { LITTLE, readAll } from '#support/capture-bytes.ts'
import { freshDirectory } from '#support/fresh-directory.ts'
import { makeDevice, turn } from '#support/memory-net.ts'
import { captured, servedNets, streamOf } from '#support/served-nets.ts'

const { serve, runMain, startMain } = servedNets()
const file = join(freshDirectory(), 'a.pcapng')
const captures = () => vi.spyOn(ControlClient.prototype, 'capture')
afterEach(() => vi.restoreAllMocks())

/** A vnet with these interfaces. */
function vnet(...names: string[]) {
  const init = () => names.map(name => ({ dev: makeDevice({}, { name }) }))
  return serve(defineDriver({ name: 'test', description: 'a test', params: {}, init }), [])
}
type Vnet = Awaited<ReturnType<typeof vnet>>

/** Runs `vnet capture ARGS` until this vnet, which it captures, has ended. */
async function captureOf({ devices, server }: Vnet, ...args: string[]) {
  const command = startMain('capture', ...args)
  await captured(devices[0])
  await server[Symbol.asyncDispose]()
  return command.ended
}

const refusal = new VnetError(EPERM, 'fake', 'only root may capture')

test('capture --json prints its counts in an object, which cannot be where the frames are', async () => {
  expect(await captureOf(await vnet('one'), file, '--json')).toEqual({
    status: 0,
    stdout: '{"event":"capture","frames":0,"lost":0,"isOrdered":true}\n',
    stderr: '',
  })
  await vnet('one')
  expect(await runMain('capture', '-', '--json')).toMatchObject({
    status: 2,
    stderr: expect.stringContaining('--json: standard output has the capture'),
  })
})

test.each([
  [[3, 3, 4], true],
  [[3, 4, 2], false],
])(
  'for frames of the times %j, capture reports whether the file is in order: %s',
  async (times, isOrdered) => {
    const { section, interface: device, packet } = LITTLE
    const two = [...section(), ...device(1, 0), ...device(1, 0)]
    const bytes = Uint8Array.from([
      ...two,
      ...times.flatMap((time, i) => packet(i & 1, BigInt(time) << 32n, [1])),
    ])
    await vnet('one')
    captures().mockImplementation(async () => streamOf(bytes))
    const { stderr } = await runMain('capture', file)
    const last = isOrdered ? '' : 'the file is not in order of time: `reordercap IN OUT` sorts it\n'
    expect(stderr).toBe(`capturing one\n3 frames captured, 0 lost\n${last}`)
    const seconds = readAll(readFileSync(file)).packets.map(each => each.seconds as number)
    expect(seconds).toHaveLength(times.length)
    expect(seconds.every((each, i) => i === 0 || each >= (seconds[i - 1] as number))).toBe(
      isOrdered,
    )
    const { stdout } = await runMain('capture', file, '--json')
    expect(JSON.parse(stdout)).toEqual({ event: 'capture', frames: 3, lost: 0, isOrdered })
  },
)

test('without an interface, capture records whole vnets, skips those that refuse, and ends with the last', async () => {
  const capture = captures().mockRejectedValueOnce(refusal)
  const [one, other] = [await vnet('one'), await vnet('other')]
  const command = startMain('capture', file)
  // Either of them is requested first, and refuses.
  while ([one, other].every(({ devices }) => devices[0]?.frameProbe === undefined)) {
    await turn()
  }
  const [name] = [one, other].flatMap(({ devices }) =>
    devices.filter(({ frameProbe }) => frameProbe !== undefined),
  )
  for (const { server } of [one, other]) {
    await server[Symbol.asyncDispose]()
  }
  const stderr = `capturing ${name?.name}\n0 frames captured, 0 lost\n`
  expect(await command.ended).toEqual({ status: 0, stdout: '', stderr })
  const all = { devices: undefined, filter: undefined, snaplen: undefined, dropsOnly: undefined }
  expect(capture.mock.calls.map(([, options]) => options)).toEqual([all, all])
  expect(existsSync(file)).toBe(true)
})

test('an interface that is named is alone in the request', async () => {
  const [one] = [await vnet('one', 'two'), await vnet('other')]
  const capture = captures()
  expect((await captureOf(one, 'one', file)).stderr).toMatch(/^capturing one\n/)
  expect(capture.mock.calls.map(([, options]) => options?.devices)).toMatchObject([
    [{ name: 'one' }],
  ])
})

test.each([
  ['an interface that is named', ['one']],
  ['all of them', []],
])('a refusal for %s is one line, and no file is made', async (_, names) => {
  await vnet('one')
  captures().mockRejectedValue(refusal)
  expect(await runMain('capture', ...names, file)).toEqual({
    status: 1,
    stdout: '',
    stderr: 'vnet: one: operation not permitted; only root may capture\n',
  })
  expect(existsSync(file)).toBe(false)
})

test('a refusal for one of several that are named ends the command, and no file is made', async () => {
  const vnets = [await vnet('one'), await vnet('other')]
  captures().mockRejectedValueOnce(refusal)
  expect(await runMain('capture', 'one', 'other', file)).toMatchObject({ status: 1, stdout: '' })
  expect(existsSync(file)).toBe(false)
  for (const { devices } of vnets) {
    await captured(devices[0], false)
  }
})

test('the capture request has the snaplen, filter and drops', async () => {
  const one = await vnet('one')
  const capture = captures()
  await captureOf(one, file, '--snaplen', '64', '--filter', 'tcp', '--drops')
  expect(capture.mock.calls.map(([, options]) => options)).toMatchObject([
    { snaplen: 64, filter: 'tcp', dropsOnly: true },
  ])
})

test('the first eight of many interfaces are named, with the number of the others', async () => {
  const many = await vnet(...Array.from({ length: 10 }, (_, i) => `eth${i}`))
  captures().mockRejectedValueOnce(refusal)
  const { stderr } = await runMain('capture', file)
  expect(stderr).toMatch(
    /^vnet: eth0, eth1, .*, eth7 and 2 more: operation not permitted; only root may capture\n$/,
  )
  expect((await captureOf(many, file)).stderr).toMatch(
    /^capturing eth0, eth1, .*, eth7 and 2 more\n/,
  )
})

test('a wrong filter is refused before anything is requested', async () => {
  const { devices } = await vnet('one')
  const { status, stderr } = await runMain('capture', file, '--filter', 'prot 80')
  expect([status, stderr]).toEqual([2, expect.stringMatching(/^vnet: filter 'prot 80': .*\n$/)])
  expect([devices[0]?.frameProbe, existsSync(file)]).toEqual([undefined, false])
})

test.each([
  [['one'], 'one is an interface: name a file last, such as one.pcapng, or - for stdout'],
  [[], 'capture: missing argument FILE (see vnet capture --help)'],
  [['red/', 'x.pcapng'], expect.stringContaining('red/')],
])('vnet capture refuses the arguments %j', async (words, message) => {
  await vnet('one')
  const { status, stderr } = await runMain('capture', ...words)
  expect(status).toBe(2)
  expect(stderr.replace(/^vnet: (.*)\n$/, '$1')).toEqual(message)
})
