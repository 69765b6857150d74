/** `vnet lan show`: what it prints of the segments of served vnets, and its command line. */
import { afterEach, describe, expect, test, vi } from 'vitest'
import { ECONNREFUSED, EPERM, VnetError } from '#src/base/errno.ts'
import { ControlClient, type SegmentEntryKind } from '#src/control/index.ts'
import type { SegmentEntry } from '#src/control/protocol/segment-entry.ts'
import { driver as cable } from '#src/drivers/cable.ts'
import { servedNets } from '#support/served-nets.ts'

const { serve, runMain } = servedNets()
afterEach(() => vi.restoreAllMocks())

const MAC = Uint8Array.of(2, 0x4c, 0x4e, 18, 0, 1)
const CLIENT = Uint8Array.of(2, 0, 0, 0, 0, 9)
const ip = (last: number) => Uint8Array.of(198, 18, 0, last)
const LINK_LOCAL = Uint8Array.of(0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0x4c, 0x4e, 0xff, 0xfe, 18, 0, 1)
const host = (
  name: string | undefined,
  mac: Uint8Array,
  addresses: readonly Uint8Array[],
  router = false,
) => ({ kind: 'host', name, mac, addresses, router }) as const
const counter = (group: 'frames' | 'dropped' | 'answered', name: string, value: number) =>
  ({ kind: 'counter', group, name, value }) as const
const lease = { kind: 'lease', clientId: undefined, hostname: undefined } as const

const SEGMENT: readonly SegmentEntry[] = [
  host('gateway', MAC, [ip(1), LINK_LOCAL], true),
  host(undefined, CLIENT, [ip(7)]),
  {
    ...lease,
    address: ip(100),
    mac: '02:00:00:00:00:09',
    clientId: '01:02',
    hostname: 'laptop',
    expires: Number.POSITIVE_INFINITY,
  },
  { ...lease, address: ip(101), mac: '02:00:00:00:00:0a', expires: 1_795_197_600_000 },
  { kind: 'neighbour', address: ip(100), mac: CLIENT },
  { kind: 'station', name: 'eth9', mac: CLIENT },
  { kind: 'station', name: 'eth8', mac: undefined },
  counter('frames', 'in', 12),
  counter('frames', 'held', 0),
  counter('answered', 'arp', 3),
  counter('answered', 'echo', 0),
]

/** A vnet with this segment; null for none. Returns a spy that is called with requested kinds. */
async function vnet(entries: readonly SegmentEntry[] | null = [], args = ['eth9', 'red/eth8']) {
  const segment = vi.fn((kinds: ReadonlySet<SegmentEntryKind>) =>
    (entries ?? []).filter(({ kind }) => kinds.has(kind)),
  )
  await serve(entries === null ? cable : { ...cable, segment }, args)
  return segment
}
const client = ControlClient.prototype
const refuse = (errno: number) => new VnetError(errno, 'fake', 'not here')

describe('the output', () => {
  test('vnet lan show prints the length of each list and a table for each part', async () => {
    await vnet(SEGMENT)
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
    await vnet([...many, ...SEGMENT])
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
    await vnet(SEGMENT)
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

  test.each<[string[], SegmentEntryKind[], string[]]>([
    [
      [],
      ['host', 'lease', 'neighbour', 'station', 'counter'],
      ['hosts', 'leases', 'neighbours', 'stations', 'counters'],
    ],
    [['--hosts'], ['host'], ['hosts']],
    [
      ['--neighbours', '--leases'],
      ['lease', 'neighbour'],
      ['leases', 'neighbours'],
    ],
    [['--stations'], ['station'], ['stations']],
    [['--counters'], ['counter'], ['counters']],
  ])(
    'the options %j request the kinds %j and print the parts %j',
    async (options, kinds, parts) => {
      const segment = await vnet(SEGMENT)
      const { stdout } = await runMain('lan', 'show', '--json', ...options)
      expect(segment.mock.calls.map(([asked]) => [...asked].toSorted())).toEqual([kinds.toSorted()])
      expect(Object.keys(JSON.parse(stdout).segments[0])).toEqual(['interfaces', ...parts])
    },
  )

  test('an option prints its part only', async () => {
    await vnet(SEGMENT.slice(0, 1))
    const { stdout } = await runMain('lan', 'show', '--hosts')
    expect(stdout).toBe(
      'eth9 red/eth8\nhosts 1\n\nhost     mac                addresses\ngateway  02:4c:4e:12:00:01  198.18.0.1\n',
    )
  })

  test('a lease never expires if its end does not fit a Date', async () => {
    await vnet([{ ...lease, address: ip(1), mac: '', expires: 2 ** 63 }])
    expect((await runMain('lan', 'show', '--leases')).stdout).toMatch(/^198\.18\.0\.1 .* never$/m)
  })
})

describe('the vnets that are asked', () => {
  const EMPTY = 'eth9 red/eth8\nhosts 0\n\nhost  mac  addresses\n'

  test('NETNS/IF requests the segment of that interface', async () => {
    await vnet()
    const segment = vi.spyOn(client, 'segment')
    expect((await runMain('lan', 'show', 'red/eth8')).status).toBe(0)
    expect(segment.mock.calls.map(([, device]) => device)).toMatchObject([
      { name: 'eth8', netns: 'red' },
    ])
  })

  test('without an interface, each vnet with a segment is shown once', async () => {
    const segments = [await vnet(), await vnet(null, ['a', 'b']), await vnet([], ['eth3', 'eth4'])]
    const { status, stdout } = await runMain('lan', 'show', '--hosts')
    const other = EMPTY.replace('eth9 red/eth8', 'eth3 eth4')
    // Vnets of one process are found in any order.
    expect([status, [`${EMPTY}\n${other}`, `${other}\n${EMPTY}`]]).toEqual([
      0,
      expect.arrayContaining([stdout]),
    ])
    expect(segments.map(segment => segment.mock.calls.length)).toEqual([1, 0, 1])
  })

  test('without any segment, one line is printed and the status is 1', async () => {
    await vnet(null)
    const line = 'no vnet here has a segment behind its interfaces: `vnet lan` makes one'
    expect(await runMain('lan', 'show')).toEqual({
      status: 1,
      stdout: '',
      stderr: `vnet: ${line}\n`,
    })
    const error = `${JSON.stringify({ event: 'error', error: line })}\n`
    expect(await runMain('lan', 'show', '--json')).toEqual({ status: 1, stdout: '', stderr: error })
    const { status, stderr } = await runMain('lan', 'show', 'eth9')
    expect([status, stderr]).toEqual([1, 'vnet: cable has no segment behind its devices\n'])
  })

  test('a vnet that fails is one line and status 1, after the segments of the others', async () => {
    for (const _ of [1, 2]) {
      await vnet()
    }
    vi.spyOn(client, 'devices').mockRejectedValueOnce(refuse(EPERM))
    const { status, stdout, stderr } = await runMain('lan', 'show', '--hosts')
    expect([status, stdout]).toEqual([1, EMPTY])
    expect(stderr).toMatch(
      /^vnet: vnet \d+ \(eth9, red\/eth8\): operation not permitted; not here\n$/,
    )
  })

  test('a vnet that ends meanwhile is left out', async () => {
    for (const _ of [1, 2]) {
      await vnet()
    }
    vi.spyOn(client, 'segment').mockRejectedValueOnce(refuse(ECONNREFUSED))
    expect(await runMain('lan', 'show', '--hosts')).toEqual({
      status: 0,
      stdout: EMPTY,
      stderr: '',
    })
  })

  test('if the only vnet refuses, one line is printed and the status is 1', async () => {
    await vnet()
    vi.spyOn(client, 'segment').mockRejectedValue(refuse(EPERM))
    const { status, stdout, stderr } = await runMain('lan', 'show', '--json')
    expect([status, stdout, JSON.parse(stderr)]).toEqual([
      1,
      '',
      { event: 'error', error: expect.stringMatching(/not here$/) },
    ])
  })

  test('an unknown interface, and no running vnet, are one line each', async () => {
    const failed = (line: string) => ({ status: 1, stdout: '', stderr: `vnet: ${line}\n` })
    expect(await runMain('lan', 'show')).toEqual(
      failed('no vnet is running in this network namespace'),
    )
    await vnet()
    const line = 'no interface is called eth7; there are eth9, red/eth8'
    expect(await runMain('lan', 'show', 'eth7')).toEqual(failed(line))
  })
})

describe('the command', () => {
  test.each([
    [
      ['lan', 'show', 'a', 'b'],
      "show takes at most 1 argument, but got 'b' (see vnet lan show --help)",
    ],
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
    for (const option of [
      '--hosts',
      '--leases',
      '--neighbours',
      '--stations',
      '--counters',
      '--json',
    ]) {
      expect(help.stdout).toContain(`  ${option} `)
    }
    expect(await runMain('help', 'lan', 'show')).toEqual(help)
    const [program, driver] = [await runMain('help', '--all'), await runMain('lan', '--help')]
    expect(program.stdout).toMatch(/^ {2}lan show \[\[NETNS\/\]IF\] +hosts, leases/m)
    expect(driver.stdout).toMatch(/^Usage: vnet lan \[OPTIONS\] \[\[NETNS\/\]IF \.\.\.\]\n/)
    expect(driver.stdout).toMatch(/^Commands:\n {2}show /m)
    for (const { stdout } of [help, program, driver]) {
      for (const line of stdout.split('\n')) {
        expect(line.length, line).toBeLessThanOrEqual(80)
      }
    }
  })
})
