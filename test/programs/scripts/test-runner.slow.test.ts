/**
 * What `npm test` and its relatives run and print. The steps' programs are stand-ins, except the
 * parser of vitest's arguments.
 */

import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { getPriority } from 'node:os'
import { dirname, join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import { freshDirectory } from '#support/fresh-directory.ts'
import { execute } from '#support/setup-tree.ts'

const report = (status: string) =>
  JSON.stringify({
    testResults: [
      { name: 'test/a.test.ts', status: 'passed', assertionResults: [{ status: 'passed' }] },
      { name: 'test/kernel/b.test.ts', status, assertionResults: [{ status }] },
    ],
  })

const FILES = [
  'test/netdev/port.test.ts',
  'test/netdev/port.slow.test.ts',
  'test/netdev/port.long.test.ts',
  'test/kernel/tap.test.ts',
  'packages/lab/test/memory/hosts.test.ts',
  'packages/lab/test/labs/go.test.ts',
]
const SUITES = 'not run: suites (1): npm run test:labs'
const LONG = 'not run: long files (1): npm run test:long'
const SLOW = 'not run: slow files (1), kernel files (1): npm run test:all'

const root = freshDirectory()

beforeEach(() => {
  cpSync('scripts', join(root, 'scripts'), { recursive: true })
  mkdirSync(join(root, 'node_modules/.bin'), { recursive: true })
  for (const tool of ['biome', 'tsc']) {
    program(`node_modules/.bin/${tool}`, '')
  }
  for (const script of ['check-imports', 'check-pages', 'check-prose', 'sanitize']) {
    program(`scripts/${script}.mjs`, '')
  }
  symlinkSync(
    join(import.meta.dirname, '../../../node_modules/vitest'),
    join(root, 'node_modules/vitest'),
  )
  vitest('passed', 0)
  for (const name of FILES) {
    mkdirSync(dirname(join(root, name)), { recursive: true })
    writeFileSync(join(root, name), '')
  }
})

/**
 * Writes a program to `path` that appends its name and arguments to the file `calls`, then runs
 * `source`.
 */
function program(path: string, source: string): void {
  const record = `fs.appendFileSync('calls', '${path} ' + process.argv.slice(2).join(' ') + '\\n')`
  const fs = path.endsWith('.mjs') ? "import fs from 'node:fs'" : "const fs = require('fs')"
  writeFileSync(join(root, path), `${fs}\n${record}\n${source}`)
}

/** A vitest that runs `meanwhile` before it prints; its part is in `part`. */
function vitest(status: string, code: number, meanwhile = ''): void {
  const write = `
    const { VNET_QUICK, VNET_TEST_FILES, VNET_TEST_PART: part } = process.env
    ${meanwhile}
    const option = process.argv.find(argument => argument.startsWith('--outputFile.json=')).split('=')[1]
    const report = ${report(status)}
    const isKernel = ({ name }) => name.startsWith('test/kernel/')
    report.testResults = report.testResults.filter(file => !part || isKernel(file) === (part === 'kernel'))
    for (const file of report.testResults) file.name = process.cwd() + '/' + file.name
    fs.writeFileSync(option, JSON.stringify(report))
    console.log('vitest was here' + (VNET_QUICK === '1' ? ', for the quick tests' : part ? ' for ' + part : ''))
    if (VNET_TEST_FILES) console.log(VNET_TEST_FILES)
    process.exit(${code})`
  program('node_modules/.bin/vitest', write)
}

const run = (args: string[] = [], env: NodeJS.ProcessEnv = {}) =>
  execute([join(root, 'scripts/test.mjs'), ...args], env, root)
const calls = () => readFileSync(join(root, 'calls'), 'utf8').trimEnd().split('\n')
const linesOf = (text: string) => text.trimEnd().split('\n')
const CHECKS = ['format and lint', 'types', 'imports', 'comments and documents', 'pages'].map(
  name => expect.stringMatching(`^ok +${name} \\([0-9.]+ s\\)$`),
)
const BOTH = ['vitest was here for kernel', 'vitest was here for others']
const COUNTS = '2 passed, 0 failed, 0 skipped'

test('quick tests run beside the checks, and the last lines name what did not run', async () => {
  const { code, stdout } = await run()
  expect([code, linesOf(stdout)]).toEqual([
    0,
    ['vitest was here, for the quick tests', ...CHECKS, SLOW, LONG, SUITES, COUNTS],
  ])
  expect(calls()).toHaveLength(6)
  expect(calls().join('\n')).not.toContain('coverage')
  expect(calls()).toContainEqual(expect.stringMatching(/biome ci .* \.$/))
})

test('with --all all checks run first, then the tests of the kernel beside all others', async () => {
  const { code, stdout } = await run(['--all'])
  expect([code, linesOf(stdout)]).toEqual([0, [...CHECKS, ...BOTH, LONG, SUITES, COUNTS]])
  expect(calls()).toHaveLength(7)
  for (const call of calls().slice(-2)) {
    expect(call).toMatch(/vitest run --reporter=default --reporter=json --outputFile.json=\S+$/)
  }
})

test.each([[['--coverage']], [['--all', '--coverage']]])(
  'with %j all checks run first, then all tests in one vitest',
  async args => {
    const { code, stdout } = await run(args)
    expect([code, linesOf(stdout)]).toEqual([
      0,
      [...CHECKS, 'vitest was here', LONG, SUITES, COUNTS],
    ])
    expect(calls()).toHaveLength(6)
    expect(calls().at(-1)).toMatch(/vitest run .* --coverage( --coverage.thresholds.lines=87)?$/)
  },
)

test.each([
  ['node_modules/.bin/biome', 0],
  ['scripts/check-imports.mjs', 2],
  ['scripts/check-prose.mjs', 3],
  ['scripts/check-pages.mjs', 4],
])('when %s fails, its output is shown and the quick run fails', async (path, place) => {
  program(path, "console.log('what is wrong'); process.exitCode = 7")
  const { code, stdout } = await run()
  const lines = linesOf(stdout)
  expect([code, lines[1 + place], lines[2 + place], lines.at(-1)]).toEqual([
    7,
    expect.stringMatching(/^FAILED/),
    'what is wrong',
    COUNTS,
  ])
  expect(lines.filter(line => line.startsWith('ok'))).toHaveLength(4)
})

test('a check that fails ends a run of all before its tests', async () => {
  program('scripts/check-imports.mjs', "console.log('what is wrong'); process.exitCode = 7")
  const { code, stdout } = await run(['--all'])
  expect(code).toBe(7)
  expect(stdout).toMatch(/FAILED {2}imports .*\nwhat is wrong\n/)
  expect(calls()).toHaveLength(5)
})

test('a check that a signal ended is a failure, with the exit code of a shell', async () => {
  program('scripts/check-prose.mjs', "process.kill(process.pid, 'SIGKILL')")
  expect((await run()).code).toBe(128 + 9)
})

test('checks have less priority than tests', async () => {
  program('scripts/check-imports.mjs', 'console.log(os.getPriority()); process.exitCode = 1')
  const text = readFileSync(join(root, 'scripts/check-imports.mjs'), 'utf8')
  writeFileSync(join(root, 'scripts/check-imports.mjs'), `import os from 'node:os'\n${text}`)
  const own = getPriority()
  expect((await run()).stdout).toContain(`\n${Math.min(own + 5, 19)}\n`)
})

test('failed tests are counted, and the exit code is vitest’s', async () => {
  vitest('failed', 1)
  const { code, stdout } = await run()
  expect([code, linesOf(stdout).at(-1)]).toEqual([1, '1 passed, 1 failed, 0 skipped'])
})

test('with a folder only its tests of the run run, and the lines say what is left out of it', async () => {
  const quick = await run(['test/netdev'])
  expect(linesOf(quick.stdout)).toEqual([
    'vitest was here, for the quick tests',
    'test/netdev/port.test.ts',
    'not run: slow files (1), kernel files (0): npm run test:all -- test/netdev',
    `${LONG} -- test/netdev`,
    COUNTS,
  ])
  const all = await run(['--all', 'test/netdev'])
  expect(linesOf(all.stdout)).toEqual([
    'vitest was here',
    'test/netdev/port.slow.test.ts',
    'test/netdev/port.test.ts',
    `${LONG} -- test/netdev`,
    COUNTS,
  ])
  expect(calls()).toHaveLength(2)
})

test('a slow file runs if it is named, and options of vitest are handed on', async () => {
  const { stdout } = await run(['-t', 'test/netdev', 'test/netdev/port.slow.test.ts', '--bail=1'])
  expect(linesOf(stdout)).toEqual([
    'vitest was here, for the quick tests',
    'test/netdev/port.slow.test.ts',
    COUNTS,
  ])
  expect(calls()).toEqual([expect.stringMatching(/vitest run .* -t test\/netdev --bail=1$/)])
})

test('with options alone the quick tests run, without checks', async () => {
  const { stdout } = await run(['-t', 'a name'])
  expect(linesOf(stdout)).toEqual([
    'vitest was here, for the quick tests',
    SLOW,
    LONG,
    SUITES,
    COUNTS,
  ])
  expect(calls()).toHaveLength(1)
})

test('in a folder of packages its quick tests run', async () => {
  const { stdout } = await execute([join(root, 'scripts/test.mjs')], {}, join(root, 'packages/lab'))
  expect(linesOf(stdout)).toEqual([
    'vitest was here, for the quick tests',
    'packages/lab/test/memory/hosts.test.ts',
    `${SUITES} -- packages/lab`,
    COUNTS,
  ])
})

test.each([
  [['netdev'], 'netdev: no such file or folder'],
  [
    ['test/netdev', 'packages/lab/test/labs/go.test.ts'],
    'packages/lab/test/labs/go.test.ts is not in this run: npm run test:labs -- packages/lab/test/labs/go.test.ts',
  ],
])('the arguments %j are refused in one line', async (args, line) => {
  expect(await run(args)).toEqual({ code: 2, stdout: '', stderr: `vnet: ${line}\n` })
})

test('skipped kernel tests are named and are a failure in CI', async () => {
  vitest('skipped', 0)
  const { code, stdout } = await run([], { CI: 'true' })
  expect(code).toBe(1)
  const complaint = /^kernel tests must not be skipped in CI: test\/kernel\/b\.test\.ts \(1\): ./
  expect(linesOf(stdout).slice(-2)).toEqual([
    expect.stringMatching(complaint),
    '1 passed, 0 failed, 1 skipped',
  ])
})

test('skipped kernel tests are only counted outside CI', async () => {
  vitest('skipped', 0)
  const { code, stdout } = await run([], { CI: '' })
  expect([code, linesOf(stdout).at(-1)]).toEqual([0, '1 passed, 0 failed, 1 skipped'])
})

describe('the tests of the kernel and all others', () => {
  /** Makes FIFOs, by which programs and a test wait for each other. */
  const fifos = (...names: string[]) => void execFileSync('mkfifo', names, { cwd: root })
  const reads = (name: string) => `fs.readFileSync('${name}')`
  const writes = (name: string) => `fs.writeFileSync('${name}', String(process.pid))`
  /** Lets the two runs of vitest do this first. */
  const meanwhile = (kernel: string, others: string) =>
    vitest('passed', 0, `if (part === 'kernel') { ${kernel} } else { ${others} }`)

  /** Starts a run of all tests. */
  function started() {
    const child = spawn(process.execPath, [join(root, 'scripts/test.mjs'), '--all'], {
      cwd: root,
      env: {},
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let stdout = ''
    let look = () => {}
    child.stdout.setEncoding('utf8').on('data', text => {
      stdout += text
      look()
    })
    const printed = (text: string) =>
      new Promise<void>(resolve => {
        look = () => stdout.includes(text) && resolve()
        look()
      })
    const ended = once(child, 'close').then(([code, signal]) => ({ code, signal, stdout }))
    return { child, printed, ended }
  }

  test('run at the same time', async () => {
    fifos('there', 'back')
    meanwhile(`${writes('there')}; ${reads('back')}`, `${reads('there')}; ${writes('back')}`)
    expect((await run(['--all'])).code).toBe(0)
  })

  test('print one after the other, errors too', async () => {
    fifos('early')
    meanwhile(
      `${reads('early')}; console.log('kernel')`,
      `console.log('others'); console.error('their errors'); ${writes('early')}`,
    )
    const { stdout } = await run(['--all'])
    const lines = linesOf(stdout).slice(CHECKS.length)
    // The two streams of a program come by pipes of their own, of which either may be read first.
    expect(lines.splice(2, 3).sort()).toEqual(['others', 'their errors', BOTH[1]])
    expect(lines).toEqual(['kernel', BOTH[0], LONG, SUITES, COUNTS])
  })

  test('print as they run once the tests of the kernel have ended', async () => {
    fifos('seen')
    meanwhile('', `console.log('first'); ${reads('seen')}`)
    const { printed, ended } = started()
    await printed('first\n')
    writeFileSync(join(root, 'seen'), '')
    expect(await ended).toMatchObject({ code: 0 })
  })

  test('have priorities of which that of the others is lower', async () => {
    const print = "console.log(part + ' ' + require('os').getPriority())"
    meanwhile(print, print)
    const { stdout } = await run(['--all'])
    expect(stdout).toContain(`kernel ${getPriority()}\n`)
    expect(stdout).toContain(`others ${Math.min(getPriority() + 10, 19)}\n`)
  })

  test.each(['kernel', 'others'])('fail together, if the part %s fails', async part => {
    vitest('passed', 0, `if (part === '${part}') process.exit(9)`)
    const { code, stdout } = await run(['--all'])
    expect([code, linesOf(stdout).at(-1)]).toEqual([9, '1 passed, 0 failed, 0 skipped'])
  })

  test.each(['SIGINT', 'SIGTERM'] as const)('end by %s, and show their output', async signal => {
    fifos('kernel', 'others')
    const wait = "console.log('here: ' + part); fs.writeFileSync(part, String(process.pid))"
    vitest('passed', 0, `${wait}; setInterval(() => {}, 1000); return`)
    const { child, ended } = started()
    const pids = await Promise.all(
      ['kernel', 'others'].map(name => readFile(join(root, name), 'utf8')),
    )
    child.kill(signal)
    expect(await ended).toEqual({
      code: null,
      signal,
      stdout: expect.stringMatching(/\nhere: kernel\nhere: others\n$/),
    })
    expect(pids.map(pid => existsSync(`/proc/${pid}`))).toEqual([false, false])
  })

  test('are one vitest in a run with options, and where there are tests of one kind', async () => {
    await run(['--all', '--bail=1'])
    await run(['--all', 'test/netdev'])
    expect(calls()).toHaveLength(2)
  })
})

const SANITIZED = expect.stringMatching(/^ok {2}sanitizers \([0-9.]+ s\)$/)
const WITHOUT_VARIABLES =
  'process.exitCode = Object.keys(process.env).some(name => /^VNET_(QUICK|LONG|TEST)/.test(name)) ? 1 : 0'

test('--long runs the sanitizers, then the tests at their full size', async () => {
  program('node_modules/.bin/vitest', "console.log('long: ' + process.env.VNET_LONG)")
  program('scripts/sanitize.mjs', WITHOUT_VARIABLES)
  const { code, stdout } = await run(['--long'], { VNET_QUICK: '1' })
  expect([code, linesOf(stdout)]).toEqual([0, [SANITIZED, 'long: 1']])
})

test('--rest runs the sanitizers beside the tests of the kernel', async () => {
  program('scripts/sanitize.mjs', WITHOUT_VARIABLES)
  const { code, stdout } = await run(['--rest'])
  expect([code, linesOf(stdout)]).toEqual([0, [BOTH[0], SANITIZED, BOTH[1], SUITES, COUNTS]])
})

test('if the sanitizers fail, their output is shown, and the run fails after its tests', async () => {
  program('scripts/sanitize.mjs', "console.log('what is wrong'); process.exitCode = 7")
  const { code, stdout } = await run(['--rest'])
  const failed = expect.stringMatching(/^FAILED {2}sanitizers /)
  expect([code, linesOf(stdout)]).toEqual([
    7,
    [BOTH[0], failed, 'what is wrong', BOTH[1], SUITES, COUNTS],
  ])
})

test('--long with arguments runs the selected tests at their full size', async () => {
  program(
    'node_modules/.bin/vitest',
    "console.log('long: ' + process.env.VNET_LONG + ' ' + process.env.VNET_TEST_FILES)",
  )
  const { code, stdout } = await run(['--long', 'test/netdev'])
  expect([code, stdout]).toEqual([0, 'long: 1 test/netdev/port.long.test.ts\n'])
  expect(calls()).toHaveLength(1)
})

test('--help explains the arguments', async () => {
  const { code, stdout } = await run(['--all', '--help'])
  expect([code, stdout]).toEqual([0, expect.stringMatching(/^Usage: npm test \[-- /)])
})
