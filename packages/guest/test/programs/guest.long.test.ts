/** A day in a guest: a smoke test; `npm run test:guest` has more. */
import { expect, test } from 'vitest'
import { freshDirectory } from '#support/fresh-directory.ts'
import { shell } from '../support/guest-runs.ts'

const directory = freshDirectory()

test.runIf(process.arch === 'x64')(
  'a command that sleeps for a day ends on the next day',
  async () => {
    const { status, stdout } = await shell('sleep 1d; date +%F', { cwd: directory })
    expect([status, stdout]).toEqual([0, '2026-01-02\n'])
  },
)
