/**
 * The lines about events between frames, on the memory platform, for devices whose msgEnable has
 * the bit of that kind.
 */
import { expect, test } from 'vitest'
import { NSEC_PER_MSEC } from '#src/base/clock.ts'
import * as flags from '#src/netdev/if.ts'
import { IRQ_HANDLED, IRQ_NONE, Irq } from '#src/netdev/irq.ts'
import { Napi } from '#src/netdev/napi.ts'
import { netifCarrierOff, netifCarrierOn, netifRx, netifRxDrop } from '#src/netdev/netif.ts'
import type { NetDeviceOps } from '#src/netdev/ops.ts'
import { SKB_DROP_REASON_FULL_RING, SKB_DROP_REASON_NOMEM } from '#src/skb/drop-reason.ts'
import {
  addDevice,
  type DeviceOptions,
  makeDevice,
  memoryNets,
  sendAll,
} from '#support/memory-net.ts'
import { buildFrame, plain } from '../packet/frames.ts'

const makeNet = memoryNets()
const frame = buildFrame({ packet: plain, tags: [], padding: [] })
const TEXT = 'IP 198.18.0.1.12345 > 198.18.0.2.53: UDP, length 5'

/** A device that logs the events of `msgEnable`, and `logged`, which returns the new lines. */
async function logging(
  msgEnable: number,
  ops: Partial<NetDeviceOps<unknown>> = {},
  options: DeviceOptions = {},
) {
  const memory = makeNet({ msgEnable })
  const added = await addDevice(memory, ops, options)
  const logged = () => memory.lines.splice(0).map(line => line.replace(/^test0: /, ''))
  logged()
  return { ...memory, ...added, logged }
}

test('an interrupt is logged when it is raised, also while it is masked, and when it was taken', async () => {
  const { dev, net, logged } = await logging(flags.NETIF_MSG_INTR)
  const irq = new Irq(dev)
  irq.request(() => (irq.acknowledge() === 0 ? IRQ_NONE : IRQ_HANDLED))
  irq.raise(1)
  irq.raise(2)
  net.flush()
  expect(logged()).toEqual(['interrupt 0x1 raised', 'interrupt handled'])
  irq.mask(3)
  irq.raise(2)
  irq.unmask(3)
  net.flush()
  expect(logged()).toEqual([
    'interrupt 0x3 masked',
    'interrupt 0x2 raised, but masked',
    'interrupt 0x3 unmasked',
    'interrupt 0x2 raised',
    'interrupt handled',
  ])
  irq.raise(0)
  net.flush()
  expect(logged()).toEqual(['interrupt 0x0 raised', 'interrupt spurious'])
})

test('a poll is logged with its work and its budget, and whether it runs again', async () => {
  const { dev, net, logged } = await logging(flags.NETIF_MSG_RX_STATUS)
  const works = [64, 3]
  const napi = new Napi(dev, napi => {
    const work = works.shift() ?? 0
    if (work < napi.weight) {
      napi.completeDone(work)
    }
    return work
  })
  napi.enable()
  napi.schedule()
  net.flush()
  expect(logged()).toEqual(['poll: 64 of 64, again', 'poll: 3 of 64, done'])
})

test('a transmit queue is logged when it is stopped, started and woken, once each', async () => {
  const { dev, logged } = await logging(flags.NETIF_MSG_TX_QUEUED, {}, { txqs: 2, rxqs: 1 })
  const txq = dev.tx[1]!
  for (const call of ['wake', 'stop', 'stop', 'wake', 'wake', 'stop', 'start', 'start'] as const) {
    txq[call]()
  }
  expect(logged()).toEqual(['tx-1 stopped', 'tx-1 woken', 'tx-1 stopped', 'tx-1 started'])
})

test('NETDEV_TX_BUSY is logged, and the wake that ends it', async () => {
  let busy = true
  const ops: Partial<NetDeviceOps<unknown>> = {
    ndoStartXmit: skb => (busy ? flags.NETDEV_TX_BUSY : skb.drop()),
  }
  const { dev, port, logged } = await logging(flags.NETIF_MSG_TX_QUEUED, ops)
  sendAll(port, frame)
  busy = false
  dev.tx[0]!.wake()
  expect(logged()).toEqual(['tx-0 busy: the frame is offered again', 'tx-0 woken'])
})

test('a look of the watchdog is logged with how long the queue is stopped', async () => {
  const { dev, clock, logged } = await logging(
    flags.NETIF_MSG_TIMER,
    {},
    { watchdogTimeo: 50, txqs: 2, rxqs: 1 },
  )
  dev.tx[0]!.stop()
  clock.advance(20 * NSEC_PER_MSEC)
  dev.tx[0]!.wake()
  dev.tx[1]!.stop()
  clock.advance(30 * NSEC_PER_MSEC)
  expect(logged()).toEqual(['watchdog: tx-1 stopped for 30 ms of 50'])
  clock.advance(20 * NSEC_PER_MSEC)
  expect(logged()).toEqual([
    'watchdog: tx-1 stopped for 50 ms of 50',
    'NETDEV WATCHDOG: transmit queue 1 timed out after 50 ms',
  ])
})

test.each([
  ['NETIF_MSG_TX_ERR', flags.NETIF_MSG_TX_ERR, [`tx-1 ${TEXT}, dropped: FULL_RING`]],
  ['NETIF_MSG_RX_ERR', flags.NETIF_MSG_RX_ERR, [`rx-1 ${TEXT}, dropped: NOMEM`]],
  ['NETIF_MSG_PKTDATA', flags.NETIF_MSG_PKTDATA, [`tx-1 ${TEXT}`, `tx-1 ${TEXT}`]],
] as const)(
  'of two dropped frames, a sent and a received one, %s logs what it stands for',
  async (_, bit, lines) => {
    let sent = 0
    const ops: Partial<NetDeviceOps<unknown>> = {
      ndoStartXmit: (skb, dev) =>
        sent++ === 0
          ? skb.drop(SKB_DROP_REASON_FULL_RING)
          : netifRxDrop(skb, dev, SKB_DROP_REASON_NOMEM),
    }
    const { port, logged } = await logging(bit, ops, { txqs: 2, rxqs: 2 })
    port.transmit(frame, 1)
    port.transmit(frame, 1)
    port.drain()
    expect(logged()).toEqual(lines)
  },
)

test('the carrier is logged when it changes', async () => {
  const { dev, logged } = await logging(flags.NETIF_MSG_LINK)
  for (const set of [netifCarrierOff, netifCarrierOff, netifCarrierOn]) {
    set(dev)
  }
  expect(logged()).toEqual(['carrier off', 'carrier on'])
})

test('a device that is not registered logs no events, although its driver asked for them', () => {
  const dev = makeDevice()
  dev.msgEnable = flags.NETIF_MSG_FRAMES
  dev.tx[0]!.stop()
  dev.tx[0]!.start()
  netifCarrierOff(dev)
  expect(dev.carrier).toBe(false)
})

test('without a bit of msgEnable no event is logged', async () => {
  const { dev, net, port, logged } = await logging(0, { ndoStartXmit: netifRx })
  const irq = new Irq(dev)
  irq.request(() => IRQ_NONE)
  irq.raise(1)
  net.flush()
  dev.tx[0]!.stop()
  dev.tx[0]!.wake()
  netifCarrierOff(dev)
  sendAll(port, frame)
  expect(logged()).toEqual([])
})
