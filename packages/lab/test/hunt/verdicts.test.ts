/** Verdicts on runs of a client under a fault. */
import { expect, test } from 'vitest'
import { Clean } from '../../src/hunt/clean.ts'
import type { ClientRun } from '../../src/hunt/client-run.ts'
import {
  cleanProblem,
  isFinding,
  isNote,
  lastLineOf,
  outputNotes,
  VERDICTS,
  type VerdictOptions,
  verdictOf,
} from '../../src/hunt/verdicts.ts'
import { signalOf } from '../../src/model/signals.ts'
import { clientRun, type RunParts } from '../support/client-runs.ts'

const FILES = { f: 'whole\nfile\n' }
const clean = new Clean(
  clientRun({ out: 'ok\n', files: FILES }),
  clientRun({ out: 'ok\n', files: FILES }),
)
const judged = (run: ClientRun, options: Partial<VerdictOptions> = {}) =>
  verdictOf(run, clean, { isHit: true, errors: undefined, within: 10_000, ...options })
const run = (parts: RunParts) => clientRun({ out: 'ok\n', files: FILES, ...parts })

test('clean runs that print errors, or nothing, are noted', () => {
  expect(outputNotes(clientRun({ files: { page: '' } }))).toEqual([])
  expect(outputNotes(clientRun({ out: 'x', err: 'a\nno such file\n' }))).toEqual([
    'clean runs print errors: no such file',
  ])
  expect(outputNotes(clientRun())).toEqual([
    'clean runs print nothing and leave no file, so only the status is compared',
  ])
})

test('a client that has not ended hangs, but only if its fault has happened', () => {
  const hanging = run({ status: null, hung: true, ms: 10_000 })
  expect(judged(hanging)).toBe('hangs')
  expect(judged(hanging, { isHit: false })).toBe('not reached')
  expect(judged(run({}), { isHit: false })).toBe('not reached')
})

test('status 0 is right only with the output and the files of the clean runs', () => {
  expect(judged(run({}))).toBe('as clean')
  expect(judged(run({ out: 'oh\n' }))).toBe('wrong data with status 0')
  expect(judged(run({ files: { f: 'whole\n' } }))).toBe('wrong data with status 0')
  expect(judged(run({ files: {} }))).toBe('wrong data with status 0')
  expect(judged(run({ files: { ...FILES, 'f.part': 'whole\n' } }))).toBe('as clean')
})

test('a signal is a finding, whether it ended the client or a program of its shell', () => {
  expect(judged(run({ status: null, signal: 'SIGSEGV' }))).toBe('killed by a signal')
  expect(judged(run({ status: 139 }))).toBe('killed by a signal')
  expect(signalOf(run({ status: 139 }))).toBe('SIGSEGV')
  expect(signalOf(run({ status: 128 }))).toBeUndefined()
  // As of ssh.
  expect(judged(run({ status: 255 }))).toBe('error')
})

test('an error in time is fine, if its status is expected', () => {
  expect(judged(run({ status: 28, files: {} }))).toBe('error')
  expect(judged(run({ status: 28, files: {} }), { errors: [1, 28] })).toBe('error')
  expect(judged(run({ status: 3, files: {} }), { errors: [1, 28] })).toBe(
    'status is not in --errors',
  )
  expect(judged(run({ status: 0 }), { errors: [1, 28] })).toBe('as clean')
  // The client ends itself like that, or a program that it stops.
  expect(judged(run({ status: 137, files: {} }), { errors: [137] })).toBe('error')
})

test('an error that leaves a part of a file, or comes late, is a note', () => {
  expect(judged(run({ status: 1, files: { f: 'whole\n' } }))).toBe('partial file')
  expect(judged(run({ status: 1 }))).toBe('error')
  expect(judged(run({ status: 1, ms: 5000 }))).toBe('late error')
  expect(judged(run({ status: 1, ms: 4999 }))).toBe('error')
})

test('each verdict is a finding, a note, or neither', () => {
  expect(VERDICTS.filter(isFinding)).toEqual([
    'hangs',
    'wrong data with status 0',
    'killed by a signal',
    'status is not in --errors',
  ])
  expect(VERDICTS.filter(isNote)).toEqual(['partial file', 'late error', 'not reached'])
  expect(VERDICTS).toHaveLength(9)
})

test('a clean run that fails says why in a line', () => {
  expect(cleanProblem(run({}), 10_000)).toBeUndefined()
  expect(cleanProblem(run({ status: 4, err: 'a\nno route\n\n' }), 10_000)).toBe(
    'has ended with status 4: no route',
  )
  expect(cleanProblem(run({ status: null, hung: true }), 1500)).toBe('has not ended within 1.5 s')
  expect(cleanProblem(run({ status: 134 }), 1500)).toBe('was ended by SIGABRT')
})

test('the last line of errors is the last with text', () => {
  expect(lastLineOf('one\n two \n\n')).toBe('two')
  expect(lastLineOf('\n')).toBe('')
})
