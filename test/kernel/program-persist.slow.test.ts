/** Persistent interfaces: what --persist keeps, and which users may attach again. */
import { describe, expect, test } from 'vitest'
import { freshNamespaces } from '#support/fresh-namespaces.ts'
import { asNobodyIn, NOBODY } from '#support/privileges.ts'
import { runMain } from '#support/run-main.ts'
import { pingOnce } from '#support/traffic.ts'
import {
  type Ended,
  type ReadyInterface,
  spawnVnet,
  startVnet,
  stopConserved,
} from '#support/vnet-process.ts'

const { netns } = freshNamespaces('netns')

const USUAL = ['198.18.0.1/24', '198.18.1.2/24']

const here = () => ['--netns', netns.name]
const tap0 = (...args: string[]) => ['--name', 'tap0', ...here(), ...args]

/** Runs the program until ready, calls `during`, and ends it. Returns its interfaces when ready. */
async function run(
  args: string[],
  during: () => Promise<void> = async () => {},
): Promise<ReadyInterface[]> {
  const vnet = await startVnet([...args, '--json'])
  const interfaces = vnet.interfaces()
  await during()
  await stopConserved(vnet)
  return interfaces
}

/** Runs a command that must fail with one line, and returns the line. */
async function refused(...args: string[]): Promise<string> {
  const ended: Ended = await runMain(...args)
  expect(ended).toEqual({
    status: 1,
    stdout: '',
    stderr: expect.stringMatching(/^vnet: [^\n]+\n$/),
  })
  return ended.stderr.slice('vnet: '.length, -1)
}

const link = (name: string) => JSON.parse(netns.ip(`-j -d link show ${name}`))[0]
const names = () => JSON.parse(netns.ip('-j link')).map(({ ifname }: { ifname: string }) => ifname)

function addresses(name: string): string[] {
  const [{ addr_info }] = JSON.parse(netns.ip(`-j -4 addr show ${name}`))
  return addr_info.map(
    ({ local, prefixlen }: { local: string; prefixlen: number }) => `${local}/${prefixlen}`,
  )
}

describe('addresses of an existing interface', () => {
  test('existing addresses remain and are shown, without the driver’s usual ones', async () => {
    await run(tap0('--persist', '--address', '192.0.2.1/24'))
    for (const more of [[], ['--no-address']]) {
      const [again] = await run(tap0(...more), async () =>
        expect(addresses('tap0')).toEqual(['192.0.2.1/24']),
      )
      expect(again?.addresses).toEqual(['192.0.2.1/24'])
    }
  })

  test('existing addresses remain when --address adds others', async () => {
    await run(tap0('--persist', '--address', '192.0.2.1/24'))
    const [again] = await run(tap0('--address', '198.18.5.1/24'))
    expect(again?.addresses).toEqual(['192.0.2.1/24', '198.18.5.1/24'])
  })
})

describe('--persist', () => {
  test('--persist keeps the interface with its state for a later run', async () => {
    const [first] = await run(tap0('--persist', '--mtu', '1400', '--address', '192.0.2.1/24'))
    expect(link('tap0')).toMatchObject({ ifindex: first?.ifindex, mtu: 1400, address: first?.mac })
    expect(link('tap0').flags).toEqual(expect.arrayContaining(['UP', 'NOARP', 'NO-CARRIER']))
    expect(link('tap0').linkinfo.info_data).toMatchObject({ persist: true, numqueues: 0 })
    expect(addresses('tap0')).toEqual(['192.0.2.1/24'])
    const [again] = await run(tap0('--address', '192.0.2.1/24'), async () => {
      expect(link('tap0').flags).not.toContain('NO-CARRIER')
      expect(addresses('tap0')).toEqual(['192.0.2.1/24'])
    })
    expect(again).toEqual(first)
    // The option need not be repeated.
    expect(names()).toEqual(['lo', 'tap0'])
  })

  test('a later run keeps changes made meanwhile, except for settings in its options', async () => {
    await run(tap0('--persist'))
    netns.ip('link set tap0 down mtu 1300 address 02:00:00:00:00:0a')
    const [kept] = await run(tap0('--down'))
    expect(kept).toMatchObject({ mtu: 1300, mac: '02:00:00:00:00:0a' })
    expect(link('tap0').flags).not.toContain('UP')
    const named = ['--mtu', '1200', '--mac', '02:00:00:00:00:0b', '--address', '192.0.2.1/24']
    const [changed] = await run(tap0(...named))
    expect(changed).toMatchObject({ mtu: 1200, mac: '02:00:00:00:00:0b' })
    expect(link('tap0')).toMatchObject({ mtu: 1200, address: '02:00:00:00:00:0b' })
    expect(addresses('tap0')).toEqual(['198.18.0.1/24', '198.18.1.2/24', '192.0.2.1/24'])
  })

  test('a later run may use more or fewer queues', async () => {
    await run(tap0('--persist', '--txqs', '2'))
    for (const txqs of [8, 1, 4]) {
      await run(tap0('--txqs', `${txqs}`), async () => {
        expect(link('tap0').linkinfo.info_data).toMatchObject({ numqueues: txqs })
        for (const far of ['198.18.0.2', '198.18.1.1']) {
          await pingOnce(netns, far)
        }
      })
    }
  })

  test('each run sets its own offloads', async () => {
    const feature = () =>
      /^tcp-segmentation-offload: (\w+)/m.exec(netns.exec('ethtool -k tap0'))?.[1]
    for (const [options, there, offloads] of [
      [['--persist'], 'on', ['csum', 'tso4', 'tso6', 'uso']],
      [['--no-offload'], 'off', []],
      [[], 'on', ['csum', 'tso4', 'tso6', 'uso']],
      [['--no-offload'], 'off', []],
    ] as const) {
      const [ready] = await run(tap0(...options), async () => {
        expect(feature()).toBe(there)
        await pingOnce(netns, '198.18.0.2 -s 4000')
      })
      expect(ready?.offloads.filter(name => name !== 'uso')).toEqual(
        offloads.filter(name => name !== 'uso'),
      )
    }
  })

  test('%d in a name becomes the position of the interface under --persist', async () => {
    await run(['snull', '--eth', '--persist', ...here()])
    expect(names()).toEqual(['lo', 'eth0', 'eth1'])
    await run(['snull', '--eth', '--persist', ...here()])
    expect(names()).toEqual(['lo', 'eth0', 'eth1'])
  })

  test('a persistent interface remains after kill -9', async () => {
    const vnet = await spawnVnet(tap0('--persist'))
    await vnet.stop('SIGKILL')
    await run(tap0(), () => pingOnce(netns, '198.18.0.2'))
  })

  test('no persistent interface remains if another one cannot be made', async () => {
    netns.ip('link add sn1 type bridge')
    expect(await refused('snull', '--persist', ...here())).toMatch(
      /^attach to sn1: .* is not a TAP; choose another/,
    )
    expect(names()).toEqual(['lo', 'sn1'])
  })
})

describe('attaching is refused in a line', () => {
  test('attaching is refused while another program drives the interface', async () => {
    await run(tap0('--persist'), async () => {
      const why = 'attach to tap0: another program drives that interface; choose another name'
      expect(await refused(...tap0('--no-address'))).toBe(why)
      expect(await refused(...tap0('--delete'))).toBe(why)
    })
    // Nor to an interface that is not persistent.
    await run(['--name', 'tap1', ...here(), '--no-address'], async () => {
      expect(await refused('--name', 'tap1', '--no-address', ...here())).toContain(
        'another program drives',
      )
    })
  })

  test('attaching is refused when more queues are requested than the interface has', async () => {
    netns.ip('tuntap add mode tap name tap0')
    expect(await refused(...tap0())).toMatch(/^attach to tap0: .*single queue; use --txqs 1/)
    // The interface is not NOARP as the driver's own would be.
    await run(tap0('--txqs', '1'), () => pingOnce(netns, '198.18.0.2'))
    expect(names()).toEqual(['lo', 'tap0'])
  })

  test('attaching is refused when the interface is not a TAP', async () => {
    netns.ip('tuntap add mode tun name tap0', 'link add br0 type bridge')
    expect(await refused(...tap0())).toMatch(
      /^attach to tap0: .* is not a TAP; choose another name$/,
    )
    expect(await refused('--name', 'br0', ...here())).toMatch(
      /^attach to br0: .* is not a TAP; choose another name$/,
    )
  })
})

describe('--user and --group', () => {
  const owners = () => {
    const { user, group } = link('tap0').linkinfo.info_data
    return { user, group }
  }

  test('--user and --group reach the kernel, by number or by name', async () => {
    await run(tap0('--persist', '--user', '12345', '--group', '54321'))
    expect(owners()).toEqual({ user: 12345, group: 54321 })
    await run(tap0('--persist', '--user', 'root', '--group', 'daemon'))
    expect(owners()).toEqual({ user: 'root', group: 'daemon' })
  })

  test('an unprivileged user attaches to their own interface and passes frames', async () => {
    await run(tap0('--persist', '--user', `${NOBODY}`))
    const vnet = await spawnVnet(['--name', 'tap0'], { within: asNobodyIn(netns) })
    await pingOnce(netns, '198.18.0.2')
    await pingOnce(netns, '198.18.1.1 -s 4000')
    netns.ip('link set tap0 down')
    await vnet.line(/^tap0: device closed$/)
    const { status, stderr } = await vnet.stop()
    expect([status, stderr]).toEqual([0, 'tap0: device opened\ntap0: device closed\n'])
  })

  test('settings that an ordinary user may not change are logged, and the interface is used unchanged', async () => {
    await run(tap0('--persist', '--user', `${NOBODY}`))
    const options = ['--name', 'tap0', '--mtu', '1400', '--address', '192.0.2.1/24', '--json']
    const vnet = await spawnVnet(options, { within: asNobodyIn(netns) })
    expect(vnet.interfaces()).toMatchObject([{ name: 'tap0', mtu: 1500, addresses: USUAL }])
    await pingOnce(netns, '198.18.0.2')
    const warnings = vnet.stdout.split('\n').filter(line => line.includes('"warning"'))
    expect(warnings).toEqual([
      expect.stringMatching(
        /tap0: used as it is: mtu 1400 on tap0: operation not permitted; .*CAP_NET_ADMIN: sudo /,
      ),
      expect.stringMatching(
        /tap0: used as it is: 192.0.2.1\/24 on tap0: operation not permitted; .*CAP_NET_ADMIN: sudo /,
      ),
    ])
    expect((await vnet.stop()).status).toBe(0)
  })

  test('the interface of another user is refused', async () => {
    await run(tap0('--persist', '--user', 'root'))
    const vnet = spawnVnet(['--name', 'tap0'], { within: asNobodyIn(netns) })
    await expect(vnet).rejects.toThrow(
      /^vnet: tap0: operation not permitted; it needs CAP_NET_ADMIN: sudo .*$/m,
    )
  })
})

describe('--delete', () => {
  test('--delete removes what --persist left', async () => {
    await run(['snull', '--persist', ...here()])
    expect(names()).toEqual(['lo', 'sn0', 'sn1'])
    expect(await runMain('snull', '--delete', ...here())).toEqual({
      status: 0,
      stdout: '',
      stderr: '',
    })
    expect(names()).toEqual(['lo'])
  })

  test('--delete reports missing interfaces and removes the others', async () => {
    await run(['snull', '--persist', ...here()])
    netns.ip('link del sn0')
    expect(await refused('snull', '--delete', ...here())).toMatch(
      /^delete sn0: there is no such interface$/,
    )
    expect(names()).toEqual(['lo'])
  })
})
