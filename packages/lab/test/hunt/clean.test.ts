/** What two clean runs have in common, and how another run differs. */
import { expect, test } from 'vitest'
import { Clean } from '../../src/hunt/clean.ts'
import { clientRun, type RunParts } from '../support/client-runs.ts'

const cleanOf = (first: RunParts, second: RunParts = first) =>
  new Clean(clientRun(first), clientRun(second))

test('a run that prints and leaves the same does not differ', () => {
  const clean = cleanOf({ out: 'ok\n', files: { f: 'x' } })
  expect(clean.masked).toEqual([])
  expect(clean.differenceOf(clientRun({ out: 'ok\n', files: { f: 'x', g: 'more' } }))).toBe(
    undefined,
  )
})

test('differences have their lengths, and the first line that differs', () => {
  const clean = cleanOf({ out: 'ok\n', files: { f: 'a\nb\nc\n' } })
  expect(clean.differenceOf(clientRun({ out: 'no\n', files: { f: 'a\nb\n' } }))).toBe(
    "standard output: 3 other bytes; line 1 is 'no' instead of 'ok'; " +
      "f: 4 bytes instead of 6; line 3 is '' instead of 'c'",
  )
  expect(clean.differenceOf(clientRun({ out: 'ok\n' }))).toBe('f is missing')
})

test('lines in which the clean runs differ are not compared, and are named', () => {
  const clean = cleanOf(
    { out: 'at 1\nok\n', files: { log: '10:00 got\nend\n' } },
    { out: 'at 2\nok\n', files: { log: '10:01 got\nend\n' } },
  )
  expect(clean.masked).toEqual([
    'not compared, because clean runs differ there: a line of standard output',
    'not compared, because clean runs differ there: a line of log',
  ])
  const files = { log: '10:09 got\nend\n' }
  expect(clean.differenceOf(clientRun({ out: 'at 3\nok\n', files }))).toBeUndefined()
  expect(clean.differenceOf(clientRun({ out: 'at 3\nno\n', files }))).toContain("line 2 is 'no'")
})

test('a file of one clean run only, and one of other lengths, are named and not compared', () => {
  const clean = cleanOf({ files: { f: 'x', log: 'a\n' } }, { files: { log: 'a\nb\n' } })
  expect(clean.masked).toEqual([
    'not compared: log: clean runs return different numbers of lines, so that none are compared',
    'not compared, because only one of the clean runs has left it: f',
  ])
  expect(clean.differenceOf(clientRun({ files: { log: 'z' } }))).toBeUndefined()
})

test('a file is partial if a run has left it with other bytes', () => {
  const clean = cleanOf({ files: { f: 'whole' } })
  expect(clean.hasPartialFile(clientRun({ files: { f: 'who' } }))).toBe(true)
  expect(clean.hasPartialFile(clientRun({ files: { f: 'whole' } }))).toBe(false)
  expect(clean.hasPartialFile(clientRun({ files: { 'f.part': 'who' } }))).toBe(false)
})
