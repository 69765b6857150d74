import { expect, test } from 'vitest'
import { reportOf } from '../../bench/loop.mjs'

const round = (cpu: number, load: number, files: [string, number][]) => ({
  results: {
    'npm start': { wall: 15, cpu: 30, load },
    'npm test': { wall: 95, cpu, load },
  },
  files: new Map(files),
})

test('more CPU time than a limit is missed, at any load', () => {
  const { lines, kept } = reportOf([['aaa', [round(151, 5, [['a.test.ts', 0.5]])]]])
  expect(kept).toBe(false)
  expect(lines).toContain(
    '  MISSED: at most 90 s, 150 s of CPU (wall time not judged: the load was not below 0.7)',
  )
})

test('wall time is judged on a quiet machine only', () => {
  expect(reportOf([['aaa', [round(100, 5, [])]]]).kept).toBe(true)
  expect(reportOf([['aaa', [round(100, 0.1, [])]]]).kept).toBe(false)
})

test('the median of the rounds counts', () => {
  const rounds = [90, 100, 1000].map(cpu => round(cpu, 5, []))
  const { lines, kept } = reportOf([['aaa', rounds]])
  expect(kept).toBe(true)
  expect(lines).toContain('npm test, aaa: 95.0 s, 100.0 s of CPU, load 5.0 before')
})

test('a file over 0.8 s is missed, and is shown beside the commit before', () => {
  const { lines, kept } = reportOf([
    [
      'aaa',
      [
        round(100, 5, [
          ['a.test.ts', 0.2],
          ['b.test.ts', 0.81],
        ]),
      ],
    ],
    ['bbb', [round(100, 5, [['b.test.ts', 0.79]])]],
  ])
  expect(kept).toBe(false)
  expect(lines.slice(-3)).toEqual([
    'CPU seconds of 2 test files, at most 0.8, with programs 1; the dearest:',
    '  0.81  b.test.ts (bbb: 0.79)  MISSED',
    '  0.20  a.test.ts',
  ])
})

test('a file that starts programs may cost a second', () => {
  const report = (cost: number) =>
    reportOf([['aaa', [round(100, 5, [['packages/lab/test/programs/a.test.ts', cost]])]]])
  expect(report(0.99).kept).toBe(true)
  expect(report(1.01).kept).toBe(false)
})

test('at least ten files are shown, and each that is dear', () => {
  const files = Array.from({ length: 12 }, (_, i): [string, number] => [`${i}.test.ts`, i / 100])
  expect(reportOf([['aaa', [round(100, 5, files)]]]).lines).toHaveLength(15)
  const dear = files.map(([name, cost]): [string, number] => [name, cost + 2])
  expect(reportOf([['aaa', [round(100, 5, dear)]]]).lines).toHaveLength(17)
})
