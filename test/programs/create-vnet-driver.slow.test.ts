/** create-vnet-driver, run from this clone: what it makes compiles and passes its own tests. */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { expect, test } from 'vitest'
import { fileDirectory } from '#support/fresh-directory.ts'

const directory = fileDirectory()

// Without the variables of this file's test runner, which would change the one under test.
const env = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !/^(npm_|NODE_|VITEST)/.test(name)),
)

function run(words: readonly string[], cwd = directory) {
  const [program = '', ...args] = words
  const { status, stdout, stderr } = spawnSync(program, args, { cwd, env, encoding: 'utf8' })
  return { status, stdout, stderr }
}

const create = (...words: string[]) =>
  run([process.execPath, resolve('packages/create-vnet-driver'), ...words])

test('a project is made that depends on this clone, compiles as strict TypeScript and passes its tests', () => {
  expect(create('my-driver')).toMatchObject({
    status: 0,
    stderr: '',
    stdout: expect.stringContaining('  npm test\n'),
  })
  const project = join(directory, 'my-driver')
  const text = (name: string) => readFileSync(join(project, name), 'utf8')
  const { name, dependencies } = JSON.parse(text('package.json'))
  expect([name, resolve(project, dependencies.vnet.slice('file:'.length))]).toEqual([
    'my-driver',
    resolve('.'),
  ])
  expect(text('src/driver.ts')).toMatch(/name: 'my-driver',(.|\n)*name: 'mydriver%d'/)
  for (const file of [
    'README.md',
    '.gitignore',
    '.vscode/launch.json',
    '.github/workflows/test.yml',
  ]) {
    expect(text(file)).not.toMatch(/__[A-Z]+__/)
  }
  const modules = join(project, 'node_modules')
  mkdirSync(modules)
  symlinkSync(resolve('.'), join(modules, 'vnet'))
  symlinkSync(resolve('node_modules/@types'), join(modules, '@types'))
  expect(run([resolve('node_modules/.bin/tsc')], project)).toMatchObject({ status: 0, stdout: '' })
  const { configurations } = JSON.parse(text('.vscode/launch.json'))
  const programs = configurations.flatMap(({ program = [] }) => program)
  expect(programs).toHaveLength(2)
  for (const program of programs) {
    expect(text(program.replace(/^.*\}\//, ''))).not.toBe('')
  }
  const tests = run(
    [process.execPath, '--test', '--test-reporter=tap', 'dist/test/driver.test.js'],
    project,
  )
  expect(tests.stdout).toMatch(/^# pass 4$/m)
  expect(tests.status).toBe(0)
})

test('a folder that the system refuses is one line with its path, exit status 1', () => {
  writeFileSync(join(directory, 'below'), '')
  const { status, stdout, stderr } = create('below/driver')
  expect([status, stdout]).toEqual([1, ''])
  expect(stderr).toMatch(/^create-vnet-driver: not a directory, [^\n]*below\/driver'\n$/)
})

test('a folder that is not empty, a file and a bad name are refused in one line, exit status 2', () => {
  mkdirSync(join(directory, 'full'))
  for (const file of ['full/file', 'afile']) {
    writeFileSync(join(directory, file), '')
  }
  const refused: [string[], RegExp][] = [
    [['full'], /full is not empty$/],
    [['afile'], /afile is a file$/],
    [['My-Driver'], /'My-Driver' is no name of a package/],
    [['a b'], /'a b' is no name of a package/],
    [[], /name one folder: create-vnet-driver my-driver$/],
    [['a', 'b'], /name one folder/],
    [['a', '--speed'], /Unknown option '--speed'/],
  ]
  for (const [words, message] of refused) {
    const { status, stdout, stderr } = create(...words)
    expect([status, stdout]).toEqual([2, ''])
    expect(stderr).toMatch(/^create-vnet-driver: [^\n]+\n$/)
    expect(stderr.trimEnd()).toMatch(message)
  }
  expect(existsSync(join(directory, 'a'))).toBe(false)
})
