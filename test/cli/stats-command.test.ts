/** `vnet stats` of served vnets: repeated with rates, and of vnets that end or refuse. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { ECONNREFUSED, EPERM, VnetError } from '#src/base/errno.ts'
import { ControlClient } from '#src/control/index.ts'
import { driver as snull } from '#src/drivers/snull/driver.ts'
import { unregisterNetdev } from '#src/netdev/register.ts'
import { sendAll } from '#support/memory-net.ts'
import { servedNets } from '#support/served-nets.ts'
import { flowFrame } from '#support/snull-pair.ts'

const { serve, runMain, startMain } = servedNets()
let time: number
const now = () => {
  time += 1000
  return time
}
const vnet = () => serve(snull, ['sn0', 'red/sn1'], {}, { now })
beforeEach(() => {
  time = 1000
})
afterEach(() => vi.restoreAllMocks())

const failed = (line: string) => ({ status: 1, stdout: '', stderr: `vnet: ${line}\n` })
const stats = () => vi.spyOn(ControlClient.prototype, 'stats')
const ended = new VnetError(ECONNREFUSED, ['GET_STATS', 'sn0'])

test('stats --watch prints repeatedly, with the time and rates, until the user ends it', async () => {
  const { ports } = await vnet()
  sendAll(ports[0]!, flowFrame(0, 0))
  const going = startMain('stats', 'red/sn1', '--watch', '5ms')
  const timeless = (text: string) => text.replaceAll(/^1970-01-01T00:00:\d\d\.000Z\n/gm, '')
  const rows = ['  rx_packets     1       1', '  rx_bytes      60      60']
  const first = ['red/sn1       vnet  kernel', ...rows, '']
  const next = [
    'red/sn1       vnet  kernel  vnet/s',
    ...rows.map(row => `${row}       0`),
    '',
    'interface  tx/s  tx bit/s  rx/s  rx bit/s  drop/s  dropped  held',
    'red/sn1       0         0     0         0       0              0',
    '',
  ]
  await going.until(text => timeless(text).startsWith([...first, ...next, ...next].join('\n')))
  expect(going.text.stdout).toMatch(/^1970-01-01T00:00:0\d\.000Z\nred\/sn1 /)
  expect((await going.end()).status).toBe(0)
})

test('stats without names leaves out a vnet that ends meanwhile, and fails if none is left', async () => {
  await vnet()
  stats().mockRejectedValue(ended)
  expect(await runMain('stats')).toEqual(failed('no vnet is running any more'))
  expect(await runMain('stats', 'sn0')).toEqual(failed('sn0: connection refused'))
  vi.restoreAllMocks()
  stats().mockRejectedValueOnce(ended)
  const { status, stdout, stderr } = await runMain('stats', '--json')
  expect([status, stderr]).toEqual([0, ''])
  expect(JSON.parse(stdout).interfaces).toHaveLength(1)
})

test('stats reports every vnet that refuses, whether the others have ended or none ran', async () => {
  for (const _ of [1, 2, 3]) {
    await vnet()
  }
  const { devices } = ControlClient.prototype
  const refusals = (first: number) => {
    const reasons = ['not today', 'nor later']
    vi.spyOn(ControlClient.prototype, 'devices').mockImplementation(async function (
      this: ControlClient,
      path,
    ) {
      const reason = reasons.shift()
      if (reason !== undefined) throw new VnetError(EPERM, 'fake', reason)
      if (first > 2) throw new VnetError(ECONNREFUSED, 'fake')
      return devices.call(this, path)
    })
  }
  const lines = async () =>
    (await runMain('stats')).stderr.match(/not today|nor later|.*any more/g)?.toSorted()
  refusals(3)
  expect(await lines()).toEqual(['nor later', 'not today'])
  refusals(2)
  stats().mockRejectedValue(ended)
  expect(await lines()).toEqual(['nor later', 'not today'])
})

test('stats --watch --json prints one line each time, with the time', async () => {
  await vnet()
  const going = startMain('stats', '--watch', '5ms', '--json')
  await going.until(text => text.split('\n').length > 3)
  const { status, stdout } = await going.end()
  expect(status).toBe(0)
  for (const line of stdout.trimEnd().split('\n')) {
    const interfaces = [{ time: expect.any(Number) }, {}]
    expect(JSON.parse(line)).toMatchObject({ event: 'statistics', interfaces })
  }
})

test('stats --watch exits 1 when the interface is deleted', async () => {
  const { devices } = await vnet()
  const going = startMain('stats', 'sn0', '--watch', '5ms')
  await going.until(text => text.includes('sn0 '))
  await unregisterNetdev(devices[0]!)
  const stderr = 'vnet: no interface is called sn0; there is red/sn1\n'
  expect(await going.ended).toMatchObject({ status: 1, stderr })
})
