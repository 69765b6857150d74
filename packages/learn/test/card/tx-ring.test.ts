/** Mistakes in the transmit ring in C, on QEMU's card with an IOMMU. */
import { expect, test } from 'vitest'
import { LIMIT_MS } from '../support/kernel-module.ts'
import { failureOf } from '../support/wrong-module.ts'

const EXERCISE = '23-tx-ring'
const DOORBELL = '\twritel(next(tx, i), priv->hw + E1000_TDT);\n'
const FILL = '\ttx->buffers[i] = (struct buffer)'

test('a descriptor with the address of the CPU fails by the line of the IOMMU', {
  timeout: LIMIT_MS,
}, async () => {
  const failure = await failureOf(EXERCISE, [
    '.buffer_addr = cpu_to_le64(dma)',
    '.buffer_addr = cpu_to_le64(virt_to_phys(skb->data))',
  ])
  expect(failure).toMatch(/frames transmitted, 0 received/)
  expect(failure).toMatch(/^DMAR: \[DMA Read NO_PASID\] Request device /m)
})

test('a tail that is moved before the descriptor is filled loses the frames', {
  timeout: LIMIT_MS,
}, async () => {
  const failure = await failureOf(EXERCISE, [DOORBELL, ''], [FILL, `${DOORBELL}${FILL}`])
  expect(failure).toMatch(/frames transmitted, 0 received/)
})

test('frames that are never freed stop their sender', { timeout: LIMIT_MS }, async () => {
  const failure = await failureOf(EXERCISE, [
    'napi_consume_skb(unmap(priv, i), budget);',
    'unmap(priv, i);',
  ])
  expect(failure).toMatch(/frames transmitted, [1-9]\d* received/)
})
