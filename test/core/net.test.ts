import { describe, expect, test } from 'vitest'
import { EBUSY, EIO } from '../../src/core/errno.ts'
import {
  NETDEV_POST_INIT,
  NETDEV_REGISTER,
  NETDEV_UNREGISTER,
  NETDEV_UP,
  NETREG_UNREGISTERED,
} from '../../src/core/if.ts'
import { LOGLEVEL_ERR, Log } from '../../src/core/log.ts'
import { Net } from '../../src/core/net.ts'
import { devOpen, unregisterNetdev } from '../../src/core/register.ts'
import { FakeClock } from '../../src/testing/fake-clock.ts'
import { MemoryHost } from '../../src/testing/memory-port.ts'
import { addDevice, makeDevice, memoryNets } from '../support/memory-net.ts'

const makeNet = memoryNets()

describe('netdevice notifiers', () => {
  test('are told in the order in which they were registered, until they are taken back', async () => {
    const memory = makeNet()
    const told: string[] = []
    const stopA = memory.net.registerNetdeviceNotifier((event, dev) => void told.push(`a ${dev.name} ${event}`))
    memory.net.registerNetdeviceNotifier((event, dev) => void told.push(`b ${dev.name} ${event}`))
    const { dev } = await addDevice(memory, {}, { down: true })
    expect(told.splice(0)).toEqual([
      `a test0 ${NETDEV_POST_INIT}`,
      `b test0 ${NETDEV_POST_INIT}`,
      `a test0 ${NETDEV_REGISTER}`,
      `b test0 ${NETDEV_REGISTER}`,
    ])
    stopA()
    stopA()
    await devOpen(dev)
    expect(told).toEqual([`b test0 ${NETDEV_UP}`])
  })

  test('end with the first that refuses', () => {
    const { net } = makeNet()
    const told: string[] = []
    net.registerNetdeviceNotifier(() => void told.push('a'))
    net.registerNetdeviceNotifier(() => {
      told.push('b')
      return -EBUSY
    })
    net.registerNetdeviceNotifier(() => void told.push('c'))
    expect(net.callNetdeviceNotifiers(NETDEV_UP, makeDevice())).toBe(-EBUSY)
    expect(told).toEqual(['a', 'b'])
  })

  test('that throw are logged, refuse, and keep nothing from the others or from the device', async () => {
    const memory = makeNet()
    const told: number[] = []
    const stop = memory.net.registerNetdeviceNotifier(() => {
      throw new Error('broken')
    })
    memory.net.registerNetdeviceNotifier(event => void told.push(event))
    await expect(addDevice(memory)).rejects.toMatchObject({ errno: EIO })
    expect(told.splice(0)).toEqual([NETDEV_POST_INIT])
    expect(memory.lines).toEqual([
      expect.stringMatching(/^test0: netdevice notifier: Error: broken \(at .*net\.test\.ts:\d+:\d+\)+$/),
    ])
    stop()
    const { dev } = await addDevice(memory)
    memory.net.registerNetdeviceNotifier(() => {
      throw new Error('broken again')
    })
    await unregisterNetdev(dev)
    expect([told.at(-1), dev.regState, memory.host.ports]).toEqual([NETDEV_UNREGISTER, NETREG_UNREGISTERED, []])
  })

  test('may take themselves back while they are told', () => {
    const { net } = makeNet()
    const told: string[] = []
    const stop = net.registerNetdeviceNotifier(() => {
      told.push('a')
      stop()
    })
    net.registerNetdeviceNotifier(() => void told.push('b'))
    for (let i = 0; i < 2; i++) net.callNetdeviceNotifiers(NETDEV_UP, makeDevice())
    expect(told).toEqual(['a', 'b', 'b'])
  })
})

test('a Net without more than it must have makes its own pool and chance', () => {
  const make = () => new Net({ host: new MemoryHost(), clock: new FakeClock(), log: new Log(LOGLEVEL_ERR, () => {}) })
  const [a, b] = [make(), make()]
  expect(a.pool === b.pool).toBe(false)
  expect(a.random.next()).toBe(b.random.next())
})
