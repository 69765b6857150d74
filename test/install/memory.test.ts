/**
 * Hosts in memory need no addon, no /dev/net/tun and no rights: their tests run in a clone that was
 * set up like one on macOS, as an ordinary user, where the device is an empty file. They run on
 * each Node that vnet's engines and vitest's allow.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { fileDirectory, written } from '#support/fresh-directory.ts'
import { USER } from '#support/ordinary-user.ts'
import { asOn } from '#support/other-system.ts'
import { NOBODY } from '#support/privileges.ts'
import { WITH_LAB } from './packed.ts'

const root = resolve(import.meta.dirname, '../..')
const directory = fileDirectory()
const clone = join(directory, 'clone')
const nodes = join(directory, 'nodes')

/** The oldest Node, then each major version: vitest refuses 21 and 23. */
const VERSIONS = ['20.19', '22', '24', '25', '26']
const name = (version: string) => `node-${version}`

/** Without the options of the npm that runs this test, and without CI, where tools are required. */
const env = Object.fromEntries(
  Object.entries(process.env).filter(
    ([key]) => !/^(npm_(?!config_registry)|VNET_|CI$|NODE_OPTIONS$)/.test(key),
  ),
)

const run = (cwd: string, program: string, ...args: string[]) =>
  execFileSync(program, args, {
    cwd,
    env,
    encoding: 'utf8',
    timeout: 300_000,
    stdio: ['ignore', 'pipe', 'pipe'],
  })

/**
 * Only set-up: the compilers that it starts have programs for the real system, and so has the
 * parser that it loads.
 */
const AS_MACOS = `import 'rolldown/parseAst'
Object.defineProperty(process, 'platform', { value: 'darwin' })
`

const AS_USER_WITHOUT_TUN = `
mount -t tmpfs none /run
: > /run/empty
mount --bind /run/empty /dev/net/tun
exec "$@"
`

/** Runs a command as an ordinary user, where /dev/net/tun is an empty file. */
const withoutTun = (...words: string[]) =>
  run(clone, 'unshare', '--mount', 'sh', '-ec', AS_USER_WITHOUT_TUN, 'sh', ...USER, ...words)

beforeAll(() => {
  mkdirSync(nodes)
  writeFileSync(join(nodes, 'package.json'), '{ "private": true }')
  const packages = VERSIONS.map(
    version => `${name(version)}@npm:node-linux-${process.arch}@${version}`,
  )
  run(nodes, 'npm', 'install', '--ignore-scripts', '--no-audit', '--no-fund', ...packages)
  run(root, 'git', 'clone', '--quiet', root, clone)
  run(clone, 'npm', 'ci', '--no-audit', '--no-fund')
  const preload = written(clone, 'as-macos.mjs', AS_MACOS)
  run(clone, process.execPath, `--import=${preload}`, 'scripts/setup.mjs')
  rmSync(preload)
  // The user reads both, and vitest keeps a cache in the clone.
  run(directory, 'chmod', '755', directory)
  run(directory, 'chown', '-R', `${NOBODY}:${NOBODY}`, clone)
}, 900_000)

test('set-up on macOS builds no addon, and a user without rights opens no device', () => {
  expect(existsSync(join(clone, 'build'))).toBe(false)
  expect(withoutTun('stat', '--format=%F', '/dev/net/tun')).toBe('regular empty file\n')
  expect(withoutTun('sed', '-n', 's/^CapEff:\t//p', '/proc/self/status')).toBe('0000000000000000\n')
})

test.each(VERSIONS)(
  'the tests of hosts in memory pass on Node %s',
  version => {
    const node = join(nodes, 'node_modules', name(version), 'bin/node')
    expect(withoutTun(node, '--version')).toMatch(new RegExp(`^v${version.replace('.', '\\.')}\\.`))
    const output = withoutTun(
      node,
      'node_modules/vitest/vitest.mjs',
      'run',
      '--no-color',
      'packages/lab/test/memory',
    )
    expect(output).toMatch(/Tests {2}\d+ passed/)
  },
  600_000,
)

const LAB = `
import http from 'node:http'
import { createLab } from '@vnet/lab'

const lab = await createLab()
const [client, server] = lab.hosts('client', 'server')
const link = await lab.cable(client, server, { wire: 'delay 20ms' })
await server.listen(http.createServer((_, response) => response.end('hello')), 8080)
const fault = await link.ab.drop('tcp port 8080', { nth: 1 })
const response = await client.fetch('http://server:8080/')
console.log(await response.text(), fault.hits)
await lab.close()
`

test('the packed files install for macOS without building anything, and a lab runs there', () => {
  const project = join(directory, 'project')
  mkdirSync(project)
  writeFileSync(join(project, 'package.json'), '{ "private": true, "type": "module" }')
  writeFileSync(join(project, 'lab.js'), LAB)
  const folders = WITH_LAB.map(path => join(clone, path))
  const pack = ['pack', '--silent', '--ignore-scripts', '--pack-destination', project]
  const files = folders.map(path => `./${run(path, 'npm', ...pack).trim()}`)
  run(project, 'npm', 'install', '--os=darwin', '--cpu=arm64', '--no-audit', '--no-fund', ...files)
  expect(existsSync(join(project, 'node_modules/vnet/dist'))).toBe(true)
  for (const made of ['build', 'prebuilds']) {
    expect(existsSync(join(project, 'node_modules/vnet', made))).toBe(false)
  }
  expect(run(project, process.execPath, asOn('darwin'), 'lab.js')).toBe('hello 1\n')
}, 300_000)
