/** `vnet lan show`: its requests, what it prints of the replies, and its command line. */
import { describe, expect, test } from 'vitest'
import { EOPNOTSUPP, EPERM, VnetError } from '../../../../src/base/errno.ts'
import type { MessageBuilder } from '../../../../src/netlink/index.ts'
import { endedAfterEach } from '../../../../test/support/ends.ts'
import { type Answers, type FakeOptions, FakeVnet } from '../../../../test/support/fake-vnet.ts'
import { freshDirectory } from '../../../../test/support/fresh-directory.ts'
import { mainIn } from '../../../../test/support/run-main.ts'

const directory = freshDirectory()
const { runMain } = mainIn(directory)

const [GET_DEVICES, GET_SEGMENT] = [2, 13]
const MAC = Uint8Array.of(2, 0x4c, 0x4e, 18, 0, 1)
const CLIENT = Uint8Array.of(2, 0, 0, 0, 0, 9)
const ip = (last: number) => Uint8Array.of(198, 18, 0, last)
const LINK_LOCAL = Uint8Array.of(0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0x4c, 0x4e, 0xff, 0xfe, 18, 0, 1)
const u32 = (n: number) => new Uint8Array(Uint32Array.of(n).buffer)
const nul = (text: string) => new TextEncoder().encode(`${text}\0`)

type Write = (builder: MessageBuilder) => void
const eth9: Write = b => b.u32(1, 7).string(2, 'eth9')
const far: Write = b => b.u32(1, 8).string(2, 'eth8').string(3, 'red')

const host =
  (name: string | undefined, mac: Uint8Array, addresses: readonly Uint8Array[], router = false): Write =>
  b =>
    b.nested(41, set => {
      if (name !== undefined) set.string(1, name)
      set.binary(2, mac).nested(3, list => {
        for (const [i, address] of addresses.entries()) list.nested(i + 1, one => one.binary(1, address))
      })
      if (router) set.flag(4)
    })
const counter =
  (group: number, name: string, value: number): Write =>
  b =>
    b.nested(45, set => set.u32(1, group).string(2, name).u64(3, BigInt(value)))

const SEGMENT: readonly Write[] = [
  host('gateway', MAC, [ip(1), LINK_LOCAL], true),
  host(undefined, CLIENT, [ip(7)]),
  b =>
    b.nested(42, set => set.binary(1, ip(100)).string(2, '02:00:00:00:00:09').string(3, '01:02').string(4, 'laptop')),
  b => b.nested(42, set => set.binary(1, ip(101)).string(2, '02:00:00:00:00:0a').u64(5, 1_795_197_600_000n)),
  b => b.nested(43, set => set.binary(1, ip(100)).binary(2, CLIENT)),
  b => b.nested(44, set => set.string(1, 'eth9').binary(2, CLIENT)),
  b => b.nested(44, set => set.string(1, 'eth8')),
  counter(0, 'in', 12),
  counter(0, 'held', 0),
  counter(2, 'arp', 3),
  counter(2, 'echo', 0),
]

const USUAL: FakeOptions = {
  interfaces: [
    { name: 'eth9', ifindex: 7, inode: 1 },
    { name: 'eth8', ifindex: 8, netns: 'red', inode: 1 },
  ],
}

const vnets = endedAfterEach<FakeVnet>()

function vnet(answers: Answers, options: FakeOptions = USUAL): FakeVnet {
  const made = new FakeVnet(directory, { [GET_DEVICES]: () => [eth9, far], ...answers }, options)
  vnets.push(made)
  return made
}

const refuse = (errno: number) => () => {
  throw new VnetError(errno, 'fake', 'not here')
}
const askedOf = ({ asked }: FakeVnet) => asked.filter(({ cmd }) => cmd === GET_SEGMENT)

describe('the output', () => {
  test('vnet lan show prints the length of each list and a table for each part', async () => {
    vnet({ [GET_SEGMENT]: () => SEGMENT })
    const { status, stdout, stderr } = await runMain('lan', 'show')
    expect([status, stderr]).toEqual([0, ''])
    expect(stdout.split('\n')).toEqual([
      'eth9 red/eth8',
      'hosts 2, leases 2, neighbours 1, stations 2',
      '',
      'host     mac                addresses',
      'gateway  02:4c:4e:12:00:01  198.18.0.1',
      '-        02:00:00:00:00:09  198.18.0.7',
      '',
      'lease         mac                name    expires',
      '198.18.0.100  02:00:00:00:00:09  laptop  never',
      '198.18.0.101  02:00:00:00:00:0a  -       2026-11-20T18:00:00Z',
      '',
      'neighbour     mac',
      '198.18.0.100  02:00:00:00:00:09',
      '',
      'station  mac',
      'eth9     02:00:00:00:00:09',
      'eth8     -',
      '',
      'frames    in 12, held 0',
      'dropped   -',
      'answered  arp 3',
      '',
    ])
  })

  test('lists are cut after 20 rows, unless their option is given', async () => {
    const many = Array.from({ length: 1000 }, (_, i) =>
      host(`node${i}`, CLIENT, [Uint8Array.of(198, 18, i >> 8, i & 255)]),
    )
    vnet({ [GET_SEGMENT]: () => [...many, ...SEGMENT] })
    const lines = (await runMain('lan', 'show')).stdout.split('\n')
    expect(lines.slice(1, 5)).toEqual([
      'hosts 1002, leases 2, neighbours 1, stations 2',
      '',
      'host    mac                addresses',
      'node0   02:00:00:00:00:09  198.18.0.0',
    ])
    expect(lines.slice(23, 27)).toEqual([
      'node19  02:00:00:00:00:09  198.18.0.19',
      '... 982 more (--hosts shows all)',
      '',
      'lease         mac                name    expires',
    ])
    const all = (await runMain('lan', 'show', '--hosts')).stdout
    expect([all.split('\n').length, all.includes('more')]).toEqual([4 + 1002 + 1, false])
    const { segments } = JSON.parse((await runMain('lan', 'show', '--json')).stdout)
    expect(segments[0].hosts).toHaveLength(1002)
  })

  test('lan show --json prints one object, with null for missing values', async () => {
    vnet({ [GET_SEGMENT]: () => SEGMENT })
    const { stdout } = await runMain('lan', 'show', 'eth9', '--json')
    expect(stdout.match(/\n/g)).toHaveLength(1)
    expect(JSON.parse(stdout)).toEqual({
      event: 'lan',
      segments: [
        {
          interfaces: ['eth9', 'red/eth8'],
          hosts: [
            {
              name: 'gateway',
              mac: '02:4c:4e:12:00:01',
              router: true,
              addresses: ['198.18.0.1', 'fe80::4c:4eff:fe12:1'],
            },
            { name: null, mac: '02:00:00:00:00:09', addresses: ['198.18.0.7'], router: false },
          ],
          leases: [
            {
              address: '198.18.0.100',
              mac: '02:00:00:00:00:09',
              clientId: '01:02',
              hostname: 'laptop',
              expires: null,
            },
            {
              address: '198.18.0.101',
              mac: '02:00:00:00:00:0a',
              clientId: null,
              hostname: null,
              expires: '2026-11-20T18:00:00Z',
            },
          ],
          neighbours: [{ address: '198.18.0.100', mac: '02:00:00:00:00:09' }],
          stations: [
            { name: 'eth9', mac: '02:00:00:00:00:09' },
            { name: 'eth8', mac: null },
          ],
          counters: { frames: { in: 12, held: 0 }, dropped: {}, answered: { arp: 3, echo: 0 } },
        },
      ],
    })
  })

  test.each([
    [[], 31, ['hosts', 'leases', 'neighbours', 'stations', 'counters']],
    [['--hosts'], 1, ['hosts']],
    [['--neighbours', '--leases'], 6, ['leases', 'neighbours']],
    [['--stations'], 8, ['stations']],
    [['--counters'], 16, ['counters']],
  ])('the options %j request the mask %i and print the parts %j', async (options, mask, parts) => {
    const fake = vnet({ [GET_SEGMENT]: () => [] })
    const { stdout } = await runMain('lan', 'show', '--json', ...options)
    expect(askedOf(fake)).toEqual([
      { cmd: GET_SEGMENT, dump: true, attributes: { 1: u32(7), 2: nul('eth9'), 40: u32(mask) } },
    ])
    expect(Object.keys(JSON.parse(stdout).segments[0])).toEqual(['interfaces', ...parts])
  })

  test('an option prints its part only', async () => {
    vnet({ [GET_SEGMENT]: () => SEGMENT.slice(0, 1) })
    const { stdout } = await runMain('lan', 'show', '--hosts')
    expect(stdout).toBe(
      'eth9 red/eth8\nhosts 1\n\nhost     mac                addresses\ngateway  02:4c:4e:12:00:01  198.18.0.1\n',
    )
  })

  test('a lease never expires if its end does not fit a Date', async () => {
    vnet({
      [GET_SEGMENT]: () => [
        b =>
          b.nested(42, set =>
            set
              .binary(1, ip(1))
              .string(2, '')
              .u64(5, 2n ** 64n - 1n),
          ),
      ],
    })
    expect((await runMain('lan', 'show', '--leases')).stdout).toMatch(/^198\.18\.0\.1 .* never$/m)
  })
})

describe('the vnets that are asked', () => {
  test('NETNS/IF requests the segment of that interface', async () => {
    const fake = vnet({ [GET_SEGMENT]: () => [] })
    expect((await runMain('lan', 'show', 'red/eth8')).status).toBe(0)
    expect(askedOf(fake)[0]?.attributes).toEqual({ 1: u32(8), 2: nul('eth8'), 3: nul('red'), 40: u32(31) })
  })

  test('without an interface, each vnet with a segment is shown once', async () => {
    const fakes = [
      vnet({ [GET_SEGMENT]: () => [] }),
      vnet(
        { [GET_SEGMENT]: refuse(EOPNOTSUPP), [GET_DEVICES]: () => [b => b.u32(1, 9).string(2, 'sn0')] },
        { interfaces: [] },
      ),
      vnet({ [GET_SEGMENT]: () => [], [GET_DEVICES]: () => [b => b.u32(1, 5).string(2, 'eth3')] }),
    ]
    const { status, stdout } = await runMain('lan', 'show', '--hosts')
    expect([status, stdout]).toEqual([
      0,
      'eth9 red/eth8\nhosts 0\n\nhost  mac  addresses\n\neth3\nhosts 0\n\nhost  mac  addresses\n',
    ])
    expect(fakes.map(fake => askedOf(fake).length)).toEqual([1, 1, 1])
  })

  test('without any segment, one line is printed and the status is 1', async () => {
    vnet({ [GET_SEGMENT]: refuse(EOPNOTSUPP) })
    const line = 'vnet: no vnet here has a segment behind its interfaces: `vnet lan` makes one\n'
    expect(await runMain('lan', 'show')).toEqual({ status: 1, stdout: '', stderr: line })
    const error = `${JSON.stringify({ event: 'error', error: line.slice(6, -1) })}\n`
    expect(await runMain('lan', 'show', '--json')).toEqual({ status: 1, stdout: '', stderr: error })
    const { status, stderr } = await runMain('lan', 'show', 'eth9')
    expect([status, stderr]).toEqual([1, 'vnet: not here\n'])
  })

  test('a vnet that fails is one line and status 1, after the segments of the others', async () => {
    vnet({ [GET_SEGMENT]: () => [] })
    vnet({ [GET_DEVICES]: refuse(EPERM) })
    const { status, stdout, stderr } = await runMain('lan', 'show', '--hosts')
    expect([status, stdout]).toEqual([1, 'eth9 red/eth8\nhosts 0\n\nhost  mac  addresses\n'])
    expect(stderr).toMatch(/^vnet: vnet \d+ \(eth9, red\/eth8\): operation not permitted; not here\n$/)
  })

  test('a vnet that ends meanwhile is left out', async () => {
    const fake = vnet({
      [GET_SEGMENT]() {
        fake[Symbol.dispose]()
        return []
      },
    })
    vnet({ [GET_SEGMENT]: () => [] })
    const { status, stderr } = await runMain('lan', 'show', '--hosts')
    expect([status, stderr]).toEqual([0, ''])
  })

  test('if the only vnet refuses, one line is printed and the status is 1', async () => {
    vnet({ [GET_SEGMENT]: refuse(EPERM) })
    const { status, stdout, stderr } = await runMain('lan', 'show', '--json')
    expect([status, stdout, stderr]).toEqual([1, '', '{"event":"error","error":"not here"}\n'])
  })

  test('an unknown interface, and no running vnet, are one line each', async () => {
    const { status, stderr } = await runMain('lan', 'show')
    expect([status, stderr]).toEqual([1, 'vnet: no vnet is running in this network namespace\n'])
    vnet({})
    const unknown = await runMain('lan', 'show', 'eth7')
    expect([unknown.status, unknown.stderr]).toEqual([
      1,
      'vnet: no interface is called eth7; there are eth9, red/eth8\n',
    ])
  })
})

describe('the command', () => {
  test.each([
    [['lan', 'show', 'a', 'b'], "show takes at most 1 argument, but got 'b' (see vnet lan show --help)"],
    [['lan', 'show', 'red/'], "'red/' is not [NETNS/]IF: a part is missing"],
    [['lan', 'show', '--mtu', '9000'], "unknown option '--mtu' (see vnet lan show --help)"],
    [['lan', 'eth9', 'show'], 'the command comes first: vnet lan show [OPTIONS]'],
    [['--mtu', '9000', 'lan', 'show'], "unknown option '--mtu' (see vnet lan show --help)"],
  ])('vnet %j is rejected', async (args, message) => {
    expect(await runMain(...args)).toEqual({ status: 2, stdout: '', stderr: `vnet: ${message}\n` })
  })

  test('the help texts of vnet and `vnet lan` mention `lan show`, and none is wider than 80 columns', async () => {
    const help = await runMain('lan', 'show', '--help')
    expect(help.stdout).toMatch(/^Usage: vnet lan show \[OPTIONS\] \[\[NETNS\/\]IF\]\n/)
    for (const option of ['--hosts', '--leases', '--neighbours', '--stations', '--counters', '--json'])
      expect(help.stdout).toContain(`  ${option} `)
    expect(await runMain('help', 'lan', 'show')).toEqual(help)
    const [program, driver] = [await runMain('help', '--all'), await runMain('lan', '--help')]
    expect(program.stdout).toMatch(/^ {2}lan show \[\[NETNS\/\]IF\] +hosts, leases/m)
    expect(driver.stdout).toMatch(/^Usage: vnet lan \[OPTIONS\] \[\[NETNS\/\]IF \.\.\.\]\n/)
    expect(driver.stdout).toMatch(/^Commands:\n {2}show /m)
    for (const { stdout } of [help, program, driver])
      for (const line of stdout.split('\n')) expect(line.length, line).toBeLessThanOrEqual(80)
  })
})
