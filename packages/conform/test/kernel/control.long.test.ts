/** All cases on Linux, with packages/conform/examples/control.c. */
import { expect, test } from 'vitest'
import { runAll } from '../support/controlled.ts'

test('Linux passes all that must pass with the program in C', { timeout: 300_000 }, async () => {
  const { failed, unknown, passed } = await runAll(
    'c',
    ['cc', '-Wall', '-Werror'],
    '192.0.2.2 7000',
  )
  expect(failed).toEqual([])
  expect(unknown).toEqual(['keepalive'])
  expect(passed).toBeGreaterThan(400)
})
