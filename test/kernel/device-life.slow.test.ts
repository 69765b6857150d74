/**
 * A device's life as its user sees it: each step of registering, what undoes it, its end.
 */
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { freshQuietNamespaces } from '#support/fresh-namespaces.ts'
import { list } from '#support/list.ts'
import type { Outcome } from '#support/netns.ts'
import { firstOf } from '#support/scale.ts'
import { type Running, spawnVnet, startVnet } from '#support/vnet-process.ts'

const { netns, files } = freshQuietNamespaces('netns')

const links = () => JSON.parse(netns.ip('-j link')).map((link: { ifname: string }) => link.ifname)
const lines = (text: string) => text.trimEnd().split('\n')

/** The steps of register_netdev, by the kernel's names. */
const STEPS = [
  'dev_alloc_name',
  'ndo_init',
  'dev_get_valid_name',
  'dev_new_index',
  'netdev_fix_features',
  'call_netdevice_notifiers: NETDEV_POST_INIT',
  'call_netdevice_notifiers: NETDEV_REGISTER',
  'netdev_register_kobject',
  'reg_state: NETREG_REGISTERED',
  'set_bit: __LINK_STATE_PRESENT',
  'dev_init_scheduler',
  'list_netdevice',
  'rtmsg_ifinfo: RTM_NEWLINK',
]

describe('-v shows registering step by step', () => {
  /** What it logged until it was ready; afterwards it is stopped. */
  async function logOf(vnet: Running): Promise<{ before: string[]; after: string[] }> {
    const before = lines(vnet.stderr)
    const { status, stderr } = await vnet.stop()
    expect(status).toBe(0)
    return { before, after: lines(stderr).slice(before.length) }
  }

  test.each([
    ['loop', [], ['vnet0'], ['vnet0: device opened']],
    ['snull', [], ['sn0', 'sn1'], ['sn0: device opened', 'sn1: device opened']],
    [
      'cable',
      ['left', 'right'],
      ['left', 'right'],
      [
        'left: device opened',
        'right: flags 0x1002, carrier on',
        'left: flags 0x1003, carrier on',
        'right: device opened',
      ],
    ],
  ])(
    '-v shows the registering of %s, one device after the other, and the end',
    async (driver, args, names, opening) => {
      const vnet = await startVnet([driver, ...args, '--netns', netns.name, '-v'])
      const { before, after } = await logOf(vnet)
      const expected = names.flatMap(name => STEPS.map(step => `${name}: ${step}`))
      // A name that is yet to be chosen is the pattern.
      const registering = before
        .slice(0, expected.length)
        .map(line => line.replace('vnet%d:', 'vnet0:'))
      expect(registering).toEqual(
        expected.map(line => expect.stringMatching(new RegExp(`^${line}(:|$)`))),
      )
      expect(before.slice(expected.length)).toEqual(opening)
      expect(after.filter(line => /: (device|module) /.test(line))).toEqual([
        ...names.map(name => `${name}: device closed`),
        `${driver}: module unloaded`,
      ])
    },
  )

  test('-v shows the kernel’s settings at each step, for a given name and for the driver’s choice', async () => {
    netns.ip('link add mine0 type bridge')
    const file = files.driver({
      names: ['mine%d'],
      ops: 'ndoInit(dev) { dev.name = "other%d" }',
      setup: 'dev.features = vnet.NETIF_F_TSO; dev.txQueueLen = 77',
    })
    const vnet = await spawnVnet([file, '--netns', netns.name, '-v'])
    const [shown] = JSON.parse(netns.ip('-d -j link show other0'))
    const queues = netns.exec('ls /sys/class/net/other0/queues')
    // The standard error of a child may arrive after the line on standard output that it is ready.
    const { before, after } = await logOf(vnet)
    expect([...before, ...after]).toEqual(
      expect.arrayContaining([
        'mine1: dev_alloc_name: mine%d is mine1',
        'other0: dev_alloc_name: other%d is other0',
        'other0: dev_get_valid_name: other0',
        `other0: dev_new_index: ifindex ${shown.ifindex}`,
        'other0: Dropping TSO features since no SG feature.',
        'other0: netdev_fix_features: 0x0',
        'other0: netdev_register_kobject: /sys/class/net/other0, 1 queues',
        'other0: dev_init_scheduler: qdisc noop, 77 frames a queue',
      ]),
    )
    expect([shown.txqlen, lines(queues)]).toEqual([77, ['rx-0', 'tx-0']])
  })
})

describe('a driver that cannot be registered', () => {
  const veto = (event: string) =>
    `context.net.registerNetdeviceNotifier((event, dev) => {
      if (event === vnet.${event} && dev.name === 'mine1') return -16
    })`

  test.each(
    firstOf(2, [
      [
        'whose ndoInit refuses',
        { op: 'ndoInit() { return -19 }' },
        /^vnet: ndo_init of mine1: ENODEV, /,
      ],
      [
        'whose ndoInit answers nonsense',
        { op: 'ndoInit() { return 7 }' },
        /^vnet: ndo_init of mine1: EIO, /,
      ],
      [
        'whose ndoInit throws',
        { op: "ndoInit() { throw new Error('boom') }" },
        /^vnet: ndo_init of mine1: EIO, /,
      ],
      [
        'whose ndoInit names it badly',
        { op: "ndoInit(dev) { dev.name = 'a/b' }" },
        /^vnet: dev_get_valid_name 'a\/b': ndoInit chose that name$/,
      ],
      [
        'whose ndoInit takes a name',
        { op: "ndoInit(dev) { dev.name = 'mine0' }" },
        /^vnet: attach to mine0: another program drives that interface/,
      ],
      [
        'that POST_INIT is vetoed for',
        { init: veto('NETDEV_POST_INIT') },
        /^vnet: netdevice notifier .*mine1: EBUSY, /,
      ],
      [
        'that REGISTER is vetoed for',
        { init: veto('NETDEV_REGISTER') },
        /^vnet: netdevice notifier .*mine1: EBUSY, /,
      ],
    ]),
  )(
    '%s ends the run with one line, and the first of two devices is unregistered',
    async (_, { op, init }: Broken, message) => {
      const file = files.driver({
        names: ['mine0', 'mine1'],
        setup: `dev.netdevOps = { ...dev.netdevOps, ndoUninit: dev => console.log('ndoUninit', dev.name) }
        if (name === 'mine1') dev.netdevOps = { ...dev.netdevOps, ${op ?? ''} }`,
        init: init ?? '',
        exit: "console.log('exit')",
      })
      const { status, stdout, stderr } = await program(file, '-q')
      expect([status, links()]).toEqual([1, ['lo']])
      expect(lines(stderr).at(-1)).toMatch(message)
      // Only what ndoInit did is undone, the last first, and the module is unloaded in the end.
      const refused = op !== undefined && /return|throw/.test(op)
      expect(lines(stdout)).toEqual([
        ...(refused ? [] : [expect.stringMatching(/^ndoUninit/)]),
        'ndoUninit mine0',
        'exit',
      ])
    },
  )

  interface Broken {
    readonly op?: string
    readonly init?: string
  }
})

test('unregistering closes the device, then notifies the notifiers, then frees it, then unloads the module', async () => {
  const file = files.driver({
    ops: `ndoOpen: () => console.log('ndoOpen'), ndoStop: () => console.log('ndoStop'),
      ndoUninit: () => console.log('ndoUninit')`,
    init: `const events = Object.entries(vnet).filter(([name]) => /^NETDEV_[A-Z_]+$/.test(name) && !name.includes('TX'))
      context.net.registerNetdeviceNotifier(event => {
        console.log(events.find(([, number]) => number === event)?.[0])
      })`,
    exit: "console.log('exit')",
  })
  const vnet = await spawnVnet([file, '--netns', netns.name, '-q'])
  const { status, stdout } = await vnet.stop()
  expect([status, lines(stdout)]).toEqual([
    0,
    list(`
      NETDEV_POST_INIT NETDEV_REGISTER ndoOpen NETDEV_UP ready ndoStop NETDEV_DOWN NETDEV_UNREGISTER ndoUninit exit
    `),
  ])
  expect(links()).toEqual(['lo'])
})

/** `vnet FILE ARGS` that ends by itself. */
function program(file: string, ...args: string[]): Promise<Outcome> {
  const path = fileURLToPath(new URL('../../dist/vnet.js', import.meta.url))
  return netns.run([process.execPath, path, file, '--netns', netns.name, ...args].join(' '))
}

test('--name and --mtu reach a driver that ignores the names: its ndoChangeMtu decides', async () => {
  const ops =
    'ndoChangeMtu: (dev, mtu) => { dev.log.info("asked for " + mtu); return mtu > 2000 ? -22 : 0 }'
  const file = files.driver({ ops })
  const options = ['--netns', netns.name, '--name', 'other7', '--mtu']
  const vnet = await spawnVnet([file, ...options, '1400'])
  const [{ ifname, mtu }] = JSON.parse(netns.ip('-j link show other7'))
  expect([ifname, mtu, links()]).toEqual(['other7', 1400, ['lo', 'other7']])
  expect((await vnet.stop()).stderr).toContain('other7: asked for 1400\n')
  const { status, stdout, stderr } = await program(file, ...options, '9000')
  expect([status, stdout, lines(stderr)]).toEqual([
    1,
    '',
    ['other7: asked for 9000', 'vnet: MTU 9000 of other7: the driver refused it'],
  ])
  expect(links()).toEqual(['lo'])
})
