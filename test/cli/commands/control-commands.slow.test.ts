/** More commands that query or change served vnets: interfaces that do not exist, and wires. */
import { afterEach, describe, expect, test, vi } from 'vitest'
import { ControlClient } from '#src/control/index.ts'
import { driver as snull } from '#src/drivers/snull/driver.ts'
import type { NetDevice } from '#src/netdev/net-device.ts'
import { servedNets } from '#support/served-nets.ts'
import { wireReadings } from '#support/wire-readings.ts'

const { serve, runMain } = servedNets()
afterEach(() => vi.restoreAllMocks())

const vnet = () => serve(snull, ['sn0', 'red/sn1'])
const ok = (stdout: string) => ({ status: 0, stdout, stderr: '' })
const failed = (line: string) => ({ status: 1, stdout: '', stderr: `vnet: ${line}\n` })

describe.each(
  [
    ['stats', 'sn9'],
    ['ioctl', 'sn9', '0'],
    ['cut', 'sn9'],
    ['plug', 'sn9'],
    ['carrier', 'sn9', 'on'],
    ['trigger', 'sn9', 'lockup'],
  ].map(args => [args]),
)('vnet %j', args => {
  test('reports that no vnet is running', async () => {
    expect(await runMain(...args)).toEqual(failed('no vnet is running in this network namespace'))
  })

  test('reports the interfaces that exist', async () => {
    await vnet()
    expect(await runMain(...args)).toEqual(
      failed('no interface is called sn9; there are sn0, red/sn1'),
    )
  })
})

describe('wire', () => {
  const SPEC = "match 'icmp' ( loss 1% )"

  test.each([
    [['--wire-ab', SPEC, '--wire-ba', SPEC], 1, [SPEC, SPEC]],
    [['off'], 0, ['', '']],
  ])(
    'vnet wire sn0 %j reads its texts %i times, and compiles a filter once',
    async (args, reads, texts) => {
      const { devices } = await vnet()
      {
        using readings = wireReadings()
        const set = vi.spyOn(ControlClient.prototype, 'setWire').mockResolvedValue()
        expect(await runMain('wire', 'sn0', ...args)).toEqual(ok(''))
        expect([readings.reads, readings.compiled]).toEqual([reads, Math.min(reads, 1)])
        set.mockRestore()
      }
      expect(await runMain('wire', 'sn0', ...args)).toEqual(ok(''))
      const [sn0] = devices as [NetDevice, NetDevice]
      expect(sn0.netdevOps.ndoGetWires?.(sn0)?.map(({ text }) => text)).toEqual(texts)
    },
  )
})
