/** Set-up runs the steps that are due and no others, and reports a failure in one line. */

import { execFileSync } from 'node:child_process'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { list } from '#support/list.ts'
import { SetupTree } from '#support/setup-tree.ts'
import { HEADERS_PACKAGE } from '../../scripts/setup/kernel-headers.mjs'

const quiet = { code: 0, stdout: '', stderr: '' }
/** All projects are compiled together, then three of them are joined; the page is apart. */
const compile = ['tsc', 'rolldown', 'rolldown', 'rolldown', 'tsc']
const everything = ['npm', 'node-gyp', ...compile]
/** Types of the sources, and of the page. */
const check = ['tsc', 'tsc']
/** Their lines. */
const compiling = [
  'compiling',
  ...['vnet', 'inet', 'lab'].map(name => `joining modules of ${name}`),
  'compiling the page',
]

const programs = ['building the programs', 'building the program of guests']

let tree: SetupTree

beforeEach(() => {
  tree = new SetupTree()
})

afterEach(() => tree[Symbol.dispose]())

describe('the steps that are due', () => {
  beforeEach(async () => {
    expect(await tree.setUp()).toEqual(quiet)
    expect(tree.calls()).toEqual(everything)
  })

  test('a run prints a line for each step that it makes, and the next one prints nothing', async () => {
    expect(tree.steps()).toEqual(['installing dependencies', 'building the addon', ...compiling])
    tree.remove('dist')
    await tree.setUp()
    expect(tree.steps()).toEqual(compiling)
    expect(await tree.setUp()).toEqual(quiet)
    expect(tree.steps()).toEqual([])
  })

  test('a second run makes nothing', async () => {
    expect(await tree.setUp()).toEqual(quiet)
    expect(tree.calls()).toEqual([])
  })

  test.each([
    ['a source', 'src/tap.ts', compile],
    ['a style of the page', 'packages/web/src/page/style.css', compile],
    ['a new source', 'src/netdev/net.ts', compile],
    ['a source of a package', 'packages/lan/src/driver.ts', compile],
    ['the compiler options', 'tsconfig.json', compile],
    ['the options of a build', 'tsconfig.build.json', compile],
    ['a native source', 'native/addon/addon.cc', ['node-gyp']],
    ['a new native source', 'native/addon/sys.h', ['node-gyp']],
    ['a native source of a program that is not built', 'native/rootless/rootless.cc', []],
    ['a native source of all targets', 'native/fd.h', ['node-gyp']],
    ['the build description', 'binding.gyp', ['node-gyp']],
    ['the dependencies', 'package.json', ['npm', ...compile]],
    ['the lock file, and with it node-addon-api', 'package-lock.json', everything],
  ])('a change of %s repeats only the steps that depend on it', async (_, file, expected) => {
    tree.write(file, '{ }')
    await tree.setUp()
    expect(tree.calls()).toEqual(expected)
  })

  test.each([
    ['of a program builds the programs again', 'native/rootless/rootless.cc', programs],
    ['of the addon builds the addon again', 'native/addon/addon.cc', ['building the addon']],
    ['of both builds both again', 'native/fd.h', ['building the addon', ...programs]],
  ])('programs are built with --programs, and then a source %s', async (_, file, expected) => {
    tree.steps()
    expect(await tree.setUp({ args: ['--programs'] })).toEqual(quiet)
    expect(tree.steps()).toEqual(programs)
    expect(tree.has('build/Release/vnet-clock.so')).toBe(true)
    expect(await tree.setUp()).toEqual(quiet)
    expect(tree.steps()).toEqual([])
    tree.write(file, 'changed')
    await tree.setUp()
    expect(tree.steps()).toEqual(expected)
  })

  test('a change of package.json other than dependencies installs nothing', async () => {
    tree.write(
      'package.json',
      '{ "version": "2.0.0", "dependencies": { "node-addon-api": "1.0.0" } }',
    )
    await tree.setUp()
    expect(tree.calls()).toEqual([])
  })

  test.each([
    ['build', ['node-gyp']],
    ['build/Release/vnet.node', ['node-gyp']],
    ['dist', compile],
    ['dist/tap.js', compile],
    ['node_modules', ['npm', ...compile]],
  ])('set-up makes a missing %s again, and nothing that still exists', async (path, expected) => {
    tree.remove(path)
    expect(await tree.setUp()).toEqual(quiet)
    expect(tree.calls()).toEqual(expected)
  })

  test('the output of a deleted source is deleted', async () => {
    expect(tree.has('dist/tap.js')).toBe(true)
    tree.remove('src/tap.ts')
    await tree.setUp()
    expect(tree.has('dist/tap.js')).toBe(false)
    expect(tree.has('dist/index.js')).toBe(true)
  })

  test('a failed step shows its output and one line on stderr, keeps the old result, and is due again', async () => {
    tree.write('src/tap.ts', 'changed')
    tree.write('break-tsc', '')
    const stderr = 'tsc on stdout\ntsc on stderr\nvnet: compiling failed, see above (exit 3)\n'
    expect(await tree.setUp()).toEqual({ code: 1, stdout: '', stderr })
    expect(tree.has('dist/tap.js')).toBe(true)
    expect(tree.has('dist.new')).toBe(false)
    tree.remove('break-tsc')
    expect(tree.steps().at(-1)).toBe('compiling: failed')
    tree.calls()
    expect(await tree.setUp()).toEqual(quiet)
    expect(tree.calls()).toEqual(compile)
  })

  test('a failed step is due again even if its inputs are restored', async () => {
    tree.write('native/addon/addon.cc', 'changed')
    tree.write('break-node-gyp', '')
    await tree.setUp()
    tree.write('native/addon/addon.cc', '')
    tree.remove('break-node-gyp')
    tree.calls()
    expect(await tree.setUp()).toEqual(quiet)
    expect(tree.calls()).toEqual(['node-gyp'])
  })
})

test('two concurrent runs do each step once, and both end when all is done', async () => {
  const runs = await Promise.all([tree.setUp(), tree.setUp()])
  const waiting = `vnet: waiting for another set-up of this tree (it holds ${tree.root}/.setup-lock)\n`
  expect(runs.map(({ stderr }) => stderr).sort()).toEqual(['', waiting])
  expect(runs.map(({ code, stdout }) => ({ code, stdout, stderr: '' }))).toEqual([quiet, quiet])
  expect(tree.calls()).toEqual(everything)
})

test('dependencies are installed completely and without install scripts, whatever the options of npm', async () => {
  await tree.setUp()
  const [npm] = tree.callLines()
  expect(npm).toMatch(
    /^npm ci --prefer-offline --ignore-scripts --include=dev --no-dry-run --no-global --location=project/,
  )
})

const pretend = (property: string, value: string) =>
  `Object.defineProperty(process, '${property}', { value: '${value}' })`

test.each([
  ['darwin', ''],
  ['win32', 'delete process.getuid'],
])(
  'on %s everything but the addon is made, without a C++ compiler, a lock, or programs for tests',
  async (name, code) => {
    for (const program of ['g++', 'make', 'python3', 'flock']) {
      tree.remove(`path/${program}`)
    }
    const preload = `${pretend('platform', name)}; ${code}`
    expect(await tree.setUp({ args: ['--test', '--long', '--labs'], preload })).toEqual(quiet)
    expect(tree.calls()).toEqual([...everything.filter(call => call !== 'node-gyp'), ...check])
    expect(await tree.setUp({ preload })).toEqual(quiet)
    expect(tree.calls()).toEqual([])
  },
)

describe('a missing requirement is reported in one line', () => {
  const refusal = (line: string) => ({ code: 1, stdout: '', stderr: `${line}\n` })

  test.each(['v12.22.12', 'v18.20.0', 'v20.18.3'])('Node %s', async version => {
    const line = `vnet needs Node 20.19 or newer, this is ${version}: see https://nodejs.org/en/download`
    expect(await tree.setUp({ preload: pretend('version', version) })).toEqual(refusal(line))
    expect(tree.calls()).toEqual([])
  })

  test.each(['v20.19.0', 'v22.0.0', 'v26.1.0'])('but Node %s is new enough', async version => {
    expect(await tree.setUp({ preload: pretend('version', version) })).toEqual(quiet)
  })

  test.each([
    ['g++', 'a C++ compiler'],
    ['make', 'make'],
    ['python3', 'python3'],
  ])('no %s, before anything is done', async (program, name) => {
    tree.remove(`path/${program}`)
    expect(await tree.setUp()).toEqual(
      refusal(`vnet needs ${name}: sudo apt-get install g++ make python3`),
    )
    expect(tree.calls()).toEqual([])
  })

  test('no compiler is needed if the addon has been built', async () => {
    await tree.setUp()
    for (const program of ['g++', 'make', 'python3']) {
      tree.remove(`path/${program}`)
    }
    tree.remove('dist')
    expect(await tree.setUp()).toEqual(quiet)
  })

  test('without a compiler, prebuilt files of the same sources serve', async () => {
    const make = `import('./scripts/setup/prebuilds.mjs').then(({ OWN, BUILT_FILES, fileOf, stampOf, inputsOf }) => {
      for (const file of [stampOf(OWN), fileOf(OWN, 'vnet.node')]) fs.mkdirSync(path.dirname(file), { recursive: true })
      for (const name of BUILT_FILES) fs.writeFileSync(fileOf(OWN, name), '')
      fs.writeFileSync(stampOf(OWN), inputsOf(OWN))
    })`
    execFileSync(process.execPath, ['-e', make], { cwd: tree.root })
    tree.remove('path/g++')
    const stderr = `vnet: taking prebuilds/linux-${process.arch}, because there is no compiler\n`
    expect(await tree.setUp()).toEqual({ ...quiet, stderr })
    expect(tree.calls()).not.toContain('node-gyp')
    tree.write('native/addon/addon.cc', 'changed')
    expect(await tree.setUp()).toEqual(
      refusal('vnet needs a C++ compiler: sudo apt-get install g++ make python3'),
    )
  })

  test('another compiler is accepted if CXX names it', async () => {
    tree.remove('path/g++')
    tree.program('clang++', '')
    expect(await tree.setUp({ env: { CXX: 'clang++ -stdlib=libc++' } })).toEqual(quiet)
  })
})

describe('--test', () => {
  const root = 'process.getuid = () => 0'
  const aptGet = (whenInstalling: string) =>
    tree.program(
      'apt-get',
      `cd "\${0%/*}/.."; echo apt-get "$@" >> calls; case "$*" in *install*) ${whenInstalling};; esac`,
    )
  const aptCalls = (packages: string) =>
    ['update', `install -y --no-install-recommends ${packages}`].map(
      command => `apt-get -q -o DPkg::Lock::Timeout=60 ${command}`,
    )
  // Set-up also searches /usr/sbin, so these programs must not be there.
  const some = ['tcpdump', 'ping']
  const iproute2 = ['ip', 'tc', 'genl']
  const others = list(`
    arping ndisc6 iperf3 pasta ethtool traceroute zsh genl-ctrl-list pkg-config nmap dig curl systemd-analyze tshark
    capinfos editcap newuidmap
  `)

  beforeEach(async () => {
    await tree.setUp({ args: ['--programs', '--types'] })
    tree.calls()
    for (const program of [...iproute2, ...others]) {
      tree.program(program, 'echo iputils')
    }
  })

  const bringThem = some.map(program => `/bin/cp path/ip path/${program}`).join('; ')

  const ofLongTests = list(
    'modinfo promtool chromium openssl pytest-3 qemu-system-x86_64 mksquashfs',
  )
  const ofGuests = [
    ...list(
      'qemu-system-x86_64 qemu-system-aarch64 mksquashfs setpriv nft curl dnsmasq udhcpc wg tcpdump openssl',
    ),
    ...list(
      'gtlsclient gtlsserver redis-server redis-sentinel redis-cli etcd etcdctl pg_createcluster',
    ),
  ]

  /** Makes the kernel of x86-64 guests a step with this body; the kernel of arm64 guests exists. */
  function guestKernel(body: string): void {
    tree.write('node_modules/.cache/vnet-tests/arm64/boot', '')
    tree.write('packages/guest/dist/package.json', '{ "type": "module" }')
    tree.write('packages/guest/dist/kernel.js', `export function findKernel(print) { ${body} }`)
  }

  test('nothing is installed if every tool exists', async () => {
    for (const program of some) {
      tree.program(program, 'echo iputils')
    }
    aptGet('exit 1')
    expect(await tree.setUp({ args: ['--test'], preload: root })).toEqual(quiet)
    expect(tree.calls()).toEqual([])
  })

  test('missing tools are installed without questions', async () => {
    aptGet(bringThem)
    expect(await tree.setUp({ args: ['--test'], preload: root })).toEqual(quiet)
    expect(tree.callLines()).toEqual(aptCalls('iputils-ping tcpdump'))
  })

  test('missing tools are installed from old package lists if no new ones come', async () => {
    aptGet(`${bringThem};; *update*) exit 100`)
    expect(await tree.setUp({ args: ['--test'], preload: root })).toEqual(quiet)
    expect(tree.callLines()).toEqual(aptCalls('iputils-ping tcpdump'))
  })

  test('a tool that apt-get cannot install is named with the reason, and set-up continues', async () => {
    aptGet('echo "E: Unable to locate package tcpdump"; exit 100')
    tree.remove('dist')
    const advice =
      'vnet: the kernel tests need ping, tcpdump: sudo apt-get install iputils-ping tcpdump'
    const stderr = `${advice} (tried: E: Unable to locate package tcpdump)\n`
    expect(await tree.setUp({ args: ['--test'], preload: root })).toEqual({
      code: 0,
      stdout: '',
      stderr,
    })
    expect(tree.has('dist/index.js')).toBe(true)
  })

  test('a library is missing if pkg-config does not know it or does not exist', async () => {
    for (const program of some) {
      tree.program(program, 'echo iputils')
    }
    const preload = 'process.getuid = () => 1000'
    const missing = (names: string, packages: string) => ({
      code: 0,
      stdout: '',
      stderr: `vnet: the kernel tests need ${names}: sudo apt-get install ${packages}\n`,
    })
    tree.program('pkg-config', '[ "$*" != "--exists libnl-genl-3.0" ]')
    expect(await tree.setUp({ args: ['--test'], preload })).toEqual(
      missing('libnl-genl-3.0', 'libnl-genl-3-dev'),
    )
    tree.remove('path/pkg-config')
    expect(await tree.setUp({ args: ['--test'], preload })).toEqual(
      missing('pkg-config, libnl-genl-3.0', 'pkg-config libnl-genl-3-dev'),
    )
  })

  test('only --long installs the headers of the kernel', async () => {
    for (const program of [...some, ...ofLongTests]) {
      tree.program(program, 'echo iputils')
    }
    guestKernel('')
    aptGet('')
    // The machine that runs this test may have the headers.
    const without = `${root}
      const fs = process.getBuiltinModule('fs'), { existsSync } = fs
      fs.existsSync = path => path !== '/lib/modules' && existsSync(path)
      process.getBuiltinModule('module').syncBuiltinESMExports()`
    expect(await tree.setUp({ args: ['--test'], preload: without })).toEqual(quiet)
    expect(tree.callLines()).toEqual([])
    const stderr = `vnet: the kernel tests need kernel headers: sudo apt-get install ${HEADERS_PACKAGE}\n`
    expect(await tree.setUp({ args: ['--test', '--long'], preload: without })).toEqual({
      code: 0,
      stdout: '',
      stderr,
    })
    expect(tree.callLines()).toEqual(aptCalls(HEADERS_PACKAGE))
  })

  test.runIf(process.arch === 'x64')(
    'the kernel of guests is downloaded for tests of guests only',
    async () => {
      for (const program of [...some, ...ofLongTests, ...ofGuests]) {
        tree.program(program, 'echo iputils')
      }
      guestKernel("print('downloading')")
      expect(await tree.setUp({ args: ['--test'], preload: root })).toEqual(quiet)
      const stderr = 'vnet: downloading\n'
      expect(await tree.setUp({ args: ['--test', '--guest'], preload: root })).toEqual({
        code: 0,
        stdout: '',
        stderr,
      })
    },
  )

  test.runIf(process.arch === 'x64')(
    'without a kernel, tests of guests fail in one line, long tests do not',
    async () => {
      for (const program of [...some, ...ofLongTests, ...ofGuests]) {
        tree.program(program, 'echo iputils')
      }
      guestKernel("throw Object.assign(new Error('no apt-get'), { name: 'GuestSetupError' })")
      aptGet('')
      const stderr = 'vnet: the tests of guests need a kernel: no apt-get\n'
      expect(await tree.setUp({ args: ['--test', '--guest'], preload: root })).toEqual({
        code: 1,
        stdout: '',
        stderr,
      })
      const long = await tree.setUp({ args: ['--test', '--long'], preload: root })
      expect(long).toEqual({ code: 0, stdout: '', stderr: expect.stringContaining(stderr) })
    },
  )

  test('an arping or a ping that is not from iputils is reported and not replaced', async () => {
    for (const program of some) {
      tree.program(program, 'echo iputils')
    }
    tree.program('arping', 'echo "arping: invalid option -- V" >&2; exit 1')
    aptGet('exit 1')
    const stderr =
      'vnet: the kernel tests need the arping of iputils, and this one is another program: ' +
      'sudo apt-get install iputils-arping\n'
    expect(await tree.setUp({ args: ['--test'], preload: root })).toEqual({
      code: 0,
      stdout: '',
      stderr,
    })
    expect(tree.calls()).toEqual([])
    tree.program('arping', 'echo iputils')
    tree.program('ping', 'echo "ping (GNU inetutils) 2.4"')
    const { stderr: second } = await tree.setUp({ args: ['--test'], preload: root })
    expect(second).toBe(stderr.replaceAll('arping', 'ping'))
  })

  test('in CI a missing program and another program are a failure, with one line', async () => {
    tree.program('ping', 'echo "ping (GNU inetutils) 2.4"')
    const preload = 'process.getuid = () => 1000'
    const line =
      'vnet: the kernel tests need tcpdump: sudo apt-get install tcpdump; ' +
      'the kernel tests need the ping of iputils, and this one is another program: sudo apt-get install iputils-ping\n'
    const outcome = await tree.setUp({ args: ['--test'], preload, env: { CI: 'true' } })
    expect(outcome).toEqual({ code: 1, stdout: '', stderr: line })
    expect(tree.calls()).toEqual([])
  })

  test('a user other than root gets a line with what to install', async () => {
    aptGet('exit 1')
    const stderr =
      'vnet: the kernel tests need ping, tcpdump: sudo apt-get install iputils-ping tcpdump\n'
    const preload = 'process.getuid = () => 1000'
    expect(await tree.setUp({ args: ['--test'], preload })).toEqual({ code: 0, stdout: '', stderr })
    expect(tree.calls()).toEqual([])
  })
})
