import { describe, expect, test, vi } from 'vitest'
import { NSEC_PER_SEC } from '#src/base/clock.ts'
import { EBADFD, EINVAL, EOPNOTSUPP, VnetError } from '#src/base/errno.ts'
import type { MemoryPort } from '#src/bed/memory-port.ts'
import * as flags from '#src/netdev/if.ts'
import { devSetMtu } from '#src/netdev/link-change.ts'
import { netifCarrierOff, netifCarrierOk, netifCarrierOn } from '#src/netdev/netif.ts'
import type { NetDeviceOps } from '#src/netdev/ops.ts'
import { registerNetdev, unregisterNetdev } from '#src/netdev/register.ts'
import { addDevice, makeDevice, memoryNets, turn } from '#support/memory-net.ts'

const makeNet = memoryNets()

/**
 * A device whose ops record their calls, and the notifiers' events; `answers` has the ops' results.
 */
async function noting(answers: Partial<Record<keyof NetDeviceOps<unknown>, number>> = {}) {
  const memory = makeNet()
  const calls: unknown[][] = []
  const note = (op: keyof NetDeviceOps<unknown>, ...args: unknown[]): number => {
    calls.push([op, ...args])
    return answers[op] ?? 0
  }
  const added = await addDevice(memory, {
    ndoOpen: () => note('ndoOpen'),
    ndoStop: () => note('ndoStop'),
    ndoChangeMtu: (dev, mtu) => note('ndoChangeMtu', mtu, dev.mtu),
    ndoSetMacAddress: (dev, address) => note('ndoSetMacAddress', [...address], [...dev.devAddr]),
    ndoSetRxMode: dev =>
      void note(
        'ndoSetRxMode',
        dev.flags & (flags.IFF_PROMISC | flags.IFF_ALLMULTI | flags.IFF_UP),
      ),
    ndoUninit: () => void note('ndoUninit'),
  })
  const events: number[] = []
  memory.net.registerNetdeviceNotifier(event => void events.push(event))
  calls.length = 0
  memory.lines.length = 0
  return { ...memory, ...added, calls, events }
}

const mac = Uint8Array.of(2, 9, 8, 7, 6, 5)

describe("the user's change", () => {
  test('up opens the device and down stops it', async () => {
    const { dev, port, calls } = await noting()
    port.change({ kind: 'down' })
    expect(dev.flags & flags.IFF_UP).toBe(0)
    port.change({ kind: 'up' })
    expect([calls, dev.flags & flags.IFF_UP]).toEqual([
      [['ndoStop'], ['ndoOpen'], ['ndoSetRxMode', flags.IFF_UP]],
      flags.IFF_UP,
    ])
  })

  test('the driver is notified of a new MTU before the device has it', async () => {
    const { dev, port, calls, events } = await noting()
    port.change({ kind: 'mtu', mtu: 9000 })
    expect([calls, events, dev.mtu]).toEqual([
      [['ndoChangeMtu', 9000, 1500]],
      [flags.NETDEV_CHANGEMTU],
      9000,
    ])
  })

  test('the driver is notified of a new address before the device has it', async () => {
    const { dev, port, calls, events } = await noting()
    const before = [...dev.devAddr]
    port.change({ kind: 'address', address: mac })
    expect([calls, events]).toEqual([
      [['ndoSetMacAddress', [...mac], before]],
      [flags.NETDEV_CHANGEADDR],
    ])
    expect([...dev.devAddr]).toEqual([...mac])
  })

  test('a change of flags sets them, except IFF_UP, which has its own change', async () => {
    const { dev, port, calls, events } = await noting()
    port.change({ kind: 'flags', flags: flags.IFF_PROMISC | flags.IFF_BROADCAST })
    expect([calls, events]).toEqual([
      [['ndoSetRxMode', flags.IFF_PROMISC | flags.IFF_UP]],
      [flags.NETDEV_CHANGE],
    ])
    expect(dev.flags).toBe(flags.IFF_PROMISC | flags.IFF_BROADCAST | flags.IFF_UP)
  })

  test('a new name or namespace changes the prefix of log lines', async () => {
    const { dev, port, events, lines } = await noting()
    port.change({ kind: 'renamed', name: 'lan0' })
    expect([dev.name, events]).toEqual(['lan0', [flags.NETDEV_CHANGENAME]])
    port.change({ kind: 'moved', name: 'far0', ifindex: 77 })
    expect([dev.name, dev.ifindex]).toEqual(['far0', 77])
    port.change({ kind: 'down' })
    expect(lines).toEqual([
      'test0: renamed to lan0',
      'lan0: moved to another network namespace, there far0',
      'far0: device closed',
    ])
  })

  test('a new queue length is taken over', async () => {
    const { dev, port } = await noting()
    port.change({ kind: 'txqueuelen', txQueueLen: 3 })
    expect(dev.txQueueLen).toBe(3)
  })

  test('a new multicast list is taken over, and the driver notified', async () => {
    const { dev, port, calls, events } = await noting()
    const groups = [Uint8Array.of(1, 0, 94, 0, 0, 1), Uint8Array.of(0x33, 0x33, 0, 0, 0, 1)]
    port.change({ kind: 'multicast', multicast: groups })
    expect([dev.mc, calls, events]).toEqual([groups, [['ndoSetRxMode', flags.IFF_UP]], []])
  })

  test('flags and groups changed while a device is down are reported to the driver when it is opened', async () => {
    const { dev, port, calls } = await noting()
    port.change({ kind: 'down' })
    calls.length = 0
    port.change({ kind: 'flags', flags: flags.IFF_PROMISC })
    port.change({ kind: 'multicast', multicast: [mac] })
    expect([calls, dev.mc, dev.flags]).toEqual([[], [mac], flags.IFF_PROMISC])
    port.change({ kind: 'up' })
    expect(calls).toEqual([['ndoOpen'], ['ndoSetRxMode', flags.IFF_PROMISC | flags.IFF_UP]])
  })

  test('new protocol addresses are taken over', async () => {
    const { dev, port, calls } = await noting()
    const addresses = [Uint8Array.of(198, 18, 0, 1)]
    port.change({ kind: 'addresses', addresses })
    expect([dev.addresses, calls]).toEqual([addresses, []])
    await port.apply({ addresses: ['198.18.1.1/24', '2001:db8::1/64'] })
    expect(dev.addresses.map(address => address.length)).toEqual([4, 16])
  })

  test('a driver without these operations accepts every change', async () => {
    const { dev, port } = await addDevice(makeNet())
    port.change({ kind: 'mtu', mtu: 1400 })
    port.change({ kind: 'address', address: mac })
    port.change({ kind: 'flags', flags: flags.IFF_NOARP })
    expect([dev.mtu, [...dev.devAddr], dev.flags]).toEqual([
      1400,
      [...mac],
      flags.IFF_NOARP | flags.IFF_UP,
    ])
  })
})

test('a device has the interface’s groups, addresses and flags at the time of registering', async () => {
  const { platform, net } = makeNet()
  const open = platform.open.bind(platform)
  const groups = [Uint8Array.of(1, 0, 94, 0, 0, 9)]
  vi.spyOn(platform, 'open').mockImplementation(async spec => {
    const port = await open(spec)
    port.change({ kind: 'multicast', multicast: groups })
    port.change({ kind: 'addresses', addresses: [Uint8Array.of(198, 18, 0, 1)] })
    port.change({ kind: 'flags', flags: flags.IFF_PROMISC })
    return port
  })
  const dev = makeDevice()
  await registerNetdev(dev, net)
  expect([dev.mc, dev.addresses, dev.flags]).toEqual([
    groups,
    [Uint8Array.of(198, 18, 0, 1)],
    flags.IFF_PROMISC,
  ])
})

describe('IFF_DEBUG', () => {
  test('every frame is logged while IFF_DEBUG is on', async () => {
    const { dev, port, calls } = await noting()
    expect(dev.msgEnable).toBe(0)
    port.change({ kind: 'flags', flags: flags.IFF_DEBUG })
    expect([dev.msgEnable, dev.flags, calls.length]).toEqual([
      flags.NETIF_MSG_FRAMES,
      flags.IFF_DEBUG | flags.IFF_UP,
      1,
    ])
    // Another flag changes nothing about that.
    port.change({ kind: 'flags', flags: flags.IFF_DEBUG | flags.IFF_PROMISC })
    expect(dev.msgEnable).toBe(flags.NETIF_MSG_FRAMES)
    port.change({ kind: 'flags', flags: flags.IFF_PROMISC })
    expect(dev.msgEnable).toBe(0)
  })

  test('IFF_DEBUG switched off restores the msgEnable of the Net', async () => {
    const memory = makeNet({ msgEnable: flags.NETIF_MSG_INTR })
    const { dev, port } = await addDevice(memory)
    expect(dev.msgEnable).toBe(flags.NETIF_MSG_INTR)
    port.change({ kind: 'flags', flags: flags.IFF_DEBUG })
    port.change({ kind: 'flags', flags: 0 })
    expect(dev.msgEnable).toBe(flags.NETIF_MSG_INTR)
  })

  test('IFF_DEBUG of an existing interface holds from the start', async () => {
    const { platform, net } = makeNet()
    const open = platform.open.bind(platform)
    vi.spyOn(platform, 'open').mockImplementation(async spec => {
      const port = await open(spec)
      port.change({ kind: 'flags', flags: flags.IFF_DEBUG })
      return port
    })
    const dev = makeDevice()
    await registerNetdev(dev, net)
    expect(dev.msgEnable).toBe(flags.NETIF_MSG_FRAMES)
  })
})

describe('a change that the driver refuses', () => {
  test('a refused MTU change is undone and logged once', async () => {
    const { dev, port, calls, events, lines } = await noting({ ndoChangeMtu: -EINVAL })
    port.change({ kind: 'mtu', mtu: 9000 })
    expect([dev.mtu, port.link.mtu, events]).toEqual([1500, 1500, []])
    expect(calls).toEqual([['ndoChangeMtu', 9000, 1500]])
    expect(lines).toEqual(['test0: MTU 9000 refused by the driver: EINVAL; back to 1500'])
  })

  test('a refused address change is undone and logged once', async () => {
    const { dev, port, calls, events, lines } = await noting({ ndoSetMacAddress: -EOPNOTSUPP })
    const before = [...dev.devAddr]
    port.change({ kind: 'address', address: mac })
    expect([[...dev.devAddr], [...port.link.address], events]).toEqual([before, before, []])
    expect(calls).toEqual([['ndoSetMacAddress', [...mac], before]])
    expect(lines).toEqual([
      'test0: hardware address refused by the driver: EOPNOTSUPP; back to the former one',
    ])
  })

  test('an exception in ndoChangeMtu counts as EIO and is logged with its place', async () => {
    const memory = makeNet()
    const { dev, port } = await addDevice(memory, {
      ndoChangeMtu: () => {
        throw new Error('too big')
      },
    })
    port.change({ kind: 'mtu', mtu: 9000 })
    expect([dev.mtu, port.link.mtu]).toEqual([1500, 1500])
    expect(memory.lines.slice(-2)).toEqual([
      expect.stringMatching(/^test0: ndoChangeMtu: Error: too big \(at .*link-change\.test/),
      'test0: MTU 9000 refused by the driver: EIO; back to 1500',
    ])
  })

  test('a refused change that the kernel does not undo is logged', async () => {
    const { port, lines } = await noting({ ndoChangeMtu: -EINVAL })
    vi.spyOn(port, 'apply').mockRejectedValue(new VnetError(EINVAL, 'RTM_NEWLINK'))
    port.change({ kind: 'mtu', mtu: 9000 })
    await turn()
    expect(lines.at(-1)).toBe('test0: RTM_NEWLINK: EINVAL, invalid argument')
  })

  test('a refused change of a deleted interface is not logged as an error', async () => {
    const { port, lines } = await noting({ ndoChangeMtu: -EINVAL })
    vi.spyOn(port, 'apply').mockRejectedValue(new VnetError(EBADFD, 'TUNGETDEVNETNS'))
    port.change({ kind: 'mtu', mtu: 9000 })
    await turn()
    expect(lines.at(-1)).toBe('test0: MTU 9000 refused by the driver: EINVAL; back to 1500')
  })
})

describe('devSetMtu', () => {
  test('devSetMtu asks the driver once, before the interface has the MTU', async () => {
    const { dev, port, calls, events } = await noting()
    await devSetMtu(dev, 9000)
    expect([calls, events]).toEqual([[['ndoChangeMtu', 9000, 1500]], [flags.NETDEV_CHANGEMTU]])
    expect([dev.mtu, port.link.mtu]).toEqual([9000, 9000])
  })

  test('devSetMtu rejects with the driver’s reason, and changes nothing', async () => {
    const { dev, port, events, lines } = await noting({ ndoChangeMtu: -EOPNOTSUPP })
    const message = 'MTU 9000 of test0: EOPNOTSUPP, operation not supported; the driver refused it'
    await expect(devSetMtu(dev, 9000)).rejects.toThrow(message)
    expect([dev.mtu, port.link.mtu, events, lines]).toEqual([1500, 1500, [], []])
  })

  test('devSetMtu rejects an MTU out of the device’s range without asking the driver', async () => {
    const { dev, calls } = await noting()
    dev.maxMtu = 2000
    await expect(devSetMtu(dev, 2001)).rejects.toThrow(
      'invalid argument; the driver takes 68 to 2000',
    )
    expect([dev.mtu, calls]).toEqual([1500, []])
  })

  test('devSetMtu gives the driver the old MTU again if the kernel refuses the new one', async () => {
    const { dev, port, calls } = await noting()
    vi.spyOn(port, 'apply').mockRejectedValue(new VnetError(EINVAL, 'RTM_NEWLINK'))
    await expect(devSetMtu(dev, 9000)).rejects.toThrow('RTM_NEWLINK')
    expect(calls).toEqual([
      ['ndoChangeMtu', 9000, 1500],
      ['ndoChangeMtu', 1500, 9000],
    ])
    expect(dev.mtu).toBe(1500)
  })
})

test('an MTU out of the device’s range is undone without asking the driver', async () => {
  const { dev, port, calls, lines } = await noting()
  dev.maxMtu = 2000
  port.change({ kind: 'mtu', mtu: 2001 })
  port.change({ kind: 'mtu', mtu: 67 })
  expect([dev.mtu, port.link.mtu, calls]).toEqual([1500, 1500, []])
  expect(lines).toEqual([
    'test0: MTU 2001 refused by the driver: EINVAL; back to 1500',
    'test0: MTU 67 refused by the driver: EINVAL; back to 1500',
  ])
  port.change({ kind: 'mtu', mtu: 2000 })
  port.change({ kind: 'mtu', mtu: 68 })
  expect(dev.mtu).toBe(68)
})

test('an exception of ndoSetRxMode is logged, and the flags are kept', async () => {
  const memory = makeNet()
  const { dev, port } = await addDevice(memory, {
    ndoSetRxMode: () => {
      throw new Error('no filter')
    },
  })
  memory.clock.advance(NSEC_PER_SEC)
  port.change({ kind: 'flags', flags: flags.IFF_ALLMULTI })
  expect(dev.flags).toBe(flags.IFF_ALLMULTI | flags.IFF_UP)
  expect(memory.lines.at(-1)).toMatch(/^test0: ndoSetRxMode: Error: no filter/)
})

test('an interface deleted from outside is stopped, unregistered and logged once', async () => {
  const { net, dev, port, calls, lines, platform } = await noting()
  port.change({ kind: 'gone' })
  port.change({ kind: 'gone' })
  await turn()
  expect(calls).toEqual([['ndoStop'], ['ndoUninit']])
  expect([net.devices, platform.ports, dev.regState]).toEqual([[], [], flags.NETREG_UNREGISTERED])
  expect(lines).toEqual(['test0: interface was deleted from outside', 'test0: device closed'])
})

describe('the carrier', () => {
  test('netifCarrierOn and netifCarrierOff change the carrier of the port, only if it differs', async () => {
    const { dev, port } = await noting()
    const apply = vi.spyOn(port, 'apply')
    expect(netifCarrierOk(dev)).toBe(true)
    netifCarrierOn(dev)
    netifCarrierOff(dev)
    netifCarrierOff(dev)
    expect([netifCarrierOk(dev), port.carrier]).toEqual([false, false])
    netifCarrierOn(dev)
    expect([netifCarrierOk(dev), port.carrier]).toEqual([true, true])
    expect(apply.mock.calls).toEqual([[{ carrier: false }], [{ carrier: true }]])
  })

  test('the carrier of a deleted device is changed silently', async () => {
    const { dev, port, lines } = await noting()
    port.change({ kind: 'gone' })
    lines.length = 0
    netifCarrierOff(dev)
    await turn()
    expect([netifCarrierOk(dev), lines]).toEqual([false, []])
  })
})

describe('a flood of changes', () => {
  /** Changes the interface 200 times, and returns the log, without the lines of other kinds. */
  async function flood(
    kind: RegExp,
    change: (port: MemoryPort, i: number) => void,
    answers = {},
  ): Promise<string[]> {
    const { port, lines, clock } = await noting(answers)
    for (let i = 0; i < 200; i++) {
      change(port, i)
      await turn()
    }
    clock.advance(10 * NSEC_PER_SEC)
    return lines.filter(line => kind.test(line))
  }
  const lastOf = (lines: string[]) => [lines.length, lines.at(-1)?.replace(/^\w+: /, '')]

  test('a flood of new names logs 100 of them in 10 seconds and counts the rest', async () => {
    const lines = await flood(/renamed/, (port, i) =>
      port.change({ kind: 'renamed', name: `name${i}` }),
    )
    expect(lastOf(lines)).toEqual([101, 'renamed to: 100 similar lines suppressed'])
    expect(lines.at(-1)).toMatch(/^name199: /)
  })

  test('the count of suppressed lines is logged when the device is unregistered', async () => {
    const { dev, port, lines } = await noting()
    for (let i = 0; i < 101; i++) {
      port.change({ kind: 'renamed', name: `name${i}` })
    }
    expect(lines).toHaveLength(100)
    await unregisterNetdev(dev)
    expect(lines).toContain('name100: renamed to: 1 similar line suppressed')
  })

  test('a flood of moves logs 100 of them in 10 seconds and counts the rest', async () => {
    const lines = await flood(/moved/, (port, i) =>
      port.change({ kind: 'moved', name: `name${i}`, ifindex: i }),
    )
    expect(lastOf(lines)).toEqual([
      101,
      'moved to another network namespace, there: 100 similar lines suppressed',
    ])
  })

  test('a flood of down and up logs 100 of each in 10 seconds and counts the rest', async () => {
    const lines = await flood(/device/, port => {
      port.change({ kind: 'down' })
      port.change({ kind: 'up' })
    })
    // The device was opened once before.
    expect(lines).toHaveLength(100 + 99 + 2)
    expect(lines.slice(-2).map(line => line.replace(/^\w+: /, ''))).toEqual([
      'device opened: 101 similar lines suppressed',
      'device closed: 100 similar lines suppressed',
    ])
  })

  test('a flood of MTUs and addresses that the driver refuses logs 100 of each in 10 seconds', async () => {
    const refuse = { ndoChangeMtu: -EINVAL, ndoSetMacAddress: -EOPNOTSUPP }
    const mtus = await flood(
      /MTU/,
      (port, i) => port.change({ kind: 'mtu', mtu: 1000 + i }),
      refuse,
    )
    expect(lastOf(mtus)).toEqual([101, 'MTU refused: 100 similar lines suppressed'])
    const address = (i: number) => Uint8Array.of(2, 9, 8, 7, 6, i)
    const addresses = await flood(
      /hardware/,
      (port, i) => port.change({ kind: 'address', address: address(i) }),
      refuse,
    )
    expect(lastOf(addresses)).toEqual([
      101,
      'hardware address refused: 100 similar lines suppressed',
    ])
  })
})
