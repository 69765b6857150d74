/** The ioctls that reach a driver, from any caller. */
import { describe, expect, test } from 'vitest'
import {
  EBUSY,
  EFAULT,
  EINVAL,
  EIO,
  ENODEV,
  EOPNOTSUPP,
  EPERM,
  VnetError,
} from '#src/base/errno.ts'
import { devIoctl, noMemory } from '#src/netdev/dev-ioctl.ts'
import type { Ifmap, NetDeviceOps } from '#src/netdev/ops.ts'
import { addDevice, makeDevice, memoryNets } from '#support/memory-net.ts'
import { ifreqTo, MEMORY_AT, memoryOf } from '#support/user-memory.ts'

const memoryNet = memoryNets()
const SIOCDEVPRIVATE = 0x89f0
const SIOCGIFMAP = 0x8970
const SIOCSIFMAP = 0x8971

type Private = NonNullable<NetDeviceOps<unknown>['ndoSiocdevprivate']>

async function device(ndoSiocdevprivate: Private, ops: Partial<NetDeviceOps<unknown>> = {}) {
  const memory = memoryNet()
  const { dev } = await addDevice(memory, { ...ops, ndoSiocdevprivate })
  const octets = Uint8Array.of(1, 2, 3, 4)
  const ask = (cmd: number, ifr = ifreqTo('test0'), mayChange = false) =>
    devIoctl(dev, cmd, ifr, memoryOf(octets), mayChange)
  return { ...memory, dev, octets, ask }
}

describe('ndoSiocdevprivate', () => {
  test('ndoSiocdevprivate gets a copy of the ifreq, the caller’s memory and right, and the command, and replies in them', async () => {
    const seen: unknown[] = []
    const { ask, octets } = await device((dev, ifr, data, cmd) => {
      seen.push(dev.name, data.address, data.mayChange, cmd, [...data.read(3)])
      data.write(Uint8Array.of(9, 8))
      ifr[16] = 7
      return 5
    })
    const ifr = ifreqTo('test0')
    expect(ask(SIOCDEVPRIVATE + 15, ifr, true)).toBe(5)
    expect(seen).toEqual(['test0', MEMORY_AT, true, SIOCDEVPRIVATE + 15, [1, 2, 3]])
    expect([...octets, ifr[16]]).toEqual([9, 8, 3, 4, 7])
  })

  test('ndoSiocdevprivate gets the sixteen private commands and no others', async () => {
    const seen: number[] = []
    const { ask } = await device((_dev, _ifr, _data, cmd) => void seen.push(cmd - SIOCDEVPRIVATE))
    for (let n = -1; n <= 16; n++) {
      expect(ask(SIOCDEVPRIVATE + n)).toBe(n >= 0 && n < 16 ? 0 : -EOPNOTSUPP)
    }
    expect(seen).toEqual(Array.from({ length: 16 }, (_, n) => n))
  })

  test('ndoSiocdevprivate that fails leaves the caller’s ifreq unchanged', async () => {
    const { ask } = await device((_, ifr) => {
      ifr.fill(1)
      return -EBUSY
    })
    const ifr = ifreqTo('test0')
    expect([ask(SIOCDEVPRIVATE, ifr), ifr]).toEqual([-EBUSY, ifreqTo('test0')])
  })

  test.each<[string, Private]>([
    ['reads', (_dev, _ifr, data) => void data.read(5)],
    ['writes', (_dev, _ifr, data) => void data.write(new Uint8Array(5))],
  ])('an ndoSiocdevprivate that %s unmapped memory is EFAULT, and not a defect', async (_, op) => {
    const { ask, lines, dev } = await device(op)
    expect(ask(SIOCDEVPRIVATE)).toBe(-EFAULT)
    expect(devIoctl(dev, SIOCDEVPRIVATE, ifreqTo('test0', 0n), noMemory)).toBe(-EFAULT)
    expect(lines.filter(line => line.includes('ndoSiocdevprivate'))).toEqual([])
  })

  test.each<[string, Private, string]>([
    [
      'throws',
      () => {
        throw new VnetError(EINVAL, 'board')
      },
      'VnetError: board: EINVAL',
    ],
    [
      'reads without a bound',
      (_dev, _ifr, data) => void data.read(Number.POSITIVE_INFINITY),
      'RangeError: Infinity',
    ],
    [
      'writes without a bound',
      (_dev, _ifr, data) => void data.write(new Uint8Array(2 ** 21)),
      'RangeError: 2097152',
    ],
    ['answers nonsense', () => 1.5, 'returned 1.5'],
    ['is async', (async () => 0) as unknown as Private, 'is async'],
  ])(
    'an ndoSiocdevprivate that %s is EIO, with at most one line per second that has its place',
    async (_, op, text) => {
      const { ask, lines } = await device(op)
      for (let i = 0; i < 3; i++) {
        expect(ask(SIOCDEVPRIVATE)).toBe(-EIO)
      }
      const told = lines.filter(line => line.includes('ndoSiocdevprivate'))
      expect(told).toEqual([expect.stringContaining(text)])
    },
  )

  test('a private ioctl is EOPNOTSUPP without ndoSiocdevprivate, ENODEV before registration, EINVAL for half an ifreq', async () => {
    const { dev } = await addDevice(memoryNet())
    expect(devIoctl(dev, SIOCDEVPRIVATE, ifreqTo('test0'), noMemory)).toBe(-EOPNOTSUPP)
    expect(devIoctl(makeDevice(), SIOCDEVPRIVATE, ifreqTo('test0'), noMemory)).toBe(-ENODEV)
    expect(devIoctl(dev, SIOCDEVPRIVATE, new Uint8Array(39), noMemory)).toBe(-EINVAL)
  })
})

describe('the device’s resources', () => {
  /** struct ifmap as a program writes it: 8 + 8 + 2 + 1 + 1 + 1 bytes. */
  const octets = [1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0x34, 0x12, 5, 6, 7, 0, 0, 0]
  const map: Ifmap = { memStart: 1, memEnd: 2, baseAddr: 0x1234, irq: 5, dma: 6, port: 7 }

  test('the device’s resources are set with the right to change something, as the driver decides', async () => {
    const set: Ifmap[] = []
    const { ask } = await device(() => {}, { ndoSetConfig: (_, asked) => void set.push(asked) })
    const ifr = ifreqTo('test0')
    ifr.set(octets, 16)
    expect([ask(SIOCSIFMAP, ifr), set]).toEqual([-EPERM, []])
    expect([ask(SIOCSIFMAP, ifr, true), set]).toEqual([0, [map]])
  })

  test('the device’s resources are shown to everyone; a map that no ifreq can hold is EIO', async () => {
    const { ask, dev } = await device(() => {})
    dev.map = map
    const ifr = ifreqTo('test0', 0n)
    expect([ask(SIOCGIFMAP, ifr), [...ifr.subarray(16)]]).toEqual([0, octets])
    expect(ask(SIOCSIFMAP, ifr, true)).toBe(-EOPNOTSUPP)
    dev.map = { ...map, memEnd: 0.5 }
    expect([ask(SIOCGIFMAP, ifr), [...ifr.subarray(16)]]).toEqual([-EIO, octets])
  })
})
