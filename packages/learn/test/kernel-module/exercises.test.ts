/** Each exercise's module passes the live checks in a virtual machine with Debian's kernel. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { loadExercises } from '../../src/commands/exercise-file.ts'
import { COURSE } from '../../src/folder.ts'
import { checkModule, LIMIT_MS } from '../support/kernel-module.ts'

const exercises = await loadExercises()
const written = exercises.filter(({ name }) => existsSync(join(COURSE, name, 'kernel/solution.c')))

test.each(written)(
  'the module of $name passes its live checks in the kernel',
  { timeout: LIMIT_MS },
  async exercise => {
    const { status, results, errors } = await checkModule(
      exercise.name,
      join(COURSE, exercise.name, 'kernel/solution.c'),
    )
    expect(results.filter(({ result }) => result === 'failed')).toEqual([])
    // A check that the machine cannot run is one whose page says so.
    const notRun = results.filter(({ result }) => result === 'not run')
    if (notRun.length > 0) {
      expect(readFileSync(join(COURSE, exercise.name, 'README.md'), 'utf8')).toContain('--kernel')
    }
    expect(notRun.length).toBeLessThan(results.length)
    expect(errors).toBe('')
    expect(results).toHaveLength(exercise.live.length)
    expect(status).toBe(0)
  },
)
