/**
 * The packed packages in empty projects: each version of vitest that @vnet/lab admits, each version
 * of Node, and the package managers that people use. Each runs the test of the README. Playwright's
 * first and latest version run the first test of browsers.md. It needs the registry of npm.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { fileDirectory } from '#support/fresh-directory.ts'
import { LIMIT_MS, packInto, run, WITH_LAB } from './packed.ts'

const root = resolve(import.meta.dirname, '../..')
const directory = fileDirectory()
let packed: Record<string, string> = {}

beforeAll(() => {
  packed = packInto(directory, WITH_LAB)
}, LIMIT_MS)

const [, lab = ''] =
  /```js\n(import http .*?)```/s.exec(readFileSync(join(root, 'README.md'), 'utf8')) ?? []
const browsers = readFileSync(join(root, 'packages/lab/docs/browsers.md'), 'utf8')
const [shop = '', config = ''] = [...browsers.matchAll(/```js\n(.*?)```/gs)].map(
  ([, text = '']) => text,
)
const [chromium = ''] = /\/[\w/]+chromium/.exec(config) ?? []
const { peerDependencies } = JSON.parse(
  readFileSync(join(root, 'packages/lab/package.json'), 'utf8'),
)

/** Makes a project of its own with a test, and installs it. */
function projectOf(
  name: string,
  dependencies: object,
  text: string,
  extra: object,
  ...install: Words
): string {
  const project = join(directory, name)
  mkdirSync(project)
  const manifest = {
    private: true,
    type: 'module',
    devDependencies: { ...packed, ...dependencies },
    ...extra,
  }
  writeFileSync(join(project, 'package.json'), JSON.stringify(manifest))
  writeFileSync(join(project, 'lab.test.js'), text)
  run(project, ...install)
  return project
}

type Words = [program: string, ...args: string[]]

/** Returns what vitest prints in a project. */
const vitest = (project: string) =>
  run(project, 'node', 'node_modules/vitest/vitest.mjs', 'run', '--no-color')

const NPM: Words = ['npm', 'install', '--no-audit', '--no-fund']
const PASSED = /Tests {2}1 passed \(1\)/

test.each(['3.1', '2.1'])(
  'vitest %s is refused in one line',
  version => {
    const project = projectOf(`vitest-${version}`, { vitest: version }, lab, {}, ...NPM)
    expect(() => vitest(project)).toThrow(
      new RegExp(`@vnet/lab/vitest needs vitest 3.2 to 5, not ${version}`),
    )
  },
  LIMIT_MS,
)

test.each([
  ['3.2', '20'],
  ['4.1', '22'],
  ['4.1', '26'],
  ['5.1', '24'],
])(
  'vitest %s runs a lab on Node %s',
  (version, node) => {
    const name = `vitest-${version}-node-${node}`
    const project = projectOf(name, { vitest: version, node }, lab, {}, ...NPM)
    expect(run(project, 'node', '--version')).toMatch(new RegExp(`^v${node}\\.`))
    expect(vitest(project)).toMatch(PASSED)
  },
  LIMIT_MS,
)

test.each([
  ['pnpm', 'pnpm@9', () => ({ pnpm: { overrides: packed } })],
  ['yarn', 'yarn@1', () => ({ resolutions: packed })],
])(
  '%s installs the packages',
  (name, manager, extra) => {
    const install: Words = [
      'npx',
      '--yes',
      manager,
      'install',
      ...(name === 'yarn' ? ['--ignore-engines'] : []),
    ]
    expect(vitest(projectOf(name, { vitest: '4.1' }, lab, extra(), ...install))).toMatch(PASSED)
  },
  LIMIT_MS,
)

test.for(['1.65.0', 'latest'])(
  'Playwright %s runs a browser on a lab',
  { timeout: LIMIT_MS },
  (version, { skip }) => {
    skip(!existsSync(chromium), `there is no ${chromium}: apt-get install chromium`)
    const project = projectOf(
      `playwright-${version}`,
      { '@playwright/test': version },
      shop,
      {},
      ...NPM,
    )
    writeFileSync(join(project, 'playwright.config.js'), config)
    expect(run(project, 'npx', 'vnet', 'rootless', '--', 'npx', 'playwright', 'test')).toContain(
      '1 passed',
    )
  },
)

test('the versions of Playwright that @vnet/lab admits start with the first one above', () => {
  expect(peerDependencies['@playwright/test']).toBe('>=1.65.0 <2')
})
