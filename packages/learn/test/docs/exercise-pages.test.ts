/** The pages of the exercises: their parts, and their length. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { headings } from '#support/course.ts'
import { withoutBlock } from '../../../../scripts/blocks.mjs'
import { loadExercises } from '../../src/commands/exercise-file.ts'

const exercises = await loadExercises()

test.each(exercises)(
  'the page of $name has its title, the names of the kernel, and at most 100 lines to read',
  ({ name, directory, title, kernelNames }) => {
    const page = readFileSync(join(directory, 'README.md'), 'utf8')
    expect(page).toMatch(new RegExp(`^# ${Number(name.slice(0, 2))}\\. `))
    expect(page.split('\n')[0]).toContain(title)
    for (const kernelName of kernelNames ?? []) {
      expect(page).toContain(kernelName)
    }
    const written = withoutBlock(page, 'checks').replace(/!\[.*?\]\(figure\.svg\)\n\n/s, '')
    // The step to C is for those who have passed.
    const [toRead = ''] = written.split(/\n## (?:In C|Hints)/)
    expect(toRead.split('\n').length).toBeLessThanOrEqual(101)
    for (const part of ['What to do', 'How it is checked', 'See it live']) {
      expect(headings(page)).toContain(part)
    }
  },
)
