/** More random packets, by the seed of FUZZ_SEED, to a host in memory and to the kernel. */
import { expect, test } from 'vitest'
import { SEED } from '#support/scale.ts'
import { runExchanges, runPackets } from '../differential/main.ts'

test('a host in memory replies to 1,000 random packets like the kernel', () => {
  const lines: string[] = []
  runPackets(SEED, 1000, 20, text => lines.push(text))
  expect(lines.join('\n')).toBe('')
})

test('a host in memory behaves in 1,000 random exchanges of TCP like the kernel', async () => {
  const lines: string[] = []
  await runExchanges(SEED, 1000, 20, text => lines.push(text))
  expect(lines.join('\n')).toBe('')
})
