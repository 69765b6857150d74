import {
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { freshDirectory } from '#support/fresh-directory.ts'
import { runMain } from '#support/run-main.ts'
import { withoutMarkers } from '../src/exercise.ts'
import { COURSE } from '../src/folder.ts'

const directory = freshDirectory()
const of = (name: string) => join(directory, name)

const grade = (...args: string[]) => runMain('check', '--unsafe', '--memory-only', ...args)

test('vnet check of students has a verdict for each: failed, missing, or not run, which does not pass', async () => {
  for (const [student, file] of Object.entries({ anna: 'solution.js', '=bob': 'drop.js' })) {
    mkdirSync(of(`${student}/01-drop`), { recursive: true })
    cpSync(join(COURSE, '01-drop', file), of(`${student}/01-drop/drop.js`))
  }
  mkdirSync(of('carl'))
  mkdirSync(of('dora'))
  symlinkSync('../anna/01-drop', of('dora/01-drop'))
  writeFileSync(of('names.txt'), '')
  const students = ['anna', '=bob', 'carl', 'dora/01-drop', 'names.txt'].map(of)
  const { status, stdout, stderr } = await grade('--csv', '--jobs', '2', ...students)
  expect([status, stderr]).toEqual([1, ''])
  expect(stdout.split('\n')).toEqual([
    'student,exercise,verdict,passed,checks,failed,seen',
    expect.stringMatching(/^anna,01-drop,not run,5,7,.*,left out by --memory-only$/),
    "'=bob,01-drop,failed,1,7,drops every IPv4 frame,3 of 3 frames are still held: nothing freed them",
    'carl,01-drop,missing,0,7,,',
    expect.stringMatching(/^dora,01-drop,failed,0,7,the driver file loads,.* leads out of it$/),
    '',
  ])
})

test('vnet check of students prints a table, or an object for each with --json', async () => {
  mkdirSync(of('carl/02-mirror'), { recursive: true })
  expect((await grade(of('carl'))).stdout).toBe(
    'student  exercise   verdict  checks\ncarl     02-mirror  missing  0/8\n0 of 1 passed, 1 missing\n',
  )
  const { stdout } = await grade('--json', of('carl'))
  const whole = {
    student: 'carl',
    exercise: '02-mirror',
    checks: 8,
    verdict: 'missing',
    passed: 0,
    results: [],
  }
  expect(JSON.parse(stdout)).toEqual(whole)
})

test('vnet grade prints what vnet check of students prints, and with --points a column more', async () => {
  for (const [student, file] of Object.entries({ anna: 'solution.js', bob: 'drop.js' })) {
    mkdirSync(of(`${student}/01-drop`), { recursive: true })
    cpSync(join(COURSE, '01-drop', file), of(`${student}/01-drop/drop.js`))
  }
  mkdirSync(of('carl'))
  const students = ['anna', 'bob', 'carl'].map(of)
  const run = (...args: string[]) => runMain('grade', '--unsafe', '--memory-only', ...args)
  const checked = await grade(...students)
  expect(await run(...students)).toEqual(checked)
  const sheet = (await runMain('grade', '--sheet')).stdout
  writeFileSync(of('points.csv'), sheet.replace('drop0",1', 'drop0",2'))
  const rows = async (...args: string[]) =>
    (await run(...args)).stdout.split('\n').map(line => line.slice(0, 51).trimEnd())
  const shown = (anna: string, bob: string, carl: string) => [
    'student  exercise  verdict  checks  points',
    `anna     01-drop   not run  5/7     ${anna} (2 not run)`,
    `bob      01-drop   failed   1/7     ${bob} (5 not run)`,
    `carl     01-drop   missing  0/7     ${carl} (7 not run)`,
    '0 of 3 passed, 1 failed, 1 not run, 1 missing',
    '',
  ]
  expect(await rows(...students, '--points', of('points.csv'))).toEqual(shown('6/8', '2/8', '0/8'))
  // Without a sheet, each check has a point.
  expect(await rows('--points', ...students)).toEqual(shown('5/7', '1/7', '0/7'))
  const [head, , bob] = (
    await run('--csv', '--points', of('points.csv'), ...students)
  ).stdout.split('\n')
  expect(head).toBe('student,exercise,verdict,passed,checks,points,most,notRun,failed,seen')
  expect(bob).toMatch(/^bob,01-drop,failed,1,7,2,8,5,drops every IPv4 frame,/)
  const json = JSON.parse((await run('--json', '--points', of('points.csv'), of('bob'))).stdout)
  expect(json).toMatchObject({ student: 'bob', passed: 1, points: 2, most: 8, notRun: 5 })
})

test('the table has one line of at most 120 characters for each student, and a summary', async () => {
  for (const student of ['anna', 'bob']) {
    mkdirSync(of(`${student}/01-drop`), { recursive: true })
  }
  const long = `throw new Error('${'long '.repeat(40)}')`
  writeFileSync(of('anna/01-drop/drop.js'), long)
  const { stdout } = await grade(of('anna'), of('bob'))
  const [head = '', anna = '', bob = '', ...others] = stdout.split('\n')
  expect(head).toBe('student  exercise  verdict  checks  failed')
  expect([anna.length, anna.slice(0, 60), anna.at(-1)]).toEqual([
    120,
    'anna     01-drop   failed   0/7     the driver file loads: /',
    '…',
  ])
  expect([bob, ...others]).toEqual([
    'bob      01-drop   missing  0/7',
    '0 of 2 passed, 1 failed, 1 missing',
    '',
  ])
})

test('vnet check refuses two students of the same name, and names both directories', async () => {
  for (const path of ['a/anna/01-drop', 'b/anna/01-drop']) {
    mkdirSync(of(path), { recursive: true })
  }
  const advice = 'check one at a time, or give exercises that are not of the course with --from'
  const line = `${of('a/anna')} and ${of('b/anna')} would have the same name in the result: ${advice}`
  for (const paths of [
    ['a/anna', 'b/anna'],
    ['a/anna/01-drop', 'b/anna/01-drop'],
  ]) {
    const refused = { status: 2, stdout: '', stderr: `vnet: check: ${line}\n` }
    expect(await grade(...paths.map(of))).toEqual(refused)
  }
  expect((await grade(of('a/anna'), of('a/anna/01-drop'))).stderr).toBe('')
})

test.each([
  [
    ['nowhere', 'no'],
    1,
    "check: 'nowhere' is neither an exercise nor a file; vnet learn lists them",
  ],
  [
    ['src', 'docs'],
    2,
    'check: no exercise is in src, docs; vnet learn lists them, and --from others',
  ],
])('vnet check %j is refused in one line, with status %i', async (paths, status, line) => {
  expect(await runMain('check', ...paths)).toEqual({
    status,
    stdout: '',
    stderr: `vnet: ${line}\n`,
  })
})

test("a student's own package vnet is not what a driver gets", async () => {
  const student = of('with-package')
  mkdirSync(join(student, '01-drop'), { recursive: true })
  cpSync(join(COURSE, '01-drop/solution.js'), join(student, '01-drop/drop.js'))
  mkdirSync(join(student, 'node_modules/vnet'), { recursive: true })
  writeFileSync(
    join(student, 'node_modules/vnet/package.json'),
    '{ "type": "module", "exports": "./index.js" }',
  )
  writeFileSync(join(student, 'node_modules/vnet/index.js'), "throw new Error('not vnet')")
  expect((await grade(student)).stdout).toMatch(/^with-package +01-drop +not run +5\/7 /m)
})

test('a check that vnet itself cannot make is not graded, and no failure of the student', async () => {
  cpSync(join(COURSE, '01-drop'), of('exercises/01-drop'), { recursive: true })
  const definition = of('exercises/01-drop/exercise.js')
  const text = readFileSync(definition, 'utf8')
  writeFileSync(
    definition,
    `${text}\nif (process.argv[1].endsWith('check-worker.js')) process.exit(3)\n`,
  )
  mkdirSync(of('erin/01-drop'), { recursive: true })
  const file = of('erin/01-drop/drop.js')
  cpSync(join(COURSE, '01-drop/solution.js'), file)
  const why = 'the checks of 01-drop ended with status 3: '
  const { status, stdout } = await grade('--json', '--from', of('exercises'), of('erin'))
  expect(status).toBe(1)
  expect(JSON.parse(stdout)).toMatchObject({
    verdict: 'not graded',
    passed: 0,
    results: [{ result: 'not run', why }],
  })
  const own = await runMain('check', '--from', of('exercises'), file)
  expect(own).toMatchObject({ status: 1, stderr: `vnet: check: ${why}\n` })
})

test('options of grades are refused for one’s own driver', async () => {
  const { status, stderr } = await runMain('check', '--csv', '1')
  expect([status, stderr]).toEqual([2, 'vnet: check: --csv is for the directories of students\n'])
})

/** Writes a class for 01-drop, in which bob's driver fails checks on its own, and dora has none. */
function writeClass(): string[] {
  const solution = withoutMarkers(readFileSync(join(COURSE, '01-drop/solution.js'), 'utf8'))
  const drivers = {
    anna: solution,
    bob: solution
      .replace('dev.flags |= IFF_NOARP', '')
      .replace('skb.drop(SKB_DROP_REASON_UNHANDLED_PROTO)', 'skb.drop()'),
    carl: `${solution}\nthrow new Error('away')\n`,
  }
  for (const [student, text] of Object.entries(drivers)) {
    mkdirSync(of(`${student}/01-drop`), { recursive: true })
    writeFileSync(of(`${student}/01-drop/drop.js`), text)
  }
  mkdirSync(of('dora'))
  return ['anna', 'bob', 'carl', 'dora'].map(of)
}

test('vnet grade --report writes a page for each student with all failures, and the same scores', async () => {
  const students = writeClass()
  const run = (...args: string[]) => runMain('grade', '--unsafe', '--memory-only', ...args)
  const plain = await run('--points', ...students)
  const reported = await run('--report', of('reports'), '--points', ...students)
  expect(reported).toEqual({
    ...plain,
    stdout: `${plain.stdout}Reports: ${of('reports/STUDENT.html')}\n`,
  })
  expect(readdirSync(of('reports')).sort()).toEqual(
    ['anna', 'bob', 'carl', 'dora'].flatMap(name => [`${name}.html`, `${name}.json`]),
  )
  const failuresOf = (student: string) =>
    [
      ...readFileSync(of(`reports/${student}.html`), 'utf8').matchAll(/<b>FAILED<\/b> ([^<]*)/g),
    ].map(([, title]) => title)
  expect(failuresOf('anna')).toEqual([])
  expect(failuresOf('bob')).toEqual(['drops other frames as UNHANDLED_PROTO', 'has no ARP'])
  expect(failuresOf('carl')).toEqual(['the driver file loads'])
  expect(readFileSync(of('reports/dora.html'), 'utf8')).toContain('missing: no driver')
})

test('vnet grade --report continues: only drivers that have changed are checked again', async () => {
  const students = writeClass()
  const run = () =>
    runMain('grade', '--unsafe', '--memory-only', '--report', of('reports'), ...students)
  const { stdout } = await run()
  // As if the run had been broken off before carl, and vnet had graded anna in another way.
  rmSync(of('reports/carl.json'))
  const anna = readFileSync(of('reports/anna.json'), 'utf8')
  writeFileSync(of('reports/anna.json'), anna.replace('"passed":5', '"passed":4'))
  writeFileSync(of('bob/01-drop/drop.js'), readFileSync(of('anna/01-drop/drop.js')))
  const again = (await run()).stdout.split('\n')
  const [head, , , carl, dora] = stdout.split('\n')
  expect(again).toEqual([
    head,
    expect.stringMatching(/^anna +01-drop +not run +4\/7 /),
    expect.stringMatching(/^bob +01-drop +not run +5\/7 /),
    carl,
    dora,
    '0 of 4 passed, 1 failed, 2 not run, 1 missing',
    `Reports: ${of('reports/STUDENT.html')}`,
    '1 of 4 grades are of an earlier run: nothing has changed since.',
    '',
  ])
})
