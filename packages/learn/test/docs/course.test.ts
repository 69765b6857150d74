import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { runMain } from '#support/run-main.ts'
import { loadExercises } from '../../src/commands/exercise-file.ts'

const page = readFileSync(new URL('../../docs/course.md', import.meta.url), 'utf8')

test('packages/learn/docs/course.md lists the exercises of vnet learn', async () => {
  const rows = [
    ...page.matchAll(/^\| \[(\d\d-[\w-]+)\]\(\.\.\/course\/\1\/README\.md\) \| (.+) \|$/gm),
  ].map(([, name, summary]) => ({ name, summary }))
  const exercises = await loadExercises()
  expect(rows).toEqual(exercises.map(({ name, summary }) => ({ name, summary })))
  const { status, stdout } = await runMain('learn', '--json')
  const listed = stdout
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line))
  expect([status, listed.map(({ name, summary }) => ({ name, summary }))]).toEqual([0, rows])
})
