/** Drivers of students: some are right, some are wrong, and some attack. */
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { confined } from '#src/linux/rootless.ts'
import { freshDirectory } from '#support/fresh-directory.ts'
import { ended } from '#support/ordinary-user.ts'
import { runMain } from '#support/run-main.ts'
import { PROGRAM } from '#support/vnet-process.ts'
import { COURSE } from '../../src/folder.ts'

const directory = freshDirectory()
const read = (name: string) => readFileSync(join(COURSE, '02-mirror', name), 'utf8')
const [solution, skeleton] = [read('solution.js'), read('mirror.js')]

function handIn(student: string, text: string): void {
  const own = join(directory, student, '02-mirror')
  mkdirSync(own, { recursive: true })
  writeFileSync(join(own, 'mirror.js'), text)
}

const check = (...args: string[]) =>
  ended([
    'sh',
    '-c',
    `cd ${directory} && exec "$@"`,
    'sh',
    process.execPath,
    PROGRAM,
    'check',
    ...args,
  ])

/** A driver that attacks where no check in memory looks, and is right otherwise. */
const attack = (code: string) => `${solution}
if (!Object.isFrozen(Array.prototype)) {
  const tried = []
  const attempt = async run => { try { tried.push('did ' + (await run())) } catch (error) { tried.push(error.code ?? error.message) } }
  ${code}
}`

test('vnet check of students prints a score for each, and only those pass whose checks all ran and passed', () => {
  handIn('anna', solution)
  handIn('=bob', skeleton)
  mkdirSync(join(directory, 'carl'))
  mkdirSync(join(directory, 'dora'))
  symlinkSync('../anna/02-mirror', join(directory, 'dora/02-mirror'))
  writeFileSync(join(directory, 'names.txt'), '')
  const { status, stdout } = check('anna', '=bob', 'carl', 'dora', 'names.txt')
  expect(stdout.replace(/: .*$/gm, '').split('\n')).toEqual([
    'student  exercise   verdict  checks  failed',
    'anna     02-mirror  passed   8/8',
    expect.stringMatching(/^=bob {5}02-mirror {2}failed {3}\d\/8 /),
    'carl     02-mirror  missing  0/8',
    'dora     02-mirror  failed   0/8     the driver file loads',
    '1 of 4 passed, 2 failed, 1 missing',
    '',
  ])
  expect(status).toBe(1)
  const csv = check('--csv', '--memory-only', 'anna', '=bob').stdout.split('\n')
  expect(csv.slice(0, 2)).toEqual([
    'student,exercise,verdict,passed,checks,failed,seen',
    expect.stringMatching(/^anna,02-mirror,not run,6,8,.*,left out by --memory-only$/),
  ])
  expect(csv[2]).toMatch(/^'=bob,02-mirror,failed,/)
  const { stdout: json, status: passed } = check('--json', 'anna')
  expect([passed, JSON.parse(json)]).toMatchObject([
    0,
    { student: 'anna', verdict: 'passed', passed: 8, checks: 8 },
  ])
})

test.each([
  [
    'imports a module of Node',
    "await attempt(() => import('node:child_process'))",
    "imports 'node:child_process'",
  ],
  [
    'starts another program in its place',
    "await attempt(() => process.execve('/bin/true', ['true']))",
    'not a function',
  ],
  ["imports vnet's own tests", "await attempt(() => import('vnet/bed'))", "imports 'vnet/bed'"],
  [
    'asks for the debugger, which has require()',
    `await attempt(() => {
      const { Session } = process.getBuiltinModule('node:inspector')
      const session = new Session()
      session.connect()
      const expression = "require('node:child_process').execFileSync('id', { encoding: 'utf8' })"
      session.post('Runtime.evaluate', { expression, includeCommandLineAPI: true }, (_, { result }) => tried.push(result.value))
    })`,
    'process.getBuiltinModule is not a function',
  ],
  [
    'prints results',
    "console.log(JSON.stringify({ end: { title: 'x', result: 'passed' } })); process.exit(0)",
    'vnet ended',
  ],
  [
    'kills its parent',
    "for (const signal of ['SIGUSR1', 'SIGTERM', 'SIGKILL']) await attempt(() => process.kill(process.ppid, signal)); process.kill(process.pid, 'SIGKILL')",
    'vnet ended',
  ],
  ['eats memory', 'const all = []; for (;;) all.push(new Uint8Array(1 << 24).fill(1))', ''],
  ['never returns', 'for (;;);', 'no interface is up after 5 s of CPU time'],
])('a driver that %s gets no pass and leaves nothing behind', (_, code, seen) => {
  handIn('eve', attack(`${code}; throw new Error(tried.join())`))
  const before = readdirSync(directory, { recursive: true })
  const { status, stdout } = check('--json', 'eve')
  const { verdict, results } = JSON.parse(stdout)
  expect([status, verdict]).toEqual([1, 'failed'])
  const failed = results.find(({ result }: { result: string }) => result === 'failed')
  expect(failed).toMatchObject({ where: 'live', seen: expect.stringContaining(seen) })
  expect(readdirSync(directory, { recursive: true })).toEqual(before)
  expect(existsSync(`/proc/${process.pid}`)).toBe(true)
})

test('a confined program with too much memory for a moment is not one that ended well', () => {
  const { status, stderr } = ended(
    confined(['sh', '-c', 'dd if=/dev/zero of=/dev/null bs=1200M count=1 2>/dev/null'], 'none'),
  )
  expect([status, stderr]).toEqual([137, 'vnet: ended: more than 1 GiB of memory\n'])
})

test('a program that is ended while it has too much memory is mentioned once', () => {
  const { status, stderr } = ended(
    confined(
      [
        process.execPath,
        '-e',
        'const all = []; for (;;) all.push(new Uint8Array(1 << 24).fill(1))',
      ],
      'none',
    ),
  )
  expect([status, stderr]).toEqual([137, 'vnet: ended: more than 1 GiB of memory\n'])
})

test('vnet check --require-live is refused with --memory-only and for directories of students', async () => {
  handIn('anna', solution)
  const file = join(directory, 'anna/02-mirror/mirror.js')
  expect((await runMain('check', '--memory-only', file)).status).toBe(0)
  expect((await runMain('check', '--memory-only', '--require-live', file)).status).toBe(2)
  expect((await runMain('check', '--require-live', join(directory, 'anna'))).status).toBe(2)
})

test('drivers of students are refused where they cannot be confined, unless --unsafe', () => {
  handIn('anna', solution)
  // A user namespace that permits no other ones.
  const script = `echo 0 >/proc/sys/user/max_user_namespaces; cd ${directory}; exec "$@"`
  const within = (...args: string[]) =>
    ended([
      'unshare',
      '--user',
      '--map-root-user',
      'sh',
      '-c',
      script,
      'sh',
      process.execPath,
      PROGRAM,
      'check',
      ...args,
    ])
  expect(within('anna')).toMatchObject({
    status: 2,
    stdout: '',
    stderr: expect.stringMatching(
      /^vnet: check: drivers of others run only where they do no harm: .*; or give --unsafe\n$/,
    ),
  })
  expect(within('--unsafe', '--memory-only', 'anna').stdout).toMatch(
    /^anna +02-mirror +not run +6\/8 /m,
  )
})
