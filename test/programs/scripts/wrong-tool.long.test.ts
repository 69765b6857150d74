/** vitest by itself, on a machine with Debian's other arping. */

import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, expect, test } from 'vitest'
import { freshDirectory } from '#support/fresh-directory.ts'
import { execute } from '#support/setup-tree.ts'

const LINE =
  'the kernel tests need the arping of iputils, and this one is another program: sudo apt-get install iputils-arping'

const directory = freshDirectory()

beforeEach(() => {
  const arping = join(directory, 'arping')
  writeFileSync(arping, '#!/bin/sh\necho "ARPing 2.23, by Thomas Habets"\n')
  chmodSync(arping, 0o755)
})

/**
 * Runs vitest on a file whose support files start arping, and on a file without such support files.
 */
function vitest(env: NodeJS.ProcessEnv) {
  const files = [
    'packages/lan/test/kernel/waiting/dhcp.slow.test.ts',
    'test/scripts/test-report.test.ts',
  ]
  const args = ['node_modules/.bin/vitest', 'run', '--no-color', ...files]
  return execute(args, { ...env, PATH: `${directory}:${process.env.PATH}` })
}

test('the tests that start another program of that name are skipped, with the reason', async () => {
  const { code, stdout, stderr } = await vitest({})
  expect({ code, stdout }).toEqual({
    code: 0,
    stdout: expect.stringMatching(/Test Files +1 passed \| 1 skipped/),
  })
  expect(stderr).toContain(`tests are skipped: ${LINE}\n`)
})

test('another program of that name is a failure in CI, with one line, and no test runs', async () => {
  expect(await vitest({ CI: 'true' })).toEqual({ code: 1, stdout: '', stderr: `vnet: ${LINE}\n` })
})
