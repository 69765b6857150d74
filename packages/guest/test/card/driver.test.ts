/** The driver of the model on QEMU's own cards: the same file, and the checks that apply. */
import { describe, expect, onTestFinished, test } from 'vitest'
import { EADDRNOTAVAIL } from '#src/base/errno.ts'
import type { TestBedOptions } from '#src/bed/index.ts'
import { IFF_ALLMULTI, IFF_PROMISC } from '#src/netdev/if.ts'
import type { NetDevice } from '#src/netdev/net-device.ts'
import { devClose, devOpen, netifRxDrop } from '#src/netdev/netif.ts'
import { devAllocSkb } from '#src/skb/alloc-skb.ts'
import { SKB_DROP_REASON_OTHERHOST } from '#src/skb/drop-reason.ts'
import type { SkBuff } from '#src/skb/sk-buff.ts'
import { testModes } from '../../../../test/drivers/e1000/modes.ts'
import { cardBed, numberedFrame, upTo } from '../../../../test/drivers/e1000/pair.ts'
import { pairDriver, startPairMachine } from './pair.ts'
import type { BounceBuffers } from './qemu-slot.ts'

/** A bed with two cards of a machine of its own, which ends after the bed. */
async function qemuBed({ ringSize = 16 }: { ringSize?: number } = {}, options?: TestBedOptions) {
  const machine = await startPairMachine()
  onTestFinished(() => machine.close())
  const made = await cardBed(pairDriver(machine), { ringSize }, options)
  return { machine, ...made }
}

const dmaOf = (dev: { priv: { pdev: { dmaOps: unknown } } }) =>
  dev.priv.pdev.dmaOps as BounceBuffers

/** Counts frames that the filter of QEMU's card has dropped: the driver does not see them. */
function countFiltered(dev: NetDevice, frames: number): void {
  for (let n = 0; n < frames; n++) {
    netifRxDrop(devAllocSkb(dev, 60) as SkBuff, dev, SKB_DROP_REASON_OTHERHOST)
  }
}

// Its transmitter works inside the write of TDT.
testModes([['inside the driver’s code, and is QEMU’s', {}]], ({ ringSize }) =>
  qemuBed({ ...(ringSize !== undefined && { ringSize }) }),
)

test('5000 pings pass through the two cards, and none is lost', async () => {
  const { bed, e0, e1 } = await qemuBed({ ringSize: 256 })
  const count = 5000
  expect(bed.ping({ to: '198.18.0.2', count, interval: '1ms', size: 56 })).toMatchObject({
    sent: count,
    received: count,
  })
  expect([bed.drops(e0), bed.drops(e1)]).toEqual([{}, {}])
})

test('the EEPROM has the address of the card, and the PHY a link', async () => {
  const { e0, e1 } = await qemuBed()
  expect([[...e0.devAddr], [...e1.devAddr]]).toEqual([
    [0x52, 0x54, 0, 0x12, 0x34, 1],
    [0x52, 0x54, 0, 0x12, 0x34, 2],
  ])
  expect([e0.carrier, e1.carrier]).toEqual([true, true])
})

test('rings of 4096 descriptors are filled and emptied', async () => {
  const { bed, e0, e1, arrived } = await qemuBed({ ringSize: 4096 })
  for (const n of upTo(200)) {
    bed.port('e0').transmit(numberedFrame(n, e0, e1))
  }
  bed.advance(10)
  expect(arrived()).toEqual(upTo(200))
})

describe('the receive filter', () => {
  const OTHER = [2, 9, 9, 9, 9, 9]
  const GROUP = [1, 0, 0x5e, 1, 2, 3]

  test('the driver programs its address, the groups, all groups, and the promiscuous mode', async () => {
    const { bed, e0, e1, arrived } = await qemuBed()
    let filtered = 0
    const passing = () =>
      [OTHER, GROUP].map(to => {
        const before = arrived().length
        const bytes = numberedFrame(1, e0, e1)
        bytes.set(to)
        bed.transmit(bytes)
        const passes = arrived().length > before
        filtered += passes ? 0 : 1
        return passes
      })
    expect(passing()).toEqual([false, false])
    e1.mc = [Uint8Array.from(GROUP)]
    e1.netdevOps.ndoSetRxMode?.(e1)
    expect(passing()).toEqual([false, true])
    e1.mc = []
    const { flags } = e1
    for (const [mode, expected] of [
      [IFF_PROMISC, [true, true]],
      [IFF_ALLMULTI, [false, true]],
      [0, [false, false]],
    ] as const) {
      bed.port('e1').change({ kind: 'flags', flags: flags | mode })
      expect(passing()).toEqual(expected)
    }
    expect(filtered).toBe(6)
    countFiltered(e1, filtered)
  })

  test('the card takes frames for a hardware address that was changed, now and after a reset', async () => {
    const { bed, e0, e1, arrived } = await qemuBed()
    bed.port('e1').change({ kind: 'address', address: Uint8Array.from(OTHER) })
    bed.transmit(numberedFrame(1, e0, e1))
    await devClose(e1)
    await devOpen(e1)
    bed.advance(1)
    bed.transmit(numberedFrame(2, e0, e1))
    expect(arrived()).toEqual([1, 2])
    expect(e1.netdevOps.ndoSetMacAddress?.(e1, Uint8Array.from(GROUP))).toBe(-EADDRNOTAVAIL)
  })
})

describe('memory and trouble', () => {
  const allowErrors = { allowErrors: true }

  test('a frame that cannot be mapped is dropped and counted', async () => {
    const { bed, e0, send, arrived } = await qemuBed()
    dmaOf(e0).mapsUntilError = 2
    send(upTo(5))
    expect([arrived(), bed.drops(e0)]).toEqual([[1, 2, 4, 5], { NOMEM: 1 }])
  })

  test('a receive buffer that cannot be mapped is made later', async () => {
    const { e1, send, arrived } = await qemuBed()
    dmaOf(e1).mapsUntilError = 2
    send(upTo(40))
    expect(arrived()).toEqual(upTo(40))
  })

  test('a ring without any memory is filled by the watchdog, and the frames wait', async () => {
    const { bed, e1, send, arrived } = await qemuBed()
    const { pool } = bed.net
    const { alloc } = pool
    // Frames of the kernel are allocated, receive buffers are not.
    pool.alloc = size => (size === 1522 ? undefined : alloc.call(pool, size))
    send(upTo(20))
    expect(arrived()).toEqual(upTo(15))
    pool.alloc = alloc
    bed.advance(3000)
    expect([arrived(), bed.drops(e1)]).toEqual([upTo(20), {}])
    bed.advance(10_000)
    expect(bed.clock.armed).toBe(0)
  })

  test('a queue that is stopped for 5 s is reset by ndoTxTimeout, and the card continues', async () => {
    const { bed, e0, send, arrived } = await qemuBed({}, allowErrors)
    send(upTo(3))
    e0.netdevOps.ndoTxTimeout?.(e0, 0)
    bed.advance(10)
    send(upTo(20))
    expect([arrived(), bed.stats(e0).txErrors]).toEqual([[...upTo(3), ...upTo(20)], 1])
  })

  test('the driver returns IRQ_NONE for an interrupt that the card has not raised', async () => {
    const { bed, e0, send, arrived } = await qemuBed()
    const { irq } = e0.priv
    // A cause that is masked may be left.
    irq.raise(0)
    bed.advance(1)
    const before = irq.spurious
    irq.raise(0)
    bed.advance(1)
    expect(irq.spurious).toBe(before + 1)
    send([1])
    expect(arrived()).toEqual([1])
  })

  test('removal: the driver notices it by the hang, and gives up', async () => {
    const { bed, e0, send, arrived, logged } = await qemuBed({}, allowErrors)
    send(upTo(3))
    e0.priv.pdev.isDisconnected = true
    send([4])
    bed.advance(5000)
    expect(logged(/e0: the card was removed/)).toHaveLength(1)
    expect([e0.carrier, arrived(), bed.drops(e0)]).toEqual([false, upTo(3), { DEV_STOPPED: 1 }])
    await devClose(e0)
    await expect(devOpen(e0)).rejects.toThrow(/refused/)
  })
})
