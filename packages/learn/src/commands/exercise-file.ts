/** Loads the exercises of the course, or of another directory or package. */
import { existsSync, readdirSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename, join, resolve } from 'node:path'
import { UsageError } from 'vnet'
import { importFile } from 'vnet/kit/cli'
import { COURSE_VERSION, type Exercise, type ExerciseDefinition } from '../exercise.ts'
import { COURSE } from '../folder.ts'

const DEFINITION = 'exercise.js'

/** Whether a directory is an exercise. Its definition may be broken. */
export const isExercise = (directory: string): boolean => existsSync(join(directory, DEFINITION))

/**
 * Returns the exercises in a directory, sorted by name, or the exercise that the directory is.
 * `from` may also be an installed package. Rejects with a UsageError of one line if it has no
 * exercise, or a broken one. Loading an exercise runs its program with all rights.
 */
export async function loadExercises(from: string = COURSE): Promise<Exercise[]> {
  const directory = directoryOf(from)
  if (isExercise(directory)) return [await loadExercise(directory)]
  const all = readdirSync(directory)
    .sort()
    .map(name => join(directory, name))
  const found = all.filter(isExercise)
  if (found.length === 0) {
    throw new UsageError(`${from} has no exercises: no directory in it has an ${DEFINITION}`)
  }
  return Promise.all(found.map(loadExercise))
}

/** Returns the exercise in a directory. Throws a UsageError with one line if it is broken. */
export async function loadExercise(directory: string): Promise<Exercise> {
  const file = join(directory, DEFINITION)
  const { exercise } = (await importFile(file)) as { exercise?: ExerciseDefinition }
  const broken = (what: string) => new UsageError(`${file}: ${what}`)
  if (typeof exercise !== 'object' || exercise === null) {
    throw broken(
      'it exports no exercise: it needs `export const exercise = defineExercise({ ... })`',
    )
  }
  const { version, driver, memory, live } = exercise
  if (version !== COURSE_VERSION) {
    throw broken(`version ${version} of '@vnet/learn', and this vnet has version ${COURSE_VERSION}`)
  }
  for (const name of ['title', 'summary', 'driver'] as const) {
    if (typeof exercise[name] !== 'string') throw broken(`${name} is not a text`)
  }
  if (!/^[^/]+\.js$/.test(driver)) throw broken(`driver is not the name of a .js file: ${driver}`)
  for (const [place, checks] of Object.entries({ memory, live })) {
    if (!Array.isArray(checks)) throw broken(`${place} is not a list of checks`)
    const at = checks.findIndex(
      each => typeof each?.title !== 'string' || typeof each.run !== 'function',
    )
    if (at !== -1) throw broken(`${place}[${at}] has no title, or no function run`)
  }
  for (const name of ['README.md', driver]) {
    if (!existsSync(join(directory, name))) {
      throw new UsageError(`${directory}: the exercise has no ${name}`)
    }
  }
  return { ...exercise, name: basename(resolve(directory)), directory: resolve(directory) }
}

/** The directory that is meant: a package has its exercises in itself or in its course/. */
function directoryOf(from: string): string {
  if (existsSync(from) && statSync(from).isDirectory()) return from
  const isPackage = /^(@[\w.-]+\/)?[\w-][\w.-]*$/.test(from)
  const paths = isPackage ? (createRequire(`${resolve('.')}/`).resolve.paths(from) ?? []) : []
  const found = paths.map(path => join(path, from)).find(path => existsSync(path))
  if (found === undefined) {
    throw new UsageError(`${from} is neither a directory nor an installed package`, { cause: from })
  }
  const course = join(found, 'course')
  return existsSync(course) ? course : found
}
