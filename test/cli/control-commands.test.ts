/**
 * The commands that query a running vnet: the bytes of their requests, and the output for each
 * reply.
 */
import { afterEach, describe, expect, test, vi } from 'vitest'
import { EOPNOTSUPP, EPERM, VnetError } from '../../src/base/errno.ts'
import { vnetAttributes } from '../../src/control/protocol/family.ts'
import type { MessageBuilder } from '../../src/netlink/index.ts'
import { type Answers, type FakeOptions, FakeVnet } from '../support/fake-vnet.ts'
import { freshDirectory } from '../support/fresh-directory.ts'
import { mainIn } from '../support/run-main.ts'
import { wireReadings } from '../support/wire-readings.ts'

const directory = freshDirectory()
const users: number[] = []
const { runMain, startMain } = mainIn(directory, users)

const [ECHO, GET_DEVICES, GET_STATS, RESET_STATS, SET_CARRIER] = [1, 2, 3, 4, 5]
const [CUT, PLUG] = [14, 15]
const [GET_PARAM, SET_PARAM, TRIGGER, IOCTL, SUBSCRIBE, GET_PARTS, GET_SCENARIO] = [6, 7, 8, 9, 10, 20, 23]
const STEP = 21
const SET_WIRE = 17

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
const ring = (b: MessageBuilder) => {
  const part = (b: MessageBuilder) =>
    void b.u32(1, 1).string(2, 'rx ring').u32(3, 3).u32(4, 256).string(5, 'full').u64(6, 9n)
  b.nested(64, part)
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
})

function vnet(answers: Answers, options?: FakeOptions): FakeVnet {
  const all: Answers = { [GET_DEVICES]: () => [sn0, far], ...answers }
  const made = new FakeVnet(directory, all, options)
  vnets.push(made)
  return made
}

/** Returns the requests that it got, except those for its devices. */
const askedOf = ({ asked }: FakeVnet) => asked.filter(({ cmd }) => cmd !== GET_DEVICES)
const ok = (stdout: string) => ({ status: 0, stdout, stderr: '' })
const failed = (line: string) => ({ status: 1, stdout: '', stderr: `vnet: ${line}\n` })
const NOT_RUNNING = { status: 1, stdout: '', stderr: 'vnet: no vnet is running in this network namespace\n' }

describe('list', () => {
  test('list prints a line for each interface, with its far end and its drops', async () => {
    const device = (b: MessageBuilder) => {
      sn0(b)
      b.string(72, 'red/sn1')
    }
    const stats = (b: MessageBuilder) =>
      void b
        .u32(1, 7)
        .string(2, 'sn0')
        .nested(9, all => {
          all.nested(1, drop => drop.u8(1, 0).string(2, 'RX_CRC').u64(3, 4n))
          all.nested(2, drop => drop.u8(1, 1).string(2, 'FULL_RING').u64(3, 3n))
        })
    vnet({ [GET_DEVICES]: () => [device, far], [GET_STATS]: () => [stats] })
    const { stdout, ...rest } = await runMain('list')
    expect(rest).toEqual({ status: 0, stderr: '' })
    expect(stdout.split('\n')).toEqual([
      'interface  driver  state  address  peer     drops  wire',
      'sn0        snull   up     -        red/sn1  7      -',
      'red/sn1    -       up     -        -        -      -',
      '',
    ])
    expect(await runMain('list', '--names')).toEqual(ok('sn0\nred/sn1\n'))
  })

  test('list --all prints the interfaces of vnets in other network namespaces too', async () => {
    vnet({}, { netns: 1, interfaces: [{ name: 'sn0', ifindex: 7, inode: 1 }] })
    expect((await runMain('list')).status).toBe(1)
    const { status, stdout } = await runMain('list', '--all')
    expect([status, stdout]).toEqual([0, expect.stringMatching(/^interface .*\nsn0 .*\nred\/sn1 .*\n$/)])
  })

  test('list reports other users with vnets, one line each', async () => {
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

  test('list --json uses the names of the `ready` line', async () => {
    const { path } = vnet({})
    const { stdout } = await runMain('list', '--json')
    const [first, second] = JSON.parse(stdout).interfaces
    const words = { name: 'sn0', ifindex: 7, netns: null, driver: 'snull', state: 'up', mac: '00:53:4e:55:4c:30' }
    const unknown = { addresses: [], peer: null, wire: null, drops: null }
    expect(first).toEqual({ ...words, ...unknown, mtu: 1500, txqs: 2, rxqs: 1, vnet: path, pid: process.pid })
    expect(second).toMatchObject({ name: 'sn1', netns: 'red', driver: null, state: 'up' })
  })

  test.each([
    [0x1042, 1, 0, 'down'],
    [0x1043, 0, 0, 'no-carrier'],
    [0x1043, 0, 1, 'cut'],
    [0x1042, 0, 1, 'down'],
  ])('flags 0x%x, carrier %i and cut %i are the state %s', async (flags, carrier, cut, state) => {
    vnet({ [GET_DEVICES]: () => [b => b.u32(1, 1).string(2, 'a').u32(32, flags).u8(21, carrier).u8(48, cut)] })
    expect(JSON.parse((await runMain('list', '--json')).stdout).interfaces[0].state).toBe(state)
  })

  test('list reports a vnet that fails in one line with exit status 1, and shows the others', async () => {
    vnet({})
    const refuse = () => {
      throw new VnetError(EPERM, 'fake', 'not today')
    }
    vnet({ [GET_DEVICES]: refuse })
    const { status, stdout, stderr } = await runMain('list', '--json')
    expect([status, stderr]).toEqual([
      1,
      expect.stringMatching(/"vnet \d+ \(sn0, red\/sn1\): operation not permitted; not today"/),
    ])
    expect(JSON.parse(stdout).interfaces.map(({ name }: { name: string }) => name)).toEqual(['sn0', 'sn1'])
  })
})

describe('show', () => {
  const refuse = () => {
    throw new VnetError(EOPNOTSUPP, 'fake')
  }

  test('show prints the properties of an interface, and the parameters of its driver', async () => {
    const params = [param('lockup', '5'), param('ringSize', '20')]
    vnet({ [GET_PARAM]: () => params, [GET_PARTS]: () => [ring], [GET_SCENARIO]: refuse })
    const { stdout } = await runMain('show', 'sn0')
    expect(stdout).toMatch(/^sn0\n {2}driver +snull\n {2}state +up\n {2}mac +00:53:4e:55:4c:30\n/)
    expect(stdout).toMatch(/^ {2}queues +2 tx, 1 rx\n {2}pid +\d+\n {2}socket .*\nparameters\n {2}lockup +5$/m)
    expect(stdout).toMatch(/^ {2}ring-size +20\nparts\n/m)
    expect(stdout).toMatch(/^ {2}rx ring +ring: 3 of 256, full, 9 times$/m)
    const json = JSON.parse((await runMain('show', 'sn0', '--json')).stdout)
    expect(json).toMatchObject({ event: 'show', name: 'sn0', mtu: 1500, params: { lockup: '5', ringSize: '20' } })
  })

  test('show prints the progress of the scenario, and each of its steps', async () => {
    const started = (b: MessageBuilder) => {
      const file = (b: MessageBuilder) => void b.string(1, 'a.yaml').u64(2, 1_800_000_000_000n).u64(3, 60_000_000_000n)
      b.nested(65, file)
    }
    const step = (b: MessageBuilder) =>
      void b.nested(66, step => void step.u64(1, 1_500_000_000n).string(2, 'wire off'))
    vnet({ [GET_PARAM]: none, [GET_PARTS]: none, [GET_SCENARIO]: () => [started, step] })
    vi.spyOn(Date, 'now').mockReturnValue(1_800_000_012_300)
    const { stdout } = await runMain('show', 'sn0')
    expect(stdout).toMatch(/^scenario\n {2}now +12\.3s after its start, repeats every 60s\n {2}at 1\.5s +wire off$/m)
    const { scenario } = JSON.parse((await runMain('show', 'sn0', '--json')).stdout)
    const steps = [{ at: 1500, text: 'wire off' }]
    expect(scenario).toEqual({ file: 'a.yaml', started: 1_800_000_000_000, repeat: 60_000, steps })
  })

  test('show omits the parameters and the scenario of a vnet without a driver', async () => {
    vnet({ [GET_PARAM]: refuse, [GET_PARTS]: none, [GET_SCENARIO]: refuse })
    const { stdout } = await runMain('show', 'red/sn1', '--json')
    expect(JSON.parse(stdout)).toMatchObject({ name: 'sn1', params: {}, parts: [], scenario: null })
  })
})

describe('commands that change something', () => {
  test.each([
    [['reset', 'sn0'], RESET_STATS, SN0],
    [['reset', 'sn1'], RESET_STATS, { 1: u32(8), 2: nul('sn1'), 3: nul('red') }],
    [['reset', 'red/sn1'], RESET_STATS, { 1: u32(8), 2: nul('sn1'), 3: nul('red') }],
    [['cut', 'sn0'], CUT, SN0],
    [['plug', 'red/sn1'], PLUG, { 1: u32(8), 2: nul('sn1'), 3: nul('red') }],
    [['carrier', 'sn0', 'on'], SET_CARRIER, { ...SN0, 21: Uint8Array.of(1) }],
    [['carrier', 'sn0', 'off'], SET_CARRIER, { ...SN0, 21: Uint8Array.of(0) }],
    [['param', 'sn0', 'lockup=5'], SET_PARAM, { ...SN0, 15: nul('lockup'), 16: nul('5') }],
    [['param', 'sn0', 'pool-size='], SET_PARAM, { ...SN0, 15: nul('poolSize'), 16: nul('') }],
    [['param', 'sn0', 'drop=RX_CRC=1'], SET_PARAM, { ...SN0, 15: nul('drop'), 16: nul('RX_CRC=1') }],
    [['trigger', 'sn0', 'lockup'], TRIGGER, { ...SN0, 22: nul('lockup') }],
    [['trigger', 'sn0', 'stuck', '--queue', '1'], TRIGGER, { ...SN0, 22: nul('stuck'), 10: u32(1) }],
  ])('vnet %j sends one request and prints nothing', async (args, cmd, attributes) => {
    const fake = vnet({
      [RESET_STATS]: none,
      [SET_CARRIER]: none,
      [CUT]: none,
      [PLUG]: none,
      [SET_PARAM]: none,
      [TRIGGER]: none,
    })
    expect(await runMain(...args)).toEqual(ok(''))
    expect(askedOf(fake)).toEqual([{ cmd, dump: false, attributes }])
  })

  test('a refused change is reported in one line with the text of the vnet, and exit status 1', async () => {
    vnet({
      [RESET_STATS]() {
        throw new VnetError(EPERM, ['RESET_STATS', ''], 'only root and the owner may')
      },
    })
    const { status, stderr } = await runMain('reset', 'sn0')
    expect([status, stderr]).toEqual([1, 'vnet: only root and the owner may\n'])
  })
})

describe('wire', () => {
  const SPEC = "match 'icmp' ( loss 1% )"

  test.each([
    [[SPEC], 1, [undefined]],
    [['--wire-ab', SPEC, '--wire-ba', SPEC], 1, [undefined]],
    [['--wire-ab', SPEC, '--wire-ba', `delay 1ms ${SPEC}`], 2, [0, 1]],
    [['off'], 0, [undefined]],
  ])('the texts of vnet wire sn0 %j are read %i times, and a filter is compiled once', async (args, reads, sent) => {
    const fake = vnet({ [SET_WIRE]: none })
    using readings = wireReadings()
    expect(await runMain('wire', 'sn0', ...args)).toEqual(ok(''))
    expect([readings.reads, readings.compiled]).toEqual([reads, Math.min(reads, 1)])
    const { type } = vnetAttributes.wireDirection
    expect(askedOf(fake).map(({ attributes }) => attributes[type]?.[0])).toEqual(sent)
  })
})

describe('echo', () => {
  test('echo prints the reply', async () => {
    const fake = vnet({ [ECHO]: ({ attributes }) => [b => b.binary(1, attributes[1]!)] })
    expect(await runMain('echo', 'häl lo')).toEqual(ok('häl lo\n'))
    expect(await runMain('echo', '--json', 'a"b')).toEqual(ok('{"event":"echo","text":"a\\"b"}\n'))
    expect(await runMain('echo', '--', '--json')).toEqual(ok('--json\n'))
    expect(askedOf(fake)[0]).toEqual({ cmd: ECHO, dump: false, attributes: { 1: nul('häl lo') } })
  })
})

describe('trigger without a fault', () => {
  test.each([
    ['lockup flap', ok('lockup\nflap\n')],
    ['', failed('the driver of sn0 has no faults to trigger')],
    [undefined, failed('the driver of sn0 does not list its faults')],
  ])('trigger without a fault prints the faults of a driver that reports %j', async (faults, printed) => {
    const device = (b: MessageBuilder) => {
      sn0(b)
      if (faults !== undefined) b.string(63, faults)
    }
    const fake = vnet({ [GET_DEVICES]: () => [device] })
    expect(await runMain('trigger', 'sn0')).toEqual(printed)
    expect(askedOf(fake)).toEqual([])
  })
})

describe('ioctl', () => {
  const ifreq = (...octets: number[]) => Uint8Array.from({ length: 40 }, (_, i) => nul('sn0')[i] ?? octets[i - 16] ?? 0)

  test('ioctl sends the number, an ifreq with the name, and the bytes, and prints the reply', async () => {
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

  test('--length N gives the driver N bytes, starting with HEX, and prints the bytes it returns', async () => {
    const fake = vnet({
      [IOCTL]: () => [b => b.s32(27, 0).binary(24, ifreq()).binary(26, Uint8Array.of(0xab, 0xcd))],
    })
    const printed = ok(`result 0\nifr ${'00'.repeat(24)}\ndata abcd0000\n`)
    expect(await runMain('ioctl', 'sn0', '1', '0a', '--length', '4')).toEqual(printed)
    const more = '0x89f1 sn0: protocol error; 2 bytes of data are more than were sent'
    expect(await runMain('ioctl', 'sn0', '1', '--length', '1')).toEqual(failed(more))
    expect(askedOf(fake).map(({ attributes }) => attributes[26])).toEqual([
      Uint8Array.of(10, 0, 0, 0),
      new Uint8Array(1),
    ])
    const { status, stderr } = await runMain('ioctl', 'sn0', '1', '0a0b0c', '--length', '2')
    expect([status, stderr]).toEqual([2, 'vnet: --length 2: HEX has 3 bytes\n'])
  })

  test('bytes or text longer than a request can carry are refused', async () => {
    vnet({})
    const most = {
      status: 2,
      stdout: '',
      stderr: expect.stringMatching(/^vnet: (HEX|TEXT): at most 6553[01] bytes\n$/),
    }
    expect(await runMain('ioctl', 'sn0', '0', '00'.repeat(65_532))).toEqual(most)
    expect(await runMain('echo', 'x'.repeat(65_531))).toEqual(most)
  })

  test('an ioctl that the driver refuses is reported in one line with exit status 1', async () => {
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
    [GET_PARAM]: ({ dump }) => (dump ? [param('lockup', '5'), param('ringSize', '')] : [param('lockup', '5')]),
  }

  test('param lists all parameters, or prints one', async () => {
    const fake = vnet(answers)
    expect(await runMain('param', 'sn0')).toEqual(
      ok('lockup=5    the lockup (at least 0)\nring-size=  the ringSize; cannot change while running\n'),
    )
    expect(await runMain('param', 'sn0', '--names')).toEqual(ok('lockup\nring-size\n'))
    expect(await runMain('param', 'sn0', 'lockup')).toEqual(ok('5\n'))
    expect(askedOf(fake).at(-1)).toEqual({ cmd: GET_PARAM, dump: false, attributes: { ...SN0, 15: nul('lockup') } })
  })

  test('param --json has all properties of the parameters', async () => {
    vnet(answers)
    const lockup = { driver: 'snull', name: 'lockup', value: '5', type: 'int', live: true, description: 'the lockup' }
    const one = await runMain('param', 'sn0', 'lockup', '--json')
    expect(JSON.parse(one.stdout)).toEqual({ event: 'param', ...lockup, range: 'at least 0' })
    const { params } = JSON.parse((await runMain('param', 'sn0', '--json')).stdout)
    expect(params).toMatchObject([lockup, { name: 'ringSize', live: false, range: null }])
  })
})

describe('step', () => {
  /** Before ndoStartXmit of red/sn1, with a frame and lines of a driver. */
  const halted = (b: MessageBuilder) => {
    const frame = Uint8Array.of(2, 0, 0, 0, 0, 9, 2, 0, 0, 0, 0, 8, 0x88, 0xb5, 1, 2, 3)
    b.u8(67, 1)
    b.nested(69, step => {
      step.u32(1, 2).u32(2, 8).string(3, 'sn1').string(4, 'red').u32(5, 1).string(6, 'ndoStartXmit')
      step
        .u32(7, 17)
        .binary(8, frame)
        .string(9, '/a.js')
        .u32(10, 10)
        .u32(12, 9)
        .string(11, 'function xmit(skb) {\n  skb.drop()')
    })
  }

  test('step prints where a frame waits, the frame, and the lines of the driver that run next', async () => {
    const fake = vnet({ [STEP]: () => [halted], [GET_STATS]: none })
    const { stdout, ...rest } = await runMain('step', 'sn0', 'next')
    expect(rest).toEqual({ status: 0, stderr: '' })
    expect(stdout.split('\n')).toEqual([
      'step 2 of 5, red/sn1, queue 1: ndoStartXmit',
      '',
      expect.stringMatching(/^17 bytes: .*0x88b5/),
      expect.stringMatching(/^ {2}Ethernet: .*02:00:00:00:00:08/),
      '  0000  02 00 00 00 00 09 02 00 00 00 00 08 88 b5 01 02',
      '  0010  03',
      '',
      '/a.js:',
      '   9  function xmit(skb) {',
      '> 10    skb.drop()',
      '',
    ])
    expect(askedOf(fake).find(({ cmd }) => cmd === STEP)?.attributes).toEqual({ ...SN0, 67: Uint8Array.of(2) })
  })

  test('step next --filter runs the steps of other frames and of none, each once, up to a frame that matches', async () => {
    let count = 0
    const arp = (b: MessageBuilder) => {
      const frame = new Uint8Array(60).fill(1)
      frame.set([8, 6], 12)
      const step = (step: MessageBuilder) =>
        void step.u32(1, 2).u32(2, 8).string(3, 'sn1').string(6, 'x').u32(7, 300).binary(8, frame)
      b.u8(67, 1).nested(69, step)
    }
    const none = (b: MessageBuilder) =>
      void b.u8(67, 1).nested(69, step => void step.u32(1, 3).u32(2, 8).string(3, 'sn1').string(6, 'poll'))
    const fake = vnet({
      [STEP]: () => [b => [none, arp, halted][count++]?.(b.u32(76, 40 + count))],
      [GET_STATS]: () => [],
    })
    const { stdout, status } = await runMain('step', 'sn0', 'next', '--filter', 'ether proto 0x88b5')
    expect([status, stdout.split('\n')[0]]).toEqual([0, 'step 2 of 5, red/sn1, queue 1: ndoStartXmit'])
    const sent = askedOf(fake).filter(({ cmd }) => cmd === STEP)
    expect(sent.map(({ attributes }) => attributes[76])).toEqual([undefined, u32(41), u32(42)])
    count = 1
    expect((await runMain('step', 'sn0', 'next', '--filter', 'arp and len = 300')).status).toBe(0)
    expect(askedOf(fake).filter(({ cmd }) => cmd === STEP)).toHaveLength(4)
    count = 1
    // Only 60 of its bytes are known.
    const beyond = 'ether proto 0x88b5 or ether[100] != 300'
    expect((await runMain('step', 'sn0', 'next', '--filter', beyond)).stdout).toMatch(/^step 2 of 5, red\/sn1/)
    const { stderr, status: wrong } = await runMain('step', 'sn0', 'on', '--filter', 'icmp')
    expect([wrong, stderr]).toEqual([2, expect.stringContaining('--filter belongs to `step IF next`')])
  })

  test('step says where the frame is, also if the drops cannot be read after it', async () => {
    let isDone = false
    vnet({
      [GET_STATS]() {
        if (isDone) throw new VnetError(EPERM, 'fake')
        return []
      },
      [STEP]() {
        isDone = true
        return [b => b.u8(67, 1)]
      },
    })
    expect(await runMain('step', 'sn0', 'next')).toEqual(
      ok('on: no frame waits yet: send one, by ping for instance, or look again\n'),
    )
  })

  test('step says where and why the step dropped a frame', async () => {
    let dropped = 4
    const drops = (b: MessageBuilder) =>
      b.nested(9, all => {
        for (const [i, [reason, frames]] of (
          [
            ['RX_CRC', dropped],
            ['FULL_RING', 9],
          ] as const
        ).entries()) {
          all.nested(i + 1, drop => drop.u8(1, 0).string(2, reason).u64(3, BigInt(frames)))
        }
      })
    vnet({
      [GET_STATS]: () => [b => void drops(b.u32(1, 7).string(2, 'sn0'))],
      [STEP]() {
        dropped++
        return [b => b.u8(67, 1)]
      },
    })
    expect(await runMain('step', 'sn0', 'next')).toEqual(
      ok('dropped at sn0 (tx): RX_CRC\non: no frame waits yet: send one, by ping for instance, or look again\n'),
    )
    const { dropped: words } = JSON.parse((await runMain('step', 'sn0', 'next', '--json')).stdout)
    expect(words).toEqual([{ interface: 'sn0', direction: 'tx', reason: 'RX_CRC', frames: 1 }])
    expect(JSON.parse((await runMain('step', 'sn0', '--json')).stdout)).not.toHaveProperty('dropped')
  })

  test('step --json prints one object', async () => {
    vnet({ [STEP]: () => [halted] })
    const { stdout } = await runMain('step', 'sn0', '--json')
    const source = { file: '/a.js', line: 10, first: 9, lines: ['function xmit(skb) {', '  skb.drop()'] }
    const headers = [{ name: 'Ethernet', fields: expect.any(Array) }]
    const frame = {
      length: 17,
      text: expect.stringMatching(/0x88b5/),
      headers,
      bytes: `020000000009020000000008${'88b5010203'}`,
    }
    const halt = { step: 2, interface: 'red/sn1', queue: 1, next: 'ndoStartXmit', frame, source }
    expect(JSON.parse(stdout)).toEqual({ event: 'step', mode: 'on', every: 0, halt })
  })

  test('step says if no frame waits or stepping is off, and --every belongs to on', async () => {
    const fake = vnet({ [STEP]: () => [b => b.u8(67, 1)] })
    expect(await runMain('step', 'sn0', 'on', '--every', '500ms')).toEqual(
      ok('on: no frame waits yet: send one, by ping for instance, or look again\n'),
    )
    expect(askedOf(fake)[0]?.attributes).toEqual({ ...SN0, 67: Uint8Array.of(1), 68: u32(500) })
    expect((await runMain('step', 'sn0', 'next', '--every', '1s')).stderr).toContain('--every belongs to `step IF on`')
    fake[Symbol.dispose]()
    vnets = []
    vnet({ [STEP]: () => [b => b.u8(67, 0)] })
    expect(await runMain('step', 'sn0', 'off')).toEqual(ok('off\n'))
  })
})

describe('events', () => {
  test('events prints one line per event until the user ends it', async () => {
    const fake = vnet({ [SUBSCRIBE]: none })
    const going = startMain('events')
    await fake.hears(SUBSCRIBE)
    fake.event(b => b.u32(1, 7).string(2, 'sn0').u32(28, 3))
    fake.event(b => b.u32(1, 8).string(2, 'sn1').string(3, 'red').u32(28, 5).u32(10, 0).u64(12, 3n))
    fake.event(b => b.u32(1, 7).string(2, 'sn0').u32(28, 6).u64(31, 1000n))
    fake.event(b => b.u32(1, 7).string(2, 'sn0').u32(28, 7))
    fake.event(b => b.u32(1, 7).string(2, 'sn0').u32(28, 12).u8(67, 1))
    const read = (b: MessageBuilder) => b.u32(1, 1).u32(2, 7).string(3, 'sn0').string(6, 'read')
    fake.event(b => b.u32(1, 7).string(2, 'sn0').u32(28, 12).u8(67, 1).nested(69, read))
    fake.event(b => b.u32(1, 7).string(2, 'sn0').u32(28, 99).u64(46, 1_795_219_200_125n))
    await going.until(text => text.split('\n').length > 7)
    expect(await going.end()).toEqual(
      ok(
        'sn0: up\nred/sn1: timeout, queue 0, 3 so far\nsn0: drops, 1000 so far\nsn0: carrier-on\nsn0: step on\nsn0: step 1, read\n2026-11-21T00:00:00.125Z sn0: event 99\n',
      ),
    )
    const [subscribe, unsubscribe] = askedOf(fake).map(({ attributes }) => attributes)
    expect(subscribe).toEqual({})
    expect(unsubscribe).toEqual({ 29: u32(0) })
  })

  test('events --json prints one object per event, and --drops sets how often drops are reported', async () => {
    const fake = vnet({ [SUBSCRIBE]: none })
    const going = startMain('events', '--json', '--drops', '100')
    await fake.hears(SUBSCRIBE)
    fake.event(b => b.u32(1, 7).string(2, 'sn0').u32(28, 6).u64(31, 1000n).u64(46, 5000n))
    await going.until(text => text.endsWith('\n'))
    const { stdout } = await going.end()
    const rest = { name: 'sn0', ifindex: 7, netns: null, dropped: 1000 }
    expect(JSON.parse(stdout)).toEqual({ event: 'drops', time: 5000, ...rest })
    expect(askedOf(fake)[0]!.attributes[30]).toEqual(Uint8Array.of(100, 0, 0, 0, 0, 0, 0, 0))
  })

  const up = (b: MessageBuilder) => void b.u32(1, 7).string(2, 'sn0').u32(28, 3)
  const farUp = (b: MessageBuilder) => void b.u32(1, 8).string(2, 'sn1').string(3, 'red').u32(28, 3)

  test('events IF prints only the events of the given interfaces', async () => {
    const fake = vnet({ [SUBSCRIBE]: none })
    const going = startMain('events', 'red/sn1')
    await fake.hears(SUBSCRIBE)
    fake.event(up)
    fake.event(farUp)
    await going.until(text => text.endsWith('\n'))
    expect(await going.end()).toEqual(ok('red/sn1: up\n'))
    expect(await runMain('events', 'nosuch')).toEqual(failed('no interface is called nosuch; there are sn0, red/sn1'))
  })

  test('events prints the events of a new vnet, even those before its first reply', async () => {
    const first = vnet({ [SUBSCRIBE]: none })
    const going = startMain('events')
    await first.hears(SUBSCRIBE)
    let late: FakeVnet | undefined
    const answers = {
      [SUBSCRIBE]: none,
      [GET_DEVICES]() {
        // A state that an event reports as well is printed once.
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

  test('events of a vnet that cannot list its interfaces are printed as they arrive', async () => {
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

  test('events continues while a new vnet replaces one that has ended', async () => {
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

  test('events ends when the user ends it, even if another vnet starts at that moment', async () => {
    let third: FakeVnet | undefined
    const first = vnet({
      [SUBSCRIBE](asked) {
        // A mask of 0 ends the subscription.
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

  test('lost events are reported by a line or an object', async () => {
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

  test('a vnet that refuses to send events is reported in one line, with exit status 1 if it is the only one', async () => {
    vnet({
      [SUBSCRIBE]() {
        throw new VnetError(EPERM, 'fake', 'not today')
      },
    })
    expect(await runMain('events')).toEqual({
      status: 1,
      stdout: '',
      stderr: expect.stringMatching(/^vnet: vnet \d+ \(sn0, red\/sn1\): operation not permitted; not today\n$/),
    })
  })

  test('events exits 0 when its output is closed, and 1 with a line on a defect', async () => {
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

  test('events ends with its vnet, with a line and exit status 1', async () => {
    const fake = vnet({ [SUBSCRIBE]: none })
    const going = startMain('events')
    await fake.hears(SUBSCRIBE)
    fake[Symbol.dispose]()
    vnets = []
    expect(await going.ended).toEqual(failed('no vnet is running any more'))
  })
})

describe('stats --watch', () => {
  let time = 1000n
  const stats = (b: MessageBuilder) => {
    sn0(b)
    time += 1000n
    b.u64(46, time)
      .nested(7, nest => nest.u64(1, 5n))
      .nested(8, nest => nest.u64(1, 5n))
  }

  test('stats --watch prints repeatedly, with the time and rates, until the user ends it', async () => {
    const fake = vnet({ [GET_STATS]: () => [stats] })
    const going = startMain('stats', 'sn0', '--watch', '5ms')
    const first = 'sn0           vnet  kernel\n  rx_packets     5       5\n'
    const rates =
      'interface  tx/s  tx bit/s  rx/s  rx bit/s  drop/s  dropped  held\nsn0           0         0     0         0       0              0\n'
    const next = `sn0           vnet  kernel  vnet/s\n  rx_packets     5       5       0\n\n${rates}`
    const timeless = (text: string) => text.replaceAll(/^1970-01-01T00:00:\d\d\.000Z\n/gm, '')
    await going.until(text => timeless(text).startsWith([first, next, next].join('\n')))
    expect(going.text.stdout).toMatch(/^1970-01-01T00:00:0\d\.000Z\nsn0 /)
    expect((await going.end()).status).toBe(0)
    expect(askedOf(fake).length).toBeGreaterThanOrEqual(3)
  })

  test('stats without names leaves out a vnet that ends meanwhile, and fails if none is left', async () => {
    const ends = () => {
      const fake = vnet({
        [GET_STATS]() {
          fake[Symbol.dispose]()
          return []
        },
      })
    }
    ends()
    expect(await runMain('stats')).toEqual(failed('no vnet is running any more'))
    ends()
    expect((await runMain('stats', 'sn0')).stderr).toBe('vnet: sn0: connection refused\n')
    ends()
    vnet({ [GET_STATS]: () => [stats] })
    const { status, stdout, stderr } = await runMain('stats', '--json')
    expect([status, stderr]).toEqual([0, ''])
    expect(JSON.parse(stdout).interfaces).toHaveLength(1)
  })

  test('stats reports every vnet that refuses, whether the others have ended or there is no other', async () => {
    const refusing = (reason: string) =>
      vnet({
        [GET_DEVICES]() {
          throw new VnetError(EPERM, 'fake', reason)
        },
      })
    for (const reason of ['not today', 'nor later']) refusing(reason)
    const lines = async () => (await runMain('stats')).stderr.match(/not today|nor later|.*any more/g)?.toSorted()
    expect(await lines()).toEqual(['nor later', 'not today'])
    const fake = vnet({
      [GET_STATS]() {
        fake[Symbol.dispose]()
        return []
      },
    })
    expect(await lines()).toEqual(['nor later', 'not today'])
  })

  test('stats --watch --json prints one line each time, with the time', async () => {
    vnet({ [GET_STATS]: () => [stats] })
    const going = startMain('stats', '--watch', '5ms', '--json')
    await going.until(text => text.split('\n').length > 3)
    const { status, stdout } = await going.end()
    expect(status).toBe(0)
    for (const line of stdout.trimEnd().split('\n')) {
      expect(JSON.parse(line)).toMatchObject({ event: 'statistics', interfaces: [{ time: expect.any(Number) }] })
    }
  })

  test('stats --watch exits 1 when the interface is deleted', async () => {
    let devices = [sn0, far]
    vnet({ [GET_DEVICES]: () => devices, [GET_STATS]: () => [stats] })
    const going = startMain('stats', 'sn0', '--watch', '5ms')
    await going.until(text => text.includes('rx_packets'))
    devices = [far]
    expect(await going.ended).toMatchObject({
      status: 1,
      stderr: 'vnet: no interface is called sn0; there is red/sn1\n',
    })
  })
})

describe('no vnet, or no such interface', () => {
  const commands = [
    ['show', 'sn0'],
    ['stats', 'sn0'],
    ['reset', 'sn0'],
    ['ioctl', 'sn0', '0'],
    ['cut', 'sn0'],
    ['plug', 'sn0'],
    ['carrier', 'sn0', 'on'],
    ['param', 'sn0'],
    ['trigger', 'sn0', 'lockup'],
  ]
  test.each([['list'], ['echo', 'x'], ['events'], ...commands].map(args => [args]))(
    'vnet %j reports that no vnet is running',
    async args => {
      expect(await runMain(...args)).toEqual(NOT_RUNNING)
    },
  )

  test('an interface that a vnet has just deleted, and that is still in its file, is not one that exists', async () => {
    vnet({ [GET_DEVICES]: none }, { interfaces: [{ name: 'sn0', ifindex: 7, inode: 1 }] })
    expect(await runMain('stats', 'sn0')).toEqual(NOT_RUNNING)
  })

  test.each(commands.map(args => [args]))('vnet %j reports the interfaces that exist', async args => {
    const fake = vnet({ [GET_DEVICES]: () => [far] })
    expect(await runMain(...args)).toEqual(failed('no interface is called sn0; there is red/sn1'))
    expect(askedOf(fake)).toEqual([])
  })

  test('a name of two interfaces means the one in the vnet’s own namespace, or else is refused', async () => {
    const e0 = (netns?: string) => (b: MessageBuilder) => {
      b.u32(1, 1).string(2, 'e0')
      if (netns !== undefined) b.string(3, netns)
    }
    let devices = [e0('red'), e0('blue')]
    const interfaces = [{ name: 'e0', ifindex: 1, netns: 'blue', inode: 1 }]
    const fake = vnet({ [GET_DEVICES]: () => devices, [RESET_STATS]: none }, { interfaces })
    expect(await runMain('reset', 'e0')).toEqual(failed('2 interfaces are called e0: red/e0, blue/e0'))
    expect(await runMain('reset', 'blue/e0')).toEqual(ok(''))
    devices = [e0('red'), e0()]
    expect(await runMain('reset', 'e0')).toEqual(ok(''))
    expect(askedOf(fake).map(({ attributes }) => attributes[3])).toEqual([nul('blue'), undefined])
  })
})

describe('options in front of the command', () => {
  test('options in front of a command are its own', async () => {
    vnet({ [GET_STATS]: () => [sn0] })
    for (const args of [['list'], ['show', 'sn0'], ['stats'], ['lan', 'show', 'sn0']]) {
      expect(await runMain('--json', ...args)).toEqual(await runMain(...args, '--json'))
    }
    expect(await runMain('lan', '--json', 'show')).toEqual(await runMain('lan', 'show', '--json'))
  })
})

test('the command proposed for another namespace has all arguments, quoted for a shell', async () => {
  vnet({}, { netns: 1, interfaces: [{ name: 'sn0', ifindex: 7, inode: 1 }] })
  const { stderr } = await runMain('--json', 'param', 'sn0', 'drop=RX CRC')
  expect(stderr).toMatch(/; for sn0: nsenter .*-n -t \d+ vnet --json param sn0 'drop=RX CRC'"}\n$/)
})

test('an ordinary user is refused the vnets of another user in one line', async () => {
  const geteuid = vi.spyOn(process, 'geteuid').mockReturnValue(1000)
  try {
    expect(await runMain('list', '--user', '1001')).toEqual({
      status: 2,
      stdout: '',
      stderr: 'vnet: --user 1001: only root may query the vnets of another user\n',
    })
    expect((await runMain('list', '--user', '1000')).stderr).not.toContain('only root')
  } finally {
    geteuid.mockRestore()
  }
})
