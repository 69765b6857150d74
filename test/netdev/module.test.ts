/** insmod and rmmod: the life of a driver in every program that loads one. */
import { expect, test } from 'vitest'
import { EINVAL, VnetError } from '#src/base/errno.ts'
import { UsageError } from '#src/base/usage-error.ts'
import type { MemoryPort } from '#src/bed/memory-port.ts'
import { driver as cable } from '#src/drivers/cable.ts'
import { defineDriver, int, namedBy, text } from '#src/netdev/driver.ts'
import { insmod } from '#src/netdev/module.ts'
import { devOpen } from '#src/netdev/netif.ts'
import type { PortSpec } from '#src/netdev/port.ts'
import { freshNet, type MemoryNet, makeDevice } from '#support/memory-net.ts'

const memory = freshNet()

/** A driver of two devices that records the calls of its init and exit. */
function pair(calls: string[]) {
  return defineDriver({
    name: 'pair',
    description: 'two devices',
    params: { delay: int({ default: 5, description: '' }) },
    init({ delay }) {
      calls.push(`init ${delay}`)
      return ['a', 'b'].map(name => ({ dev: makeDevice({}, { name }) }))
    },
    exit() {
      calls.push('exit')
    },
  })
}

/** Records opened ports, and makes opening the ports in `refused` fail. */
function watchPorts({ platform }: MemoryNet, refused: readonly string[] = []): PortSpec[] {
  const opened: PortSpec[] = []
  const open = platform.open.bind(platform)
  platform.open = async spec => {
    if (refused.includes(spec.name)) throw new VnetError(EINVAL, ['open', spec.name])
    opened.push(spec)
    return open(spec)
  }
  return opened
}

test('parameters have their defaults unless other values are given', () => {
  const { net } = memory
  const calls: string[] = []
  expect(insmod(pair(calls), { net }).params).toEqual({ delay: 5 })
  expect(insmod(pair(calls), { net, params: { delay: 7 } }).params).toEqual({ delay: 7 })
  expect(calls).toEqual(['init 5', 'init 7'])
})

test('all devices are registered before the first is configured, and removed before exit', async () => {
  const calls: string[] = []
  const opened = watchPorts(memory)
  const module = insmod(pair(calls), { net: memory.net })
  await module.up({
    register: { owner: 3 },
    configure: async (dev, i) => {
      calls.push(`${i} ${dev.name} of ${memory.net.devices.length}`)
      await devOpen(dev)
    },
  })
  expect(opened.map(({ name, owner }) => [name, owner])).toEqual([
    ['a', 3],
    ['b', 3],
  ])
  await Promise.all([module.rmmod(), module.rmmod()])
  expect(calls).toEqual(['init 5', '0 a of 2', '1 b of 2', 'exit'])
  expect([memory.net.devices, memory.platform.ports]).toEqual([[], []])
})

test('--netns is for devices without a network namespace of their own', async () => {
  const opened = watchPorts(memory)
  const module = insmod(cable, { net: memory.net, args: ['red/a', 'b'], netns: 'blue' })
  await module.up()
  expect(opened.map(({ name, netns }) => [name, netns])).toEqual([
    ['a', 'red'],
    ['b', 'blue'],
  ])
  await module.rmmod()
})

test('a device that cannot be registered leaves no other, not even one that was to persist', async () => {
  watchPorts(memory, ['b'])
  const module = insmod(pair([]), { net: memory.net })
  const requests: unknown[] = []
  const { open } = memory.platform
  memory.platform.open = async spec => {
    const port = await open(spec)
    const apply = port.apply.bind(port)
    port.apply = request => {
      requests.push(request)
      return apply(request)
    }
    return port
  }
  const up = module.up({ register: { persist: true } })
  await expect(up).rejects.toThrow('open b')
  expect(requests.at(-1)).toEqual({ persist: false })
  expect([memory.net.devices, memory.platform.ports]).toEqual([[], []])
})

test('a device that cannot be configured leaves none registered', async () => {
  const module = insmod(pair([]), { net: memory.net })
  const configure = async (_: unknown, i: number) => {
    if (i === 1) throw new VnetError(EINVAL, 'configure')
  }
  await expect(module.up({ configure })).rejects.toThrow('configure')
  expect(memory.platform.ports).toEqual([] satisfies MemoryPort[])
})

test('a failed init is not followed by exit', () => {
  const { net } = memory
  const calls: string[] = []
  const init = () => {
    throw new UsageError('wrong')
  }
  expect(() => insmod({ ...pair(calls), init }, { net })).toThrow('wrong')
  expect(() => insmod({ ...pair(calls), init: () => [] }, { net })).toThrow('at least one device')
  expect(calls).toEqual([])
})

test('the values of parameters that name interfaces are found, if they are set', () => {
  const params = {
    uplink: text({ default: undefined, description: '', names: 'interface' }),
    other: text({ default: undefined, description: '', names: 'interface' }),
    file: text({ default: undefined, description: '', names: 'scenario' }),
  }
  expect(namedBy(params, { uplink: 'eth0', other: undefined, file: 'f' }, 'interface')).toEqual([
    'eth0',
  ])
})

test('names go to the devices in order, even of a driver that ignores them', () => {
  const { devices } = insmod(pair([]), { net: memory.net, names: ['a0'] })
  expect(devices.map(({ name }) => name)).toEqual(['a0', 'b'])
  const three = { net: memory.net, names: ['a0', 'a1', 'a2'] }
  expect(() => insmod(pair([]), three)).toThrow(
    new UsageError('3 interface names, of which 2 can be used'),
  )
})
