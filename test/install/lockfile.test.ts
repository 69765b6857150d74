/**
 * The packages install from a registry and from a lockfile of another machine, with scripts allowed
 * and without a compiler: by each package manager, for the processors that the package has files
 * for, and for macOS. They compile nothing.
 */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cpSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { basename, join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { fileDirectory } from '#support/fresh-directory.ts'
import { asOn } from '#support/other-system.ts'
import { environmentOf, LIMIT_MS, packInto, run, WITH_LAB } from './packed.ts'

const directory = fileDirectory()
const managers = join(directory, 'managers')
/** The programs of a machine without a compiler, make and Python. */
const bin = join(directory, 'bin')
const PROGRAMS = [
  'sh',
  'env',
  'uname',
  'ldd',
  'cat',
  'ls',
  'sed',
  'grep',
  'dirname',
  'basename',
  'readlink',
  'getconf',
]

/** npm 12 needs a newer Node. */
const VERSIONS = {
  npm10: 'npm:npm@10',
  npm11: 'npm:npm@11',
  npm12: 'npm:npm@12',
  pnpm: 'npm:pnpm',
  yarn1: 'npm:yarn@1',
  yarn4: 'npm:@yarnpkg/cli-dist@4',
  node24: `npm:node-linux-${process.arch}@24`,
}
const file = (name: string, path: string) => join(managers, 'node_modules', name, path)
const node24 = file('node24', 'bin/node')

const root = resolve(import.meta.dirname, '../..')
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))

let registry = ''
let server: Server

/** Serves the packed packages, and all others from npm's registry. */
async function serve(packed: Record<string, string>): Promise<void> {
  const upstream = run(directory, 'npm', 'config', 'get', 'registry').trim()
  const tarballs = new Map(
    Object.entries(packed).map(([name, path]) => [name, path.replace('file:', '')]),
  )
  server = createServer(async ({ url = '' }, response) => {
    const path = decodeURIComponent(url)
    const tarball = [...tarballs.values()].find(each => path === `/-/${basename(each)}`)
    if (tarball !== undefined) return response.end(readFileSync(tarball))
    const own = tarballs.get(path.slice(1))
    if (own !== undefined) return response.end(JSON.stringify(packument(own)))
    const from = await fetch(new URL(url.slice(1), upstream))
    const body = Buffer.from(await from.arrayBuffer())
    response
      .writeHead(from.status, { 'content-type': from.headers.get('content-type') ?? '' })
      .end(body)
  }).listen(0, '127.0.0.1')
  await new Promise(done => server.once('listening', done))
  registry = `http://127.0.0.1:${(server.address() as { port: number }).port}/`
}

function packument(tarball: string) {
  const manifest = JSON.parse(run(directory, 'tar', '-xOf', tarball, 'package/package.json'))
  const { name, version } = manifest
  const integrity = `sha512-${createHash('sha512').update(readFileSync(tarball)).digest('base64')}`
  const dist = { tarball: `${registry}-/${basename(tarball)}`, integrity }
  return {
    name,
    'dist-tags': { latest: version },
    versions: { [version]: { ...manifest, dist } },
    time: { [version]: '2020-01-01T00:00:00.000Z' },
  }
}

/** Runs a script of Node in a project, on the machine without a compiler. */
async function node(project: string, program: string, ...args: string[]): Promise<string> {
  const env = {
    ...environmentOf(project),
    PATH: `${join(program, '..')}:${bin}`,
    HOME: project,
    npm_config_registry: registry,
    YARN_NPM_REGISTRY_SERVER: registry,
    YARN_UNSAFE_HTTP_WHITELIST: '127.0.0.1',
    YARN_CACHE_FOLDER: join(directory, 'yarn'),
    YARN_NODE_LINKER: 'node-modules',
    YARN_ENABLE_IMMUTABLE_INSTALLS: 'false',
    YARN_NPM_MINIMAL_AGE_GATE: '0',
  }
  const { stdout, stderr } = await promisify(execFile)(program, args, {
    cwd: project,
    env,
    timeout: LIMIT_MS,
  })
  return stdout + stderr
}

/** Makes a project that needs a lab. */
function made(name: string): string {
  const project = join(directory, name)
  mkdirSync(project)
  const manifest = {
    name: 'project',
    private: true,
    type: 'module',
    dependencies: { '@vnet/lab': version, vnet: version },
  }
  writeFileSync(join(project, 'package.json'), JSON.stringify(manifest))
  writeFileSync(join(project, '.npmrc'), `registry=${registry}\n`)
  return project
}

/** The project as another machine has it: with its lockfile, and nothing installed. */
function copied(from: string, name: string): string {
  const project = join(directory, name)
  cpSync(from, project, { recursive: true, filter: path => !path.includes('node_modules') })
  return project
}

const LOADS = `
import { loadNative } from 'vnet/built/linux/native'
import '@vnet/lab'
console.log(loadNative().monotonic() > 0)
`

/** The project has what it needs, and nothing has compiled it. */
async function expectInstalled(project: string, output: string, load = LOADS): Promise<void> {
  expect(output).not.toMatch(/node-gyp|gyp ERR|build scripts|allow-?scripts/i)
  writeFileSync(join(project, 'load.js'), load)
  expect(await node(project, process.execPath, 'load.js')).toBe('true\n')
}

beforeAll(async () => {
  run(root, process.execPath, 'scripts/prebuild.mjs', 'linux-x64', 'linux-arm64')
  const packed = packInto(directory, WITH_LAB)
  mkdirSync(managers)
  writeFileSync(
    join(managers, 'package.json'),
    JSON.stringify({ private: true, dependencies: VERSIONS }),
  )
  run(managers, 'npm', 'install', '--ignore-scripts', '--no-audit', '--no-fund')
  mkdirSync(bin)
  for (const name of PROGRAMS) {
    symlinkSync(run(directory, 'which', name).trim(), join(bin, name))
  }
  await serve(packed)
}, LIMIT_MS)

afterAll(() => server.close())

/** Each: Node, the manager's script, how it installs first, and how from its lockfile. */
const NPM = [['install'], ['ci']]
const MANAGERS: Record<string, [node: string, script: string, install: string[][]]> = {
  'npm 10': [process.execPath, file('npm10', 'bin/npm-cli.js'), NPM],
  'npm 11': [process.execPath, file('npm11', 'bin/npm-cli.js'), NPM],
  'npm 12': [node24, file('npm12', 'bin/npm-cli.js'), NPM],
  pnpm: [node24, file('pnpm', 'bin/pnpm.mjs'), [['install'], ['install', '--frozen-lockfile']]],
  'yarn 1': [
    process.execPath,
    file('yarn1', 'bin/yarn.js'),
    [['install'], ['install', '--frozen-lockfile']],
  ],
  'yarn 4': [
    process.execPath,
    file('yarn4', 'bin/yarn.js'),
    [['install'], ['install', '--immutable']],
  ],
}

test.each(Object.keys(MANAGERS))(
  '%s installs the packages, and again from its lockfile, without a compiler',
  async name => {
    const [program, script, [install = [], again = []]] = MANAGERS[
      name
    ] as (typeof MANAGERS)[string]
    const project = made(name.replace(' ', ''))
    await expectInstalled(project, await node(project, program, script, ...install))
    const other = copied(project, `${basename(project)}-again`)
    await expectInstalled(other, await node(other, program, script, ...again))
  },
  LIMIT_MS,
)

test.each([
  ['npm 10', 'npm 11', []],
  ['npm 11', 'npm 12', []],
  ['npm 12', 'npm 10', []],
  ['npm 11', 'npm 11', ['--os=darwin', '--cpu=arm64']],
  ['npm 11', 'npm 12', ['--os=linux', '--cpu=arm64']],
] as const)(
  'a lockfile of %s installs by %s %s',
  async (by, on, flags) => {
    const [program, script] = MANAGERS[by] as (typeof MANAGERS)[string]
    const [other, its] = MANAGERS[on] as (typeof MANAGERS)[string]
    const name = `${by}-${on}${flags.join('')}`.replace(/\W/g, '')
    const project = made(name)
    await node(project, program, script, 'install')
    const again = copied(project, `${name}-again`)
    await expectInstalled(
      again,
      await node(again, other, its, 'ci', ...flags),
      flags.length > 0 ? 'console.log(true)' : LOADS,
    )
  },
  LIMIT_MS,
)

test(
  'an installation for arm64 takes the files for arm64, and one on macOS names Linux',
  async () => {
    const project = made('others')
    const [program, script] = MANAGERS['npm 11'] as (typeof MANAGERS)[string]
    await node(project, program, script, 'install')
    const found = `import { builtFile } from 'vnet/built/linux/native'; console.log(builtFile('vnet.node', 'x'))`
    writeFileSync(join(project, 'found.mjs'), found)
    const arm64 = `--import=data:text/javascript,Object.defineProperty(process,'arch',{value:'arm64'})`
    expect(await node(project, process.execPath, arm64, 'found.mjs')).toMatch(
      /prebuilds\/linux-arm64\/vnet\.node\n$/,
    )
    await expect(node(project, process.execPath, asOn('darwin'), 'found.mjs')).rejects.toThrow(
      /this needs Linux/,
    )
  },
  LIMIT_MS,
)

test(
  'an installed vnet is built by hand with the command of its message',
  async () => {
    const project = made('by-hand')
    const [program, script] = MANAGERS['npm 11'] as (typeof MANAGERS)[string]
    await node(project, program, script, 'install')
    rmSync(join(project, 'node_modules/vnet/prebuilds'), { recursive: true })
    writeFileSync(join(project, 'load.js'), LOADS)
    const error: Error = await node(project, process.execPath, 'load.js').catch(reason => reason)
    const [, command = '', where = ''] = /run `npx ([^`]+)` in (\S+)/.exec(error.message) ?? []
    run(where, 'npx', '--yes', ...command.split(' '))
    expect(await node(project, process.execPath, 'load.js')).toBe('true\n')
  },
  LIMIT_MS,
)
