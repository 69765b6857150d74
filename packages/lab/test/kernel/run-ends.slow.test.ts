/** Some of the runs of test/run/ends.test.ts. */
import { test } from 'vitest'
import { either, SEED } from '#support/scale.ts'
import { randomEnds } from '../support/random-ends.ts'

const endAtRandom = randomEnds()

test('nothing remains of runs, whatever ends them', () => endAtRandom(either(100, 8), SEED))
