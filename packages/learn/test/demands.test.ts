/** The steps of the exercises' pages, and the wrong drivers that show that checks look at each. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { loadExercises } from '../src/commands/exercise-file.ts'
import type { Mistake } from '../src/exercise.ts'
import { COURSE } from '../src/folder.ts'

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
