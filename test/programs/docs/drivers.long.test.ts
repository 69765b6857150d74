/**
 * The pages in docs/drivers work: each has a whole driver, which is strict TypeScript, and a
 * session that prints what the page shows; the page on tests also with a newer Node.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { blocks, linkClone, Session, steps, typeErrors } from '#support/driver-page.ts'
import { fileDirectory } from '#support/fresh-directory.ts'
import { OwnNetns } from '#support/netns.ts'
import { reasonToSkipKernelTests } from '../../../scripts/kernel-tests.mjs'

const FOLDER = 'docs/drivers'
const PART = 300_000
const skipped = reasonToSkipKernelTests() !== undefined

const pages = readdirSync(FOLDER).map(name => {
  const page = readFileSync(join(FOLDER, name), 'utf8')
  const files = blocks(page).flatMap(({ kind, code, before }) => {
    const [, file] = before.match(/\bis `([\w.]+)`:$/) ?? []
    return file === undefined || kind === '' ? [] : [{ file, code }]
  })
  return { name, page, files }
})

/** Namespaces that the pages make: `red` and `blue` have names of their own here. */
const words = new Map(
  ['red', 'blue'].map(word => [word, `vnet-test-${process.pid}-${word}`] as const),
)

const directory = fileDirectory()

/** Returns the Node that runs these tests, or a newer one, which is fetched if it is not there. */
function node(version: string): string {
  if (version === 'this Node') return process.execPath
  return execFileSync('npx', ['-y', '-p', 'node@24', '--', 'node', '-p', 'process.execPath'], {
    encoding: 'utf8',
  }).trim()
}

const versions = ['this Node', 'Node 24']
for (const version of versions) {
  test.each(version === 'this Node' ? pages : pages.filter(({ name }) => name === 'testing.md'))(
    `the driver and the session of $name work with ${version}`,
    async ({ name, page, files }) => {
      const needsRoot = /^ready$/m.test(page)
      if (skipped && needsRoot) return
      const clone = join(directory, `${name}-${version.replace(' ', '-')}`)
      linkClone(clone)
      for (const { file, code } of files) {
        writeFileSync(join(clone, file), code)
      }
      const own = needsRoot ? new OwnNetns() : undefined
      try {
        const session = new Session({
          page,
          clone,
          node: node(version),
          netns: own?.addQuiet(),
          words,
        })
        for (const { kind, code } of blocks(page)) {
          if (kind === '') {
            await session.play(steps(code))
          }
        }
        await session.stop()
      } finally {
        own?.remove()
        // Those that the page did not come to.
        for (const name of words.values()) {
          spawnSync('ip', ['netns', 'del', name])
        }
      }
    },
    PART,
  )
}

test('the drivers and the tests of docs/drivers are strict TypeScript', () => {
  const typed = join(directory, 'typed')
  const scripts = pages.flatMap(({ name, files }) =>
    files
      .filter(({ file }) => file.endsWith('.js'))
      .map(({ file, code }) => {
        const path = join(typed, name, file)
        mkdirSync(dirname(path), { recursive: true })
        writeFileSync(path, code)
        return path
      }),
  )
  expect(scripts.length).toBeGreaterThan(8)
  expect(typeErrors(typed, scripts)).toBe('')
})
