/** Lines of `npm test`: of its steps, and the last ones, from the JSON report of vitest. */

import { relative } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { placeOf } from './kernel-tests.mjs'

/** Returns the line of a step that has ended. */
export const stepLine = (name, code, seconds) =>
  `${code === 0 ? 'ok' : 'FAILED'}  ${name} (${seconds.toFixed(1)} s)`

/**
 * `N passed, N failed, N skipped`, counting tests. A file that cannot be run counts as one failed
 * test.
 */
export function summary(report) {
  const tests = report.testResults.flatMap(file => file.assertionResults)
  const count = status => tests.filter(test => test.status === status).length
  const unrun = report.testResults.filter(
    file => file.status === 'failed' && !file.assertionResults.some(isFailed),
  )
  const [passed, failed] = [count('passed'), count('failed')]
  return `${passed} passed, ${failed + unrun.length} failed, ${tests.length - passed - failed} skipped`
}

/** Returns the tests that started and did not end, because their process ended. */
export function unfinishedTests(report, root) {
  return report.testResults.flatMap(({ name, assertionResults }) =>
    assertionResults
      .filter(({ status }) => status === 'pending')
      .map(({ fullName }) => `${relative(root, name)}: ${fullName}`),
  )
}

/**
 * Returns the failed tests, each with the first line of its error, and the files that cannot be
 * run. The end of a long output is often all that a reader has.
 */
export function failedTests(report, root) {
  return report.testResults.flatMap(({ name, status, message, assertionResults }) => {
    const failed = assertionResults.filter(isFailed)
    const file = relative(root, name)
    if (failed.length === 0 && status === 'failed') return [withError(file, message)]
    return failed.map(test => withError(`${file}: ${test.fullName}`, test.failureMessages?.[0]))
  })
}

/** Returns a line with the first line of an error's text, without the colours of a terminal. */
function withError(line, text) {
  const first = stripVTControlCharacters(text ?? '').split('\n')[0]
  return first === '' ? line : `${line}: ${first}`
}

const isFailed = test => test.status === 'failed'

/** Returns the skipped kernel tests, as `test/kernel/tap.test.ts (3)` per file. */
export function skippedKernelTests(report, root) {
  return report.testResults
    .map(file => ({
      name: relative(root, file.name),
      skipped: file.assertionResults.filter(test => !['passed', 'failed'].includes(test.status))
        .length,
    }))
    .filter(({ name, skipped }) => placeOf(name).startsWith('test/kernel/') && skipped > 0)
    .map(({ name, skipped }) => `${name} (${skipped})`)
}
