/**
 * The packed packages in empty projects: each version of vitest that @vnet/lab admits, each version
 * of Node, and the package managers that people use. Each runs the test of the README. It needs
 * the registry of npm.
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { fileDirectory } from '../support/fresh-directory.ts'

const root = resolve(import.meta.dirname, '../..')
const directory = fileDirectory()
const PACKED = ['.', 'packages/guest', 'packages/lan', 'packages/lab']
const LIMIT_MS = 300_000

const [, lab = ''] = /```js\n(import http .*?)```/s.exec(readFileSync(join(root, 'README.md'), 'utf8')) ?? []
const { peerDependencies } = JSON.parse(readFileSync(join(root, 'packages/lab/package.json'), 'utf8'))

const run = (cwd: string, program: string, ...args: string[]) => {
  // npm's own variables would make it act on this repository.
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^npm_(?!config_registry)/.test(name)))
  const path = `${join(cwd, 'node_modules/node/bin')}:${process.env.PATH}`
  return execFileSync(program, args, {
    cwd,
    env: { ...env, PATH: path, CI: '1', VNET_REQUIRED: '1' },
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: LIMIT_MS,
  })
}

/** The packed files, by the names of their packages. */
const packed: Record<string, string> = {}

beforeAll(() => {
  for (const path of PACKED) {
    const { name } = JSON.parse(readFileSync(join(root, path, 'package.json'), 'utf8'))
    const file = run(join(root, path), 'npm', 'pack', '--silent', '--pack-destination', directory).trim()
    packed[name] = `file:${join(directory, file)}`
  }
}, LIMIT_MS)

interface Project {
  readonly vitest: string
  readonly node?: string
}

/** Makes a project of its own, installs it, and returns what vitest prints. */
function outputOf(name: string, { vitest, node }: Project, extra: object, ...install: [string, ...string[]]): string {
  const project = join(directory, name)
  mkdirSync(project)
  const devDependencies = { ...packed, vitest, ...(node !== undefined && { node }) }
  const manifest = { private: true, type: 'module', devDependencies, ...extra }
  writeFileSync(join(project, 'package.json'), JSON.stringify(manifest))
  writeFileSync(join(project, 'lab.test.js'), lab)
  run(project, ...install)
  if (node !== undefined) expect(run(project, 'node', '--version')).toMatch(new RegExp(`^v${node}\\.`))
  return run(project, 'node', 'node_modules/vitest/vitest.mjs', 'run', '--no-color')
}

const NPM = ['npm', 'install', '--no-audit', '--no-fund'] as const
const PASSED = /Tests {2}1 passed \(1\)/

test.each([
  ['3.2', '20'],
  ['4.1', '22'],
  ['4.1', '26'],
  ['5.1', '24'],
])(
  'vitest %s runs a lab on Node %s',
  (vitest, node) => {
    expect(outputOf(`vitest-${vitest}-node-${node}`, { vitest, node }, {}, ...NPM)).toMatch(PASSED)
  },
  LIMIT_MS,
)

test.each([
  ['pnpm', 'pnpm@9', () => ({ pnpm: { overrides: packed } })],
  ['yarn', 'yarn@1', () => ({ resolutions: packed })],
])(
  '%s installs the packages',
  (name, manager, extra) => {
    const install = ['npx', '--yes', manager, 'install', ...(name === 'yarn' ? ['--ignore-engines'] : [])] as const
    expect(outputOf(name, { vitest: '4.1' }, extra(), ...install)).toMatch(PASSED)
  },
  LIMIT_MS,
)

test('the versions of vitest that @vnet/lab admits are those from the first to the last one above', () => {
  expect(peerDependencies.vitest).toBe('>=3.2.0 <6')
})
