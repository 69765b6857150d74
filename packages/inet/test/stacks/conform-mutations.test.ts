/**
 * Each case of conformance fails for a stack in which its rule is broken on purpose;
 * test/programs/conform-mutations.long.test.ts draws some of the mutations, and
 * mutations/mutations.test.ts finds their texts.
 */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { readMutations } from '../mutations/mutations.mjs'
import { gaps, pagesOf, runMutations } from '../mutations/results.mjs'

test('each mutation of the stack fails a case, and each case fails for one', {
  timeout: 1_200_000,
}, async () => {
  const outcome = await runMutations(readMutations())
  expect(gaps(outcome)).toEqual({ survivors: [], uncovered: [] })
  for (const [name, text] of Object.entries(pagesOf(outcome))) {
    expect(readFileSync(new URL(`../../../conform/records/${name}`, import.meta.url), 'utf8')).toBe(
      text,
    )
  }
})
