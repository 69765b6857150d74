/** What a class has handed in: a directory for each student, with a directory for each exercise. */
import { existsSync, statSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { UsageError } from 'vnet'
import type { Exercise } from '../exercise.ts'

/** A student's directory for one exercise. */
export interface Submission {
  readonly student: string
  readonly exercise: Exercise
  /** The directory; undefined if the student has none. */
  readonly directory: string | undefined
}

/** Returns the error for a path that does not exist; its cause is the path. */
export function missingFile(path: string, by = 'check'): UsageError {
  return new UsageError(
    `${by}: '${path}' is neither an exercise nor a file; vnet learn lists them`,
    { cause: path },
  )
}

export const isDirectory = (path: string): boolean =>
  statSync(path, { throwIfNoEntry: false })?.isDirectory() === true

/** Returns whether a path is a student's directory: directories in it are named after exercises. */
export const isStudent = (path: string, exercises: readonly Exercise[]): boolean =>
  isDirectory(path) && exercises.some(({ name }) => isDirectory(join(path, name)))

/**
 * Returns all students times all exercises of one of them. `paths` may be students' or exercises'.
 * Throws a UsageError of the command `by` if a path does not exist, two students have the same
 * name, or there is no exercise.
 */
export function submissionsIn(
  paths: readonly string[],
  exercises: readonly Exercise[],
  by: string,
): Submission[] {
  const missing = paths.find(path => !existsSync(path))
  if (missing !== undefined) throw missingFile(missing, by)
  const directories = paths.filter(isDirectory).map(path => resolve(path))
  /** By the directory of the student. */
  const found = new Map<string, Map<string, string>>()
  for (const directory of directories) {
    const isExercise = exercises.some(({ name }) => name === basename(directory))
    const whole = isExercise ? dirname(directory) : directory
    const other = [...found.keys()].find(
      each => each !== whole && basename(each) === basename(whole),
    )
    if (other !== undefined) {
      const advice = 'check one at a time, or give exercises that are not of the course with --from'
      throw new UsageError(
        `${by}: ${other} and ${whole} would have the same name in the result: ${advice}`,
      )
    }
    const own = found.get(whole) ?? new Map<string, string>()
    found.set(whole, own)
    if (isExercise) {
      own.set(basename(directory), directory)
    } else {
      for (const { name } of exercises) {
        if (isDirectory(join(directory, name))) {
          own.set(name, join(directory, name))
        }
      }
    }
  }
  const used = exercises.filter(({ name }) => [...found.values()].some(own => own.has(name)))
  if (used.length === 0) {
    throw new UsageError(
      `${by}: no exercise is in ${paths.join(', ')}; vnet learn lists them, and --from others`,
    )
  }
  return [...found].flatMap(([whole, own]) =>
    used.map(exercise => ({
      student: basename(whole),
      exercise,
      directory: own.get(exercise.name),
    })),
  )
}
