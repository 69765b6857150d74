/** The context that `docker build` takes from a clone. */
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { freshDirectory } from '#support/fresh-directory.ts'
import { freshDockerd } from './dockerd.ts'

const dockerd = freshDockerd()
const directory = freshDirectory()

const SOURCES = [
  'native/cni/cni.cc',
  'package.json',
  'packages/lab/package.json',
  'packages/lab/src/lab.ts',
]
const BUILT = [
  'build/Release/vnet.node',
  'coverage/a.json',
  'dist/vnet.js',
  'docs/.vitepress/dist/index.html',
  'docs/node_modules/x/index.js',
  'node_modules/x/index.js',
  'packages/lab/dist/lab.js',
  'packages/lab/node_modules/x/index.js',
  'prebuilds/linux-x64/vnet.node',
]

test('the context has the sources of a clone, and nothing that was built in it', async () => {
  for (const name of [...SOURCES, ...BUILT]) {
    mkdirSync(dirname(join(directory, name)), { recursive: true })
    writeFileSync(join(directory, name), '')
  }
  copyFileSync('.dockerignore', join(directory, '.dockerignore'))
  const file = join(directory, 'Dockerfile')
  writeFileSync(file, 'FROM busybox\nCOPY . /context\n')
  await dockerd.docker('build', '-t', 'context', directory)
  const find = ['busybox', 'find', '/context', '-type', 'f']
  const found = (await dockerd.docker('run', '--rm', 'context', ...find)).split('\n')
  expect(found.map(path => path.replace('/context/', '')).toSorted()).toEqual(
    ['.dockerignore', 'Dockerfile', ...SOURCES].toSorted(),
  )
})
