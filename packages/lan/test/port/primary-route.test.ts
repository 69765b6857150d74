import { afterEach, expect, test, vi } from 'vitest'
import { EBADFD, EIO, ENETDOWN, VnetError } from '#src/base/errno.ts'
import { devClose, devOpen } from '#src/netdev/netif.ts'
import { registerNetdev, unregisterNetdev } from '#src/netdev/register.ts'
import { addDevice, makeDevice, memoryNets } from '#support/memory-net.ts'
import { keepPrimaryRoute } from '../../src/port/device.ts'

const makeNet = memoryNets()
const ONE = Uint8Array.of(198, 18, 0, 1)
const TWO = Uint8Array.of(192, 0, 2, 1)

afterEach(() => vi.restoreAllMocks())

/** A primary port and another one, both registered and down. */
async function setUp() {
  const memory = makeNet()
  const dev = makeDevice()
  const setGateway = keepPrimaryRoute(memory.net, [dev], ONE)
  await registerNetdev(dev, memory.net)
  const port = memory.platform.port(dev.name)
  return { memory, dev, port, setGateway }
}

test('a primary port has the default route each time it is up', async () => {
  const { memory, dev, port } = await setUp()
  const { port: other } = await addDevice(memory)
  expect(port.defaultRoute).toBeUndefined()
  for (let turn = 0; turn < 2; turn++) {
    await devOpen(dev)
    expect(port.defaultRoute).toEqual(ONE)
    await devClose(dev)
    expect(port.defaultRoute).toBeUndefined()
  }
  expect(other.defaultRoute).toBeUndefined()
  expect(memory.lines.filter(line => /default route via 198\.18\.0\.1$/.test(line))).toHaveLength(2)
})

test('the default route is removed before the interface, which may persist', async () => {
  const { dev, port } = await setUp()
  await devOpen(dev)
  const apply = vi.spyOn(port, 'apply')
  await unregisterNetdev(dev)
  expect(apply.mock.calls).toEqual([[{ defaultRoute: { via: ONE, there: false } }]])
})

test('the default route of a port that is up follows the gateway to another address', async () => {
  const { dev, port, setGateway } = await setUp()
  setGateway(TWO)
  expect(port.defaultRoute).toBeUndefined()
  await devOpen(dev)
  expect(port.defaultRoute).toEqual(TWO)
  const apply = vi.spyOn(port, 'apply')
  setGateway(TWO.slice())
  expect(apply).not.toHaveBeenCalled()
  setGateway(ONE)
  expect(apply.mock.calls.map(([{ defaultRoute }]) => defaultRoute)).toEqual([
    { via: TWO, there: false },
    { via: ONE, there: true },
  ])
})

test('a failure to add the default route is logged, unless the interface is down or deleted', async () => {
  const { memory, dev, port } = await setUp()
  const { apply } = port
  let failure = 0
  vi.spyOn(port, 'apply').mockImplementation(async request => {
    if (request.defaultRoute?.there) throw new VnetError(failure, 'RTM_NEWROUTE')
    return apply.call(port, request)
  })
  for (failure of [EIO, ENETDOWN, EBADFD]) {
    await devOpen(dev)
    await devClose(dev)
  }
  const logged = memory.lines.filter(line => /RTM_NEWROUTE|default route/.test(line))
  expect(logged).toEqual([expect.stringMatching(/RTM_NEWROUTE: EIO/)])
})
