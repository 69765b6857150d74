/** The steps of the exercises' pages, the wrong drivers that leave one out, and their tests. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { loadExercises } from '../src/commands/exercise-file.ts'
import type { Mistake } from '../src/exercise.ts'
import { COURSE, courseNames } from '../src/folder.ts'

/** In these the first step is to observe a driver; no driver can leave it out. */
const OBSERVED = /^1[5-8]-/

/** The numbers of the steps of "What to do". */
function stepsOf(page: string): number[] {
  const [, part = ''] = page.split('\n## What to do\n')
  const [whole = ''] = part.split('\n## ')
  return [...whole.matchAll(/^(\d+)\. /gm)].map(([, number]) => Number(number))
}

test.each((await loadExercises()).map(({ name }) => name))(
  'each step of %s has a wrong driver that does not do it',
  async name => {
    const steps = stepsOf(readFileSync(join(COURSE, name, 'README.md'), 'utf8'))
    const { mistakes } = (await import(join(COURSE, name, 'mistakes.js'))) as {
      mistakes: readonly Mistake[]
    }
    expect(steps.length).toBeGreaterThan(1)
    expect(steps).toEqual(steps.map((_, i) => i + 1))
    const shown = new Set(mistakes.flatMap(({ step }) => (step === undefined ? [] : [step])))
    const named = [...shown].sort((a, b) => a - b)
    expect(named).toEqual(OBSERVED.test(name) ? steps.slice(1) : steps)
  },
)

const testFiles = readdirSync(import.meta.dirname, { recursive: true, encoding: 'utf8' })
  .filter(path => path.endsWith('.test.ts'))
  .map(path => readFileSync(join(import.meta.dirname, path), 'utf8'))

test.each(['testInMemory', 'testLive'])('one test file calls %s for each exercise', call => {
  const pattern = new RegExp(`^await ${call}\\('(.*)'\\)$`, 'gm')
  const tested = testFiles.flatMap(text => [...text.matchAll(pattern)].map(([, name]) => name))
  expect(tested.sort()).toEqual(courseNames())
})
