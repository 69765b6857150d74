/**
 * Faults of the card, triggered once each: what the driver does, and that no frame is lost
 * silently.
 */
import { expect, test } from 'vitest'
import { ENETDOWN, EOPNOTSUPP } from '#src/base/errno.ts'
import { AT_ONCE } from '#src/drivers/e1000/slot.ts'
import { devClose, devOpen } from '#src/netdev/netif.ts'
import { e1000Bed, numberedFrame, upTo } from './pair.ts'

const allowErrors = { allowErrors: true }

test('doorbell: the frame waits in the ring until the next one', async () => {
  const { bed, send, arrived, trigger } = await e1000Bed()
  expect(trigger('doorbell')).toBe(0)
  send([1])
  bed.advance(100)
  expect(arrived()).toEqual([])
  send([2])
  expect(arrived()).toEqual([1, 2])
})

test('doorbell: without a next frame the driver resets the card, and the frame is counted', async () => {
  const { bed, e0, send, arrived, trigger, logged } = await e1000Bed({}, allowErrors)
  trigger('doorbell')
  send([1])
  bed.advance(2000)
  expect(logged(/Detected Tx Unit Hang/)).toHaveLength(1)
  expect([bed.drops(e0), bed.stats(e0).txErrors]).toEqual([{ DEV_STOPPED: 1 }, 1])
  bed.advance(10)
  send(upTo(40))
  expect(arrived()).toEqual(upTo(40))
})

test.each([[0], [1], [AT_ONCE]])(
  'hang: the driver resets the card after 2 s and continues, with a lag of %i',
  async lag => {
    const { bed, e0, e1, send, arrived, trigger, logged } = await e1000Bed({ lag }, allowErrors)
    trigger('hang')
    const port = bed.port('e0')
    for (const n of upTo(40)) {
      port.transmit(numberedFrame(n, e0, e1))
    }
    bed.advance(1900)
    expect([arrived(), e0.tx[0].stopped]).toEqual([[], true])
    bed.advance(200)
    expect([e0.carrier, e0.tx[0].stopped, logged(/Tx Unit Hang/).length]).toEqual([true, false, 1])
    // The ring was lost; the frames that were not in it arrive.
    expect(arrived()).toEqual(upTo(40, 16))
    expect(bed.drops(e0)).toEqual({ DEV_STOPPED: 15 })
    send(upTo(3))
    bed.advance(10)
    expect(arrived().slice(-3)).toEqual([1, 2, 3])
  },
)

test('a queue that is stopped for 5 s is reset by ndoTxTimeout', async () => {
  const { bed, e0, send, arrived } = await e1000Bed({}, allowErrors)
  e0.netdevOps.ndoTxTimeout?.(e0, 0)
  bed.advance(10)
  send(upTo(20))
  expect([arrived(), bed.stats(e0).txErrors, e0.watchdogTimeo]).toEqual([upTo(20), 1, 5000])
})

test('frames that the card has sent, and the driver not yet seen as done, are not dropped by a reset', async () => {
  const { bed, e0, send, arrived } = await e1000Bed({ lag: AT_ONCE })
  bed.net.flush()
  const { napi } = e0.priv
  const { schedule } = napi
  napi.schedule = () => false
  send(upTo(3))
  expect(arrived()).toEqual([1, 2, 3])
  napi.schedule = schedule
  e0.netdevOps.ndoTxTimeout?.(e0, 0)
  expect(bed.drops(e0)).toEqual({})
})

test('spurious: the driver returns IRQ_NONE for an interrupt that the card has not raised', async () => {
  const { bed, e0, send, arrived, trigger } = await e1000Bed()
  const { irq } = e0.priv
  const before = irq.spurious
  trigger('spurious')
  bed.advance(1)
  expect(irq.spurious).toBe(before + 1)
  send([1])
  expect(arrived()).toEqual([1])
})

test('dma-error of a frame to send: the IOMMU reports it, zeros leave, and the driver continues', async () => {
  const { bed, e1, send, arrived, trigger, logged } = await e1000Bed({}, allowErrors)
  trigger('dma-error')
  send(upTo(3))
  expect(arrived()).toEqual([2, 3])
  expect(logged(/e0: DMAR: \[DMA Read NO_PASID\] Request device \[00:03\.0\]/)).toHaveLength(1)
  expect(bed.drops(e1)).toEqual({ OTHERHOST: 1 })
})

test('dma-error of a received frame: what the buffer had before is received', async () => {
  const { bed, e1, send, arrived, trigger, logged } = await e1000Bed({}, allowErrors)
  trigger('dma-error', e1)
  send(upTo(3))
  expect(arrived().filter(n => n !== 1)).toEqual([2, 3])
  expect(logged(/e1: DMAR: \[DMA Write NO_PASID\] Request device \[00:04\.0\]/)).toHaveLength(1)
  expect(bed.stats(e1).rxPackets).toBe(3)
})

test('unplug: the carrier is off at both ends for a second', async () => {
  const { bed, e0, e1, send, arrived, trigger } = await e1000Bed()
  trigger('unplug', e1)
  bed.advance(999)
  expect([e0.carrier, e1.carrier]).toEqual([false, false])
  bed.advance(2)
  expect([e0.carrier, e1.carrier]).toEqual([true, true])
  send([1])
  expect(arrived()).toEqual([1])
})

test('unplug: the device that goes down puts the cable in again', async () => {
  const { bed, e0, e1, trigger } = await e1000Bed()
  trigger('unplug', e1)
  await devClose(e1)
  await devOpen(e1)
  bed.advance(1)
  expect([e0.carrier, bed.clock.armed]).toEqual([true, 0])
})

test('removal: the driver notices it by the hang, and gives up; the peer sees the link go', async () => {
  const { bed, e0, e1, send, arrived, trigger, logged } = await e1000Bed({ lag: 5 }, allowErrors)
  send(upTo(3))
  trigger('removal')
  bed.advance(10)
  expect([e0.carrier, e1.carrier]).toEqual([true, false])
  send([4])
  bed.advance(2000)
  expect(logged(/e0: the card was removed/)).toHaveLength(1)
  expect([e0.carrier, arrived(), bed.drops(e0)]).toEqual([false, [], { DEV_STOPPED: 4 }])
  const { irq } = e0.priv
  trigger('spurious')
  bed.advance(1)
  expect(irq.spurious).toBe(1)
  await devClose(e0)
  await expect(devOpen(e0)).rejects.toThrow(/refused/)
  expect(logged(/ndo_open failed: ENODEV/)).toHaveLength(1)
})

test('removal of the receiving card: frames in it and on the wire are dropped and counted', async () => {
  const { bed, e0, e1, send, arrived, trigger } = await e1000Bed(
    { lag: 5, wire: 'delay 4ms' },
    allowErrors,
  )
  send(upTo(3))
  bed.advance(6)
  send(upTo(6, 4))
  bed.advance(6)
  trigger('removal', e1)
  bed.advance(1000)
  expect([arrived(), bed.drops(e0), bed.drops(e1)]).toEqual([
    [],
    {},
    { DEV_STOPPED: 3, DEV_READY: 3 },
  ])
})

test('an unknown fault is refused, and any fault while the interface is down', async () => {
  const { e0, trigger } = await e1000Bed()
  expect(trigger('fire')).toBe(-EOPNOTSUPP)
  await devClose(e0)
  expect(trigger('hang')).toBe(-ENETDOWN)
})
