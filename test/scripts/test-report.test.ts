/** The last line of `npm test` counts every test and names skipped kernel tests. */

import { expect, test } from 'vitest'
import {
  failedTests,
  skippedKernelTests,
  summary,
  unfinishedTests,
} from '../../scripts/test-report.mjs'

const file = (
  name: string,
  statuses: string[],
  status = statuses.includes('failed') ? 'failed' : 'passed',
) => ({
  name: `/vnet/${name}`,
  status,
  assertionResults: statuses.map(status => ({ status })),
})

test('the summary counts passed, failed and other tests of all files', () => {
  const testResults = [
    file('test/a.test.ts', ['passed', 'passed', 'failed']),
    file('test/kernel/b.test.ts', ['skipped', 'pending', 'todo', 'passed']),
  ]
  expect(summary({ testResults })).toBe('3 passed, 1 failed, 3 skipped')
})

test('a file that cannot be run counts as one failure', () => {
  const testResults = [file('test/a.test.ts', ['passed']), file('test/b.test.ts', [], 'failed')]
  expect(summary({ testResults })).toBe('1 passed, 1 failed, 0 skipped')
})

test('skipped kernel tests are named by file, other skipped tests are not', () => {
  const testResults = [
    file('test/kernel/tap.test.ts', ['skipped', 'passed', 'pending']),
    file('test/kernel/host.test.ts', ['passed', 'failed']),
    file('test/netdev/port.test.ts', ['skipped']),
    file('packages/lan/test/kernel/lan.test.ts', ['skipped']),
    file('packages/lan/test/driver.test.ts', ['skipped']),
  ]
  expect(skippedKernelTests({ testResults }, '/vnet')).toEqual([
    'test/kernel/tap.test.ts (2)',
    'packages/lan/test/kernel/lan.test.ts (1)',
  ])
})

test('tests are named if their process ended in the middle of them', () => {
  const assertionResults = [
    { status: 'passed', fullName: 'a ring is empty at first' },
    { status: 'pending', fullName: 'a ring takes frames' },
    { status: 'skipped', fullName: 'a ring is full' },
  ]
  const testResults = [{ name: '/vnet/test/ring.test.ts', status: 'passed', assertionResults }]
  expect(unfinishedTests({ testResults }, '/vnet')).toEqual([
    'test/ring.test.ts: a ring takes frames',
  ])
})

test('failed tests are named with the first line of their error, and files that cannot be run', () => {
  const assertionResults = [
    { status: 'passed', fullName: 'a ring is empty at first', failureMessages: [] },
    {
      status: 'failed',
      fullName: 'a ring takes frames',
      failureMessages: [
        'AssertionError: expected \u001b[32m1\u001b[39m to be 2\n    at ring.test.ts',
      ],
    },
    { status: 'failed', fullName: 'a ring is full', failureMessages: [] },
  ]
  const testResults = [
    { name: '/vnet/test/ring.test.ts', status: 'failed', message: '', assertionResults },
    {
      name: '/vnet/test/irq.test.ts',
      status: 'failed',
      message: 'Error: Cannot find module',
      assertionResults: [],
    },
    file('test/a.test.ts', ['passed']),
  ]
  expect(failedTests({ testResults }, '/vnet')).toEqual([
    'test/ring.test.ts: a ring takes frames: AssertionError: expected 1 to be 2',
    'test/ring.test.ts: a ring is full',
    'test/irq.test.ts: Error: Cannot find module',
  ])
})
