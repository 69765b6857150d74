/** A clone needs the network for one install: then it builds, starts and tests itself without. */
import { execFileSync } from 'node:child_process'
import { join, resolve } from 'node:path'
import { expect, test } from 'vitest'
import { fileDirectory } from '#support/fresh-directory.ts'

const root = resolve(import.meta.dirname, '../..')
const clone = join(fileDirectory(), 'clone')
/** Without the options of the npm that runs this test. */
const env = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !/^(npm_(?!config_registry)|VNET_)/.test(name)),
)

const run = (cwd: string, program: string, ...args: string[]) =>
  execFileSync(program, args, {
    cwd,
    env,
    encoding: 'utf8',
    timeout: 600_000,
    stdio: ['ignore', 'pipe', 'pipe'],
  })

test('npm start and npm test work in a clone without a network, after one npm ci', () => {
  run(root, 'git', 'clone', '--quiet', root, clone)
  run(clone, 'npm', 'ci', '--no-audit', '--no-fund')
  const offline = (line: string) =>
    run(clone, 'unshare', '--net', 'sh', '-ec', `ip link set lo up; ${line}`)
  expect(offline('npm start --silent -- --version')).toMatch(/^\d+\.\d+\.\d+/m)
  expect(offline('npm test -- test/base')).toMatch(/\d+ passed, 0 failed/)
}, 900_000)
