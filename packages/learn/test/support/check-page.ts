/** The script of a page that checks the drivers of cases.json, and posts the results of each. */
import { checkInBrowser } from '../../src/browser/check.ts'
import type { Result } from '../../src/exercise.ts'
import type { Case, Checked } from './browser-checks.ts'

const post = (checked: Checked | null) =>
  fetch('results', { method: 'POST', body: JSON.stringify(checked) })

for (const { name, exercise, text } of (await (await fetch('cases.json')).json()) as Case[]) {
  const results: Result[] = []
  const add = (result: Result) => results.push(result)
  try {
    await checkInBrowser(new URL('check-worker.js', import.meta.url), { exercise, text }, add)
    await post({ name, results })
  } catch (error) {
    await post({ name, results, thrown: String(error) })
  }
}
await post(null)
