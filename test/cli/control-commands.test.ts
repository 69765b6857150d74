/** The commands that ask a running vnet: what goes to it, octet for octet, and what is made of its answers. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { EOPNOTSUPP, EPERM, VnetError } from '../../src/core/errno.ts'
import type { MessageBuilder } from '../../src/netlink/index.ts'
import { type Answers, type FakeOptions, FakeVnet } from '../support/fake-vnet.ts'
import { runMain, startMain } from '../support/run-main.ts'

// What runs on the machine is none of ours.
const { directory, users } = vi.hoisted(() => ({
  directory: { path: '', uid: process.geteuid?.() ?? 0 },
  users: [] as number[],
}))
vi.mock('../../src/control/run-directory.ts', async original => ({
  ...(await original<object>()),
  trustedDirectories: () => [directory],
  otherUsers: () => users,
}))
beforeEach(() => {
  directory.path = mkdtempSync(join(tmpdir(), 'vnet-cli-'))
})

const [ECHO, GET_DEVICES, GET_STATS, RESET_STATS, SET_CARRIER] = [1, 2, 3, 4, 5]
const [GET_PARAM, SET_PARAM, TRIGGER, IOCTL, SUBSCRIBE] = [6, 7, 8, 9, 10]

const sn0 = (b: MessageBuilder) => {
  b.u32(1, 7).string(2, 'sn0').u32(4, 2).u32(5, 1).string(35, 'snull')
  b.u8(21, 1)
    .u32(32, 0x1043)
    .u32(33, 1500)
    .binary(34, Uint8Array.of(0, 0x53, 0x4e, 0x55, 0x4c, 0x30))
}
const far = (b: MessageBuilder) => void b.u32(1, 8).string(2, 'sn1').string(3, 'red').u32(4, 1).u32(5, 1)
const param = (name: string, value: string) => (b: MessageBuilder) => {
  b.string(35, 'snull').string(15, name).string(16, value).string(17, 'int').string(19, `the ${name}`)
  if (name === 'lockup') b.flag(18).string(20, 'at least 0')
}
const none = () => []
const u32 = (n: number) => new Uint8Array(Uint32Array.of(n).buffer)
const nul = (text: string) => new TextEncoder().encode(`${text}\0`)
const SN0 = { 1: u32(7), 2: nul('sn0') }

let vnets: FakeVnet[] = []
afterEach(() => {
  for (const vnet of vnets) vnet[Symbol.dispose]()
  vnets = []
  users.splice(0)
  rmSync(directory.path, { recursive: true })
})

function vnet(answers: Answers, options?: FakeOptions): FakeVnet {
  const all: Answers = { [GET_DEVICES]: () => [sn0, far], ...answers }
  const made = new FakeVnet(directory.path, all, options)
  vnets.push(made)
  return made
}

/** What it was asked beside which devices it has. */
const askedOf = ({ asked }: FakeVnet) => asked.filter(({ cmd }) => cmd !== GET_DEVICES)
const ok = (stdout: string) => ({ status: 0, stdout, stderr: '' })
const failed = (line: string) => ({ status: 1, stdout: '', stderr: `vnet: ${line}\n` })
const NOT_RUNNING = { status: 1, stdout: '', stderr: 'vnet: no vnet is running in this network namespace\n' }

describe('list', () => {
  test('has a line for each interface, and says - where an older vnet says nothing', async () => {
    vnet({})
    const { stdout, ...rest } = await runMain('list')
    expect(rest).toEqual({ status: 0, stderr: '' })
    expect(stdout.split('\n')).toEqual([
      'interface  driver  state  mtu   mac                txqs  rxqs  pid',
      `sn0        snull   up     1500  00:53:4e:55:4c:30  2     1     ${process.pid}`,
      `red/sn1    -       -      -     -                  1     1     ${process.pid}`,
      '',
    ])
    expect(await runMain('list', '--names')).toEqual(ok('sn0\nred/sn1\n'))
  })

  test('lists other users that have vnets, one line each', async () => {
    vnet({})
    users.push(1000, 1001)
    const { status, stderr } = await runMain('list')
    expect([status, stderr.split('\n')]).toEqual([
      0,
      [1000, 1001].map(uid => `vnet: user ${uid} has vnets too: vnet list --user ${uid}`).concat(''),
    ])
    expect(JSON.parse((await runMain('list', '--json')).stdout).users).toEqual([1000, 1001])
    expect(await runMain('list', '--names')).toEqual(ok('sn0\nred/sn1\n'))
    for (const fake of vnets.splice(0)) fake[Symbol.dispose]()
    const far = [1000, 1001].map(uid => `; user ${uid} has some: vnet list --user ${uid}`).join('')
    expect(await runMain('list')).toEqual(failed(`no vnet is running in this network namespace${far}`))
  })

  test('--json has them in the words of the line `ready`', async () => {
    const { path } = vnet({})
    const { stdout } = await runMain('list', '--json')
    const [first, second] = JSON.parse(stdout).interfaces
    const words = { name: 'sn0', ifindex: 7, netns: null, driver: 'snull', state: 'up', mac: '00:53:4e:55:4c:30' }
    expect(first).toEqual({ ...words, mtu: 1500, txqs: 2, rxqs: 1, vnet: path, pid: process.pid })
    expect(second).toMatchObject({ name: 'sn1', netns: 'red', driver: null, state: null })
  })

  test.each([
    [0x1042, 1, 'down'],
    [0x1043, 0, 'no-carrier'],
  ])('flags %i and carrier %i are %s', async (flags, carrier, state) => {
    vnet({ [GET_DEVICES]: () => [b => b.u32(1, 1).string(2, 'a').u32(32, flags).u8(21, carrier)] })
    expect(JSON.parse((await runMain('list', '--json')).stdout).interfaces[0].state).toBe(state)
  })

  test('a vnet that does not answer as it should is a line, and status 1, beside those that do', async () => {
    vnet({})
    const refuse = () => {
      throw new VnetError(EPERM, 'fake', 'not today')
    }
    vnet({ [GET_DEVICES]: refuse })
    const { status, stdout, stderr } = await runMain('list', '--json')
    expect([status, stderr]).toEqual([
      1,
      expect.stringMatching(/^vnet: GET_DEVICES of vnet \d+ \(sn0, sn1\): EPERM, .*; not today\n$/),
    ])
    expect(JSON.parse(stdout).interfaces.map(({ name }: { name: string }) => name)).toEqual(['sn0', 'sn1'])
  })
})

describe('show', () => {
  test('has what is known of it, and the parameters of its driver', async () => {
    vnet({ [GET_PARAM]: () => [param('lockup', '5'), param('timeout', '20')] })
    const { stdout } = await runMain('show', 'sn0')
    expect(stdout).toMatch(/^sn0\n {2}ifindex +7\n {2}driver +snull\n {2}state +up\n/)
    expect(stdout).toMatch(/^ {2}lockup +5$/m)
    const json = JSON.parse((await runMain('show', 'sn0', '--json')).stdout)
    expect(json).toMatchObject({ event: 'show', name: 'sn0', mtu: 1500, params: { lockup: '5', timeout: '20' } })
  })

  test('a vnet without parameters to tell is shown without', async () => {
    vnet({
      [GET_PARAM]() {
        throw new VnetError(EOPNOTSUPP, 'fake')
      },
    })
    expect(JSON.parse((await runMain('show', 'red/sn1', '--json')).stdout)).toMatchObject({ name: 'sn1', params: {} })
  })
})

describe('what changes something says nothing when it is done', () => {
  test.each([
    [['reset', 'sn0'], RESET_STATS, SN0],
    [['reset', 'sn1'], RESET_STATS, { 1: u32(8), 2: nul('sn1'), 3: nul('red') }],
    [['reset', 'red/sn1'], RESET_STATS, { 1: u32(8), 2: nul('sn1'), 3: nul('red') }],
    [['carrier', 'sn0', 'on'], SET_CARRIER, { ...SN0, 21: Uint8Array.of(1) }],
    [['carrier', 'sn0', 'off'], SET_CARRIER, { ...SN0, 21: Uint8Array.of(0) }],
    [['param', 'sn0', 'lockup=5'], SET_PARAM, { ...SN0, 15: nul('lockup'), 16: nul('5') }],
    [['param', 'sn0', 'pool-size='], SET_PARAM, { ...SN0, 15: nul('poolSize'), 16: nul('') }],
    [['param', 'sn0', 'drop=RX_CRC=1'], SET_PARAM, { ...SN0, 15: nul('drop'), 16: nul('RX_CRC=1') }],
    [['trigger', 'sn0', 'lockup'], TRIGGER, { ...SN0, 22: nul('lockup') }],
    [['trigger', 'sn0', 'stuck', '--queue', '1'], TRIGGER, { ...SN0, 22: nul('stuck'), 10: u32(1) }],
  ])('%j', async (args, cmd, attributes) => {
    const fake = vnet({ [RESET_STATS]: none, [SET_CARRIER]: none, [SET_PARAM]: none, [TRIGGER]: none })
    expect(await runMain(...args)).toEqual(ok(''))
    expect(askedOf(fake)).toEqual([{ cmd, dump: false, attributes }])
  })

  test('a refusal is one line with what the vnet says, and status 1', async () => {
    vnet({
      [RESET_STATS]() {
        throw new VnetError(EPERM, 'RESET_STATS', 'only root and the owner may')
      },
    })
    const { status, stderr } = await runMain('reset', 'sn0')
    expect([status, stderr]).toEqual([
      1,
      expect.stringMatching(/^vnet: RESET_STATS sn0: EPERM, .*; only root and the owner may\n$/),
    ])
  })
})

describe('echo', () => {
  test('prints what comes back', async () => {
    const fake = vnet({ [ECHO]: ({ attributes }) => [b => b.binary(1, attributes[1]!)] })
    expect(await runMain('echo', 'häl lo')).toEqual(ok('häl lo\n'))
    expect(await runMain('echo', '--json', 'a"b')).toEqual(ok('{"event":"echo","text":"a\\"b"}\n'))
    expect(await runMain('echo', '--', '--json')).toEqual(ok('--json\n'))
    expect(askedOf(fake)[0]).toEqual({ cmd: ECHO, dump: false, attributes: { 1: nul('häl lo') } })
  })
})

describe('ioctl', () => {
  const ifreq = (...octets: number[]) => Uint8Array.from({ length: 40 }, (_, i) => nul('sn0')[i] ?? octets[i - 16] ?? 0)

  test('sends the number, an ifreq with the name and the octets, and prints what comes back', async () => {
    const fake = vnet({
      [IOCTL]: () => [b => b.s32(27, 3).binary(24, ifreq(1, 2)).binary(26, Uint8Array.of(0xab, 0xcd))],
    })
    expect(await runMain('ioctl', 'sn0', '1', '0x0a:0b')).toEqual(
      ok(`result 3\nifr 0102${'00'.repeat(22)}\ndata abcd\n`),
    )
    expect(askedOf(fake)).toEqual([
      { cmd: IOCTL, dump: false, attributes: { ...SN0, 23: u32(0x89f1), 24: ifreq(), 26: Uint8Array.of(10, 11) } },
    ])
    const { stdout } = await runMain('ioctl', 'sn0', '15', '--json')
    expect(JSON.parse(stdout)).toEqual({ event: 'ioctl', result: 3, ifr: `0102${'00'.repeat(22)}`, data: null })
    expect(askedOf(fake)[1]!.attributes).toEqual({ ...SN0, 23: u32(0x89ff), 24: ifreq() })
  })

  test('more octets than a request can hold make no sense, nor does more text', async () => {
    vnet({})
    const most = {
      status: 2,
      stdout: '',
      stderr: expect.stringMatching(/^vnet: (HEX|TEXT): at most 6553[01] octets \(/),
    }
    expect(await runMain('ioctl', 'sn0', '0', '00'.repeat(65_532))).toEqual(most)
    expect(await runMain('echo', 'x'.repeat(65_531))).toEqual(most)
  })

  test('what the driver refuses is one line, and status 1', async () => {
    vnet({ [IOCTL]: () => [b => b.s32(27, -95).binary(24, ifreq())] })
    const { status, stdout, stderr } = await runMain('ioctl', 'sn0', '7')
    expect([status, stdout, stderr]).toEqual([
      1,
      '',
      expect.stringMatching(/^vnet: SIOCDEVPRIVATE \+ 7 of sn0: EOPNOTSUPP.*\n$/),
    ])
  })
})

describe('param', () => {
  const answers: Answers = {
    [GET_PARAM]: ({ dump }) => (dump ? [param('lockup', '5'), param('eth', '')] : [param('lockup', '5')]),
  }

  test('lists them, or prints one', async () => {
    const fake = vnet(answers)
    expect(await runMain('param', 'sn0')).toEqual(
      ok('lockup=5  the lockup (at least 0)\neth=      the eth; not while running\n'),
    )
    expect(await runMain('param', 'sn0', '--names')).toEqual(ok('lockup\neth\n'))
    expect(await runMain('param', 'sn0', 'lockup')).toEqual(ok('5\n'))
    expect(askedOf(fake).at(-1)).toEqual({ cmd: GET_PARAM, dump: false, attributes: { ...SN0, 15: nul('lockup') } })
  })

  test('--json has all that is known of them', async () => {
    vnet(answers)
    const lockup = { driver: 'snull', name: 'lockup', value: '5', type: 'int', live: true, description: 'the lockup' }
    const one = await runMain('param', 'sn0', 'lockup', '--json')
    expect(JSON.parse(one.stdout)).toEqual({ event: 'param', ...lockup, range: 'at least 0' })
    const { params } = JSON.parse((await runMain('param', 'sn0', '--json')).stdout)
    expect(params).toMatchObject([lockup, { name: 'eth', live: false, range: null }])
  })
})

describe('events', () => {
  test('are a line each until the user ends it', async () => {
    const fake = vnet({ [SUBSCRIBE]: none })
    const going = startMain('events')
    await fake.hears(SUBSCRIBE)
    fake.event(b => b.u32(1, 7).string(2, 'sn0').u32(28, 3))
    fake.event(b => b.u32(1, 8).string(2, 'sn1').string(3, 'red').u32(28, 5).u32(10, 0).u64(12, 3n))
    fake.event(b => b.u32(1, 7).string(2, 'sn0').u32(28, 6).u64(31, 1000n))
    fake.event(b => b.u32(1, 7).string(2, 'sn0').u32(28, 9))
    await going.until(text => text.split('\n').length > 4)
    expect(await going.end()).toEqual(
      ok('sn0: up\nred/sn1: timeout, queue 0, 3 so far\nsn0: drops, 1000 so far\nsn0: event 9\n'),
    )
    const [subscribe, unsubscribe] = askedOf(fake).map(({ attributes }) => attributes)
    expect(subscribe).toEqual({ 29: u32(0x7e), 30: new Uint8Array(8) })
    expect(unsubscribe).toEqual({ 29: u32(0), 30: new Uint8Array(8) })
  })

  test('--json has an object for each, and --drops says how often drops are told', async () => {
    const fake = vnet({ [SUBSCRIBE]: none })
    const going = startMain('events', '--json', '--drops', '100')
    await fake.hears(SUBSCRIBE)
    fake.event(b => b.u32(1, 7).string(2, 'sn0').u32(28, 6).u64(31, 1000n))
    await going.until(text => text.endsWith('\n'))
    const { stdout } = await going.end()
    expect(JSON.parse(stdout)).toEqual({ event: 'drops', name: 'sn0', ifindex: 7, netns: null, dropped: 1000 })
    expect(askedOf(fake)[0]!.attributes[30]).toEqual(Uint8Array.of(100, 0, 0, 0, 0, 0, 0, 0))
  })

  const up = (b: MessageBuilder) => void b.u32(1, 7).string(2, 'sn0').u32(28, 3)

  test('of a vnet that begins meanwhile are told too, with what had happened before it was heard', async () => {
    const first = vnet({ [SUBSCRIBE]: none })
    const going = startMain('events')
    await first.hears(SUBSCRIBE)
    let late: FakeVnet | undefined
    const answers = {
      [SUBSCRIBE]: none,
      [GET_DEVICES]() {
        // One that is told by an event as well is told once.
        late?.event(b => b.u32(1, 9).string(2, 'b').u32(28, 1))
        const up = (b: MessageBuilder) => void b.u32(1, 8).string(2, 'a').u32(32, 1)
        return [up, (b: MessageBuilder) => void b.u32(1, 9).string(2, 'b').u32(32, 0)]
      },
    }
    late = vnet(answers)
    await late.hears(GET_DEVICES)
    first.event(up)
    await going.until(text => text.includes('sn0: up') && text.includes('b: registered'))
    first[Symbol.dispose]()
    late.event(b => b.u32(1, 9).string(2, 'b').u32(28, 3))
    await going.until(text => text.endsWith('b: up\n'))
    const { status, stdout } = await going.end()
    expect(status).toBe(0)
    expect(stdout.split('\n').filter(line => /^[ab]:/.test(line))).toEqual([
      'a: registered',
      'a: up',
      'b: registered',
      'b: up',
    ])
    expect(late.asked.filter(({ cmd }) => cmd === SUBSCRIBE)).toHaveLength(2)
  })

  test('of a vnet that does not say what it has are told as they come', async () => {
    const first = vnet({ [SUBSCRIBE]: none })
    const going = startMain('events')
    await first.hears(SUBSCRIBE)
    const late = vnet({
      [SUBSCRIBE]: none,
      [GET_DEVICES]() {
        late.event(up)
        throw new VnetError(EPERM, 'fake')
      },
    })
    await going.until(text => text === 'sn0: up\n')
    expect((await going.end()).status).toBe(0)
  })

  test('go on when another vnet takes the place of one that has ended', async () => {
    const first = vnet({ [SUBSCRIBE]: none })
    const other = vnet({ [SUBSCRIBE]: none })
    const going = startMain('events')
    await Promise.all([first.hears(SUBSCRIBE), other.hears(SUBSCRIBE)])
    first[Symbol.dispose]()
    const second = vnet({ [SUBSCRIBE]: none })
    await second.hears(SUBSCRIBE)
    await going.until(text => text.includes('sn0: registered'))
    expect((await going.end()).status).toBe(0)
  })

  test('are over when the user ends it, also where another vnet begins just then', async () => {
    let third: FakeVnet | undefined
    const first = vnet({
      [SUBSCRIBE](asked) {
        // No events: it takes leave.
        if (asked.attributes[29]?.[0] === 0) third = vnet({ [SUBSCRIBE]: none })
        return []
      },
    })
    const second = vnet({ [SUBSCRIBE]: none })
    const going = startMain('events')
    await Promise.all([first.hears(SUBSCRIBE), second.hears(SUBSCRIBE)])
    first.event(up)
    second.event(up)
    await going.until(text => text.split('\n').length > 2)
    expect((await going.end()).status).toBe(0)
    expect(first.asked.filter(({ cmd }) => cmd === SUBSCRIBE)).toHaveLength(2)
    expect(third?.asked.filter(({ cmd }) => cmd === SUBSCRIBE)).toEqual([])
  })

  test('that were lost are a line, and an object', async () => {
    for (const [args, line] of [
      [[], 'some events were lost\n'],
      [['--json'], '{"event":"lost"}\n'],
    ] as const) {
      const fake = vnet({ [SUBSCRIBE]: none })
      const going = startMain('events', ...args)
      await fake.hears(SUBSCRIBE)
      fake.overrun(up)
      await going.until(text => text.includes('up'))
      expect((await going.end()).stdout.startsWith(line)).toBe(true)
      fake[Symbol.dispose]()
    }
  })

  test('of a vnet that refuses to tell them are a line, and status 1 when there is no other', async () => {
    vnet({
      [SUBSCRIBE]() {
        throw new VnetError(EPERM, 'fake', 'not today')
      },
    })
    expect(await runMain('events')).toEqual({
      ...{ status: 1, stdout: '' },
      stderr: expect.stringMatching(/^vnet: SUBSCRIBE: EPERM, .*; not today\n$/),
    })
  })

  test('end well when nobody reads them any more, and with its line when the program has a defect', async () => {
    const fake = vnet({ [SUBSCRIBE]: none })
    const [unread, broken] = [startMain('events'), startMain('events')]
    await fake.hears(SUBSCRIBE, 2)
    unread.close()
    expect(await unread.ended).toEqual(ok(''))
    expect(await broken.end({ defect: new TypeError('a defect') })).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(/^vnet: TypeError: a defect/),
    })
  })

  test('end when the vnet does, with a line and status 1', async () => {
    const fake = vnet({ [SUBSCRIBE]: none })
    const going = startMain('events')
    await fake.hears(SUBSCRIBE)
    fake[Symbol.dispose]()
    vnets = []
    expect(await going.ended).toEqual(failed('no vnet is running any more'))
  })
})

describe('stats --watch', () => {
  const stats = (b: MessageBuilder) => {
    sn0(b)
    b.nested(7, nest => nest.u64(1, 5n)).nested(8, nest => nest.u64(1, 5n))
  }

  test('prints them again and again until the user ends it', async () => {
    const fake = vnet({ [GET_STATS]: () => [stats] })
    const going = startMain('stats', 'sn0', '--watch', '5ms')
    const block = 'sn0           vnet  kernel\n  rx_packets     5       5\n'
    await going.until(text => text.startsWith([block, block, block].join('\n')))
    expect((await going.end()).status).toBe(0)
    expect(askedOf(fake).length).toBeGreaterThanOrEqual(3)
  })

  test('--json has a line each time', async () => {
    vnet({ [GET_STATS]: () => [stats] })
    const going = startMain('stats', '--watch', '5ms', '--json')
    await going.until(text => text.split('\n').length > 3)
    const { status, stdout } = await going.end()
    expect(status).toBe(0)
    for (const line of stdout.trimEnd().split('\n')) expect(JSON.parse(line)).toMatchObject({ event: 'statistics' })
  })

  test('ends with status 1 when the interface has gone', async () => {
    let devices = [sn0, far]
    vnet({ [GET_DEVICES]: () => devices, [GET_STATS]: () => [stats] })
    const going = startMain('stats', 'sn0', '--watch', '5ms')
    await going.until(text => text.includes('rx_packets'))
    devices = [far]
    expect(await going.ended).toMatchObject({ status: 1, stderr: 'vnet: there is no interface sn0, but red/sn1\n' })
  })
})

describe('no vnet, or no such interface', () => {
  const commands = [
    ['show', 'sn0'],
    ['stats', 'sn0'],
    ['reset', 'sn0'],
    ['ioctl', 'sn0', '0'],
    ['carrier', 'sn0', 'on'],
    ['param', 'sn0'],
    ['trigger', 'sn0', 'lockup'],
  ]
  test.each([['list'], ['echo', 'x'], ['events'], ...commands].map(args => [args]))('%j', async args => {
    expect(await runMain(...args)).toEqual(NOT_RUNNING)
  })

  test.each(commands.map(args => [args]))('%j where it is another', async args => {
    const fake = vnet({ [GET_DEVICES]: () => [far] })
    expect(await runMain(...args)).toEqual(failed('there is no interface sn0, but red/sn1'))
    expect(askedOf(fake)).toEqual([])
  })

  test('a name that two have means the one in the own namespace; without one there it is refused', async () => {
    const e0 = (netns?: string) => (b: MessageBuilder) => {
      b.u32(1, 1).string(2, 'e0')
      if (netns !== undefined) b.string(3, netns)
    }
    let devices = [e0('red'), e0('blue')]
    const interfaces = [{ name: 'e0', ifindex: 1, netns: 'blue', inode: 1 }]
    const fake = vnet({ [GET_DEVICES]: () => devices, [RESET_STATS]: none }, { interfaces })
    expect(await runMain('reset', 'e0')).toEqual(failed('there are 2 interfaces e0: red/e0, blue/e0'))
    expect(await runMain('reset', 'blue/e0')).toEqual(ok(''))
    devices = [e0('red'), e0()]
    expect(await runMain('reset', 'e0')).toEqual(ok(''))
    expect(askedOf(fake).map(({ attributes }) => attributes[3])).toEqual([nul('blue'), undefined])
  })
})
