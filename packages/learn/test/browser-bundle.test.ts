/** The bundle of the checks for a browser has nothing of Node. */
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { fileDirectory, written } from '#support/fresh-directory.ts'
import { bundleAll } from '../../../scripts/course-bundle.mjs'

const directory = fileDirectory()

test('an import of Node fails the bundle, with the file that imports it', async () => {
  const bad = written(
    directory,
    'bad.ts',
    "import { readFileSync } from 'node:fs'\nconsole.log(readFileSync)\n",
  )
  await expect(bundleAll(join(directory, 'bad'), { bad })).rejects.toThrow(/'node:fs' in .*bad\.ts/)
})
