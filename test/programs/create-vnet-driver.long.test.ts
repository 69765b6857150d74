/**
 * A new project of the packed create-vnet-driver, with the packed vnet: npm install and npm test
 * in the new project pass immediately, with this Node and with a newer one.
 */
import { spawnSync } from 'node:child_process'
import { dirname, join, resolve } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { fileDirectory } from '#support/fresh-directory.ts'
import { pack } from '../../scripts/packages.mjs'

const ROOT = resolve(import.meta.dirname, '../..')
const directory = fileDirectory()
const FLAGS = ['--prefer-offline', '--no-audit', '--no-fund', '--fetch-retries=0']
/** Why nothing can be installed: the network may be absent. */
let whyNot: string | undefined

// The settings of the npm that runs the tests must not reach the ones run here.
const env = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !/^(npm_|VITEST|NODE_|VNET_)/.test(name)),
)

function run(words: readonly string[], cwd: string, path = '') {
  const [program = '', ...args] = words
  const options = { cwd, env: { ...env, PATH: `${path}${env.PATH}` }, encoding: 'utf8' } as const
  const { status, stdout, stderr } = spawnSync(program, args, options)
  return { status, text: stdout + stderr }
}

beforeAll(() => {
  expect(run(['node', 'scripts/prepack.mjs'], ROOT)).toMatchObject({ status: 0 })
  const [vnet, creator] = pack(['.', 'packages/create-vnet-driver'], directory)
  const words = ['npm', 'exec', '--yes', ...FLAGS, '--package', creator!, '--']
  const made = run(
    [...words, 'create-vnet-driver', 'my-driver', '--vnet', `file:${vnet}`],
    directory,
  )
  expect(made.text).toContain('my-driver is made')
  const installed = run(['npm', 'install', ...FLAGS], join(directory, 'my-driver'))
  if (installed.status !== 0) {
    whyNot = `npm install in the new project failed: ${installed.text}`
  }
  if (whyNot !== undefined && process.env.CI) throw new Error(whyNot)
}, 300_000)

/** Returns the folder of a newer node, with a colon, for the PATH. */
function newer(): string {
  const { text } = run(
    ['npx', '-y', '-p', 'node@24', '--', 'node', '-p', '"AT " + process.execPath'],
    directory,
  )
  return `${dirname(text.match(/^AT (.*)$/m)![1]!)}:`
}

const runtimes: readonly (readonly [name: string, version: string, path: () => string])[] = [
  ['this Node', process.version, () => ''],
  ['Node 24', 'v24.', newer],
]

test.for(runtimes)(
  'npm test passes in a new project with %s',
  { timeout: 300_000 },
  ([, version, pathOf], { skip }) => {
    if (whyNot !== undefined) {
      skip(whyNot)
    }
    const path = pathOf()
    expect(run(['node', '--version'], directory, path).text).toContain(version)
    const { status, text } = run(['npm', 'test'], join(directory, 'my-driver'), path)
    expect(text).toMatch(/^(#|ℹ) pass 4$/m)
    expect(status).toBe(0)
  },
)

test('npm start in a new project starts its driver', { timeout: 60_000 }, ({ skip }) => {
  if (whyNot !== undefined) {
    skip(whyNot)
  }
  const { status, text } = run(['npm', 'start', '--', '--help'], join(directory, 'my-driver'))
  expect(text).toContain('--delay N')
  expect(status).toBe(0)
})
