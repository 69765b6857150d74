/** More commands that query or change served vnets: interfaces that do not exist, and wires. */
import { afterEach, describe, expect, test, vi } from 'vitest'
import { ControlClient } from '#src/control/index.ts'
import { driver as loop } from '#src/drivers/loop.ts'
import { driver as snull } from '#src/drivers/snull/driver.ts'
import type { NetDevice } from '#src/netdev/net-device.ts'
import { cutCable } from '#src/netdev/netif.ts'
import { TX_PACKETS } from '#src/netdev/stats.ts'
import { sendAll } from '#support/memory-net.ts'
import { servedNets } from '#support/served-nets.ts'
import { flowFrame } from '#support/snull-pair.ts'
import { wireReadings } from '#support/wire-readings.ts'

const { serve, runMain } = servedNets()
afterEach(() => vi.restoreAllMocks())

const vnet = (options = {}) => serve(snull, ['sn0', 'red/sn1'], {}, options)
const client = ControlClient.prototype
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
        const set = vi.spyOn(client, 'setWire').mockResolvedValue()
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

test.each([
  ['down', true, () => {}],
  ['cut', false, cutCable],
] as const)('an interface has the state %s', async (state, down, change) => {
  const { devices } = await vnet({ down })
  change(devices[0]!)
  expect(JSON.parse((await runMain('list', '--json')).stdout).interfaces[0].state).toBe(state)
})

test('reset is for the interface of another namespace by its name alone, too', async () => {
  const { devices, ports } = await vnet()
  for (const port of ports) {
    sendAll(port, flowFrame(0, 0))
  }
  expect(await runMain('reset', 'sn1')).toEqual(ok(''))
  expect(devices.map(dev => dev.getStats64()[TX_PACKETS])).toEqual([1, 0])
})

test('param changes a number of a driver', async () => {
  const { values } = await vnet()
  expect(values.lockup).toBe(0)
  expect(await runMain('param', 'sn0', 'lockup=5')).toEqual(ok(''))
  expect(values.lockup).toBe(5)
})

test('a name of two interfaces means the one in the vnet’s own namespace, or else is refused', async () => {
  const [red, blue] = [await serve(loop, ['red/e0']), await serve(loop, ['blue/e0'])]
  const reset = vi.spyOn(client, 'resetStats')
  const { stderr } = await runMain('reset', 'e0')
  expect(stderr).toMatch(/^vnet: 2 interfaces are called e0: (red\/e0, blue|blue\/e0, red)\/e0\n$/)
  expect(await runMain('reset', 'blue/e0')).toEqual(ok(''))
  blue.server[Symbol.dispose]()
  await serve(loop, ['e0'])
  expect(await runMain('reset', 'e0')).toEqual(ok(''))
  expect(reset.mock.calls.map(([, { netns }]) => netns)).toEqual(['blue', undefined])
  expect(red.devices).toHaveLength(1)
})

test('options in front of a command are its own', async () => {
  await vnet()
  for (const args of [['list'], ['show', 'sn0'], ['stats'], ['lan', 'show', 'sn0']]) {
    expect(await runMain('--json', ...args)).toEqual(await runMain(...args, '--json'))
  }
  expect(await runMain('lan', '--json', 'show')).toEqual(await runMain('lan', 'show', '--json'))
})
