/**
 * No file imports itself by way of others. Biome has the rule, but not in biome.json: with it, the
 * check of a single file reads all files of the repository, for nine seconds of CPU instead of one.
 */
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { expect, test } from 'vitest'
import { testDirectory } from '#support/fresh-directory.ts'
import { tool } from '../../../scripts/setup/command.mjs'

const root = resolve(import.meta.dirname, '../../..')
const [node, program] = tool('biome') as [string, string]

/** Looks for circles of imports in all files below a directory. */
function circlesBelow(directory: string, ...options: readonly string[]) {
  const only = ['--only=suspicious/noImportCycles', '--error-on-warnings', '--colors=off']
  const args = [resolve(root, program), 'lint', ...only, ...options, '.']
  const { status, stdout, stderr } = spawnSync(node, args, { cwd: directory, encoding: 'utf8' })
  return { status, printed: stdout + stderr }
}

test('no imports of the repository are a circle', () => {
  expect(circlesBelow(root)).toEqual({
    status: 0,
    printed: expect.stringMatching(/^Checked \d{4} files /),
  })
})

test('a circle of two files is found in both', () => {
  const directory = testDirectory()
  writeFileSync(join(directory, 'biome.json'), '{}')
  writeFileSync(
    join(directory, 'a.ts'),
    "import { b } from './b.ts'\n\nexport const a = () => b()\n",
  )
  writeFileSync(
    join(directory, 'b.ts'),
    "import { a } from './a.ts'\n\nexport const b = () => a()\n",
  )
  const { status, printed } = circlesBelow(directory, '--vcs-enabled=false')
  expect(status).toBe(1)
  expect(printed).toMatch(/^a\.ts:1:19 lint\/suspicious\/noImportCycles/m)
  expect(printed).toMatch(/^b\.ts:1:19 lint\/suspicious\/noImportCycles/m)
})
