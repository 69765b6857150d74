/** The IOMMU reports modules with a card that uses memory which it no longer has. */
import { expect, test } from 'vitest'
import { LIMIT_MS } from '../support/kernel-module.ts'
import { failureOf } from '../support/wrong-module.ts'

test('a frame that is unmapped before its doorbell fails by the line of the IOMMU', {
  timeout: LIMIT_MS,
}, async () => {
  const failure = await failureOf('23-tx-ring', [
    '\t/* The card sees the descriptor before the tail. */\n',
    '\tdma_unmap_single(device, dma, skb->len, DMA_TO_DEVICE);\n',
  ])
  // The second unmapping, by the poll.
  expect(failure).toMatch(/^WARNING: .*wrong\.c:\d+, tx_poll\(\)/)
  expect(failure).toMatch(/^DMAR: \[DMA Read NO_PASID\] /m)
})

test('a status of the last lap that is not cleared fails by the line of the IOMMU', {
  timeout: LIMIT_MS,
}, async () => {
  const failure = await failureOf('24-rx-ring', [
    '\t\trx->desc[i] = (struct e1000_desc){ .buffer_addr = cpu_to_le64(dma) };\n',
    '\t\trx->desc[i].buffer_addr = cpu_to_le64(dma);\n',
  ])
  expect(failure).toMatch(/^DMAR: \[DMA Write NO_PASID\] /m)
})
