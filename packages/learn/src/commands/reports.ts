/**
 * The directory of `vnet grade --report`: a page for each student, to hand back, and the results
 * from which a later run continues.
 */
import { createHash, type Hash } from 'node:crypto'
import { readdirSync, readlinkSync } from 'node:fs'
import { join, relative } from 'node:path'
import { attempt } from 'vnet'
import { packageVersion } from 'vnet/kit/cli'
import { makeDirectories, readTextFile, replaceFile } from 'vnet/kit/linux'
import type { Exercise } from '../exercise.ts'
import { EARLIER_FAILED } from '../progress.ts'
import type { Grade, GradeSettings } from './grade-driver.ts'
import { reportPage } from './report-page.ts'
import type { Submission } from './submissions.ts'

/** The file `STUDENT.json`. A change of its form raises the version. */
interface Kept {
  readonly version: number
  /** By the names of the exercises. */
  readonly grades: Readonly<Record<string, KeptGrade>>
}

interface KeptGrade {
  /** A digest of all that the grade depends on. */
  readonly key: string
  readonly grade: Grade
}

const VERSION = 1
/** Pages are handed back, so everybody may read them. */
const MODE = 0o644
/** Files that a driver can import, and those that change what an import means. */
const IMPORTED = /\.(?:m?[jt]s|json)$/

/** A grade with its place in the page of a student. */
interface Entry {
  readonly submission: Submission
  readonly grade: Grade
  readonly score: Partial<Grade>
}

/**
 * The reports of a class. Both files of a student are written when all exercises of the student are
 * graded. So a run that is broken off loses only the students that it was checking, and the next
 * run continues: `earlier` returns the grades of drivers that have not changed since.
 */
export class Reports {
  readonly #directory: string
  readonly #settings: GradeSettings
  /** The exercises of each student, in their order; a grade takes the place of its submission. */
  readonly #students = new Map<string, (Submission | Entry)[]>()
  readonly #digests = new Map<Exercise, string>()
  #graded = 0
  #unchanged = 0

  /** Makes the directory. Throws a VnetError if that fails. */
  constructor(directory: string, submissions: readonly Submission[], settings: GradeSettings) {
    this.#directory = directory
    this.#settings = settings
    makeDirectories(directory)
    for (const submission of submissions) {
      const all = this.#students.get(submission.student) ?? []
      all.push(submission)
      this.#students.set(submission.student, all)
    }
  }

  /** Where the reports are, and how many drivers were not checked again. */
  get summary(): string {
    const unchanged = `${this.#unchanged} of ${this.#graded} grades are of an earlier run: nothing has changed since.\n`
    return `Reports: ${join(this.#directory, 'STUDENT.html')}\n${this.#unchanged > 0 ? unchanged : ''}`
  }

  /**
   * Returns the grade of an earlier run if the driver, the exercise, vnet and the settings are the
   * same. A check that this machine could not run is run again.
   */
  earlier(submission: Submission): Grade | undefined {
    const path = this.#pathOf(submission.student, 'json')
    const kept = attempt(() => JSON.parse(readTextFile(path)) as Kept)
    const found = kept?.version === VERSION ? kept.grades[submission.exercise.name] : undefined
    if (found === undefined || found.key !== this.#keyOf(submission)) return undefined
    if (!this.#isFinal(found.grade)) return undefined
    this.#unchanged++
    return found.grade
  }

  /** Adds a grade, and its score. The last grade of a student writes both files. */
  add(submission: Submission, grade: Grade, score: Partial<Grade>): void {
    const all = this.#students.get(submission.student) ?? []
    all[all.indexOf(submission)] = { submission, grade, score }
    this.#graded++
    const entries = all.filter(each => 'grade' in each)
    if (entries.length === all.length) {
      this.#write(submission.student, entries)
    }
  }

  #write(student: string, entries: readonly Entry[]): void {
    const grades: Record<string, KeptGrade> = {}
    for (const { submission, grade } of entries) {
      const key = this.#keyOf(submission)
      if (key !== undefined) {
        grades[submission.exercise.name] = { key, grade }
      }
    }
    const kept: Kept = { version: VERSION, grades }
    const page = reportPage(
      student,
      entries.map(({ submission, grade, score }) => ({
        exercise: submission.exercise,
        grade: { ...grade, ...score },
      })),
    )
    replaceFile(this.#pathOf(student, 'html'), page, MODE)
    replaceFile(this.#pathOf(student, 'json'), `${JSON.stringify(kept)}\n`, MODE)
  }

  /** Returns whether another run would have the same results. */
  #isFinal({ verdict, results, further = [] }: Grade): boolean {
    const known = [EARLIER_FAILED, this.#settings.whyNotLive]
    const isKnown = [...results, ...further].every(
      ({ result, why }) => result !== 'not run' || known.includes(why),
    )
    return verdict !== 'not graded' && isKnown
  }

  /** Returns undefined for a student without a directory, whose grade costs nothing. */
  #keyOf({ exercise, directory }: Submission): string | undefined {
    if (directory === undefined) return undefined
    const hash = createHash('sha256')
    const ofExercise = this.#digests.get(exercise) ?? digestOf(exercise.directory)
    if (ofExercise === undefined) return undefined
    this.#digests.set(exercise, ofExercise)
    const driver = digestOf(directory)
    if (driver === undefined) return undefined
    const { whyNotLive = '', isConfined } = this.#settings
    hash.update(JSON.stringify([packageVersion(), ofExercise, driver, whyNotLive, isConfined]))
    return hash.digest('hex')
  }

  #pathOf(student: string, ending: 'html' | 'json'): string {
    return join(this.#directory, `${student}.${ending}`)
  }
}

/** Returns a digest of the files that a driver can import; undefined if one cannot be read. */
function digestOf(directory: string): string | undefined {
  const hash = createHash('sha256')
  return attempt(() => {
    addFiles(directory, directory, hash)
    return hash.digest('hex')
  })
}

function addFiles(root: string, directory: string, hash: Hash): void {
  const entries = readdirSync(directory, { withFileTypes: true })
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = join(directory, entry.name)
    if (entry.isDirectory() && entry.name !== 'node_modules') {
      addFiles(root, path, hash)
    } else if (entry.isSymbolicLink()) {
      hash.update(JSON.stringify([relative(root, path), 'link', readlinkSync(path)]))
    } else if (IMPORTED.test(entry.name)) {
      hash.update(JSON.stringify([relative(root, path), readTextFile(path)]))
    }
  }
}
