/** Modules that the page and other programs in a browser may load. */

import { spawnSync } from 'node:child_process'
import { join, resolve } from 'node:path'
import { expect, test } from 'vitest'

test('packets, capture readers and units compile without the types of Node', () => {
  const root = resolve(import.meta.dirname, '../../..')
  // One thread takes a third less CPU time.
  const args = ['-p', 'tsconfig.browser.json', '--singleThreaded']
  const tsc = spawnSync(join(root, 'node_modules/.bin/tsc'), args, { cwd: root, encoding: 'utf8' })
  expect([tsc.status, tsc.stdout]).toEqual([0, ''])
})
