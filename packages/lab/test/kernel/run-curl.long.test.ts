/** One program of test/run: a smoke test of its servers. */
import { expect, test } from 'vitest'
import { triedPrograms } from '../support/run-tried.ts'
import { TRIED } from '../support/tried-programs.ts'

const { expectRun } = triedPrograms()

test('curl fetches a file over HTTPS past the wire', async () => {
  const curl = TRIED.find(({ program }) => program === 'curl')
  if (curl === undefined) {
    expect.fail('no row of curl')
  }
  await expectRun(curl)
})
