import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { runMain } from '#support/run-main.ts'
import { loadExercises } from '../../src/commands/exercise-file.ts'

const page = readFileSync(new URL('../../docs/exercises.md', import.meta.url), 'utf8')

test('packages/learn/docs/exercises.md says at its top what is in which language', () => {
  const [top = ''] = page.split('\n## ')
  expect(top).toMatch(/driver in JavaScript, .*TypeScript types\. C .*\s.*module for the kernel,/)
})

test('packages/learn/docs/exercises.md lists the exercises of vnet learn, by their titles', async () => {
  const rows = [
    ...page.matchAll(/^\| \[(.+)\]\(\.\.\/course\/(\d\d-[\w-]+)\/README\.md\) \| (.+) \|$/gm),
  ].map(([, title, name, summary]) => ({ name, title, summary }))
  const exercises = await loadExercises()
  const titleOf = (directory: string) =>
    /^# ([^:\n]*)/.exec(readFileSync(join(directory, 'README.md'), 'utf8'))?.[1]
  expect(rows).toEqual(
    exercises.map(({ name, directory, summary }) => ({ name, title: titleOf(directory), summary })),
  )
  const { status, stdout } = await runMain('learn', '--json')
  const listed = stdout
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line))
  expect([status, listed.map(({ name, summary }) => ({ name, summary }))]).toEqual([
    0,
    rows.map(({ name, summary }) => ({ name, summary })),
  ])
})
