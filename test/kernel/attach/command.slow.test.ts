/** `vnet attach`: its options, and the commands that control it by the name of the interface. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import { eventLine } from '#src/cli/commands/events.ts'
import { ControlClient, type FoundDevice } from '#src/control/index.ts'
import { interfacesOf, makeVeth } from '#support/attach.ts'
import { freshQuietNamespaces } from '#support/fresh-namespaces.ts'
import { outcome } from '#support/netns.ts'
import { runMain } from '#support/run-main.ts'
import { pingWithoutLoss } from '#support/traffic.ts'
import {
  finalStatistics,
  finalWires,
  jsonLines,
  type Running,
  spawnVnet,
  startVnet,
} from '#support/vnet-process.ts'
import { shownDirections } from '#support/web/directions.ts'

const { near, far, directory } = freshQuietNamespaces('near', 'far')
let inner: string

beforeEach(() => {
  makeVeth(near, far)
  inner = `${near.name}/inner`
})

const start = (...args: string[]): Promise<Running> =>
  startVnet(['attach', inner, '--json', '--seed', '7', ...args])
const ping = () => pingWithoutLoss(far, '-c 1 192.0.2.1')

/** Runs a command that must succeed, and returns its output. */
async function done(...args: string[]): Promise<string> {
  const { status, stdout, stderr } = await runMain(...args)
  expect([status, stderr]).toEqual([0, ''])
  return stdout
}

/** The interfaces of all vnets. Other tests stop or kill theirs, which `vnet list` reports. */
async function listed(): Promise<FoundDevice[]> {
  return JSON.parse((await runMain('list', '--json')).stdout).interfaces
}

describe('a running attachment', () => {
  test('the line ready has the interface by its own name, index, address and MTU', async () => {
    const vnet = await start()
    const [{ ifindex, address, mtu }] = JSON.parse(near.ip('-j link show inner'))
    expect(vnet.interfaces()).toEqual([
      expect.objectContaining({
        name: 'inner',
        ifindex,
        mac: address,
        mtu,
        addresses: ['192.0.2.1/24'],
      }),
    ])
  })

  test('list, show, stats, wire and param know it by the name of the interface', async () => {
    await start('--wire', 'delay 1ms')
    await ping()
    expect(await listed()).toContainEqual(
      expect.objectContaining({ name: 'inner', netns: near.name, driver: 'attach', state: 'up' }),
    )
    expect(await done('show', inner)).toMatch(/^ {2}driver +attach$/m)
    expect(await done('wire', inner)).toMatch(
      /^\S+\/inner in \(ab\): delay 1ms\n\S+\/inner out \(ba\): delay 1ms\n.*\n {2}in delay .*\n {2}out delay /,
    )
    expect(
      jsonLines(await done('wire', inner, '--json')).map(({ side, direction }) => [
        side,
        direction,
      ]),
    ).toEqual([
      ['in', 'ab'],
      ['out', 'ba'],
    ])
    expect(JSON.parse(await done('stats', inner, '--json')).interfaces).toEqual([
      expect.objectContaining({
        name: 'inner',
        total: expect.objectContaining({ rxDropped: 0, txDropped: 0 }),
      }),
    ])
    expect(await done('param', inner, 'fail-open')).toBe('500ms\n')
  })

  test.each([
    [[], 'wire out (ba)', 'wire in (ab)'],
    [['--far-side'], 'wire in (ab)', 'wire out (ba)'],
  ])(
    'the page draws, counts and names its directions as `vnet wire` does, with %j',
    async (options, away, toward) => {
      // The commands below block this process for longer than it may be silent by default.
      await start('--wire', 'loss 0%', '--fail-open', '10min', ...options)
      near.ip('route add 224.0.0.0/4 dev inner')
      const twice = 'for i in 1 2; do echo > /dev/udp/224.0.0.9/9; done'
      expect(await outcome(near.spawn(['bash', '-c', twice]))).toMatchObject({
        status: 0,
        stderr: '',
      })
      await ping()
      using client = ControlClient.open()
      const { vnet } = (await listed()).find(({ netns }) => netns === near.name) as FoundDevice
      const { picture, table, command } = await shownDirections(client, vnet, inner)
      expect(picture).toEqual({ away: [away, table.tx], toward: [toward, table.rx] })
      expect(Object.fromEntries(command)).toEqual({
        [away.split(' ')[1]!]: table.tx,
        [toward.split(' ')[1]!]: table.rx,
      })
      expect(table.tx - table.rx).toBe(2)
    },
  )

  test('wire --wire-in and --wire-out replace the stages of received and transmitted frames', async () => {
    const vnet = await start('--wire-in', 'loss 0%')
    await done('wire', inner, '--wire-in', 'delay 1ms', '--wire-out', 'delay 2ms')
    await vnet.line(/wire out \(ba\): delay 2ms/)
    expect(await done('wire', inner)).toContain('inner in (ab): delay 1ms\n')
    await done('wire', inner, '--wire-ab', 'delay 3ms')
    expect(await done('wire', inner)).toContain('inner in (ab): delay 3ms\n')
  })

  test('an event of its wire says in and out', async () => {
    await start()
    using client = ControlClient.open()
    const device = (await listed()).find(({ netns }) => netns === near.name) as FoundDevice
    const lines = new Promise<string[]>(resolve => {
      const got: string[] = []
      void client
        .subscribe(device.vnet, event => got.push(eventLine(event)) === 2 && resolve(got))
        .then(async () => {
          await client.setWire(device.vnet, device, 'delay 1ms', { direction: 'ab' })
          await client.setWire(device.vnet, device, 'delay 2ms', { direction: 'ba' })
        })
    })
    expect(await lines).toEqual([
      expect.stringMatching(/\/inner: wire in \(ab\): delay 1ms$/),
      expect.stringMatching(/\/inner: wire out \(ba\): delay 2ms$/),
    ])
  })

  test('--wire-in of an interface that is not attached to are refused with a hint', async () => {
    await startVnet(['loop', '--name', 'lo7', '--netns', near.name, '--no-address'])
    const { status, stderr } = await runMain('wire', `${near.name}/lo7`, '--wire-in', 'loss 1%')
    expect([status, stderr]).toEqual([
      2,
      expect.stringContaining('lo7 is not an attachment: use --wire-ab and --wire-ba'),
    ])
  })

  test('cut drops the frames of both directions as CUT, and plug ends that', async () => {
    const vnet = await start()
    await ping()
    await done('cut', inner)
    expect(JSON.parse(await done('show', inner, '--json'))).toMatchObject({ state: 'cut' })
    await far.run('ping -c 1 -W 0.2 192.0.2.1')
    await expect.poll(() => done('stats', inner)).toMatch(/\bCUT\b/)
    await done('plug', inner)
    await ping()
    const { inner: statistics } = finalStatistics(await vnet.stop())
    expect(statistics!.drops.rx).toEqual({ CUT: expect.any(Number) })
  })

  test('carrier is refused with the command to use instead', async () => {
    await start()
    const { status, stderr } = await runMain('carrier', inner, 'off')
    expect([status, stderr]).toEqual([
      1,
      expect.stringMatching(/the carrier of an attached interface is its own;/),
    ])
  })

  test('a scenario names the directions in and out, and cuts both', async () => {
    const file = join(directory, 'link.yaml')
    writeFileSync(
      file,
      '- at: 0ms\n  wire-in: delay 1ms\n- at: 1ms\n  wire-out: loss 0%\n- at: 2ms\n  carrier: off\n',
    )
    const vnet = await start('--scenario', file)
    await vnet.line(/wire in \(ab\): delay 1ms/)
    await vnet.line(/wire out \(ba\): loss 0%/)
    await vnet.line(/cable cut \(scenario: carrier off\)/)
    expect(near.ip('link show inner')).toContain('LOWER_UP')
  })

  test('the log and the capture name a direction in both spellings', async () => {
    const [log, capture] = [join(directory, 'decisions'), join(directory, 'frames.pcapng')]
    const vnet = await start('--wire-in', 'loss 100%', '--log', log, '--capture', capture)
    await far.run('ping -c 1 -W 0.2 192.0.2.1')
    await expect
      .poll(async () => jsonLines(await done('wire', inner, '--json'))[0]?.in)
      .toBeGreaterThan(0)
    const ended = await vnet.stop()
    expect(finalWires(ended)).toEqual([
      expect.objectContaining({ side: 'in', direction: 'ab', stage: 'loss' }),
    ])
    expect(readFileSync(log, 'utf8')).toContain(
      '"direction":"ab","side":"in","stage":"wire","verdict":"set"',
    )
    expect(readFileSync(capture, 'latin1')).toContain('dropped: wire in (ab), stage 1 loss 100%')
  })

  test('--for ends it by itself, with success', async () => {
    const vnet = await start('--for', '50ms')
    const { status } = await vnet.ended
    expect([status, interfacesOf(near)]).toEqual([0, ['inner']])
  })

  test('an interface that is deleted ends the program with a failure and one line', async () => {
    const vnet = await start()
    near.ip('link delete inner')
    const { status, stdout, stderr } = await vnet.ended
    expect([status, stderr]).toEqual([1, 'vnet: the last attachment ended, exiting\n'])
    expect(jsonLines(stdout).filter(({ level }) => level === 'warning')).toHaveLength(1)
  })

  test('several interfaces have an attachment each, and one that ends leaves the others', async () => {
    near.ip('link add second type bridge', 'link set second up')
    const vnet = await startVnet([
      'attach',
      inner,
      `${near.name}/second`,
      '--json',
      '--wire',
      'loss 0%',
    ])
    expect(vnet.interfaces().map(({ name }) => name)).toEqual(['inner', 'second'])
    near.ip('link delete second')
    await vnet.line(/second: the interface was brought down, moved or deleted/)
    await ping()
    expect((await vnet.stop()).status).toBe(0)
  })

  test('after ready it holds CAP_NET_ADMIN, CAP_SYS_ADMIN for another namespace, CAP_BPF for a filter', async () => {
    const inside = ['ip', 'netns', 'exec', near.name]
    for (const [args, within, capabilities] of [
      [[inner], [], (1n << 12n) | (1n << 21n)],
      [['inner'], inside, 1n << 12n],
      [['inner', '--only', ''], inside, (1n << 12n) | (1n << 39n)],
      [['inner', '--wire', "match 'icmp' ( loss 0% )"], inside, (1n << 12n) | (1n << 39n)],
    ] as const) {
      const vnet = await spawnVnet(['attach', ...args], { within })
      const status = readFileSync(`/proc/${vnet.pid}/status`, 'utf8')
      for (const set of ['CapPrm', 'CapEff', 'CapBnd']) {
        expect(BigInt(`0x${new RegExp(`${set}:\\s*(\\w+)`).exec(status)?.[1]}`)).toBe(capabilities)
      }
      await ping()
      await vnet.stop()
    }
  })

  test('a note says that the default route of this machine leads through the interface', async () => {
    near.ip('route add default via 192.0.2.2')
    const within = ['ip', 'netns', 'exec', near.name]
    const vnet = await spawnVnet(['attach', 'inner', '--json'], { within })
    await vnet.line(/inner: the default route leads here/)
  })

  test('no such note is about the default route of another namespace', async () => {
    near.ip('route add default via 192.0.2.2')
    const vnet = await start()
    await ping()
    const { stdout, stderr } = await vnet.stop()
    expect(stdout + stderr).not.toContain('default route')
  })
})

describe('a filter', () => {
  /** The lines about one direction. */
  const shown = (text: string, side: 'in' | 'out') =>
    new RegExp(`inner ${side} .*\\n {2}(only .*)\\n`).exec(text)?.[1]

  test.each([
    [[], 1, 2],
    [['--far-side'], 2, 1],
  ])(
    '--only decides with %j which frames pass the wire, and `vnet wire` counts the others',
    async (more, into, out) => {
      const vnet = await start(
        '--only',
        'icmp',
        '--wire',
        'loss 0%',
        '--fail-open',
        '10min',
        ...more,
      )
      await vnet.line(/only frames of 'icmp' pass the wire; the kernel passes the others on/)
      near.ip('neigh replace 192.0.2.2 lladdr 02:00:00:00:00:02 dev inner')
      const send = async (netns: typeof near, count: number) => {
        const to = `/dev/udp/192.0.2.${netns === near ? 2 : 1}/9`
        const each = `for ((i = 0; i < ${count}; i++)); do echo > ${to}; done`
        expect(await outcome(netns.spawn(['bash', '-c', each]))).toMatchObject({ status: 0 })
      }
      far.ip(
        `neigh replace 192.0.2.1 lladdr ${JSON.parse(near.ip('-j link show inner'))[0].address} dev outer`,
      )
      await send(far, 1)
      await send(near, 2)
      const counts = async () => {
        const text = await done('wire', inner)
        return [shown(text, 'in'), shown(text, 'out')]
      }
      await expect
        .poll(counts)
        .toEqual([
          `only 'icmp'; passed in the kernel: ${into} frames`,
          `only 'icmp'; passed in the kernel: ${out} frames`,
        ])
      expect(jsonLines(await done('wire', inner, '--json'))).toEqual([
        expect.objectContaining({ side: 'in', only: 'icmp', passed: into }),
        expect.objectContaining({ side: 'out', only: 'icmp', passed: out }),
      ])
      await done('wire', inner, '--only', 'udp or tcp port 80')
      await send(near, 3)
      // With the ICMP error about the packet from the other side.
      const entered = async () =>
        jsonLines(await done('wire', inner, '--json')).map(each => [each.in, each.passed])
      await expect.poll(entered).toContainEqual([4, 2])
      expect(await done('wire', inner)).toContain(
        "inner in (ab): loss 0%\n  only 'udp or tcp port 80'; ",
      )
      await done('wire', inner, 'loss 1%', '--only', '')
      expect(await done('wire', inner)).toMatch(
        /inner in \(ab\): loss 1%\n\S+ out \(ba\): loss 1%\n/,
      )
    },
  )

  test("with --only '' all frames pass the wire, and the filter may change", async () => {
    const within = ['ip', 'netns', 'exec', near.name]
    await spawnVnet(['attach', 'inner', '--only', '', '--wire', 'loss 0%'], { within })
    const command = [process.execPath, 'dist/vnet.js', 'wire', 'inner', '--only', 'udp port 53']
    expect(await outcome(near.spawn(command))).toMatchObject({ status: 0, stderr: '' })
    const shown = await outcome(near.spawn([process.execPath, 'dist/vnet.js', 'list']))
    expect(shown.stdout).toMatch(/inner +attach .* loss 0%, only 'udp port 53'$/m)
  })

  test('without --only it does not change, for a reason that is given', async () => {
    // CAP_SYS_ADMIN, for another namespace, would do too.
    const within = ['ip', 'netns', 'exec', near.name]
    const vnet = await spawnVnet(['attach', 'inner', '--json', '--wire', 'loss 0%'], { within })
    const wire = (...args: string[]) =>
      outcome(near.spawn([process.execPath, 'dist/vnet.js', 'wire', 'inner', ...args]))
    expect(await wire('--only', 'icmp')).toMatchObject({
      status: 1,
      stdout: '',
      stderr: expect.stringContaining(
        "its filter cannot change now, because vnet gave up CAP_BPF when it was ready: attach with --only, or --only ''",
      ),
    })
    await vnet.line(
      /inner: takes no filter while it runs: for `vnet wire --only` later, attach with --only ''/,
    )
    expect(await wire("match 'icmp' ( delay 1ms )")).toMatchObject({ status: 0 })
    await vnet.line(/all frames pass the wire: its filter cannot change now/)
    expect((await wire()).stdout).not.toContain('only')
    await ping()
  })

  test('a mistake in it is one line, before anything is attached', async () => {
    const { status, stderr } = await runMain('attach', inner, '--only', 'tcp prt 80')
    expect([status, stderr.trimEnd().split('\n')]).toEqual([
      2,
      [expect.stringContaining("filter 'tcp prt 80': ")],
    ])
    expect(interfacesOf(near)).toEqual(['inner'])
  })

  test('the interface of another driver has none', async () => {
    await startVnet(['cable', `${near.name}/a7`, `${near.name}/b7`, '--no-address'])
    const { status, stderr } = await runMain('wire', `${near.name}/a7`, '--only', 'arp')
    expect([status, stderr]).toEqual([
      1,
      expect.stringContaining('only attachments have a filter in the kernel'),
    ])
  })

  test('frames pass directly after kill -9', async () => {
    const vnet = await spawnVnet(['attach', inner, '--only', 'icmp', '--wire', 'loss 100%'])
    expect((await far.run('ping -q -c 1 -W 0.2 192.0.2.1')).status).not.toBe(0)
    process.kill(vnet.pid, 'SIGKILL')
    await expect.poll(() => interfacesOf(near)).toEqual(['inner'])
    await ping()
  })
})

describe('wrong use', () => {
  test.each([
    [[], 2, 'attach takes the interfaces to attach to: attach [NETNS/]IF...'],
    [['nosuch'], 1, 'attach nosuch: there is no such interface; `ip link` lists them\n'],
    [['lo', 'lo'], 2, 'attach: lo is named twice'],
    [['lo', '--wire-ab', 'loss 1%'], 2, "unknown option '--wire-ab'"],
    [['lo', '--fail-open', '1ms'], 2, "--fail-open 1ms: '1ms' is not from 20ms to 1h"],
    [['lo', '--mtu', '9000'], 2, "unknown option '--mtu'"],
    [['lo', '--persist'], 2, "unknown option '--persist'"],
  ])('vnet attach %j is refused in one line', async (args, expected, why) => {
    const { status, stdout, stderr } = await runMain('attach', ...args)
    expect([status, stdout]).toEqual([expected, ''])
    expect(stderr).toContain(`vnet: ${why}`)
    expect(stderr.trimEnd().split('\n')).toHaveLength(1)
  })

  test('a second run on the interface is refused with the process id of the first', async () => {
    const vnet = await start()
    const { status, stderr } = await runMain('attach', inner)
    expect([status, stderr]).toEqual([
      1,
      `vnet: attach ${inner}: process ${vnet.pid} is attached to it\n`,
    ])
  })

  test('wire-in in the scenario of a cable is refused with the names to use', async () => {
    const file = join(directory, 'link.yaml')
    writeFileSync(file, '- at: 0ms\n  wire-in: loss 1%\n')
    const { status, stderr } = await runMain(
      'cable',
      `${near.name}/a`,
      `${far.name}/b`,
      '--scenario',
      file,
    )
    expect([status, stderr]).toEqual([
      2,
      `vnet: ${file}: only attachments have wire-in and wire-out: write wire-ab and wire-ba\n`,
    ])
  })

  test('a process without rights is refused in one line', async () => {
    const { status, stdout, stderr } = await near.run(
      `setpriv --reuid 65534 --regid 65534 --clear-groups ${process.execPath} dist/vnet.js attach inner`,
    )
    expect([status, stdout]).toEqual([1, ''])
    expect(stderr.trimEnd().split('\n')).toEqual([
      expect.stringMatching(/eBPF: operation not permitted; CAP_BPF and CAP_NET_ADMIN are needed/),
    ])
    expect(interfacesOf(near)).toEqual(['inner'])
  })
})
