/** `vnet capture` against fake vnets: its requests, and vnets that refuse. */
import { existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { EPERM, VnetError } from '../../src/base/errno.ts'
import type { MessageBuilder } from '../../src/netlink/index.ts'
import { LITTLE, readAll } from '../support/capture-bytes.ts'
import { endedAfterEach } from '../support/ends.ts'
import { type Answers, type Asked, FakeVnet } from '../support/fake-vnet.ts'
import { freshDirectory } from '../support/fresh-directory.ts'
import { type Going, mainIn } from '../support/run-main.ts'

const directory = freshDirectory()
const { runMain, startMain } = mainIn(directory)

const [GET_DEVICES, CAPTURE] = [2, 18]
const [DEVICES, SNAPLEN, FILTER, PROGRAM, DROPS] = [53, 54, 55, 56, 57]

const vnets = endedAfterEach<FakeVnet>()
const file = join(directory, 'a.pcapng')

/** A vnet with these interfaces, which refuses captures for a reason, if there is one. */
function vnet(names: string | readonly string[], refusal?: string): FakeVnet {
  const all = [names].flat().map((name, i) => ({ name, ifindex: 7 + i }))
  const answers: Answers = {
    [GET_DEVICES]: () =>
      all.map(
        ({ name, ifindex }) =>
          (b: MessageBuilder) =>
            void b.u32(1, ifindex).string(2, name),
      ),
    [CAPTURE]() {
      if (refusal !== undefined) throw new VnetError(EPERM, 'fake', refusal)
      return []
    },
  }
  const { ino: inode } = statSync('/proc/self/ns/net')
  const made = new FakeVnet(directory, answers, { interfaces: all.map(each => ({ ...each, inode })) })
  vnets.push(made)
  return made
}

const capturesOf = ({ asked }: FakeVnet) => asked.filter(({ cmd }) => cmd === CAPTURE)
const start = (...args: string[]): Going => startMain('capture', ...args)

/** Lets each vnet end once a capture of it was requested; returns how the command ended. */
async function ended(command: Going, ...captured: FakeVnet[]) {
  for (const each of captured) await each.hears(CAPTURE)
  for (const each of captured) await each.end()
  return command.ended
}

test('capture --json prints its counts in an object, which cannot be where the frames are', async () => {
  const one = vnet('one')
  expect(await ended(start(file, '--json'), one)).toEqual({
    status: 0,
    stdout: '{"event":"capture","frames":0,"lost":0,"isOrdered":true}\n',
    stderr: '',
  })
  expect(await runMain('capture', '-', '--json')).toMatchObject({
    status: 2,
    stderr: expect.stringContaining('--json: standard output has the capture'),
  })
})

test.each([
  [[3, 3, 4], true],
  [[3, 4, 2], false],
])('for frames of the times %j, capture reports whether the file is in order: %s', async (times, isOrdered) => {
  const { section, interface: device, packet } = LITTLE
  const two = [...section(), ...device(1, 0), ...device(1, 0)]
  const stream = Uint8Array.from([...two, ...times.flatMap((time, i) => packet(i & 1, BigInt(time) << 32n, [1]))])
  for (const json of [[], ['--json']]) {
    const one = vnet('one')
    const command = start(file, ...json)
    await one.hears(CAPTURE)
    await one.end(stream)
    const { stdout, stderr } = await command.ended
    const seconds = readAll(readFileSync(file)).packets.map(each => each.seconds as number)
    expect(seconds).toHaveLength(times.length)
    expect(seconds.every((each, i) => i === 0 || each >= (seconds[i - 1] as number))).toBe(isOrdered)
    if (json.length > 0) expect(JSON.parse(stdout)).toEqual({ event: 'capture', frames: 3, lost: 0, isOrdered })
    else {
      const last = isOrdered ? '' : 'the file is not in order of time: `reordercap IN OUT` sorts it\n'
      expect(stderr).toBe(`capturing one\n3 frames captured, 0 lost\n${last}`)
    }
  }
})

test('without an interface, capture records whole vnets, skips those that refuse, and ends with the last', async () => {
  const [one, other] = [vnet('one'), vnet('other', 'only root may capture')]
  const command = start(file)
  await other.hears(CAPTURE)
  expect(await ended(command, one)).toEqual({
    status: 0,
    stdout: '',
    stderr: 'capturing one\n0 frames captured, 0 lost\n',
  })
  expect(capturesOf(one)).toEqual([{ cmd: CAPTURE, dump: false, attributes: {} }])
  expect(existsSync(file)).toBe(true)
})

test('an interface that is named is alone in the request', async () => {
  const [one, other] = [vnet('one'), vnet('other')]
  expect((await ended(start('one', file), one)).stderr).toMatch(/^capturing one\n/)
  expect(Object.keys((capturesOf(one)[0] as Asked).attributes)).toEqual([`${DEVICES}`])
  expect(capturesOf(other)).toEqual([])
})

test.each([
  ['an interface that is named', ['one']],
  ['all of them', []],
])('a refusal for %s is one line, and no file is made', async (_, names) => {
  vnet('one', 'only root may capture')
  expect(await runMain('capture', ...names, file)).toEqual({
    status: 1,
    stdout: '',
    stderr: 'vnet: one: operation not permitted; only root may capture\n',
  })
  expect(existsSync(file)).toBe(false)
})

test('a refusal for one of several that are named ends the command, and no file is made', async () => {
  const [, other] = [vnet('one', 'only root may capture'), vnet('other')]
  expect(await runMain('capture', 'one', 'other', file)).toMatchObject({ status: 1, stdout: '' })
  expect(existsSync(file)).toBe(false)
  while (other.connections > 0) await new Promise(resolve => setImmediate(resolve))
})

test('the capture request has the snaplen, filter and drops', async () => {
  const one = vnet('one')
  await ended(start(file, '--snaplen', '64', '--filter', 'tcp', '--drops'), one)
  const { attributes } = capturesOf(one)[0] as Asked
  expect(Object.keys(attributes).map(Number)).toEqual([SNAPLEN, FILTER, PROGRAM, DROPS])
  expect(attributes[SNAPLEN]).toEqual(new Uint8Array([64, 0, 0, 0]))
})

test('the first eight of many interfaces are named, with the number of the others', async () => {
  const names = Array.from({ length: 10 }, (_, i) => `eth${i}`)
  const refusing = vnet(names, 'only root may capture')
  const { stderr } = await runMain('capture', file)
  expect(stderr).toMatch(/^vnet: eth0, eth1, .*, eth7 and 2 more: operation not permitted; only root may capture\n$/)
  refusing[Symbol.dispose]()
  expect((await ended(start(file), vnet(names))).stderr).toMatch(/^capturing eth0, eth1, .*, eth7 and 2 more\n/)
})

test('a wrong filter is refused before anything is requested', async () => {
  const one = vnet('one')
  const { status, stderr } = await runMain('capture', file, '--filter', 'prot 80')
  expect([status, stderr]).toEqual([2, expect.stringMatching(/^vnet: filter 'prot 80': .*\n$/)])
  expect([capturesOf(one), existsSync(file)]).toEqual([[], false])
})

test.each([
  [['one'], 'one is an interface: name a file last, such as one.pcapng, or - for stdout'],
  [[], 'capture: missing argument FILE (see vnet capture --help)'],
  [['red/', 'x.pcapng'], expect.stringContaining('red/')],
])('vnet capture refuses the arguments %j', async (words, message) => {
  vnet('one')
  const { status, stderr } = await runMain('capture', ...words)
  expect(status).toBe(2)
  expect(stderr.replace(/^vnet: (.*)\n$/, '$1')).toEqual(message)
})
