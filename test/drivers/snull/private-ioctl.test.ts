/** The results of the drivers' private ioctls. */
import { describe, expect, test } from 'vitest'
import { EBUSY, EFAULT, EINVAL, EOPNOTSUPP, EPERM } from '#src/base/errno.ts'
import { driver as cable } from '#src/drivers/cable.ts'
import { driver as loop } from '#src/drivers/loop.ts'
import { devIoctl } from '#src/netdev/dev-ioctl.ts'
import type { NetDevice } from '#src/netdev/net-device.ts'
import { devClose } from '#src/netdev/netif.ts'
import { TX_PACKETS } from '#src/netdev/stats.ts'
import { addDriver, memoryNets, turn } from '#support/memory-net.ts'
import { flowFrame, snullPair } from '#support/snull-pair.ts'
import { ifreqTo, memoryOf } from '#support/user-memory.ts'

const memoryNet = memoryNets()
const [RESET_STATS, GET_STATS, GET_LOCKUP, SET_LOCKUP] = [0x89f0, 0x89f1, 0x89f2, 0x89f3] as const

function ask(dev: NetDevice, cmd: number, octets = new Uint8Array(0), mayChange = true): number {
  return devIoctl(dev, cmd, ifreqTo(dev.name), memoryOf(octets), mayChange)
}

const ints = (...values: number[]) => new Uint8Array(Int32Array.from(values).buffer)

describe('snull', () => {
  test('RESET_STATS needs the right to change something, and resets that interface alone', async () => {
    const { memory, sn0, sn1, port0 } = await snullPair(memoryNet())
    port0.transmit(flowFrame(1, 1))
    await turn()
    expect(ask(sn0, RESET_STATS, undefined, false)).toBe(-EPERM)
    expect(sn0.getStats64()[TX_PACKETS]).toBe(1)
    expect(ask(sn0, RESET_STATS)).toBe(0)
    expect([sn0.getStats64()[TX_PACKETS], sn1.getStats64()[0]]).toEqual([0, 1])
    expect(memory.conserved()).toMatchObject({ in: 1, out: 1 })
    expect(memory.lines).toContain('sn0: statistics reset')
  })

  test('GET_STATS writes a struct rtnl_link_stats64 for everyone', async () => {
    const { sn0, port0 } = await snullPair(memoryNet())
    port0.transmit(flowFrame(1, 1))
    await turn()
    const octets = new Uint8Array(200)
    expect(ask(sn0, GET_STATS, octets, false)).toBe(0)
    expect([...new BigUint64Array(octets.buffer)].slice(0, 5)).toEqual([0n, 1n, 0n, 60n, 0n])
    expect(ask(sn0, GET_STATS, octets.subarray(1), false)).toBe(-EFAULT)
  })

  test('everyone can read lockup, and setting it needs the right; it then holds for both interfaces', async () => {
    const { memory, sn0, sn1, port0 } = await snullPair(memoryNet(), { timeout: 50 })
    expect(ask(sn0, SET_LOCKUP, ints(1), false)).toBe(-EPERM)
    expect(ask(sn0, SET_LOCKUP, ints(-1))).toBe(-EINVAL)
    expect(ask(sn0, SET_LOCKUP, ints(1))).toBe(0)
    const lockup = ints(0)
    expect([ask(sn1, GET_LOCKUP, lockup, false), new Int32Array(lockup.buffer)[0]]).toEqual([0, 1])
    port0.transmit(flowFrame(1, 1))
    await turn()
    expect(sn0.tx[0]!.stopped).toBe(true)
    expect(ask(sn0, SET_LOCKUP, ints(0))).toBe(0)
    memory.clock.advance(100_000_000)
    await turn()
    expect(sn0.tx[0]!.stopped).toBe(false)
  })

  test('other commands are not supported; SIOCSIFMAP sets the interrupt while it is down', async () => {
    const { sn0 } = await snullPair(memoryNet())
    expect(ask(sn0, 0x89f4)).toBe(-EOPNOTSUPP)
    expect(ask(sn0, 0x8971)).toBe(-EBUSY)
    await devClose(sn0)
    const ifr = ifreqTo('sn0', 0n)
    ifr[34] = 11
    expect(devIoctl(sn0, 0x8971, ifr, memoryOf(new Uint8Array(0)), true)).toBe(0)
    expect(sn0.map.irq).toBe(11)
  })
})

test.each([
  ['loop', loop, []],
  ['cable', cable, ['c0', 'c1']],
] as const)('%s has RESET_STATS as its only private ioctl', async (_, driver, args) => {
  const memory = memoryNet()
  const [dev] = (await addDriver(memory, driver as never, {}, { args: [...args] })).devices as [
    NetDevice,
  ]
  expect([
    ask(dev, RESET_STATS, undefined, false),
    ask(dev, RESET_STATS),
    ask(dev, GET_STATS),
  ]).toEqual([-EPERM, 0, -EOPNOTSUPP])
})
