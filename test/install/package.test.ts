/**
 * What `npm run pack` makes installs elsewhere by the command that it prints, without a compiler or
 * install scripts, runs, and type-checks.
 */

import { execFileSync, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join, resolve } from 'node:path'
import { publint } from 'publint'
import { formatMessage } from 'publint/utils'
import { beforeAll, expect, test } from 'vitest'
import { fileDirectory } from '#support/fresh-directory.ts'
import { list } from '#support/list.ts'
import { manifestOf, PACKAGES } from '../../scripts/packages.mjs'
import { JOINED } from '../../scripts/setup/joined.mjs'
import { LIMIT_MS } from './packed.ts'

const root = resolve(import.meta.dirname, '../..')

interface Manifest {
  readonly name: string
  readonly version: string
  readonly exports: Readonly<Record<string, string | { readonly default: string }>>
  readonly devDependencies: Readonly<Record<string, string>>
}

/** The folders of the packages that projects install, vnet first. */
const FOLDERS = PACKAGES.filter(folder => folder !== 'packages/create-vnet-driver')
const manifests = FOLDERS.map(folder => manifestOf(folder) as Manifest)
const manifest = manifests[0] as Manifest
/** The public entry points. */
const entries = manifests.flatMap(({ name, exports }) =>
  Object.entries(exports)
    .filter(
      ([entry, target]) => typeof target === 'object' && !/\*|^\.\/(commands|kit)$/.test(entry),
    )
    .map(([entry]) => join(name, entry)),
)
const directory = fileDirectory()
const consumer = join(directory, 'consumer')
/** The packed files by the names of their packages. */
const tarballs = new Map<string, string>()

// The settings of the npm that runs the tests must not reach the ones run here.
const env = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !name.startsWith('npm_')),
)

const run = (program: string, args: string[], cwd = consumer) =>
  execFileSync(program, args, {
    cwd,
    env,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: LIMIT_MS,
  })

/** Runs the installed program. */
function vnet(...args: string[]) {
  const { status, stdout, stderr } = spawnSync('npx', ['--no-install', 'vnet', ...args], {
    cwd: consumer,
    env,
    encoding: 'utf8',
  })
  return { status, stdout, stderr }
}

beforeAll(() => {
  const printed = run('npm', ['run', '--silent', 'pack'], root)
  const packed = readdirSync(join(root, 'packed')).map(file => join(root, 'packed', file))
  for (const file of packed) {
    tarballs.set(
      (JSON.parse(run('tar', ['-xOf', file, 'package/package.json'], root)) as Manifest).name,
      file,
    )
  }
  mkdirSync(consumer)
  writeFileSync(join(consumer, 'package.json'), '{ "private": true, "type": "module" }')
  const nodeTypes = `@types/node@${manifest.devDependencies['@types/node']}`
  const flags = ['--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund']
  const [, command = ''] = /^ {2}(npm install --save-dev .*\.tgz)$/m.exec(printed) ?? []
  run('sh', ['-c', `${command} ${[...flags, nodeTypes].join(' ')}`])
  symlinkSync(join(root, 'node_modules/vitest'), join(consumer, 'node_modules/vitest'))
}, LIMIT_MS)

test('the package holds the program, the addon for this machine and its sources, and nothing else', () => {
  const files = run('tar', ['-tzf', tarballs.get('vnet')!])
    .trimEnd()
    .split('\n')
  const tops = new Set(files.map(file => file.split('/')[1]))
  const always = list(`
    LICENSE README.md deploy dist docs native package.json prebuilds systemd
  `)
  expect([...tops].sort()).toEqual(always.sort())
  for (const built of [
    'vnet.node',
    'vnet-launch',
    'vnet-rootless',
    'vnet-within',
    'vnet-clock.so',
    'vnet-cni',
    'vnet-guest',
  ]) {
    expect(files).toContain(`package/prebuilds/linux-${process.arch}/${built}`)
  }
  // Without sources and their maps: modules, data, shell scripts, and the files of the page.
  const ofPackage = files.filter(
    file => file.startsWith('package/dist/') && !file.endsWith('.d.ts'),
  )
  const compiled = ofPackage.map(file => file.slice('package/dist/'.length))
  const sources = readdirSync(join(root, 'src'), { recursive: true }) as string[]
  const asCompiled = sources.filter(file =>
    /(?<!\.d)\.tsx?$|\.(html|css|svg|bash|zsh|json)$/.test(file),
  )
  const joined = Object.keys(JOINED.vnet).map(name => `${name}.js`)
  const ofEntries = Object.values(manifest.exports)
    .flatMap(target => (typeof target === 'string' ? [] : [target.default]))
    .filter(file => file.startsWith('./dist/entries/'))
    .map(file => file.slice('./dist/'.length))
  expect(compiled.sort()).toEqual(
    [
      ...asCompiled.map(file => file.replace(/\.tsx?$/, '.js')),
      ...joined,
      ...ofEntries,
      'entries/native.cjs',
    ].sort(),
  )
})

test('the name of each file has its digest, so that npm installs a changed one', () => {
  for (const file of tarballs.values()) {
    const digest = createHash('sha256').update(readFileSync(file)).digest('hex')
    expect(file).toContain(`-${manifest.version}-${digest.slice(0, 8)}.tgz`)
  }
})

test('the installed package.json has no workspaces, scripts and devDependencies', () => {
  for (const { name } of manifests) {
    const installed = JSON.parse(
      readFileSync(join(consumer, 'node_modules', name, 'package.json'), 'utf8'),
    )
    expect(Object.keys(installed)).toEqual(
      expect.arrayContaining(['name', 'version', 'exports', 'files']),
    )
    for (const field of ['workspaces', 'scripts', 'devDependencies']) {
      expect(installed).not.toHaveProperty(field)
    }
  }
})

test('the package is at most 3 MB large', () => {
  expect(statSync(tarballs.get('vnet')!).size).toBeLessThanOrEqual(3_000_000)
})

test('the package holds every page that its README links', () => {
  const links = [
    ...readFileSync(join(root, 'README.md'), 'utf8').matchAll(/\]\((docs\/[^)#]+\.md)/g),
  ].map(([, link]) => link)
  expect(links.length).toBeGreaterThan(10)
  expect(
    links.filter(link => !existsSync(join(consumer, 'node_modules/vnet', link as string))),
  ).toEqual([])
})

test('the package holds every file that the README of a new driver links', () => {
  const readme = readFileSync(join(root, 'packages/create-vnet-driver/template/README.md'), 'utf8')
  const links = [...readme.matchAll(/\]\(node_modules\/(vnet\/[^)#]+)/g)].map(
    ([, link]) => link as string,
  )
  expect(links.length).toBeGreaterThan(3)
  expect(links.filter(link => !existsSync(join(consumer, 'node_modules', link)))).toEqual([])
})

test.each(FOLDERS)('publint reports no problem in the package of %s', async path => {
  const bytes = readFileSync(tarballs.get((manifestOf(path) as Manifest).name)!)
  const pack = { tarball: new Uint8Array(bytes).buffer }
  const { messages, pkg } = await publint({ pack, strict: true })
  expect(messages.map(message => formatMessage(message, pkg!))).toEqual([])
})

test('the installed program prints its version, and has the commands of all packages', () => {
  expect(vnet('--version')).toEqual({ status: 0, stdout: `${manifest.version}\n`, stderr: '' })
  const { stdout } = vnet('help', '--all')
  for (const name of [
    'lan',
    'lab',
    'explore',
    'web',
    'metrics',
    'learn',
    'check',
    'grade',
    'exec',
    'conform',
  ]) {
    expect(stdout).toMatch(new RegExp(`^ +${name}\\b`, 'm'))
  }
  expect(vnet('learn')).toMatchObject({ status: 0, stdout: expect.stringContaining('01-drop') })
  expect(vnet('exec', 'true')).toEqual({ status: 0, stdout: '', stderr: '' })
  // The cases are files of the package.
  expect(vnet('conform', '--list')).toMatchObject({
    status: 0,
    stdout: expect.stringContaining('rst-in-window'),
  })
})

test('a command of a package that is missing, or of another version, says what to install', () => {
  const own = join(consumer, 'node_modules/@vnet')
  renameSync(own, `${own}-away`)
  try {
    const install = (name: string) =>
      `run npm run pack ${name} in a clone of vnet, and the command that it prints`
    expect(vnet('lab', 'a.yaml')).toEqual({
      status: 1,
      stdout: '',
      stderr: `vnet: vnet lab is in the package @vnet/lab: ${install('lab')}\n`,
    })
    expect(vnet('metrics', '9100').stderr).toBe(
      `vnet: vnet metrics is in the package @vnet/web: ${install('web')}\n`,
    )
    expect(vnet('lan', '--hosts', '5').stderr).toBe(
      `vnet: vnet lan is in the package @vnet/lan: ${install('lan')}\n`,
    )
    expect(vnet('--help')).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/^Not installed: .*\blab\b/m),
    })
    mkdirSync(join(own, 'exec'), { recursive: true })
    writeFileSync(join(own, 'exec/package.json'), '{ "version": "0.9.0" }')
    const other = `@vnet/exec 0.9.0 is installed, but vnet is ${manifest.version}: ${install('exec')}`
    expect(vnet('exec', 'true')).toEqual({ status: 1, stdout: '', stderr: `vnet: ${other}\n` })
  } finally {
    rmSync(own, { recursive: true, force: true })
    renameSync(`${own}-away`, own)
  }
})

const VITEST = '@vnet/lab/vitest'
/** The entries that load without a runner of tests, whose declarations need newer libraries. */
const own = entries.filter(entry => entry !== VITEST && entry !== '@vnet/lab/playwright')

test.each(own)('%s can be imported', entry => {
  const script = `console.log(Object.keys(await import('${entry}')).length > 0)`
  expect(run(process.execPath, ['--input-type=module', '-e', script])).toBe('true\n')
})

test('the addon in the package loads', () => {
  const addon = join(consumer, 'node_modules/vnet/prebuilds', `linux-${process.arch}`, 'vnet.node')
  expect(run(process.execPath, ['-p', `typeof require(${JSON.stringify(addon)})`])).toBe('object\n')
})

const strictest = {
  module: 'nodenext',
  types: ['node'],
  strict: true,
  skipLibCheck: false,
  noEmit: true,
}

test.each([
  ['es2022', { ...strictest, target: 'es2022', lib: ['es2023', 'esnext.disposable'] }],
  ['es2020 and its libraries alone', { ...strictest, target: 'es2020' }],
])(
  'a strict program for %s type-checks, the declarations of the package included',
  (_, compilerOptions) => {
    const imports = own.map((entry, i) => `import * as part${i} from '${entry}'`)
    const uses = own.map((_, i) => `console.log(part${i} satisfies object)`)
    writeFileSync(join(consumer, 'program.ts'), [...imports, ...uses, ''].join('\n'))
    writeFileSync(
      join(consumer, 'tsconfig.json'),
      JSON.stringify({ compilerOptions, files: ['program.ts'] }),
    )
    expect(run(process.execPath, [join(root, 'node_modules/.bin/tsc'), '-p', '.'])).toBe('')
  },
)

test('the program of docs/tap.md that embeds a driver type-checks in strict TypeScript', () => {
  const [, program = ''] =
    /^## Embed a driver.*?^```js\n(.*?)^```$/ms.exec(
      readFileSync(join(root, 'docs/tap.md'), 'utf8'),
    ) ?? []
  writeFileSync(join(consumer, 'embed.ts'), program)
  const compilerOptions = { ...strictest, target: 'es2022' }
  writeFileSync(
    join(consumer, 'tsconfig.json'),
    JSON.stringify({ compilerOptions, files: ['embed.ts'] }),
  )
  expect(run(process.execPath, [join(root, 'node_modules/.bin/tsc'), '-p', '.'])).toBe('')
})

test('a test with a lab type-checks', () => {
  const text = `
    import { test } from '${VITEST}'

    test('a link', async ({ lab, expect }) => {
      const [client, server] = lab.hosts('client', 'server')
      const link = await lab.cable(client, server, { wire: 'loss 1%' })
      const fault = await link.ab.drop('tcp', { nth: 1 })
      expect(fault.hits satisfies number).toBe(0)
      const response: Response = await client.fetch('http://server/')
      expect(response.status).toBe(200)
      // @ts-expect-error There are two.
      lab.hosts('a', 'b')[2].name
    })
  `
  writeFileSync(join(consumer, 'lab.ts'), text)
  const compilerOptions = { ...strictest, target: 'es2022', skipLibCheck: true }
  writeFileSync(
    join(consumer, 'tsconfig.json'),
    JSON.stringify({ compilerOptions, files: ['lab.ts'] }),
  )
  expect(run(process.execPath, [join(root, 'node_modules/.bin/tsc'), '-p', '.'])).toBe('')
})

test('a test of a driver runs under vitest in a context of its own (vmThreads)', () => {
  const text = `
    import { defaultParams } from 'vnet'
    import { loop } from 'vnet/drivers'
    import { LOGLEVEL_ERR, Log, Net, registerNetdev } from 'vnet/net'
    import { FakeClock, MemoryPlatform } from 'vnet/bed'

    test('a device is registered until the end of its scope', async () => {
      const log = new Log(LOGLEVEL_ERR, (_, text) => assert.fail(text))
      const net = new Net({ platform: new MemoryPlatform(), clock: new FakeClock(), log })
      const [{ dev }] = loop.init(defaultParams(loop.params), { net, args: [], names: [] })
      {
        await using _ = await registerNetdev(dev, net)
        expect(net.devices.length).toBe(1)
      }
      expect(net.devices.length).toBe(0)
    })
  `
  writeFileSync(join(consumer, 'driver.test.ts'), text)
  const vitest = join(root, 'node_modules/vitest/vitest.mjs')
  const said = run(process.execPath, [
    vitest,
    'run',
    '--globals',
    '--pool=vmThreads',
    '--root=.',
    '--no-color',
  ])
  expect(said).toMatch(/Tests {2}1 passed/)
})
