/**
 * Meaningless results of a driver's functions, and exceptions of its alarms: they are logged, and
 * only the frame or call concerned is lost.
 */
import { describe, expect, test } from 'vitest'
import { NSEC_PER_SEC } from '#src/base/clock.ts'
import { NETDEV_TX_OK } from '#src/netdev/if.ts'
import { Irq } from '#src/netdev/irq.ts'
import { Napi } from '#src/netdev/napi.ts'
import { devOpen } from '#src/netdev/netif.ts'
import type { NetDeviceOps } from '#src/netdev/ops.ts'
import { registerNetdev } from '#src/netdev/register.ts'
import { SKB_DROP_REASON_DRIVER_EXCEPTION } from '#src/skb/drop-reason.ts'
import type { SkBuff } from '#src/skb/sk-buff.ts'
import {
  addDevice,
  freshNet,
  makeDevice,
  memoryNets,
  numbered,
  sendAll,
  turn,
} from '#support/memory-net.ts'

const makeNet = memoryNets()
const memory = freshNet()

const rejects = (async () => {
  throw new Error('too late')
}) as unknown as () => never

describe('an async operation', () => {
  const ops: [
    name: string,
    act: (memory: ReturnType<typeof makeNet>, ops: Partial<NetDeviceOps<unknown>>) => unknown,
  ][] = [
    ['ndoInit', (memory, ops) => registerNetdev(makeDevice(ops), memory.net).catch(() => {})],
    ['ndoOpen', async (memory, ops) => await addDevice(memory, ops).catch(() => {})],
    [
      'ndoStop',
      async (memory, ops) => (await addDevice(memory, ops)).port.change({ kind: 'down' }),
    ],
    ['ndoSetRxMode', async (memory, ops) => await addDevice(memory, ops)],
    [
      'ndoChangeMtu',
      async (memory, ops) => (await addDevice(memory, ops)).port.change({ kind: 'mtu', mtu: 1400 }),
    ],
    ['ndoGetStats64', async (memory, ops) => (await addDevice(memory, ops)).dev.getStats64()],
    [
      'ndoStartXmit',
      async (memory, ops) => {
        const { port } = await addDevice(memory, ops)
        sendAll(port, ...numbered(1))
      },
    ],
  ]
  test.each(ops)(
    'an async %s is logged as a mistake, and its error too when it comes',
    async (name, act) => {
      await act(memory, { [name]: rejects })
      await turn()
      expect(memory.lines.filter(line => line.includes(`${name}`))).toEqual([
        expect.stringMatching(new RegExp(`: ${name}: is async, but must return .* at once$`)),
        expect.stringMatching(new RegExp(`: ${name}, async: Error: too late \\(at `)),
      ])
    },
  )
})

test.each<[unknown]>([[5n], [1], [-1], ['no'], [Number.NaN]])(
  'a frame for which ndoStartXmit returns %o, and which it did not hand on, is dropped and logged',
  async answer => {
    const { dev, port } = await addDevice(memory, { ndoStartXmit: () => answer as number })
    sendAll(port, ...numbered(3))
    expect(dev.counters.drops().tx[SKB_DROP_REASON_DRIVER_EXCEPTION]).toBe(3)
    expect(memory.lines.at(-1)).toContain(
      `returned ${String(answer)}, not NETDEV_TX_OK or NETDEV_TX_BUSY`,
    )
  },
)

test.each([-1.5, -1e9, -4096])(
  'an errno of %d, which does not exist, becomes EIO',
  async answer => {
    await expect(registerNetdev(makeDevice({ ndoInit: () => answer }), memory.net)).rejects.toThrow(
      'EIO',
    )
  },
)

describe('a result that means nothing', () => {
  test.each<[string, () => number]>([
    ['a promise', rejects],
    ['undefined', () => undefined as unknown as number],
  ])(
    'an interrupt handler that returns %s is logged, and counts as spurious',
    async (_, handler) => {
      const { dev } = await addDevice(memory)
      const irq = new Irq(dev)
      irq.request(handler)
      irq.raise(1)
      await turn()
      expect([irq.spurious, memory.lines.some(line => line.includes('interrupt handler'))]).toEqual(
        [1, true],
      )
    },
  )

  test.each<[string, () => number]>([
    ['a promise', rejects],
    ['NaN', () => Number.NaN],
    ['undefined', () => undefined as unknown as number],
  ])('a poll that returns %s is logged, and can be scheduled again', async (_, poll) => {
    const { dev } = await addDevice(memory)
    const napi = new Napi(dev, poll)
    napi.enable()
    expect(napi.schedule()).toBe(true)
    await turn()
    expect(memory.lines.some(line => line.includes('napi poll'))).toBe(true)
    expect(napi.schedule()).toBe(true)
    await turn()
  })
})

describe('an alarm', () => {
  test('an alarm that throws is logged in one line, and rings again when armed again', async () => {
    let rung = 0
    const alarm = memory.net.clock.alarm(() => {
      rung++
      throw new Error('bad alarm')
    })
    for (let i = 1; i <= 2; i++) {
      alarm.at(i)
      memory.clock.advance(1)
    }
    expect(rung).toBe(2)
    expect(memory.lines).toEqual([
      expect.stringMatching(/^alarm: Error: bad alarm \(at .*bad-answers.*\); vnet goes on$/),
    ])
  })

  test('the error of an async alarm is logged', async () => {
    memory.net.clock.alarm(rejects).at(1)
    memory.clock.advance(NSEC_PER_SEC)
    await turn()
    expect(memory.lines).toEqual([expect.stringMatching(/^alarm: Error: too late/)])
  })

  test('an alarm cannot be armed for NaN', () => {
    expect(() =>
      makeNet()
        .net.clock.alarm(() => {})
        .at(Number.NaN),
    ).toThrow('alarm at NaN: EINVAL')
  })
})

test('a driver that keeps every frame causes one warning that no slot is free', async () => {
  const memory = makeNet({ large: 4 })
  const kept: SkBuff[] = []
  const dev = makeDevice({
    ndoStartXmit: skb => {
      kept.push(skb)
      return NETDEV_TX_OK
    },
    ndoStop: () => {
      for (const skb of kept.splice(0)) {
        skb.drop()
      }
    },
  })
  await registerNetdev(dev, memory.net)
  await devOpen(dev)
  const port = memory.platform.port(dev.name)
  sendAll(port, ...numbered(9))
  for (const skb of kept.splice(0, 2)) {
    skb.drop()
  }
  port.drain()
  expect(memory.lines.filter(line => line.includes('no free slot'))).toEqual([
    'test0: no free slot: 4 frames are held, and no more are read until one is freed',
  ])
})
