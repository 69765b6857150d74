/** Which files belong to a run, by their names, and by the paths that the user names. */

import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { beforeEach, expect, test } from 'vitest'
import { freshDirectory } from '#support/fresh-directory.ts'
import { testFolders } from '../../scripts/kernel-tests.mjs'
import { manifestOf } from '../../scripts/packages.mjs'
import {
  filesOfRun,
  leftOut,
  PARTS,
  partOf,
  runOf,
  SUITES,
  scriptOf,
  select,
} from '../../scripts/test-selection.mjs'

const QUICK = [
  'packages/lab/test/kernel/smoke/lab.test.ts',
  'packages/lab/test/memory/hosts.test.ts',
  'packages/lab/test/programs/start.test.ts',
  'test/alone/loading.test.ts',
  'test/kernel/smoke/loop.test.ts',
  'test/netdev/port.test.ts',
]
const SLOW_OR_KERNEL = [
  'packages/lab/test/kernel/zones.test.ts',
  'packages/lab/test/memory/hosts.slow.test.ts',
  'test/kernel/smoke-signals.test.ts',
  'test/kernel/smoke/loop.slow.test.ts',
  'test/kernel/tap.slow.test.ts',
]
const LONG = ['packages/lab/test/memory/hosts.long.test.ts', 'test/kernel/tap.long.test.ts']
const SUITE = ['packages/lab/test/labs/go.slow.test.ts', 'test/install/install.test.ts']
/** Files with more inputs in a long run, and the module by which they have them. */
const SCALED: Readonly<Record<string, string>> = {
  'packages/lab/test/memory/hosts.slow.test.ts': 'scale',
  'test/netdev/port.test.ts': 'for-all',
}

const root = freshDirectory()

beforeEach(() => {
  const others = ['test/support/scale.ts', 'src/netdev/port.ts', 'packages/bare/index.mjs']
  for (const name of [...QUICK, ...SLOW_OR_KERNEL, ...LONG, ...SUITE, ...others]) {
    mkdirSync(dirname(join(root, name)), { recursive: true })
    const module = SCALED[name]
    writeFileSync(join(root, name), module === undefined ? '' : `import '#support/${module}.ts'`)
  }
})

const filesOf = (run: string) => filesOfRun(root, run).sort()
const selected = (run: string, paths: string[], places = [root]) =>
  select(root, run, paths, places)?.files

test('a quick run has no slow file, and of the kernel only the folders smoke', () => {
  expect(filesOf('quick')).toEqual(QUICK)
})

test('a run of all has everything but long files and suites', () => {
  expect(filesOf('all')).toEqual([...QUICK, ...SLOW_OR_KERNEL].sort())
})

test('the rest has all files that a quick run leaves out, except suites', () => {
  expect(filesOf('rest')).toEqual([...SLOW_OR_KERNEL, ...LONG].sort())
})

test('a long run has long files and those that scale', () => {
  expect(filesOf('long')).toEqual([...LONG, ...Object.keys(SCALED)].sort())
})

test('the part kernel has the tests in the folders kernel, and the other part all others', () => {
  const [kernel, others] = PARTS.map(part => filesOf('all').filter(name => partOf(name) === part))
  expect(kernel).toEqual(filesOf('all').filter(name => name.includes('test/kernel/')))
  expect(others).toEqual([
    'packages/lab/test/memory/hosts.slow.test.ts',
    'packages/lab/test/memory/hosts.test.ts',
    'packages/lab/test/programs/start.test.ts',
    'test/alone/loading.test.ts',
    'test/netdev/port.test.ts',
  ])
})

test('a suite has all files of its folder', () => {
  expect([filesOf('labs'), filesOf('install')]).toEqual(SUITE.map(name => [name]))
})

test.each([
  [{}, 'all'],
  [{ VNET_QUICK: '1' }, 'quick'],
  [{ VNET_QUICK: '0' }, 'rest'],
  [{ VNET_LONG: '1' }, 'long'],
  [{ VNET_TEST_FOLDER: 'labs' }, 'labs'],
])('the variables %j select the run %s', (env, run) => {
  expect(runOf(env)).toBe(run)
})

test('without paths everything is selected', () => {
  expect(select(root, 'quick', [], [root])).toBeUndefined()
})

test('a folder stands for its files of the run, and for no file of a similar name', () => {
  expect(selected('quick', ['packages/lab'])).toEqual(QUICK.slice(0, 3))
  expect(selected('quick', ['test/kernel/smoke/'])).toEqual(['test/kernel/smoke/loop.test.ts'])
  expect(selected('all', ['test/kernel'])).toEqual([
    'test/kernel/smoke-signals.test.ts',
    'test/kernel/smoke/loop.slow.test.ts',
    'test/kernel/smoke/loop.test.ts',
    'test/kernel/tap.slow.test.ts',
  ])
  expect(selected('long', ['test'])).toEqual([
    'test/kernel/tap.long.test.ts',
    'test/netdev/port.test.ts',
  ])
  expect(selected('labs', ['packages/lab'])).toEqual(['packages/lab/test/labs/go.slow.test.ts'])
  expect(selected('quick', ['.'])).toEqual(QUICK)
})

test('a quick run has the slow and kernel files that are named, each once', () => {
  const paths = ['test/kernel/tap.slow.test.ts', './packages/lab/test/kernel/zones.test.ts']
  expect(selected('quick', [...paths, 'test/kernel/tap.slow.test.ts'])).toEqual([
    'packages/lab/test/kernel/zones.test.ts',
    'test/kernel/tap.slow.test.ts',
  ])
})

test('in a package its folder is selected, and paths are relative to it', () => {
  const places = [join(root, 'packages/lab'), root]
  expect(selected('quick', [], places)).toEqual(QUICK.slice(0, 3))
  expect(selected('quick', ['test/memory'], places)).toEqual([
    'packages/lab/test/memory/hosts.test.ts',
  ])
  expect(selected('quick', ['test/netdev'], places)).toEqual(['test/netdev/port.test.ts'])
})

test('paths are relative to the folder in which npm was called, too', () => {
  const places = [root, join(root, 'packages/lab/test')]
  expect(selected('quick', ['memory'], places)).toEqual(['packages/lab/test/memory/hosts.test.ts'])
})

test.each([
  ['quick', 'test/nothing', 'test/nothing: no such file or folder'],
  ['quick', 'port', 'port: no such file or folder'],
  ['quick', 'src', 'src: no tests in this folder'],
  ['quick', 'src/netdev/port.ts', 'src/netdev/port.ts is not a test: expected *.test.ts'],
  ['quick', 'test/support/scale.ts', 'test/support/scale.ts is not a test: expected *.test.ts'],
  [
    'quick',
    'packages/lab/test/labs/go.slow.test.ts',
    'packages/lab/test/labs/go.slow.test.ts is not in this run: npm run test:labs -- packages/lab/test/labs/go.slow.test.ts',
  ],
  ['all', 'test/install', 'test/install is not in this run: npm run test:install -- test/install'],
  [
    'quick',
    'test/kernel/tap.long.test.ts',
    'test/kernel/tap.long.test.ts is not in this run: npm run test:long -- test/kernel/tap.long.test.ts',
  ],
  [
    'long',
    'test/alone/loading.test.ts',
    'test/alone/loading.test.ts is not in this run: npm test -- test/alone/loading.test.ts',
  ],
  ['labs', 'test/kernel', 'test/kernel is not in this run: npm test -- test/kernel'],
])('in a run %s the path %s is refused with what to do', (run, path, message) => {
  expect(() => select(root, run, [path], [root])).toThrow(expect.objectContaining({ message }))
})

test('a folder without quick files is refused with the command that runs it', () => {
  const name = 'packages/exec/test/kernel/run.test.ts'
  mkdirSync(dirname(join(root, name)), { recursive: true })
  writeFileSync(join(root, name), '')
  expect(() => select(root, 'quick', ['packages/exec'], [root])).toThrow(
    'packages/exec is not in this run: npm run test:all -- packages/exec',
  )
})

test('the files that a run leaves out are counted, with the commands that run them', () => {
  expect(leftOut(root, 'quick')).toEqual([
    'slow files (3), kernel files (2): npm run test:all',
    'long files (2): npm run test:long',
    'suites (2): npm run test:labs, test:install',
  ])
  expect(leftOut(root, 'all')).toEqual([
    'long files (2): npm run test:long',
    'suites (2): npm run test:labs, test:install',
  ])
  expect(leftOut(root, 'rest')).toEqual(['suites (2): npm run test:labs, test:install'])
  expect(leftOut(root, 'quick', ['packages/lab', 'test/netdev'])).toEqual([
    'slow files (1), kernel files (1): npm run test:all -- packages/lab test/netdev',
    'long files (1): npm run test:long -- packages/lab test/netdev',
    'suites (1): npm run test:labs -- packages/lab test/netdev',
  ])
  expect(leftOut(root, 'quick', ['test/netdev'])).toEqual([])
  expect(leftOut(root, 'quick', [])).toEqual([])
})

test('package.json has the script of each run, which is set up before', () => {
  const { scripts } = manifestOf('.')
  for (const run of ['all', 'rest', 'long', ...SUITES]) {
    const name = scriptOf(run)
    expect([name, scripts[name]]).toEqual([name, `node scripts/test.mjs --${run}`])
    expect([name, scripts[`pre${name}`]]).toEqual([
      name,
      expect.stringMatching(/^node scripts\/setup\.mjs --test( --\S+)?$/),
    ])
  }
})

test('each package with tests has the scripts that run them', () => {
  const folders = testFolders('.').map(name => dirname(name))
  expect(folders.length).toBeGreaterThan(7)
  for (const folder of folders.filter(name => name !== '.')) {
    expect([folder, manifestOf(folder).scripts]).toEqual([
      folder,
      { pretest: 'node ../../scripts/setup.mjs --test', test: 'node ../../scripts/test.mjs' },
    ])
  }
})

test('tests do not get the names of the files that run, which a vitest of their own would take', () => {
  expect(process.env.VNET_TEST_FILES).toBeUndefined()
})
