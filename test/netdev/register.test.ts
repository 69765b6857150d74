import { describe, expect, test, vi } from 'vitest'
import { EBUSY, EEXIST, EINVAL, VnetError } from '#src/base/errno.ts'
import type { MemoryPort } from '#src/bed/memory-port.ts'
import * as flags from '#src/netdev/if.ts'
import type { NetDevice } from '#src/netdev/net-device.ts'
import { devClose, devOpen, netifCarrierOff } from '#src/netdev/netif.ts'
import type { NetDeviceOps } from '#src/netdev/ops.ts'
import type { PortSpec } from '#src/netdev/port.ts'
import { registerNetdev, unregisterNetdev } from '#src/netdev/register.ts'
import { addDevice, freshNet, type MemoryNet, makeDevice, numbered } from '#support/memory-net.ts'

const memory = freshNet()

/** Records every step of a device's life, in order; `fail` names the failing step. */
function recording(memory: MemoryNet, fail?: string) {
  const steps: string[] = []
  const step = (name: string): number => {
    steps.push(name)
    return name === fail ? -EBUSY : 0
  }
  const ops: Partial<NetDeviceOps<unknown>> = {
    ndoInit: () => step('ndoInit'),
    ndoUninit: () => void step('ndoUninit'),
    ndoOpen: () => step('ndoOpen'),
    ndoStop: () => step('ndoStop'),
  }
  const { platform, net } = memory
  const open = platform.open.bind(platform)
  vi.spyOn(platform, 'open').mockImplementation(async (spec: PortSpec): Promise<MemoryPort> => {
    if (step('platform.open') < 0) throw new VnetError(EBUSY, 'TUNSETIFF')
    const port = await open(spec)
    const [apply, close] = [port.apply.bind(port), port.close.bind(port)]
    vi.spyOn(port, 'apply').mockImplementation(async request => {
      if (step(`apply ${Object.keys(request).join(' ')}`.trim()) < 0) {
        throw new VnetError(EBUSY, 'RTM_NEWLINK')
      }
      await apply(request)
    })
    vi.spyOn(port, 'close').mockImplementation(async () => {
      step('port.close')
      await close()
    })
    return port
  })
  const names = new Map([
    [flags.NETDEV_POST_INIT, 'POST_INIT'],
    [flags.NETDEV_REGISTER, 'REGISTER'],
    [flags.NETDEV_UP, 'UP'],
    [flags.NETDEV_DOWN, 'DOWN'],
    [flags.NETDEV_UNREGISTER, 'UNREGISTER'],
  ])
  net.registerNetdeviceNotifier(event => step(names.get(event) ?? String(event)))
  return { steps, ops }
}

const APPLY = 'apply mtu txQueueLen noarp'

describe('registering', () => {
  test('registering goes step by step, and unregistering back', async () => {
    const { steps, ops } = recording(memory)
    const dev = makeDevice(ops)
    expect(dev.regState).toBe(flags.NETREG_UNINITIALIZED)
    await registerNetdev(dev, memory.net)
    expect(steps.splice(0)).toEqual(['ndoInit', 'platform.open', APPLY, 'POST_INIT', 'REGISTER'])
    expect([dev.regState, memory.net.devices]).toEqual([flags.NETREG_REGISTERED, [dev]])
    await devOpen(dev)
    expect(steps.splice(0)).toEqual(['apply up', 'ndoOpen', 'UP'])
    await unregisterNetdev(dev)
    expect(steps).toEqual(['ndoStop', 'DOWN', 'UNREGISTER', 'ndoUninit', 'port.close'])
    expect([dev.regState, memory.net.devices, dev.port]).toEqual([
      flags.NETREG_UNREGISTERED,
      [],
      undefined,
    ])
  })

  test('unregistering a device that is down does not stop it again', async () => {
    const { steps, ops } = recording(memory)
    const dev = makeDevice(ops)
    await registerNetdev(dev, memory.net)
    await unregisterNetdev(dev)
    expect(steps).not.toContain('ndoStop')
  })

  test('registering fails with EIO if ndoInit throws, logged with its place', async () => {
    const dev = makeDevice({
      ndoInit: () => {
        throw new Error('no hardware')
      },
    })
    await expect(registerNetdev(dev, memory.net)).rejects.toThrow('ndo_init of test0: EIO')
    expect(memory.lines).toEqual([
      expect.stringMatching(/^test0: ndoInit: Error: no hardware \(at .*register\.test/),
    ])
  })

  test('a positive result of ndoInit is EIO', async () => {
    const dev = makeDevice({ ndoInit: () => 1 })
    await expect(registerNetdev(dev, memory.net)).rejects.toThrow('EIO')
  })

  test.each([
    [
      'a promise',
      (async () => {}) as unknown as () => number,
      'is async, but must return 0 or a negative errno at once',
    ],
    ['no number', () => Number.NaN, 'returned NaN, not 0 or a negative errno'],
  ])(
    'an ndoInit that returns %s fails with EIO, and the reason is logged',
    async (_, ndoInit, reason) => {
      await expect(registerNetdev(makeDevice({ ndoInit }), memory.net)).rejects.toThrow('EIO')
      expect(memory.lines).toEqual([`test0: ndoInit: ${reason}`])
    },
  )

  test('a device is refused before it has an interface if its operations have no function ndoStartXmit', async () => {
    const dev = makeDevice()
    dev.netdevOps = { ndo_start_xmit() {} } as unknown as NetDeviceOps<unknown>
    await expect(registerNetdev(dev, memory.net)).rejects.toThrow(
      'dev.netdevOps has no function ndoStartXmit',
    )
    expect([dev.regState, memory.platform.ports.length]).toEqual([flags.NETREG_UNINITIALIZED, 0])
  })

  test('a misspelt operation is warned about with the nearest name when the device is registered', async () => {
    const dev = makeDevice()
    dev.netdevOps = { ...dev.netdevOps, ndostop() {}, helper() {} } as NetDeviceOps<unknown>
    await registerNetdev(dev, memory.net)
    expect(memory.lines).toEqual([
      "test0: netdevOps.ndostop is no operation, and is never called; did you mean 'ndoStop'?",
      'test0: netdevOps.helper is no operation, and is never called',
    ])
  })

  test('a device is registered once', async () => {
    const { dev } = await addDevice(memory)
    await expect(registerNetdev(dev, memory.net)).rejects.toMatchObject({ errno: EINVAL })
    await unregisterNetdev(dev)
    await expect(registerNetdev(dev, memory.net)).rejects.toThrow('a device is registered once')
  })

  test('a device is registered once, also while that is under way', async () => {
    const dev = makeDevice()
    const first = registerNetdev(dev, memory.net)
    await expect(registerNetdev(dev, memory.net)).rejects.toMatchObject({ errno: EINVAL })
    await first
    expect(memory.net.devices).toEqual([dev])
    expect(memory.platform.ports.length).toBe(1)
  })

  test('a name that is taken is refused', async () => {
    await addDevice(memory, {}, { name: 'same' })
    await expect(
      registerNetdev(makeDevice({}, { name: 'same' }), memory.net),
    ).rejects.toMatchObject({ errno: EEXIST })
  })
})

describe('a device that was registered', () => {
  test('a registered device’s port has the driver’s settings, and its fields have the port’s values', async () => {
    const dev = makeDevice({}, { name: 'x%d', features: flags.NETIF_F_ALL_TAP, txqs: 2 })
    dev.mtu = 1400
    dev.txQueueLen = 50
    dev.flags |= flags.IFF_NOARP
    dev.devAddr.set([2, 1, 2, 3, 4, 5])
    await registerNetdev(dev, memory.net)
    const port = memory.platform.port('x0')
    expect(port.link).toMatchObject({
      name: 'x0',
      mtu: 1400,
      txQueueLen: 50,
      address: Uint8Array.of(2, 1, 2, 3, 4, 5),
    })
    expect(port.link.flags & flags.IFF_NOARP).toBe(flags.IFF_NOARP)
    expect([dev.name, dev.ifindex, dev.port, port.queues.length]).toEqual([
      'x0',
      port.link.ifindex,
      port,
      2,
    ])
    expect(dev.flags & (flags.IFF_NOARP | flags.IFF_UP)).toBe(flags.IFF_NOARP)
    expect(dev.features).toBe(flags.NETIF_F_ALL_TAP | flags.NETIF_F_GSO)
  })

  test('a device without an address takes its interface’s address', async () => {
    const { dev, port } = await addDevice(memory)
    expect([...dev.devAddr]).toEqual([...port.link.address])
  })

  test('a device offers only features that work together, and logs which were dropped', async () => {
    const { dev } = await addDevice(memory, {}, { features: flags.NETIF_F_SG })
    expect([dev.features, memory.lines[0]]).toEqual([
      0,
      'test0: Dropping NETIF_F_SG since no checksum feature.',
    ])
  })

  test('a carrier that is off before registration is off on the port', async () => {
    const dev = makeDevice({ ndoInit: netifCarrierOff })
    await registerNetdev(dev, memory.net)
    expect(memory.platform.port('test0').carrier).toBe(false)
  })

  test('disposing of the registration unregisters the device', async () => {
    const dev = makeDevice()
    {
      await using _registered = await registerNetdev(dev, memory.net)
      expect(memory.net.devices).toEqual([dev])
    }
    expect([memory.net.devices, dev.regState]).toEqual([[], flags.NETREG_UNREGISTERED])
  })

  test('disposing of the registration of an unregistered device does nothing', async () => {
    const dev = makeDevice()
    const registered = await registerNetdev(dev, memory.net)
    memory.platform.port('test0').change({ kind: 'gone' })
    await registered[Symbol.asyncDispose]()
    await registered[Symbol.asyncDispose]()
    expect(dev.regState).toBe(flags.NETREG_UNREGISTERED)
  })

  test('a device is unregistered once', async () => {
    const { dev } = await addDevice(memory)
    const first = unregisterNetdev(dev)
    await expect(unregisterNetdev(dev)).rejects.toThrow('unregister_netdev test0: EINVAL')
    await first
    await expect(unregisterNetdev(dev)).rejects.toThrow('it is not registered')
    await expect(unregisterNetdev(makeDevice())).rejects.toThrow('it is not registered')
  })

  test('a device is unregistered even if its ndoUninit throws', async () => {
    const { dev } = await addDevice(memory, {
      ndoUninit: () => {
        throw new Error('stuck')
      },
    })
    await unregisterNetdev(dev)
    expect([memory.platform.ports, dev.regState]).toEqual([[], flags.NETREG_UNREGISTERED])
    expect(memory.lines.at(-1)).toMatch(/^test0: ndoUninit: Error: stuck/)
  })

  test('a device is opened immediately if its existing interface is up', async () => {
    const { platform, net } = memory
    const open = platform.open.bind(platform)
    vi.spyOn(platform, 'open').mockImplementation(async spec => {
      const port = await open(spec)
      port.change({ kind: 'up' })
      return port
    })
    const opened: NetDevice[] = []
    const dev = makeDevice({ ndoOpen: d => void opened.push(d) })
    await registerNetdev(dev, net)
    expect([opened, dev.flags & flags.IFF_UP]).toEqual([[dev], flags.IFF_UP])
  })

  test('registering does not change an existing interface, except for the driver’s needs', async () => {
    const { platform, net } = memory
    const open = platform.open.bind(platform)
    vi.spyOn(platform, 'open').mockImplementation(async spec => {
      const port = await open(spec)
      port.change({ kind: 'mtu', mtu: 1300 })
      return Object.defineProperty(port, 'created', { value: false })
    })
    const dev = makeDevice()
    dev.flags |= flags.IFF_NOARP
    await registerNetdev(dev, net)
    expect([dev.mtu, platform.port('test0').link.mtu, dev.flags & flags.IFF_NOARP]).toEqual([
      1300,
      1300,
      flags.IFF_NOARP,
    ])
  })
})

describe('opening and closing', () => {
  test('opening and closing alternate, whatever is requested', async () => {
    const { steps, ops } = recording(memory)
    const dev = makeDevice(ops)
    await registerNetdev(dev, memory.net)
    steps.length = 0
    for (const ask of [devClose, devOpen, devOpen, devClose, devClose, devOpen]) {
      await ask(dev)
    }
    expect(steps.filter(step => step.startsWith('ndo'))).toEqual(['ndoOpen', 'ndoStop', 'ndoOpen'])
  })

  test('opening an unregistered device is refused, closing it does nothing', async () => {
    const dev = makeDevice()
    await expect(devOpen(dev)).rejects.toThrow(
      /^dev_open test%d: ENODEV, .*; it is not registered$/,
    )
    await devClose(dev)
  })

  test('opening and closing are logged', async () => {
    const { dev } = await addDevice(memory)
    expect(dev.flags).toBe(flags.IFF_UP | flags.IFF_BROADCAST | flags.IFF_MULTICAST)
    await devClose(dev)
    expect([memory.lines, dev.flags & flags.IFF_UP]).toEqual([
      ['test0: device opened', 'test0: device closed'],
      0,
    ])
  })

  test.each([
    ['ndoOpen', -EBUSY],
    ['ndoValidateAddr', -EBUSY],
  ] as const)('an error of %s takes the link down again without ndoStop', async (op, answer) => {
    const stopped: NetDevice[] = []
    const events: number[] = []
    const { dev, port } = await addDevice(
      memory,
      { [op]: () => answer, ndoStop: d => void stopped.push(d) },
      { down: true },
    )
    memory.net.registerNetdeviceNotifier(event => void events.push(event))
    await expect(devOpen(dev)).rejects.toThrow(
      /^dev_open test0: EIO, .*; the driver refused, for the reason logged$/,
    )
    expect([dev.flags & flags.IFF_UP, port.up, stopped, events]).toEqual([0, false, [], []])
    expect(memory.lines).toEqual(['test0: ndo_open failed: EBUSY; taking the link down again'])
    port.transmit(numbered(1)[0] as Uint8Array)
    expect(port.queues[0]?.paused).toBe(true)
  })

  test('an exception of ndoOpen counts as an error, one of ndoStop closes anyway, and both are logged', async () => {
    let broken = true
    const { dev, port } = await addDevice(
      memory,
      {
        ndoOpen: () => {
          if (broken) throw new Error('no memory')
        },
        ndoStop: () => {
          throw new Error('stuck')
        },
      },
      { down: true },
    )
    await expect(devOpen(dev)).rejects.toThrow(/EIO/)
    expect([dev.flags & flags.IFF_UP, port.up]).toEqual([0, false])
    broken = false
    await devOpen(dev)
    await devClose(dev)
    expect([dev.flags & flags.IFF_UP, port.up]).toEqual([0, false])
    expect(memory.lines.filter(line => line.includes('Error'))).toEqual([
      expect.stringMatching(/ndoOpen: Error: no memory/),
      expect.stringMatching(/ndoStop: Error: stuck/),
    ])
  })
})
