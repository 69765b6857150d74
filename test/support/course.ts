/** The tests that every exercise of the course has. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Driver } from '#src/netdev/driver.ts'
import { loadExercise } from '../../packages/learn/src/commands/exercise-file.ts'
import {
  type Exercise,
  type Mistake,
  type Result,
  withMistake,
  withoutMarkers,
} from '../../packages/learn/src/exercise.ts'
import { COURSE } from '../../packages/learn/src/folder.ts'
import { runInMemory } from '../../packages/learn/src/run-memory.ts'

/** Returns an exercise of the course. */
export const exerciseOf = (name: string): Promise<Exercise> => loadExercise(join(COURSE, name))

const load = async (file: string): Promise<Driver> => (await import(file)).driver

/** Runs the checks in memory, until one fails. */
export async function checkInMemory(exercise: Exercise, file: string): Promise<Result[]> {
  const driver = await load(file)
  const results: Result[] = []
  for (const check of exercise.memory) {
    if (results.at(-1)?.result !== 'failed') {
      results.push(await runInMemory(check, driver, exercise))
    }
  }
  return results
}

/** Returns the mistakes of the exercise that a check in memory finds, or a live one. */
export async function mistakesOf({ name }: Exercise, isLive: boolean): Promise<Mistake[]> {
  const { mistakes } = (await import(join(COURSE, name, 'mistakes.js'))) as { mistakes: Mistake[] }
  return mistakes.filter(mistake => (mistake.isLive ?? false) === isLive)
}

/** Returns the text of the solution as learners see it. */
export const solutionOf = (name: string): string =>
  withoutMarkers(readFileSync(join(COURSE, name, 'solution.js'), 'utf8'))

/** Returns the text of a driver with the mistake. */
export function wrongDriver({ name }: Exercise, mistake: Mistake): string {
  return withMistake(solutionOf(name), mistake)
}

/** Calls `check` with a file that contains the text. A process loads a file of a path only once. */
export async function withDriverFile<T>(
  text: string,
  check: (file: string) => Promise<T>,
): Promise<T> {
  const directory = mkdtempSync(join(tmpdir(), 'vnet-course-'))
  try {
    const file = join(directory, 'driver.mjs')
    writeFileSync(file, text)
    return await check(file)
  } finally {
    rmSync(directory, { recursive: true })
  }
}

/** The headings of the page, which explanations refer to. */
export function headings(page: string): string[] {
  return [...page.matchAll(/^## (.+)$/gm)].map(([, heading]) => heading as string)
}

/** Expects that the first failure has the text, and refers to a heading of the page. */
export function expectExplained(
  { name }: Exercise,
  results: readonly Result[],
  text: string,
): void {
  const failed = results.find(({ result }) => result === 'failed')
  const { seen, expected, logged = [] } = failed ?? {}
  expect([seen, expected, ...logged].join('\n')).toContain(text)
  expect(headings(readFileSync(join(COURSE, name, 'README.md'), 'utf8'))).toContain(failed?.read)
}

/** Checks without a mistake, because earlier checks refuse all that breaks them. */
const NEVER_FIRST: Readonly<Record<string, readonly string[]>> = {
  '12-board': ['continues after the link flapped'],
  '13-two-cpus': ['works again when the interface comes up again'],
}

export async function testInMemory(name: string): Promise<void> {
  const exercise = await exerciseOf(name)
  const refusing = new Set<string | undefined>()
  const mistakes = await mistakesOf(exercise, false)
  const { driver } = exercise
  const directory = join(COURSE, name)

  describe(name, () => {
    test(`the solution of ${name} passes all checks in memory`, async () => {
      const results = await checkInMemory(exercise, join(directory, 'solution.js'))
      expect(results.filter(({ result }) => result !== 'passed')).toEqual([])
    })

    test(`the skeleton of ${name} fails a check with an explanation that refers to the page`, async () => {
      const results = await checkInMemory(exercise, join(directory, driver))
      expectExplained(exercise, results, '')
    })

    test.each(mistakes)(`$name in ${name} is explained by: $explainedBy`, async mistake => {
      const results = await withDriverFile(wrongDriver(exercise, mistake), file =>
        checkInMemory(exercise, file),
      )
      expectExplained(exercise, results, mistake.explainedBy)
      refusing.add(results.at(-1)?.title)
    })

    test(`each check in memory of ${name} is the first to refuse a mistake`, () => {
      const idle = exercise.memory.map(({ title }) => title).filter(title => !refusing.has(title))
      expect(idle).toEqual(NEVER_FIRST[name] ?? [])
    })
  })
}
