/** Modules that the page and other programs in a browser may load. */

import { spawnSync } from 'node:child_process'
import { join, resolve } from 'node:path'
import { expect, test } from 'vitest'

test('packets, capture readers and units compile without the types of Node', () => {
  const root = resolve(import.meta.dirname, '../../..')
  const tsc = spawnSync(join(root, 'node_modules/.bin/tsc'), ['-p', 'tsconfig.browser.json'], {
    cwd: root,
    encoding: 'utf8',
  })
  expect([tsc.status, tsc.stdout]).toEqual([0, ''])
})
