/**
 * The steps of register_netdev: their order and their names. A step that fails has the steps before
 * it undone.
 */
import { describe, expect, test, vi } from 'vitest'
import { EBADFD, EBUSY, EINVAL, EIO, ENFILE, ENODEV, VnetError } from '#src/base/errno.ts'
import { LOGLEVEL_DEBUG } from '#src/base/log.ts'
import type { MemoryPort } from '#src/bed/memory-port.ts'
import {
  IFF_NOARP,
  NETDEV_POST_INIT,
  NETDEV_REGISTER,
  NETDEV_UNREGISTER,
  NETDEV_UP,
  NETIF_F_HW_CSUM,
  NETIF_F_SG,
  NETREG_REGISTERED,
  NETREG_UNINITIALIZED,
} from '#src/netdev/if.ts'
import type { NetDevice } from '#src/netdev/net-device.ts'
import { devOpen, netifDevicePresent } from '#src/netdev/netif.ts'
import type { NetDeviceOps } from '#src/netdev/ops.ts'
import type { PortSpec } from '#src/netdev/port.ts'
import { registerNetdev, unregisterNetdev } from '#src/netdev/register.ts'
import {
  freshNet,
  type MemoryNet,
  makeDevice,
  memoryNets,
  numbered,
  turn,
} from '#support/memory-net.ts'

const makeNet = memoryNets()
const memory = freshNet()

const EVENTS = new Map([
  [NETDEV_POST_INIT, 'POST_INIT'],
  [NETDEV_REGISTER, 'REGISTER'],
  [NETDEV_UP, 'UP'],
  [NETDEV_UNREGISTER, 'UNREGISTER'],
])

/** Replacements for steps, by name, which fail instead of succeeding. */
type Faults = Partial<Record<string, () => number>>

function fail(errno: number, what: string): () => number {
  return () => {
    throw new VnetError(errno, what)
  }
}

/** Records every step in order. Looks up `faults` at each step, so that a test can remove them. */
function recording(memory: MemoryNet, faults: Faults) {
  const steps: string[] = []
  const step = (name: string): number => {
    steps.push(name)
    return faults[name]?.() ?? 0
  }
  const ops: Partial<NetDeviceOps<unknown>> = {
    ndoInit: () => step('ndoInit'),
    ndoUninit: () => void step('ndoUninit'),
    ndoOpen: () => step('ndoOpen'),
    ndoStartXmit: skb => skb.drop(),
  }
  const { platform, net } = memory
  const [open, allocName] = [platform.open.bind(platform), platform.allocName.bind(platform)]
  let opening = false
  vi.spyOn(platform, 'allocName').mockImplementation((pattern: string) => {
    // A platform chooses the name again as it opens a port; that is not a step.
    if (!opening) {
      step('allocName')
    }
    return allocName(pattern)
  })
  vi.spyOn(platform, 'open').mockImplementation(async (spec: PortSpec): Promise<MemoryPort> => {
    step('platform.open')
    opening = true
    const port = open(spec)
    opening = false
    return watched(await port, step)
  })
  net.registerNetdeviceNotifier(event => step(EVENTS.get(event) ?? String(event)))
  return { steps, ops }
}

/** A port that records its calls; the n-th refresh may return another state of the kernel. */
function watched(port: MemoryPort, step: (name: string) => number): MemoryPort {
  const [apply, close, setFeatures] = [
    port.apply.bind(port),
    port.close.bind(port),
    port.setFeatures.bind(port),
  ]
  let refreshes = 0
  vi.spyOn(port, 'apply').mockImplementation(async request => {
    step('apply')
    await apply(request)
  })
  vi.spyOn(port, 'setFeatures').mockImplementation(features => {
    step('setFeatures')
    return setFeatures(features)
  })
  vi.spyOn(port, 'refresh').mockImplementation(() => {
    const queues = step(`refresh ${++refreshes}`)
    return queues === 0 ? port.link : { ...port.link, queues }
  })
  vi.spyOn(port, 'close').mockImplementation(async () => {
    step('port.close')
    await close()
  })
  return Object.defineProperty(port, 'announced', { get: () => step('announced') === 0 })
}

const SETUP = [
  'allocName',
  'ndoInit',
  'platform.open',
  'apply',
  'setFeatures',
  'POST_INIT',
  'REGISTER',
]
const ALL = [...SETUP, 'refresh 1', 'refresh 2', 'announced']
/** The steps that undo, in order, by the step that fails. */
const UNDONE: Record<string, string[]> = {
  allocName: [],
  ndoInit: [],
  'platform.open': ['ndoUninit'],
  apply: ['port.close', 'ndoUninit'],
  setFeatures: ['port.close', 'ndoUninit'],
  POST_INIT: ['port.close', 'ndoUninit'],
  REGISTER: ['UNREGISTER', 'port.close', 'ndoUninit'],
  'refresh 1': ['UNREGISTER', 'port.close', 'ndoUninit'],
  'refresh 2': ['UNREGISTER', 'port.close', 'ndoUninit'],
  announced: ['UNREGISTER', 'port.close', 'ndoUninit'],
}

const FAULTS: [step: string, how: string, fault: () => number, errno: number][] = [
  ['allocName', 'finds no free number', fail(ENFILE, 'dev_alloc_name'), ENFILE],
  ['ndoInit', 'returns an error', () => -EBUSY, EBUSY],
  ['ndoInit', 'returns a positive number', () => 5, EIO],
  ['ndoInit', 'throws', fail(ENODEV, 'probe'), EIO],
  ['platform.open', 'is refused', fail(EBUSY, 'TUNSETIFF'), EBUSY],
  ['apply', 'is refused', fail(EINVAL, 'RTM_NEWLINK'), EINVAL],
  ['setFeatures', 'is refused', fail(EINVAL, 'TUNSETOFFLOAD'), EINVAL],
  ['POST_INIT', 'is vetoed', () => -EBUSY, EBUSY],
  ['POST_INIT', 'throws', fail(EBUSY, 'notifier'), EIO],
  ['REGISTER', 'is vetoed', () => -EBUSY, EBUSY],
  ['refresh 1', 'finds the interface gone', fail(EBADFD, 'RTM_GETLINK'), EBADFD],
  ['refresh 1', 'shows another number of queues', () => 7, EIO],
  ['refresh 2', 'finds the interface gone', fail(EBADFD, 'RTM_GETLINK'), EBADFD],
  ['announced', 'is false', () => 1, EIO],
]

/** All fields that registering touches. */
function fieldsOf(dev: NetDevice) {
  const { name, ifindex, flags, features, mtu, txQueueLen, mc, addresses, regState, port } = dev
  const fields = { name, ifindex, flags, features, mtu, txQueueLen, mc, addresses, regState, port }
  return { ...fields, devAddr: [...dev.devAddr] }
}

function deviceWith(ops: Partial<NetDeviceOps<unknown>>): NetDevice {
  const dev = makeDevice(ops, {
    features: NETIF_F_HW_CSUM | NETIF_F_SG,
    txqs: 2,
    rxqs: 2,
    watchdogTimeo: 50,
  })
  dev.flags |= IFF_NOARP
  dev.mtu = 1400
  dev.txQueueLen = 77
  dev.devAddr.set([2, 1, 2, 3, 4, 5])
  return dev
}

/** Expects that the Net, the platform, the pool and the clock hold nothing of the device. */
function expectNothingLeft({ net, platform, pool, clock }: MemoryNet): void {
  const account = pool.openAccount(() => {})
  expect([net.devices, platform.ports, account.quota, pool.out, clock.armed]).toEqual([
    [],
    [],
    pool.large.count,
    0,
    0,
  ])
  pool.closeAccount(account)
}

describe('a step of registering that fails', () => {
  test.each(FAULTS)(
    'when %s %s, the previous steps are undone, the last first',
    async (name, _, fault, errno) => {
      const faults: Faults = { [name]: fault }
      const { steps, ops } = recording(memory, faults)
      const dev = deviceWith(ops)
      const before = fieldsOf(dev)
      await expect(registerNetdev(dev, memory.net)).rejects.toMatchObject({
        name: 'VnetError',
        errno,
      })
      expect(steps).toEqual([...ALL.slice(0, ALL.indexOf(name) + 1), ...(UNDONE[name] ?? [])])
      expect(fieldsOf(dev)).toEqual(before)
      expectNothingLeft(memory)

      // Without the fault the same device is registered.
      delete faults[name]
      steps.length = 0
      await registerNetdev(dev, memory.net)
      expect(steps).toEqual(ALL)
      expect([dev.name, dev.regState, memory.net.devices]).toEqual([
        'test0',
        NETREG_REGISTERED,
        [dev],
      ])
      await devOpen(dev)
      const port = memory.platform.port('test0')
      port.transmit(numbered(1)[0] as Uint8Array, 1)
      await turn()
      expect(memory.conserved()).toMatchObject({ in: 1, dropped: 1, held: 0 })
    },
  )

  test('a device that POST_INIT vetoes is not announced as unregistered', async () => {
    const { steps, ops } = recording(memory, { POST_INIT: () => -EBUSY })
    await expect(registerNetdev(deviceWith(ops), memory.net)).rejects.toMatchObject({
      errno: EBUSY,
    })
    expect(steps).not.toContain('UNREGISTER')
  })

  test('when a notifier vetoes, all notifiers get UNREGISTER, even those after it', async () => {
    const events: [string, number][] = []
    memory.net.registerNetdeviceNotifier(event => void events.push(['first', event]))
    memory.net.registerNetdeviceNotifier(event => (event === NETDEV_REGISTER ? -EBUSY : 0))
    memory.net.registerNetdeviceNotifier(event => void events.push(['last', event]))
    await expect(registerNetdev(makeDevice(), memory.net)).rejects.toMatchObject({ errno: EBUSY })
    expect(events).toEqual([
      ['first', NETDEV_POST_INIT],
      ['last', NETDEV_POST_INIT],
      ['first', NETDEV_REGISTER],
      ['first', NETDEV_UNREGISTER],
      ['last', NETDEV_UNREGISTER],
    ])
  })

  test('registering fails if the kernel reports no changes', async () => {
    const { ops } = recording(memory, { announced: () => 1 })
    await expect(registerNetdev(deviceWith(ops), memory.net)).rejects.toThrow(
      /^RTM_NEWLINK test0: EIO, .*; the kernel reports no changes$/,
    )
  })

  test('registering fails if the interface has another number of queues, and the error names it', async () => {
    const { ops } = recording(memory, { 'refresh 1': () => 7 })
    await expect(registerNetdev(deviceWith(ops), memory.net)).rejects.toThrow(
      /^netdev_register_kobject test0: EIO, .*; the kernel shows 7 queues$/,
    )
  })

  test('a device that failed to register may be registered on another Net', async () => {
    const [memory, other] = [makeNet(), makeNet()]
    const { ops } = recording(memory, { 'refresh 2': fail(EIO, 'RTM_GETLINK') })
    const dev = deviceWith(ops)
    await expect(registerNetdev(dev, memory.net)).rejects.toMatchObject({ errno: EIO })
    await registerNetdev(dev, other.net)
    expect([dev.net === other.net, dev.port === other.platform.port('test0')]).toEqual([true, true])
  })

  test('a failed registration does not leave a persistent interface', async () => {
    const { platform, net } = memory
    const open = platform.open.bind(platform)
    const requests: unknown[] = []
    vi.spyOn(platform, 'open').mockImplementation(async spec => {
      const port = await open(spec)
      vi.spyOn(port, 'apply').mockImplementation(async request => void requests.push(request))
      return port
    })
    net.registerNetdeviceNotifier(() => -EBUSY)
    await expect(registerNetdev(makeDevice(), net, { persist: true })).rejects.toMatchObject({
      errno: EBUSY,
    })
    expect(requests.at(-1)).toEqual({ persist: false })
    requests.length = 0
    await expect(registerNetdev(makeDevice(), net)).rejects.toMatchObject({ errno: EBUSY })
    expect(requests).toHaveLength(1)
  })

  test('a failed registration keeps an interface that existed before', async () => {
    const { platform, net } = memory
    const open = platform.open.bind(platform)
    const requests: unknown[] = []
    vi.spyOn(platform, 'open').mockImplementation(async spec => {
      const port = Object.defineProperty(await open(spec), 'created', { value: false })
      vi.spyOn(port, 'apply').mockImplementation(async request => void requests.push(request))
      return port
    })
    net.registerNetdeviceNotifier(() => -EBUSY)
    await expect(registerNetdev(makeDevice(), net, { persist: true })).rejects.toMatchObject({
      errno: EBUSY,
    })
    expect(requests).toEqual([{}])
  })
})

describe('the name', () => {
  test('the name is chosen before ndoInit, which finds the device on its Net', async () => {
    const seen: unknown[] = []
    const dev = makeDevice({
      ndoInit: d =>
        void seen.push(
          d.name,
          d.net === memory.net,
          d.regState,
          d.ifindex,
          d.port,
          memory.platform.ports.length,
        ),
    })
    await registerNetdev(dev, memory.net)
    expect(seen).toEqual(['test0', true, NETREG_UNINITIALIZED, 0, undefined, 0])
  })

  test.each(['bad/name', '', 'sixteen-octets-x', 'a b'])(
    'the name %j that ndoInit sets is refused, and ndoUninit is called',
    async name => {
      const { steps, ops } = recording(memory, {})
      const dev = makeDevice({
        ...ops,
        ndoInit: d => {
          steps.push('ndoInit')
          d.name = name
        },
      })
      await expect(registerNetdev(dev, memory.net)).rejects.toThrow(
        `dev_get_valid_name '${name}': EINVAL, invalid argument; ndoInit chose that name`,
      )
      expect([steps, dev.name]).toEqual([['allocName', 'ndoInit', 'ndoUninit'], 'test%d'])
      expectNothingLeft(memory)
    },
  )

  test('a pattern that ndoInit sets becomes a name, which log lines then use', async () => {
    const memory = makeNet({ level: LOGLEVEL_DEBUG })
    const dev = makeDevice({
      ndoInit: d => {
        d.name = 'other%d'
      },
    })
    await registerNetdev(dev, memory.net)
    expect([dev.name, memory.platform.port('other0').link.name]).toEqual(['other0', 'other0'])
    const names = memory.lines.filter(line => line.includes('name'))
    expect(names).toEqual([
      'test0: dev_alloc_name: test%d is test0',
      'other0: dev_alloc_name: other%d is other0',
      'other0: dev_get_valid_name: other0',
    ])
  })

  test('a name that was taken meanwhile is replaced by the next of the pattern', async () => {
    const first = makeDevice()
    const dev = makeDevice({
      ndoInit: () => {
        void registerNetdev(first, memory.net)
      },
    })
    await registerNetdev(dev, memory.net)
    expect([first.name, dev.name]).toEqual(['test0', 'test1'])
  })
})

test('-v logs each step by its name in the kernel, in the kernel’s order', async () => {
  const memory = makeNet({ level: LOGLEVEL_DEBUG })
  const dev = makeDevice({}, { txqs: 2, features: NETIF_F_HW_CSUM | NETIF_F_SG })
  await registerNetdev(dev, memory.net)
  expect(memory.lines).toEqual([
    'test0: dev_alloc_name: test%d is test0',
    'test0: ndo_init',
    'test0: dev_get_valid_name: test0',
    `test0: dev_new_index: ifindex ${dev.ifindex}`,
    'test0: netdev_fix_features: 0x203',
    'test0: call_netdevice_notifiers: NETDEV_POST_INIT',
    'test0: call_netdevice_notifiers: NETDEV_REGISTER',
    'test0: netdev_register_kobject: /sys/class/net/test0, 2 queues',
    'test0: reg_state: NETREG_REGISTERED',
    'test0: set_bit: __LINK_STATE_PRESENT',
    'test0: dev_init_scheduler: qdisc noop, 1000 frames a queue',
    'test0: list_netdevice',
    'test0: rtmsg_ifinfo: RTM_NEWLINK',
  ])
})

test('the steps are logged at debug level only', async () => {
  await registerNetdev(makeDevice(), memory.net)
  expect(memory.lines).toEqual([])
})

describe('the effect of a step', () => {
  test('POST_INIT sees index, features and the interface’s fields; the state is set only after REGISTER', async () => {
    const seen: unknown[] = []
    memory.net.registerNetdeviceNotifier((event, dev) => {
      const { ifindex, features, mtu, devAddr } = dev
      seen.push([
        EVENTS.get(event),
        ifindex > 0,
        features,
        mtu,
        [...devAddr],
        netifDevicePresent(dev),
      ])
    })
    const dev = makeDevice({}, { features: NETIF_F_HW_CSUM | NETIF_F_SG })
    dev.mtu = 1234
    dev.devAddr.set([2, 1, 2, 3, 4, 5])
    await registerNetdev(dev, memory.net)
    const there = [true, 0x203, 1234, [2, 1, 2, 3, 4, 5], false]
    expect(seen).toEqual([
      ['POST_INIT', ...there],
      ['REGISTER', ...there],
    ])
    expect([dev.regState, netifDevicePresent(dev)]).toEqual([NETREG_REGISTERED, true])
    await unregisterNetdev(dev)
    expect(netifDevicePresent(dev)).toBe(false)
  })

  test('a device has the features that the port accepts', async () => {
    const { platform, net } = memory
    const open = platform.open.bind(platform)
    vi.spyOn(platform, 'open').mockImplementation(async spec => {
      const port = await open(spec)
      vi.spyOn(port, 'setFeatures').mockReturnValue(NETIF_F_HW_CSUM)
      return port
    })
    const dev = makeDevice({}, { features: NETIF_F_HW_CSUM | NETIF_F_SG })
    await registerNetdev(dev, net)
    expect(dev.features).toBe(NETIF_F_HW_CSUM)
  })

  test('the multicast list is read only for a driver with ndoSetRxMode', async () => {
    const open = vi.spyOn(memory.platform, 'open')
    await registerNetdev(makeDevice({ ndoSetRxMode: () => {} }), memory.net)
    await registerNetdev(makeDevice(), memory.net)
    expect(open.mock.calls.map(([{ multicastList }]) => multicastList)).toEqual([true, false])
  })

  test('the port gets the driver’s linkKsettings, if it has any', async () => {
    const dev = makeDevice()
    dev.linkKsettings = { speed: 10, duplex: 'full' }
    await registerNetdev(dev, memory.net)
    await registerNetdev(makeDevice(), memory.net)
    const settings = ['test0', 'test1'].map(name => memory.platform.port(name).linkKsettings)
    expect(settings).toEqual([{ speed: 10, duplex: 'full' }, undefined])
  })
})

test('a change during registration is not lost', async () => {
  const { platform, net } = memory
  net.registerNetdeviceNotifier((event, dev) => {
    if (event === NETDEV_REGISTER) {
      platform.port(dev.name).change({ kind: 'mtu', mtu: 1300 })
    }
  })
  const dev = makeDevice()
  await registerNetdev(dev, net)
  expect(dev.mtu).toBe(1300)
})
