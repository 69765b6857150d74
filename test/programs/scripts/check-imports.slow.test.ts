/** The checker of imports as a program, on a tree that keeps the rule. */
import { spawnSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { expect, test } from 'vitest'
import { testDirectory, written } from '#support/fresh-directory.ts'

test('check-imports prints nothing and exits with 0 if the rule is kept', () => {
  const root = testDirectory()
  mkdirSync(join(root, 'src/netdev'), { recursive: true })
  written(root, 'src/netdev/a.ts', "import '../skb/b.ts'")
  const args = [resolve('scripts/check-imports.mjs'), root]
  expect(spawnSync(process.execPath, args, { encoding: 'utf8' })).toMatchObject({
    status: 0,
    stdout: '',
    stderr: '',
  })
})
