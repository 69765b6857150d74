/** The bundle of all that is pure, for a browser. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { fileDirectory } from '#support/fresh-directory.ts'
import { bundleCourse } from '../../../scripts/course-bundle.mjs'
import { courseNames } from '../src/folder.ts'

const directory = fileDirectory()

const SRC = join(import.meta.dirname, '../../../src')

const PURE = ['base', 'packet', 'netlink', 'skb', 'netdev', 'wire', 'capture', 'drivers', 'bed']

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
