/** Where the published packages say that they come from. */
import { spawnSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { FIELDS, missing, readPublisher, withPublisher } from '../../scripts/publisher.mjs'

const URL = 'git+https://git.example/vnet.git'
const complete = {
  repository: URL,
  homepage: 'https://vnet.example',
  bugs: 'https://vnet.example/bugs',
  author: 'A',
}

test('a package gets the fields, with its folder in the repository', () => {
  const filled = JSON.parse(withPublisher('{ "name": "@vnet/lab" }', complete, 'packages/lab'))
  const repository = { type: 'git', url: URL, directory: 'packages/lab' }
  expect(filled).toEqual({ name: '@vnet/lab', ...complete, repository })
  expect(JSON.parse(withPublisher('{}', complete, '.')).repository).toEqual({
    type: 'git',
    url: URL,
  })
})

test('a release without one of them is refused before it does anything', () => {
  expect(missing(complete)).toEqual([])
  expect(missing({ ...complete, bugs: null })).toEqual(['bugs'])
  expect(Object.keys(readPublisher())).toEqual(FIELDS)
  // Once the owner has set them, this test has to be given other values.
  expect(missing(readPublisher())).toEqual(FIELDS)
  const { status, stdout, stderr } = spawnSync(process.execPath, ['scripts/release.mjs'], {
    encoding: 'utf8',
  })
  const what = 'scripts/publisher.json has no repository, homepage, bugs, author'
  expect([status, stdout, stderr]).toEqual([
    1,
    '',
    `release: ${what}: the owner of the packages sets them\n`,
  ])
})
