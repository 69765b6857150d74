/** The bundle of the checks for a browser, and of all that is pure. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { fileDirectory } from '#support/fresh-directory.ts'
import { bundleCourse } from '../../../scripts/course-bundle.mjs'
import { COURSE, courseNames } from '../src/folder.ts'

const directory = fileDirectory()

const SRC = join(import.meta.dirname, '../../../src')

const PURE = [
  'base',
  'packet',
  'netlink',
  'skb',
  'pci',
  'netdev',
  'wire',
  'capture',
  'drivers',
  'bed',
]

/** The modules that run everywhere, by their paths without `.ts`. */
const modules = PURE.flatMap(folder =>
  readdirSync(join(SRC, folder), { recursive: true, encoding: 'utf8' })
    .filter(name => /^(?!.*\.(node|browser)\.ts$).*\.ts$/.test(name))
    .map(
      name => [`all/${folder}/${name.slice(0, -'.ts'.length)}`, join(SRC, folder, name)] as const,
    ),
)

test('frames, drivers, wires, test beds and checks are bundled for a browser without modules of Node', async () => {
  const output = await bundleCourse(join(directory, 'all'), Object.fromEntries(modules))
  const names = output.map(({ fileName }) => fileName)
  expect(names).toEqual(
    expect.arrayContaining([
      'check-worker.js',
      'playground-worker.js',
      'vnet.js',
      'vnet-drivers.js',
    ]),
  )
  // A global of Node, which imports do not show.
  expect(
    output
      .filter(each => 'code' in each && /\bBuffer\./.test(each.code))
      .map(({ fileName }) => fileName),
  ).toEqual([])
  expect(names).toEqual(expect.arrayContaining(courseNames().map(name => `exercises/${name}.js`)))
  // Stacks name these folders.
  for (const folder of ['base', 'netdev/debug', 'drivers']) {
    expect(names.filter(name => name.startsWith(`vnet/${folder}/`))).toHaveLength(1)
  }
})

test('only exercises with cases of vnet conform load what runs them', async () => {
  const chunks = (await bundleCourse(join(directory, 'course'))).filter(
    each => each.type === 'chunk',
  )
  const found = chunks.filter(({ moduleIds }) =>
    moduleIds.some(id => id.endsWith('/conform/src/run.ts')),
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
