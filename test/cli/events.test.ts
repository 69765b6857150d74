/** `vnet events` of served vnets: what it prints, and vnets that start, end and refuse. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { EPERM, VnetError } from '#src/base/errno.ts'
import { eventLine } from '#src/cli/commands/events.ts'
import { ControlClient, type DeviceEvent, type Subscription } from '#src/control/index.ts'
import { driver as cable } from '#src/drivers/cable.ts'
import { driver as snull } from '#src/drivers/snull/driver.ts'
import { cutCable, devOpen } from '#src/netdev/netif.ts'
import { addDevice, numbered, sendAll, turn } from '#support/memory-net.ts'
import { servedNets } from '#support/served-nets.ts'

const { serve, runMain, startMain } = servedNets()
const client = ControlClient.prototype
let subscribe: ReturnType<typeof spy>
const spy = () => vi.spyOn(client, 'subscribe')
beforeEach(() => {
  subscribe = spy()
})
afterEach(() => vi.restoreAllMocks())

const ok = (stdout: string) => ({ status: 0, stdout, stderr: '' })
const failed = (line: string | RegExp) => ({ status: 1, stdout: '', stderr: line })
const refusal = new VnetError(EPERM, 'fake', 'not today')
const vnet = () => serve(snull, ['sn0', 'red/sn1'], {}, { down: true })
const AT = '2027-01-15T08:00:00.000Z'

/** Settles with the subscriptions when there are so many. */
async function subscribed(count = 1): Promise<Subscription[]> {
  const made = () => subscribe.mock.settledResults.filter(({ type }) => type === 'fulfilled')
  while (made().length < count) {
    await turn()
  }
  return made().map(({ value }) => value)
}

test('events prints one line per event until the user ends it', async () => {
  const { devices } = await vnet()
  const going = startMain('events')
  const [subscription] = await subscribed()
  const close = vi.spyOn(subscription!, 'close')
  for (const dev of devices) {
    await devOpen(dev)
  }
  cutCable(devices[0]!)
  const states = [
    'sn0: up',
    'red/sn1: up',
    'sn0: cut',
    'sn0: carrier-off',
    'red/sn1: cut',
    'red/sn1: carrier-off',
  ]
  const lines = states.map(line => `${AT} ${line}\n`)
  await going.until(text => text.endsWith('red/sn1: carrier-off\n'))
  expect(await going.end()).toEqual(ok(lines.join('')))
  expect(subscribe.mock.calls[0]?.[2]).toMatchObject({ dropThreshold: undefined })
  expect(close).toHaveBeenCalledOnce()
})

const USUAL = { ifindex: 7, name: 'sn0', attached: false } as DeviceEvent
const step = { number: 1, device: USUAL, queue: 0, next: 'read' } as const
test.each<[string, Partial<DeviceEvent>]>([
  ['sn0: up', { event: 'up' }],
  [
    'red/sn1: timeout, queue 0, 3 so far',
    { event: 'timeout', name: 'sn1', netns: 'red', queue: 0, txTimeouts: 3 },
  ],
  ['sn0: drops, 1000 so far', { event: 'drops', dropped: 1000 }],
  ['sn0: carrier-on', { event: 'carrier-on' }],
  ['sn0: step on', { event: 'step', mode: 'on' }],
  ['sn0: step 1, read', { event: 'step', mode: 'on', step }],
  ['2026-11-21T00:00:00.125Z sn0: up', { event: 'up', time: 1_795_219_200_125 }],
])('the line of an event is %s', (line, event) => {
  expect(eventLine({ ...USUAL, ...event })).toBe(line)
})

test('events --json prints one object per event, and --drops sets how often drops are reported', async () => {
  const { devices, ports, clock } = await serve(snull, ['sn0', 'red/sn1'])
  const going = startMain('events', '--json', '--drops', '2')
  await subscribed()
  sendAll(ports[0]!, ...numbered(3))
  clock.advance(1_000_000_000)
  await going.until(text => text.endsWith('\n'))
  const { stdout } = await going.end()
  const rest = { name: 'sn0', ifindex: devices[0]?.ifindex, netns: null, dropped: 3 }
  expect(JSON.parse(stdout)).toEqual({ event: 'drops', time: 1_800_000_000_000, ...rest })
})

test('events IF prints only the events of the given interfaces', async () => {
  const { devices } = await vnet()
  const going = startMain('events', 'red/sn1')
  await subscribed()
  for (const dev of devices) {
    await devOpen(dev)
  }
  await going.until(text => text.endsWith('\n'))
  expect(await going.end()).toEqual(ok(`${AT} red/sn1: up\n`))
  const line = 'vnet: no interface is called nosuch; there are sn0, red/sn1\n'
  expect(await runMain('events', 'nosuch')).toEqual(failed(line))
})

describe('a vnet that starts meanwhile', () => {
  test('events prints the events of a new vnet, even those before its first reply', async () => {
    const first = await vnet()
    const going = startMain('events')
    await subscribed()
    const late = await serve(cable, ['a', 'c'])
    const { devices } = client
    vi.spyOn(client, 'devices').mockImplementationOnce(async function (this: ControlClient, path) {
      // A state that an event reports as well is printed once.
      await addDevice(late, {}, { name: 'b', down: true })
      return devices.call(this, path)
    })
    await going.until(text => text.includes('b: registered'))
    await devOpen(late.net.devices[2]!)
    await devOpen(first.devices[0]!)
    await going.until(text => text.includes('b: up') && text.includes('sn0: up'))
    const { status, stdout } = await going.end()
    const lines = stdout.split('\n').map(line => line.replace(`${AT} `, ''))
    expect([status, lines.filter(line => /^[ab]:/.test(line))]).toEqual([
      0,
      ['a: registered', 'a: up', 'b: registered', 'b: up'],
    ])
    expect(subscribe).toHaveBeenCalledTimes(2)
  })

  test('events of a vnet that cannot list its interfaces are printed as they arrive', async () => {
    await vnet()
    const going = startMain('events')
    await subscribed()
    const late = await vnet()
    vi.spyOn(client, 'devices').mockImplementationOnce(async () => {
      await devOpen(late.devices[0]!)
      throw refusal
    })
    await going.until(text => text === `${AT} sn0: up\n`)
    expect((await going.end()).status).toBe(0)
  })

  test('events continues while a new vnet replaces one that has ended', async () => {
    const [first] = [await vnet(), await vnet()]
    const going = startMain('events')
    await subscribed(2)
    first.server[Symbol.dispose]()
    await serve(cable, ['a', 'b'])
    await going.until(text => text.includes('a: registered'))
    expect((await going.end()).status).toBe(0)
  })

  test('events ends when the user ends it, even if another vnet starts at that moment', async () => {
    for (const _ of [1, 2]) {
      await vnet()
    }
    const going = startMain('events')
    const [first] = await subscribed(2)
    const { close } = first!
    vi.spyOn(first!, 'close').mockImplementation(async () => {
      await vnet()
      await close()
    })
    expect((await going.end()).status).toBe(0)
    expect(subscribe).toHaveBeenCalledTimes(2)
  })
})

test.each([
  [[], 'some events were lost\n'],
  [['--json'], '{"event":"lost"}\n'],
])('events %j reports lost events by %j', async (args, line) => {
  await vnet()
  const going = startMain('events', ...args)
  await subscribed()
  subscribe.mock.calls[0]?.[2]?.onLost?.()
  expect(await going.end()).toEqual(ok(line))
})

test('a vnet that refuses to send events is reported in one line, with exit status 1 if it is the only one', async () => {
  await vnet()
  subscribe.mockRejectedValue(refusal)
  const line = /^vnet: vnet \d+ \(sn0, red\/sn1\): operation not permitted; not today\n$/
  expect(await runMain('events')).toEqual(failed(expect.stringMatching(line)))
})

test('events exits 0 when its output is closed, and 1 with a line on a defect', async () => {
  await vnet()
  const [unread, broken] = [startMain('events'), startMain('events')]
  await subscribed(2)
  unread.close()
  expect(await unread.ended).toEqual(ok(''))
  const stderr = /^vnet: TypeError: a defect/
  expect(await broken.end({ defect: new TypeError('a defect') })).toMatchObject({
    status: 1,
    stderr,
  })
})

test('events ends with its vnet, with a line and exit status 1', async () => {
  const { server } = await vnet()
  const going = startMain('events')
  await subscribed()
  server[Symbol.dispose]()
  expect(await going.ended).toEqual(failed('vnet: no vnet is running any more\n'))
})
