/** The page of all exports, for which the sources are parsed. */
import { test } from 'vitest'
import { expectGenerated, PARSED } from './generated-page.ts'

test(`${PARSED} follows from its sources: else run npm run generate`, () => expectGenerated(PARSED))
