/** Many `vnet run`, of which nothing remains, however they end. */
import { test } from 'vitest'
import { SEED } from '#support/scale.ts'
import { randomEnds } from '../support/random-ends.ts'

const endAtRandom = randomEnds()

test('nothing remains of 1,000 runs, whatever ends them', { timeout: 900_000 }, () =>
  endAtRandom(1000, SEED),
)
