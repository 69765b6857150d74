/** Programs that run in `vnet run` unchanged, each against a server of its own. */
import { test } from 'vitest'
import { triedPrograms } from '../support/run-tried.ts'
import { TRIED } from '../support/tried-programs.ts'

const { expectRun } = triedPrograms()

test.each(TRIED)('$program runs as the record says: $did', expectRun)
