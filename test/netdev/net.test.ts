import { describe, expect, test } from 'vitest'
import { EBUSY, EIO } from '#src/base/errno.ts'
import { LOGLEVEL_ERR, Log } from '#src/base/log.ts'
import { Turns } from '#src/base/turns.ts'
import { FakeClock } from '#src/bed/fake-clock.ts'
import { MemoryPlatform } from '#src/bed/memory-port.ts'
import {
  NETDEV_POST_INIT,
  NETDEV_REGISTER,
  NETDEV_UNREGISTER,
  NETDEV_UP,
  NETREG_UNREGISTERED,
} from '#src/netdev/if.ts'
import { Net } from '#src/netdev/net.ts'
import { devOpen } from '#src/netdev/netif.ts'
import { unregisterNetdev } from '#src/netdev/register.ts'
import { addDevice, makeDevice, memoryNets } from '#support/memory-net.ts'

const makeNet = memoryNets()

describe('netdevice notifiers', () => {
  test('notifiers run in the order of registration until they are removed', async () => {
    const memory = makeNet()
    const told: string[] = []
    const stopA = memory.net.registerNetdeviceNotifier(
      (event, dev) => void told.push(`a ${dev.name} ${event}`),
    )
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

  test('the first notifier that refuses ends the run', () => {
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

  test('a notifier that throws is logged and refuses, and the others still run', async () => {
    const memory = makeNet()
    const told: number[] = []
    const stop = memory.net.registerNetdeviceNotifier(() => {
      throw new Error('broken')
    })
    memory.net.registerNetdeviceNotifier(event => void told.push(event))
    await expect(addDevice(memory)).rejects.toMatchObject({ errno: EIO })
    expect(told.splice(0)).toEqual([NETDEV_POST_INIT])
    expect(memory.lines).toEqual([
      expect.stringMatching(
        /^test0: netdevice notifier: Error: broken \(at .*net\.test\.ts:\d+:\d+\)+$/,
      ),
    ])
    stop()
    const { dev } = await addDevice(memory)
    memory.net.registerNetdeviceNotifier(() => {
      throw new Error('broken again')
    })
    await unregisterNetdev(dev)
    expect([told.at(-1), dev.regState, memory.platform.ports]).toEqual([
      NETDEV_UNREGISTER,
      NETREG_UNREGISTERED,
      [],
    ])
  })

  test('a notifier may remove itself while it runs', () => {
    const { net } = makeNet()
    const told: string[] = []
    const stop = net.registerNetdeviceNotifier(() => {
      told.push('a')
      stop()
    })
    net.registerNetdeviceNotifier(() => void told.push('b'))
    for (let i = 0; i < 2; i++) {
      net.callNetdeviceNotifiers(NETDEV_UP, makeDevice())
    }
    expect(told).toEqual(['a', 'b', 'b'])
  })
})

test('a Net grants the time of its platform, so that floods of both get no more than one', () => {
  const turns = new Turns(new FakeClock())
  const platform = Object.assign(new MemoryPlatform(), { turns })
  const net = new Net({ platform, clock: new FakeClock(), log: new Log(LOGLEVEL_ERR, () => {}) })
  expect(net.turns).toBe(turns)
})

test('a Net makes its own pool and random numbers by default', () => {
  const make = () =>
    new Net({
      platform: new MemoryPlatform(),
      clock: new FakeClock(),
      log: new Log(LOGLEVEL_ERR, () => {}),
    })
  const [a, b] = [make(), make()]
  expect(a.pool === b.pool).toBe(false)
  expect(a.random.next()).toBe(b.random.next())
})
