/** The bundle of the checks for a browser: everything pure is in it, and nothing of Node. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { fileDirectory, written } from '#support/fresh-directory.ts'
import { bundleCourse } from '../../../scripts/course-bundle.mjs'
import { COURSE, courseNames } from '../src/folder.ts'

const directory = fileDirectory()

test('only exercises with cases of vnet conform load what runs them', async () => {
  const chunks = (await bundleCourse(join(directory, 'course'))).filter(
    each => each.type === 'chunk',
  )
  const found = chunks.filter(({ moduleIds }) =>
    moduleIds.some(id => id.endsWith('/inet/src/conform/run.ts')),
  )
  expect(found).toHaveLength(1)
  const [{ fileName = '' } = {}] = found
  const loading = chunks.filter(
    each => each.fileName === fileName || each.imports.includes(fileName),
  )
  const withCases = courseNames().filter(name =>
    readFileSync(join(COURSE, name, 'exercise.js'), 'utf8').includes("'@vnet/learn/conform'"),
  )
  expect(withCases).not.toEqual([])
  expect(new Set([fileName, ...withCases.map(name => `exercises/${name}.js`)])).toEqual(
    new Set(loading.map(each => each.fileName)),
  )
})

test('an import of Node fails the bundle, with the file that imports it', async () => {
  const bad = written(
    directory,
    'bad.ts',
    "import { readFileSync } from 'node:fs'\nconsole.log(readFileSync)\n",
  )
  await expect(bundleCourse(join(directory, 'bad'), { bad })).rejects.toThrow(
    /'node:fs' in .*bad\.ts/,
  )
})
