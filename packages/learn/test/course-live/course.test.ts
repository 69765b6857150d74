/** `vnet learn` and `vnet check`, by which a learner finds them. */
import { spawnSync } from 'node:child_process'
import {
  appendFileSync,
  copyFileSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { exerciseOf } from '#support/course.ts'
import { failureOf, solution } from '#support/course-worker.ts'
import { freshDirectory } from '#support/fresh-directory.ts'
import { COURSE } from '../../src/folder.ts'

const PROGRAM = fileURLToPath(new URL('../../../../dist/vnet.js', import.meta.url))

const directory = freshDirectory()
const drop = await exerciseOf('01-drop')

function vnet(...args: string[]) {
  return vnetIn(directory, ...args)
}

function vnetIn(cwd: string, ...args: string[]) {
  return spawnSync(process.execPath, [PROGRAM, ...args], { cwd, encoding: 'utf8' })
}

const driverFile = () => join(directory, '01-drop/drop.js')

describe('vnet learn', () => {
  test('vnet learn writes the files of an exercise, and does not change existing ones', () => {
    const first = vnet('learn', 'drop')
    expect(first).toMatchObject({ status: 0, stderr: '' })
    expect(first.stdout).toContain('then: vnet check 01-drop\n')
    expect(readdirSync(join(directory, '01-drop')).sort()).toEqual([
      'README.md',
      'drop.js',
      'figure.svg',
      'jsconfig.json',
      'package.json',
    ])
    appendFileSync(driverFile(), '// mine\n')
    expect(vnet('learn', '1').stdout).toContain(
      '01-drop/drop.js        exists and stays as it is\n',
    )
    expect(readFileSync(driverFile(), 'utf8')).toMatch(/\/\/ mine\n$/)
  })

  test('vnet learn in the directory of an exercise writes and checks another one beside it', () => {
    vnet('learn', '1')
    const cwd = join(directory, '01-drop')
    expect(vnetIn(cwd, 'learn', '2').stdout).toMatch(/^Read \.\.\/02-mirror\/README\.md, /m)
    expect(readdirSync(directory).sort()).toEqual(['01-drop', '02-mirror'])
    expect(vnetIn(cwd, 'learn').stdout).toMatch(/^01-drop +begun .*\n02-mirror +begun /)
    expect(vnetIn(cwd, 'check', '2').stdout).toMatch(/^02-mirror: .*\nFAILED /)
  })

  test('vnet learn reports a file that cannot be written in one line, with status 1', () => {
    writeFileSync(join(directory, '01-drop'), '')
    const { status, stderr } = vnet('learn', '1')
    expect([status, stderr]).toEqual([1, 'vnet: 01-drop: not a directory\n'])
  })

  test('vnet learn refuses an unknown exercise in one line', () => {
    const { status, stderr } = vnet('learn', 'nothing')
    expect([status, stderr]).toEqual([
      2,
      expect.stringMatching(/^vnet: learn: no exercise 'nothing'; .*\n$/),
    ])
  })
})

describe('vnet check', () => {
  test('vnet check explains the first failure and exits 1, and the exercise counts as started', () => {
    vnet('learn', '01-Drop/')
    const { status, stdout } = vnet('check')
    expect([status, stdout]).toEqual([
      1,
      expect.stringContaining(`FAILED  drops every IPv4 frame
        seen:      3 of 3 frames are still held: nothing freed them
        expected:  each frame dropped by the time startXmit returns
        read:      01-drop/README.md, "Drop each frame"
        logged:    drop0: debug: leak: 3 frames neither handed on nor freed, at ${realpathSync(driverFile())}:11; each frame is handed on or freed
01-drop: 1 passed, 1 failed, 5 not run until it passes
`),
    ])
    expect(vnet('learn').stdout).toMatch(/^01-drop +begun /)
  })

  test('vnet check --memory-only passes a solution, prints each check as JSON, and does not mark it as done', () => {
    vnet('learn', '1')
    copyFileSync(join(COURSE, '01-drop/solution.js'), driverFile())
    const { status, stdout } = vnet('check', '01-drop', '--memory-only', '--json')
    const lines = stdout.trimEnd().split('\n')
    expect(status).toBe(0)
    expect(lines.map(line => JSON.parse(line))).toEqual(
      [
        ...drop.memory.map(({ title }) => ({ title, where: 'memory', result: 'passed' })),
        ...drop.live.map(({ title }) => ({
          title,
          where: 'live',
          result: 'not run',
          why: 'left out by --memory-only',
        })),
      ].map(result => ({ exercise: '01-drop', file: '01-drop/drop.js', ...result })),
    )
    expect(vnet('learn').stdout).toMatch(/^01-drop +begun /)
  })

  test.each([
    [[], 2, /^vnet: check: no exercise is in this directory; .*\n$/],
    [['nowhere'], 1, /^vnet: check: 'nowhere' is neither an exercise nor a file; .*\n$/],
    [['1'], 1, /^vnet: check: no drop\.js in 01-drop; .*\n$/],
    [[tmpdir()], 2, /^vnet: check: .* is in no directory that is named after an exercise, .*\n$/],
  ])('vnet check refuses %j in one line, with status %i', (args, expected, line) => {
    const { status, stderr } = vnet('check', ...args)
    expect([status, stderr]).toEqual([expected, expect.stringMatching(line)])
  })

  test('vnet check refuses a file that is not a driver, and a directory without one', () => {
    vnet('learn', '1')
    const cwd = join(directory, '01-drop')
    const other = vnetIn(cwd, 'check', 'README.md')
    const line = /^vnet: check: README\.md is no driver: a driver file ends in \.js, .*\n$/
    expect([other.status, other.stderr]).toEqual([2, expect.stringMatching(line)])
    rmSync(driverFile())
    const { status, stderr } = vnetIn(cwd, 'check')
    expect([status, stderr]).toEqual([
      1,
      expect.stringMatching(/^vnet: check: no drop\.js in \.; vnet learn 01-drop /),
    ])
  })

  test('vnet check finds a timer of Node.js that outlives the driver', async () => {
    const text = solution.replace('dev.flags |= IFF_NOARP', '$&\n  setInterval(() => {}, 1000)')
    expect(await failureOf(text)).toMatchObject({
      seen: expect.stringContaining('setInterval still runs'),
    })
  })

  test('vnet check explains an exception during loading by its line', async () => {
    const failure = await failureOf(`\nthrow new Error('not today')\n${solution}`)
    expect(failure).toMatchObject({ title: 'the driver file loads', result: 'failed' })
    expect(failure?.seen).toMatch(
      /driver\.mjs does not load: Error: not today \(at .*driver\.mjs:2:7\)$/,
    )
  })

  test('vnet check explains an exception outside of the driver’s functions by its line', async () => {
    const failure = await failureOf(`Promise.reject(new Error('nobody waits'))\n${solution}`)
    expect(failure?.seen).toMatch(/Error: nobody waits \(at .*driver\.mjs:1:16\)$/)
  })

  test('vnet check explains an exception that is no Error, and a top-level await that never ends', async () => {
    const thrown = await failureOf(`${solution}\nqueueMicrotask(() => { throw null })`)
    expect(thrown?.seen).toBe('null was thrown: only an Error has the line that threw it')
    const pending = await failureOf(`${solution}\nawait new Promise(() => {})`)
    expect(pending?.seen).toBe('the process ended with status 13: a top-level await never ends')
  })

  test.each([0, 3])(
    'vnet check explains that a driver ended the process with status %i',
    async status => {
      const failure = await failureOf(solution.replace('skb.drop()', `process.exit(${status})`))
      const seen = expect.stringContaining(`the process ended with status ${status}: `)
      expect(failure).toMatchObject({ title: 'drops every IPv4 frame', seen })
      expect(await failureOf(`process.exit(${status})\n${solution}`)).toMatchObject({
        title: 'the driver file loads',
        seen,
      })
    },
  )

  test('vnet check believes no result that a driver makes up', async () => {
    const end = JSON.stringify({ title: drop.memory[0]?.title, where: 'memory', result: 'passed' })
    const failure = await failureOf(`console.log('{"end":${end}}')
try { Object.prototype.toJSON = Array.prototype.toJSON = () => ({ end: ${end} }) } catch {}
try { JSON.stringify = () => '{"end":${end}}' } catch {}
${solution.replace('  skb.drop()\n', '')}`)
    expect(failure).toMatchObject({ title: 'drops every IPv4 frame', result: 'failed' })
  })

  test.each([
    ["import 'node:fs'", "imports 'node:fs'"],
    ["import 'vnet/bed'", "imports 'vnet/bed'"],
    [`import '${COURSE}01-drop/solution.js'`, `imports '${COURSE}01-drop/solution.js'`],
    ["await import('data:text/javascript,0')", "imports 'data:text/javascript,0'"],
    ['await (0, eval)(\'import("node:fs")\')', "imports 'node:fs'"],
    ['await new Function(\'return import("node:fs")\')()', "'node:fs'"],
    ["process.binding('fs')", 'process.binding is not a function'],
    ["process.getBuiltinModule('fs').x", 'process.getBuiltinModule is not a function'],
    ['process.stdout._handle.x', "reading '_handle'"],
    ['console._stdout._handle.x', "reading '_handle'"],
  ])('a driver of an exercise cannot run %s', async (line, text) => {
    const failure = await failureOf(`${line}\n${solution}`)
    expect(failure).toMatchObject({
      title: 'the driver file loads',
      seen: expect.stringContaining(text),
    })
  })

  test('vnet check passes a driver that writes lines to the console', async () => {
    expect(await failureOf(`console.log('loaded\\n%d', 0)\n${solution}`)).toBeUndefined()
  })
})
