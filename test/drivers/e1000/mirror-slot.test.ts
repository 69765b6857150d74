/** A slot with one card and a mirror, driven by the driver of `vnet e1000`. */
import { expect, onTestFinished, test } from 'vitest'
import { arpRequest, testBed, udpFrame } from '#src/bed/index.ts'
import {
  type E1000Adapter,
  e1000NetdevOps,
  e1000Setup,
  newAdapter,
} from '#src/drivers/e1000/driver.ts'
import * as e1000 from '#src/drivers/e1000/hw.ts'
import { MirrorSlot, type MirrorSlotOptions } from '#src/drivers/e1000/mirror-slot.ts'
import { defineDriver } from '#src/netdev/driver.ts'
import { allocNetdevMqs } from '#src/netdev/eth.ts'
import { unregisterNetdev } from '#src/netdev/register.ts'
import { dmaAllocCoherent, pciIoremapBar, readl, writel } from '#src/pci/index.ts'

/** Returns a bed with the driver and its slot. */
async function mirrored(options: Partial<MirrorSlotOptions> = {}) {
  const slot = new MirrorSlot({ lag: 0, weak: false, ...options })
  const driver = defineDriver({
    name: 'mirrored',
    description: 'a card and a mirror',
    params: {},
    init() {
      const dev = allocNetdevMqs<E1000Adapter>({
        name: 'm0',
        priv: newAdapter(slot.pdev, 16),
        setup(made) {
          e1000Setup(made)
          slot.dev = made
          made.netdevOps = {
            ...e1000NetdevOps,
            ndoUninit(each) {
              e1000NetdevOps.ndoUninit?.(each)
              slot.leave()
            },
          }
        },
      })
      return [{ dev, addresses: ['198.18.0.1/24'] }]
    },
  })
  const bed = await testBed(driver, {}, { allowErrors: true })
  onTestFinished(() => bed.close())
  bed.advance(1)
  const { devAddr } = bed.dev
  const frame = (n: number, from = devAddr) =>
    udpFrame({
      from: '198.18.0.1',
      to: '198.18.0.9',
      sourceMac: from,
      destinationMac: devAddr,
      payload: new Uint8Array(18).fill(n),
    })
  return { bed, slot, frame }
}

test('the mirror sends frames of IPv4 back to their sender, and drops others', async () => {
  const { bed, slot, frame } = await mirrored()
  expect([...bed.dev.devAddr]).toEqual([0x52, 0x54, 0, 0x12, 0x34, 0x56])
  for (let n = 1; n <= 40; n++) {
    bed.transmit(frame(n))
  }
  expect(bed.received.map(({ bytes }) => bytes[42])).toEqual(
    Array.from({ length: 40 }, (_, i) => i + 1),
  )
  expect([...(bed.received[0]?.bytes.subarray(26, 34) ?? [])]).toEqual([
    198, 18, 0, 9, 198, 18, 0, 1,
  ])
  bed.transmit(arpRequest({ from: '198.18.0.1', to: '198.18.0.9' }))
  bed.transmit(frame(41, Uint8Array.of(2, 0, 0, 0, 0, 9)))
  bed.transmit(frame(42).subarray(0, 30))
  bed.transmit(frame(43).fill(0x4f, 14, 15))
  expect([slot.card.read32(e1000.E1000_GPTC), bed.drops()]).toEqual([
    44,
    { UNHANDLED_PROTO: 1, OTHERHOST: 1, IP_CSUM: 1, IP_INHDR: 1 },
  ])
})

test('with sendsOnly the kernel gets the frames without a receive ring', async () => {
  const { bed, slot, frame } = await mirrored({ sendsOnly: true })
  bed.transmit(frame(1))
  expect([bed.received.length, slot.card.packetBuffer.length]).toEqual([1, 0])
  expect(slot.card.read32(e1000.E1000_GPRC)).toBe(0)
})

test('the signal ends while the cable is out, and when the card is reset', async () => {
  const { bed, slot } = await mirrored()
  expect([slot.card.hasLink, slot.peer]).toEqual([true, undefined])
  expect(slot.trigger('unplug')).toBe(0)
  bed.advance(999)
  expect([slot.card.hasLink, bed.dev.carrier]).toEqual([false, false])
  bed.advance(2)
  expect([slot.card.hasLink, bed.dev.carrier]).toEqual([true, true])
  slot.card.write32(e1000.E1000_CTRL, e1000.E1000_CTRL_RST)
  expect(slot.card.hasLink).toBe(false)
})

test('EERD and MDIC are ready only after as many reads as the slot is slow', async () => {
  const { slot } = await mirrored()
  const hw = pciIoremapBar(slot.pdev, 0) as Parameters<typeof readl>[0]
  slot.slowness = 2
  for (const [register, start, ready] of [
    [e1000.E1000_EERD, e1000.E1000_EERD_START, e1000.E1000_EERD_DONE],
    [e1000.E1000_MDIC, 1 << e1000.E1000_MDIC_PHY_SHIFT, e1000.E1000_MDIC_READY],
  ] as const) {
    writel(hw, register, start)
    const isReady = Array.from({ length: 3 }, () => (readl(hw, register) & ready) !== 0)
    expect(isReady).toEqual([false, false, true])
  }
})

test('the end of the device reports memory that its driver has not released', async () => {
  const { bed, slot } = await mirrored()
  dmaAllocCoherent(slot.pdev, 64)
  await unregisterNetdev(bed.dev as never)
  expect(bed.log.filter(line => /has pending DMA allocations/.test(line))).not.toEqual([])
})
