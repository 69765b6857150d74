/** The files that the formatter and linter check in a quick run, in clones of a repository. */

import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { beforeAll, beforeEach, expect, test } from 'vitest'
import { fileDirectory } from '#support/fresh-directory.ts'
import { changedFiles } from '../../../scripts/changed-files.mjs'

const directory = fileDirectory()
const [origin, clone] = ['origin', 'clone'].map(name => join(directory, name)) as [string, string]

/** Runs git without the user's configuration. */
function git(cwd: string, ...words: string[]): void {
  const identity = ['-c', 'user.name=a', '-c', 'user.email=a@example.com']
  const env = { ...process.env, GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_NOSYSTEM: '1' }
  execFileSync('git', [...identity, ...words], { cwd, env, stdio: 'ignore' })
}

function commit(cwd: string): void {
  git(cwd, 'add', '.')
  git(cwd, 'commit', '-m', 'a')
}

const write = (name: string, text = 'changed') => writeFileSync(join(clone, name), text)
const changed = (env = {}) => changedFiles(clone, env)?.sort()

/** The two repositories, of which each test has a copy of its own. */
const template = join(directory, 'template')

beforeAll(() => {
  const [origin, clone] = [join(template, 'origin'), join(template, 'clone')]
  mkdirSync(join(origin, 'scripts/lint'), { recursive: true })
  for (const name of ['a.ts', 'b.ts', 'biome.json', 'scripts/lint/braces.grit', '.gitignore']) {
    writeFileSync(join(origin, name), name === '.gitignore' ? 'dist\n' : name)
  }
  git(origin, 'init', '--initial-branch=main')
  commit(origin)
  git(template, 'clone', origin, clone)
  git(clone, 'remote', 'set-url', 'origin', '../origin')
})

beforeEach(() => {
  for (const path of [origin, clone]) {
    rmSync(path, { recursive: true, force: true })
    cpSync(join(template, basename(path)), path, { recursive: true })
  }
})

test('a fresh clone has no changed file', () => {
  expect(changed()).toEqual([])
})

test('changed and new files count before they are committed, and ignored and deleted ones do not', () => {
  write('a.ts')
  write('new file ä.ts')
  mkdirSync(join(clone, 'dist'))
  write('dist/a.js')
  rmSync(join(clone, 'b.ts'))
  expect(changed()).toEqual(['a.ts', 'new file ä.ts'])
  git(clone, 'add', '.')
  expect(changed()).toEqual(['a.ts', 'new file ä.ts'])
})

test('commits count until the upstream branch has them', () => {
  write('a.ts')
  commit(clone)
  write('b.ts')
  expect(changed()).toEqual(['a.ts', 'b.ts'])
  git(origin, 'config', 'receive.denyCurrentBranch', 'ignore')
  git(clone, 'push')
  expect(changed()).toEqual(['b.ts'])
})

test('a new branch is compared with the default branch of the remote', () => {
  git(clone, 'checkout', '-b', 'topic')
  write('a.ts')
  commit(clone)
  expect(changed()).toEqual(['a.ts'])
  git(clone, 'branch', '--set-upstream-to=main')
  expect(changed()).toEqual(['a.ts'])
})

test('commits of others upstream do not count', () => {
  writeFileSync(join(origin, 'b.ts'), 'changed')
  commit(origin)
  git(clone, 'fetch')
  write('a.ts')
  expect(changed()).toEqual(['a.ts'])
})

test('all files are checked after a change of the rules, and in CI', () => {
  write('a.ts')
  expect(changed({ CI: 'true' })).toBeUndefined()
  for (const name of ['biome.json', 'package-lock.json', '.gitignore', 'scripts/lint/new.grit']) {
    write(name)
    expect([name, changed()]).toEqual([name, undefined])
    git(clone, 'reset', '--hard')
    git(clone, 'clean', '-fd')
  }
  write('a.ts')
  expect(changed()).toEqual(['a.ts'])
})

test('all files are checked without a branch upstream', () => {
  git(clone, 'remote', 'remove', 'origin')
  expect(changed()).toBeUndefined()
})

test('all files are checked in a shallow clone', () => {
  rmSync(clone, { recursive: true })
  git(directory, 'clone', '--depth=1', `file://${origin}`, clone)
  expect(changed()).toBeUndefined()
})

test('all files are checked in a tree without .git, also inside another clone', () => {
  rmSync(join(clone, '.git'), { recursive: true })
  expect(changed()).toBeUndefined()
  git(directory, 'clone', origin, join(directory, 'outer'))
  cpSync(clone, join(directory, 'outer/dist'), { recursive: true })
  expect(changedFiles(join(directory, 'outer/dist'), {})).toBeUndefined()
})
