/** Tests that the checks in memory pass right drivers: solutions, and changed solutions. */
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { checkInMemory, exerciseOf, withDriverFile, wrongDriver } from '#support/course.ts'
import type { Mistake, Result } from '../../src/exercise.ts'
import { COURSE } from '../../src/folder.ts'

/** A change of an exercise's solution that leaves it right. */
export type Variant = Omit<Mistake, 'explainedBy'> & { readonly exercise: string }

const unpassed = (results: readonly Result[]) => results.filter(each => each.result !== 'passed')

export function testVariants(variants: readonly Variant[]): void {
  test.each(variants)('$name is right in $exercise', async ({ exercise: name, ...variant }) => {
    const exercise = await exerciseOf(name)
    const text = wrongDriver(exercise, { ...variant, explainedBy: '' })
    const results = await withDriverFile(text, file => checkInMemory(exercise, file))
    expect(unpassed(results)).toEqual([])
  })
}

export function testSolutions(names: readonly string[]): void {
  test.each(names)('the solution of %s is right', async name => {
    const results = await checkInMemory(await exerciseOf(name), join(COURSE, name, 'solution.js'))
    expect(unpassed(results)).toEqual([])
  })
}
