import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openingLine } from '../src/browser/first-task.ts'

const COURSE = join(import.meta.dirname, '../course')

/** Returns a text whose lines have these comments; the others have code. */
const textWith = (comments: Readonly<Record<number, string>>) =>
  Array.from({ length: 60 }, (_, i) => comments[i + 1] ?? 'code()').join('\n')

test('an editor opens a little above the task with the lowest number', () => {
  expect(openingLine(textWith({ 20: '// TODO 2: second', 40: '  // TODO 1: first' }))).toBe(36)
  expect(openingLine(textWith({ 20: '// TODO 2: second' }))).toBe(16)
})

test('of two lines for a task, the first one counts', () => {
  expect(openingLine(textWith({ 20: '// TODO 1: request', 50: '// TODO 1: free' }))).toBe(16)
})

test('tasks are in the order of their numbers, not of their digits', () => {
  expect(openingLine(textWith({ 20: '// TODO 10: last', 50: '// TODO 9: before' }))).toBe(46)
})

test('an editor opens at its first line if no task is left, or the first lines have one', () => {
  expect(openingLine(textWith({}))).toBe(1)
  expect(openingLine('// @ts-check\n// TODO 1: the whole file\n')).toBe(1)
})

test('the first task of each exercise is in view, four lines below the top at most', () => {
  const names = readdirSync(COURSE).filter(name => existsSync(join(COURSE, name, 'exercise.js')))
  for (const name of names) {
    const definition = readFileSync(join(COURSE, name, 'exercise.js'), 'utf8')
    const [, driver = ''] = /^ {2}driver: '(.*)',$/m.exec(definition) ?? []
    const skeleton = readFileSync(join(COURSE, name, driver), 'utf8')
    const from = openingLine(skeleton) - 1
    expect([
      name,
      skeleton
        .split('\n')
        .slice(from, from + 5)
        .join('\n'),
    ]).toEqual([name, expect.stringContaining('// TODO 1')])
  }
})
