/** What a visitor has passed in this browser, in a list of exercises. */
import { type ExerciseState, stateOf } from './kept-driver.ts'

/** An exercise of the list. */
export interface Listed {
  readonly name: string
  /** The title, and the address of its page. */
  readonly title: string
  readonly href: string
}

/** The summary of a list. */
export interface CourseProgress {
  readonly passed: number
  readonly exercises: number
  /** Where the visitor continues: an exercise that was begun, else a new one; if any is left. */
  readonly next?: Listed & { readonly state: ExerciseState }
}

/** Returns the progress in a list of exercises, which is in their order. */
export function progressIn(listed: readonly Listed[]): CourseProgress {
  const all = listed.map(each => ({ ...each, state: stateOf(each.name) }))
  const first = (wanted: ExerciseState) => all.find(({ state }) => state === wanted)
  const next = first('begun') ?? first('new')
  const passed = all.filter(({ state }) => state === 'passed').length
  return { passed, exercises: all.length, ...(next && { next }) }
}
