/** Each case of conformance that must pass does so for other stacks that obey the RFCs. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { legalPage, runLegalChanges } from '../mutations/legal.mjs'
import { readLegalChanges } from '../mutations/mutations.mjs'

test('no legal change of the stack fails a case that must pass', { timeout: 300_000 }, async () => {
  const outcome = await runLegalChanges(readLegalChanges())
  const wrong = outcome.results.flatMap(({ name, wrong }) =>
    [...wrong.keys()].map(failed => `${name}: ${failed}`),
  )
  expect(wrong).toEqual([])
  expect(
    readFileSync(new URL('../../../conform/records/conform-legal.md', import.meta.url), 'utf8'),
  ).toBe(legalPage(outcome))
})
