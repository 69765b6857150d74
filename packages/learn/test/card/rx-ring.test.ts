/** Mistakes in the receive ring in C, on QEMU's card with an IOMMU. */
import { expect, test } from 'vitest'
import { LIMIT_MS } from '../support/kernel-module.ts'
import { failureOf } from '../support/wrong-module.ts'

const EXERCISE = '24-rx-ring'

test('a buffer with the address of the CPU fails by the line of the IOMMU', {
  timeout: LIMIT_MS,
}, async () => {
  const failure = await failureOf(EXERCISE, [
    '{ .buffer_addr = cpu_to_le64(dma) };',
    '{ .buffer_addr = cpu_to_le64(virt_to_phys(skb->data)) };',
  ])
  expect(failure).toMatch(/^DMAR: \[DMA Write NO_PASID\] Request device /m)
})

test('without a refill, the card is deaf after one lap', { timeout: LIMIT_MS }, async () => {
  const failure = await failureOf(EXERCISE, ['\tif (work > 0)\n\t\talloc_rx_buffers(priv);\n', ''])
  expect(failure).toMatch(/frames transmitted, 255 received/)
})

test('a poll that does not look at DD crashes, and is reported by its line', {
  timeout: LIMIT_MS,
}, async () => {
  const failure = await failureOf(EXERCISE, [
    '\t\tif (!(le32_to_cpu(READ_ONCE(desc->upper)) & E1000_RXD_STAT_DD))\n\t\t\tbreak;\n',
    '',
  ])
  expect(failure).toMatch(/^BUG: .*wrong\.c:\d+, rx_poll\(\)/)
})
