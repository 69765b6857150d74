/** The programs of examples/warm run a client in a fork, and report how it ended. */
import { test } from 'vitest'
import { reportsEachEnd } from '../support/warm-programs.ts'

test.each(['python', 'perl'] as const)('%s: the end of a client is reported', reportsEachEnd)
