/** The steps of set-up: which check types, which run beside others, and which are named first. */
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { execute, SetupTree } from '#support/setup-tree.ts'
import { testFiles } from '../../scripts/kernel-tests.mjs'

const quiet = { code: 0, stdout: '', stderr: '' }
const compile = ['tsc', 'rolldown', 'rolldown', 'rolldown', 'tsc']

let tree: SetupTree

beforeEach(() => {
  tree = new SetupTree()
})

afterEach(() => tree[Symbol.dispose]())

describe('types', () => {
  const check = ['tsc', 'tsc']
  const checking = ['checking types', 'checking types of the page']

  test('types are checked with --types after a set-up without it, once', async () => {
    expect(await tree.setUp()).toEqual(quiet)
    tree.steps()
    expect(await tree.setUp({ args: ['--types'] })).toEqual(quiet)
    expect(tree.steps()).toEqual(checking)
    expect(await tree.setUp({ args: ['--types'] })).toEqual(quiet)
    expect(tree.steps()).toEqual([])
  })

  test('a wrong type fails a set-up with --types each time, and none without it', async () => {
    tree.write('break-types', '')
    expect(await tree.setUp()).toEqual(quiet)
    const refusal = {
      code: 1,
      stdout: '',
      stderr:
        'tsc on stdout\na type does not match\nvnet: checking types failed, see above (exit 2)\n',
    }
    expect(await tree.setUp({ args: ['--types'] })).toEqual(refusal)
    expect(await tree.setUp({ args: ['--types'] })).toEqual(refusal)
    expect(await tree.setUp()).toEqual(quiet)
  })

  test('types are checked before tests', async () => {
    const preload = 'process.getuid = () => 1000'
    await tree.setUp({ args: ['--test'], preload })
    expect(tree.steps()).toEqual(expect.arrayContaining(checking))
  })

  test.each([
    ['src/tap.ts', [...compile, ...check]],
    ['packages/web/src/page/main.ts', [...compile, ...check]],
    ['tsconfig.json', [...compile, ...check]],
    ['tsconfig.build.json', [...compile, ...check]],
    ['tsconfig.types.json', check],
    ['scripts/setup/joined.mjs', compile],
    ['native/addon/addon.cc', ['node-gyp']],
  ])(
    'a set-up with --types after a change of %s repeats what depends on it',
    async (file, expected) => {
      await tree.setUp({ args: ['--types'] })
      tree.calls()
      tree.write(file, `${readFileSync(join(tree.root, file), 'utf8')}\n`)
      expect(await tree.setUp({ args: ['--types'] })).toEqual(quiet)
      expect(tree.calls()).toEqual(expected)
    },
  )

  test('no files for a package are made from sources with a wrong type', async () => {
    tree.write('break-types', '')
    const prebuild = [join(tree.root, 'scripts/prebuild.mjs'), `linux-${process.arch}`]
    const { code, stderr } = await execute(prebuild, tree.env())
    expect([code, stderr]).toEqual([
      1,
      expect.stringMatching(/vnet: checking types failed, see above \(exit 2\)\n$/),
    ])
    expect(tree.has('prebuilds')).toBe(false)
  })

  test('no other step checks types', async () => {
    await tree.setUp({ args: ['--types'] })
    const ofTsc = tree.callLines().filter(line => line.startsWith('tsc '))
    expect(ofTsc.filter(line => !line.includes(' --noCheck'))).toEqual([
      'tsc -p tsconfig.types.json --singleThreaded',
      'tsc -p packages/web/src/page --singleThreaded',
    ])
  })
})

const root = resolve(import.meta.dirname, '../..')

/** The files that the check of a project reads, relative to the repository. */
function filesOf(project: string): string[] {
  const args = ['-p', project, '--listFilesOnly', '--singleThreaded']
  const tsc = join(root, 'node_modules/.bin/tsc')
  const listed = execFileSync(tsc, args, { cwd: root, encoding: 'utf8' })
  return listed.split('\n').map(file => relative(root, file))
}

test('the two projects that are checked have all sources that are compiled, and only the page has the types of browsers', () => {
  const sources = ['.', ...readdirSync(join(root, 'packages')).map(name => `packages/${name}`)]
    .map(path => join(root, path, 'src'))
    .filter(path => existsSync(path))
    .flatMap(path =>
      readdirSync(path, { recursive: true, encoding: 'utf8' }).map(file => join(path, file)),
    )
    .map(file => relative(root, file))
    .filter(file => file.endsWith('.ts') && !file.startsWith('packages/learn/src/browser/'))
  const [checked, ofPage] = [filesOf('tsconfig.types.json'), filesOf('packages/web/src/page')]
  const found = new Set([...checked, ...ofPage])
  expect(sources.filter(file => !found.has(file))).toEqual([])
  expect(checked.filter(file => file.endsWith('/lib.dom.d.ts'))).toEqual([])
})

test('the check of the tests has all tests and the code of exercises, and no source that is checked without them', () => {
  const files = filesOf('test')
  const tests = testFiles(root).filter(file => /\.tsx?$/.test(file))
  const isOfBrowsers = (file: string) =>
    /^packages\/(web\/src\/page|learn\/src\/browser)\//.test(file)
  const browser = readdirSync(join(root, 'packages/learn/src/browser'), { recursive: true })
    .map(file => `packages/learn/src/browser/${file}`)
    .filter(file => file.endsWith('.ts'))
  expect([...tests, ...browser].filter(file => !files.includes(file))).toEqual([])
  const sources = files.filter(file => /^(packages\/\w+\/)?src\/.*\.tsx?$/.test(file))
  expect(sources.filter(file => !isOfBrowsers(file))).toEqual([])
})

test('a test builds no program that only guests need, and --programs does', async () => {
  const guest = 'building the program of guests'
  const preload = 'process.getuid = () => 1000'
  await tree.setUp({ args: ['--test'], preload })
  expect(tree.steps()).not.toContain(guest)
  await tree.setUp({ args: ['--programs'] })
  expect([tree.steps(), tree.has('build/Release/vnet-guest')]).toEqual([[guest], true])
})

test('makefiles are written once for the addon and the programs', async () => {
  await tree.setUp({ args: ['--programs'] })
  const lines = tree.callLines().filter(line => line.startsWith('node-gyp '))
  expect(lines.map(line => line.split(' ').slice(1, 3))).toEqual([
    ['configure', 'build'],
    ['build', expect.stringMatching(/^vnet-/)],
    ['build', 'vnet-guest'],
  ])
})

test('npm run setup checks types, and npm start does not', () => {
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  expect([scripts.setup, scripts.prestart]).toEqual([
    'node scripts/setup.mjs --types',
    'node scripts/setup.mjs',
  ])
})

describe('steps beside each other', () => {
  test('the addon and the compiled sources are made at the same time', async () => {
    execFileSync('mkfifo', [join(tree.root, 'meet')])
    expect(await tree.setUp()).toEqual(quiet)
    expect(tree.calls()).toEqual(['npm', 'node-gyp', ...compile])
  })

  test.each([
    ['node-gyp', 'building the addon', ['node-gyp']],
    ['tsc', 'compiling', compile],
  ])('if %s fails, only its step is due again', async (program, step, repeated) => {
    tree.write(`break-${program}`, '')
    const output = `${program} on stdout\n${program} on stderr\n`
    const line = `vnet: ${step} failed, see above (exit 3)\n`
    expect(await tree.setUp()).toEqual({ code: 1, stdout: '', stderr: output + line })
    tree.remove(`break-${program}`)
    tree.calls()
    expect(await tree.setUp()).toEqual(quiet)
    expect(tree.calls()).toEqual(repeated)
  })

  test('if both fail, the output of each is in one piece, and each has a line', async () => {
    tree.write('break-tsc', '')
    tree.write('break-node-gyp', '')
    const { code, stderr } = await tree.setUp()
    const output = (name: string) => `${name} on stdout\n${name} on stderr\n`
    const lines =
      'vnet: building the addon failed, see above (exit 3)\nvnet: compiling failed, see above (exit 3)\n'
    expect([code, stderr]).toEqual([
      1,
      expect.stringMatching(
        new RegExp(
          `^(${output('tsc')}|${output('node-gyp')}){2}${lines.replaceAll(/[()]/g, '\\$&')}$`,
        ),
      ),
    ])
    expect(stderr).toContain(output('tsc'))
    expect(stderr).toContain(output('node-gyp'))
  })
})

describe('the first line', () => {
  test('the first line names the steps that are due, also those whose stamps installing removes', async () => {
    await tree.setUp()
    expect(tree.todo()).toEqual(['installing dependencies', 'building the addon', 'compiling'])
    await tree.setUp({ args: ['--types'] })
    expect(tree.todo()).toEqual(['checking types'])
    tree.write('package.json', '{ "dependencies": { "node-addon-api": "1.0.1" } }')
    await tree.setUp({ args: ['--types'] })
    expect(tree.todo()).toEqual(['installing dependencies', 'compiling', 'checking types'])
    await tree.setUp({ args: ['--types'] })
    expect(tree.todo()).toEqual([])
  })

  test('the first line says what to do if /dev/net/tun does not exist', async () => {
    tree.write('break-npm', '')
    const { stderr } = await tree.setUp({ tun: 'ENOENT' })
    expect(stderr.split('\n', 1)).toEqual([
      'vnet: /dev/net/tun cannot be opened (ENOENT), which interfaces need: sudo modprobe tun; in a container, start it with --device /dev/net/tun',
    ])
  })

  test('the first line is there before a step ends', async () => {
    tree.write('break-npm', '')
    const outcome = await execute([join(tree.root, 'scripts/setup.mjs')], tree.env())
    const lines = outcome.stderr.split('\n').filter(line => !line.includes('/dev/net/tun'))
    expect(lines.slice(0, 2)).toEqual([
      'vnet: set-up: installing dependencies, building the addon, compiling',
      'vnet: installing dependencies ... failed',
    ])
  })
})
