/** The words for results, in a terminal and on a page. */
import type { Result } from './exercise.ts'

export const VERDICTS = { passed: 'ok', failed: 'FAILED', 'not run': 'not run' } as const

/** Returns `live: TITLE`, and the reason if the check was not run. */
export function titleOf({ title, where, why }: Result): string {
  return `${where === 'live' ? 'live: ' : ''}${title}${why ? `: ${why}` : ''}`
}

export const counter = (results: readonly Result[]) => (which: Result['result']) =>
  results.filter(({ result }) => result === which).length

/** Returns `2 passed, 1 failed, 3 not run until it passes`. */
export function countsOf(results: readonly Result[]): string {
  const count = counter(results)
  const [passed, failed, notRun] = [count('passed'), count('failed'), count('not run')]
  const left = notRun === 0 ? '' : `, ${notRun} not run`
  return `${passed} passed${failed === 0 ? left : `, ${failed} failed${left && `${left} until it passes`}`}`
}
