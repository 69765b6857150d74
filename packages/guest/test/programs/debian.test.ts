/** Reads the packages of a machine from a stand-in for dpkg-query. */
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { freshDirectory } from '#support/fresh-directory.ts'
import { DebianPackages } from '../../src/image/add-programs.ts'

const directory = freshDirectory()

/** Package, status, names that it provides, dependencies. */
const PACKAGES = [
  ['bash:amd64', 'bash', 'installed', '', ', base-files (>= 2.1), libc6 (>= 2.36)'],
  ['base-files', 'base-files', 'installed', '', ', awk'],
  ['gawk', 'gawk', 'config-files', 'awk', ', '],
  ['libc6:amd64', 'libc6', 'installed', '', ', '],
  ['libc6:i386', 'libc6', 'installed', '', ', lib32'],
  ['mawk', 'mawk', 'installed', 'awk (= 1)', ', none | libc6'],
  ['python3-minimal', 'python3-minimal', 'installed', '', ', '],
  ['python3:amd64', 'python3', 'installed', '', ', libc6'],
]
const SEARCH = `bash: /bin/bash
diversion by dash from: /bin/sh
diversion by dash to: /bin/sh.distrib
libc6:amd64, mawk: /usr/lib/shared`

beforeEach(() => {
  const lines = PACKAGES.map(fields => fields.join('\t')).join('\n')
  writeFileSync(
    join(directory, 'dpkg-query'),
    `#!/bin/sh
case $1 in
-W) echo '${lines}';;
--search) echo '${SEARCH}';;
--listfiles) printf '/.\\n/usr\\n\\n/usr/%s\\n' "$2";;
esac
`,
  )
  chmodSync(join(directory, 'dpkg-query'), 0o755)
  vi.stubEnv('PATH', `${directory}:${process.env.PATH}`)
  vi.stubEnv('XDG_CACHE_HOME', join(directory, 'cache'))
})

afterEach(() => vi.unstubAllEnvs())

test('a package needs its dependencies and theirs, of which it chooses installed ones', () => {
  expect(new DebianPackages().closureOf(['bash:amd64'])).toEqual([
    'bash:amd64',
    'base-files',
    'mawk',
    'libc6:amd64',
  ])
})

test('a part of Python brings all of Python', () => {
  expect(new DebianPackages().closureOf(['python3-minimal'])).toEqual([
    'python3-minimal',
    'python3:amd64',
    'libc6:amd64',
  ])
})

test('a file is found under the path that it had before /bin was a link to /usr/bin', () => {
  const owners = new DebianPackages().ownersOf(['/usr/bin/bash', '/usr/bin/sh', '/usr/lib/shared'])
  expect(Object.fromEntries(owners)).toEqual({
    '/usr/bin/bash': 'bash',
    '/usr/lib/shared': 'libc6:amd64',
  })
})

test('the files of packages are absolute paths', () => {
  expect(new DebianPackages().filesOf(['bash'])).toEqual(['/usr', '/usr/bash'])
  expect(new DebianPackages().filesOf([])).toEqual([])
})

test('on a machine without Debian packages, no file has one', () => {
  vi.stubEnv('PATH', '/nowhere')
  expect(new DebianPackages().ownersOf(['/usr/bin/bash'])).toEqual(new Map())
})
