/** `vnet grade --report` that is broken off by Ctrl-C, and continues. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdirSync, readdirSync, readFileSync, watch, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { freshDirectory } from '#support/fresh-directory.ts'
import { runMain } from '#support/run-main.ts'
import { PROGRAM } from '#support/vnet-process.ts'
import { COURSE } from '../../src/folder.ts'

const directory = freshDirectory()
const of = (path: string) => join(directory, path)
const solution = join(COURSE, '01-drop/solution.js')
const args = ['grade', '--unsafe', '--memory-only', '--jobs', '1', '--report', of('reports')]
const students = ['anna', 'bob'].map(of)

test('the students that a run has ended before Ctrl-C have their reports, and are not checked again', async () => {
  for (const student of students) {
    mkdirSync(join(student, '01-drop'), { recursive: true })
    cpSync(solution, join(student, '01-drop/drop.js'))
  }
  // It ends by the limit of 30 s.
  const endless = 'setInterval(() => {}, 1000)\nawait new Promise(() => {})\n'
  writeFileSync(of('bob/01-drop/drop.js'), endless + readFileSync(solution, 'utf8'))
  mkdirSync(of('reports'))
  const reported = new Promise<void>(resolve => {
    const watcher = watch(of('reports'), (_, name) => {
      if (name === 'anna.json') {
        watcher.close()
        resolve()
      }
    })
  })
  // With a group of its own, which gets the signal of a terminal.
  const child = spawn(process.execPath, [PROGRAM, ...args, ...students], { detached: true })
  const ended = once(child, 'close')
  await reported
  process.kill(-child.pid!, 'SIGINT')
  await ended
  expect(readdirSync(of('reports')).sort()).toEqual(['anna.html', 'anna.json'])

  cpSync(solution, of('bob/01-drop/drop.js'))
  const { stdout } = await runMain(...args, ...students)
  expect(stdout).toContain('1 of 2 grades are of an earlier run')
  expect(readdirSync(of('reports'))).toHaveLength(4)
})
