/** examples/pytest passes with the pytest-3 of Debian; test/labs has more. */
import { spawnSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { PROGRAM } from '#support/vnet-process.ts'

test('a test for pytest-3 that makes a lab from a file passes', () => {
  const env = { ...process.env, VNET: `${process.execPath} ${PROGRAM}` }
  const args = ['-q', '-p', 'no:cacheprovider', '-k', 'first_packet']
  const { status, stdout } = spawnSync('pytest-3', args, {
    cwd: 'examples/pytest',
    env,
    encoding: 'utf8',
  })
  expect({ status, stdout }).toEqual({
    status: 0,
    stdout: expect.stringContaining('1 passed, 3 deselected'),
  })
})
