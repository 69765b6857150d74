/**
 * Some changes of the stack, which each run draws again: each mutation of a tenth fails a case of
 * conformance, and a legal change none that must pass. `npm run test:stacks` has all of them.
 */
import { expect, test } from 'vitest'
import { random } from '#src/base/random.ts'
import { runLegalChanges } from '../mutations/legal.mjs'
import { readLegalChanges, readMutations } from '../mutations/mutations.mjs'
import { gaps, runMutations } from '../mutations/results.mjs'

const PART = 10
const seed = Number(process.env.FUZZ_SEED ?? Date.now() % 1_000_000)
const { below } = random(seed)

test(`a drawn legal change fails no case that must pass (FUZZ_SEED=${seed})`, async () => {
  const changes = readLegalChanges()
  const { results } = await runLegalChanges([changes[below(changes.length)]!])
  expect(results.map(({ name, wrong }) => [name, [...wrong.keys()]])).toEqual([
    [expect.anything(), []],
  ])
})

test(`each mutation of a drawn tenth fails a case (FUZZ_SEED=${seed})`, async () => {
  const { survivors } = gaps(await runMutations(readMutations().filter(() => below(PART) === 0)))
  expect(survivors).toEqual([])
})
