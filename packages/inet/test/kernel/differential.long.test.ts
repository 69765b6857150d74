/** More random packets, by the seed of FUZZ_SEED, to a host in memory and to the kernel. */
import { expect, test } from 'vitest'
import { SEED } from '#support/scale.ts'
import { runPackets } from '../differential/main.ts'

test('a host in memory replies to 1,000 random packets like the kernel', () => {
  const lines: string[] = []
  runPackets(SEED, 1000, 20, text => lines.push(text))
  expect(lines.join('\n')).toBe('')
})
