/** The driver checks know that a mapped frame belongs to the card. */
import { expect, test } from 'vitest'
import { testBed, udpFrame } from '#src/bed/index.ts'
import { defineDriver } from '#src/netdev/driver.ts'
import { allocEtherdevMqs } from '#src/netdev/eth.ts'
import { ethTypeTrans, netifRx } from '#src/netdev/netif.ts'
import {
  DMA_FROM_DEVICE,
  DMA_TO_DEVICE,
  dmaMappingError,
  dmaMapSingle,
  dmaUnmapSingle,
} from '#src/pci/index.ts'
import { devAllocSkb } from '#src/skb/alloc-skb.ts'
import type { SkBuff } from '#src/skb/sk-buff.ts'
import { slotOf } from './slot.ts'

/** Sends a frame through a driver with a startXmit that uses the frame between map and unmap. */
async function findings(use: (skb: SkBuff) => void) {
  const { pdev, iommu } = slotOf()
  const driver = defineDriver({
    name: 'mapped',
    description: '',
    params: {},
    init: () => {
      const dev = allocEtherdevMqs({
        priv: undefined,
        setup(made) {
          made.netdevOps = {
            ndoStartXmit(skb) {
              const dma = dmaMapSingle(pdev, skb, skb.len, DMA_TO_DEVICE)
              dmaMappingError(pdev, dma)
              use(skb)
              dmaUnmapSingle(pdev, dma, skb.len, DMA_TO_DEVICE)
              const received = devAllocSkb(made, 1522) as SkBuff
              const into = dmaMapSingle(pdev, received, 1522, DMA_FROM_DEVICE)
              dmaMappingError(pdev, into)
              iommu.write(into, skb.len, skb.pool.bytes, skb.data)
              dmaUnmapSingle(pdev, into, 1522, DMA_FROM_DEVICE)
              received.put(skb.len)
              skb.free()
              ethTypeTrans(received, made)
              netifRx(received)
            },
          }
        },
      })
      return [{ dev }]
    },
  })
  await using bed = await testBed(driver, {}, { debug: true, allowErrors: true })
  // Its checksum is wrong, which is not the driver's mistake: the card has written it.
  const frame = udpFrame({ from: '198.18.0.1', to: '198.18.0.2' })
  frame[frame.length - 1] ^= 1
  bed.transmit(frame)
  expect(bed.received).toHaveLength(1)
  return bed.findings.map(({ rule }) => rule)
}

test('a driver may look at the length of a mapped frame, and receive what a card has written', async () => {
  expect(await findings(skb => void skb.len)).toEqual([])
})

test('a driver that looks at the bytes of a mapped frame is reported', async () => {
  expect(await findings(skb => void skb.bytes[skb.data])).toEqual(['use-after-hand-over'])
})
