/** The learner's directory of an exercise: its files, and the mark that all checks passed. */
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { basename, dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { attempt, EEXIST, isErrno } from 'vnet'
import { PROGRAM } from 'vnet/kit/cli'
import { makeDirectories, readTextFile, writeFile } from 'vnet/kit/linux'
import type { Exercise } from './exercise.ts'
import { jsconfig, packageJson } from './exercise-files.ts'

/**
 * Whether a learner has not begun an exercise, has changed its files, or has passed all its checks.
 */
export type State = 'new' | 'begun' | 'done'

/** Where the exercises of vnet are; src and dist are equally deep. */
export const COURSE = fileURLToPath(new URL('../course/', import.meta.url))

/** The page of an exercise, and its figure, which it may have. */
const PAGE = ['README.md', 'figure.svg']

/** A learner's file, and whether it was written: existing files are not changed. */
export type Written = Readonly<{ path: string; isNew: boolean }>

/** Contains the digest of the driver file with which all checks passed. */
const MARK = '.done'

/** Returns the names of vnet's exercises, sorted. */
export function courseNames(): string[] {
  return readdirSync(COURSE)
    .filter(name => existsSync(join(COURSE, name, 'exercise.js')))
    .sort()
}

/** Returns the exercise that is meant: `03-ring`, `3`, `03`, `ring`, or a shell's `03-ring/`. */
export function exerciseNamed(typed: string, exercises: readonly Exercise[]): Exercise | undefined {
  const text = typed.replace(/\/$/, '').toLowerCase()
  const number = /^\d+$/.test(text) ? Number(text) : undefined
  return exercises.find(({ name }) => {
    const [, digits, word] = /^(?:(\d+)-)?(.+)$/.exec(name) ?? []
    return text === name || text === word || (number !== undefined && number === Number(digits))
  })
}

/** Returns the exercise with the name of a directory, or of a directory above it. */
export function exerciseOfPath(path: string, exercises: readonly Exercise[]): Exercise | undefined {
  const names = resolve(path).split('/').reverse()
  return names
    .map(name => exercises.find(exercise => exercise.name === name))
    .find(each => each !== undefined)
}

/** Returns the driver file in a directory, undefined if it has none. TypeScript is one, too. */
export function driverFileIn(directory: string, { driver }: Exercise): string | undefined {
  const base = driver.replace(/\.js$/, '')
  return ['.js', '.mjs', '.ts']
    .map(ending => join(directory, base + ending))
    .find(path => existsSync(path))
}

/** Returns the directory of the exercises: this one, or the one above if this is an exercise's. */
export const courseDirectory = (exercises: readonly Exercise[]): string =>
  exercises.some(({ name }) => name === basename(resolve('.'))) ? '..' : '.'

/** Returns the progress of an exercise with its directory in `parent`. */
export function stateIn(parent: string, exercise: Exercise): State {
  const directory = join(parent, exercise.name)
  const file = driverFileIn(directory, exercise)
  if (file === undefined) return 'new'
  const mark = join(directory, MARK)
  return attempt(() => readTextFile(mark)) === digest(file) ? 'done' : 'begun'
}

/** Records that all checks passed with this driver file; a change to it makes that void. */
export function markDone(file: string): void {
  const mark = join(file, '..', MARK)
  // It may be a link of a student's that leads elsewhere.
  rmSync(mark, { force: true })
  writeFile(mark, digest(file), { flag: 'wx' })
}

const digest = (file: string): string =>
  createHash('sha256').update(readTextFile(file)).digest('hex')

/** Writes the files of an exercise into `parent`/NAME; existing files are not changed. */
export function writeExercise(parent: string, exercise: Exercise): Written[] {
  const { name, directory, driver } = exercise
  const texts = {
    [driver]: readFileSync(join(directory, driver), 'utf8'),
    'package.json': packageJson(
      relative(COURSE, directory).startsWith('..') ? directory : undefined,
    ),
    'jsconfig.json': jsconfig(typePaths()),
  }
  return [
    ...writePage(parent, exercise),
    ...Object.entries(texts).map(([file, text]) => writeNew(join(parent, name, file), text)),
  ]
}

/** Writes the page of an exercise only, likewise. */
export function writePage(parent: string, { name, directory }: Exercise): Written[] {
  makeDirectories(join(parent, name))
  const files = PAGE.filter(file => existsSync(join(directory, file)))
  return files.map(file =>
    writeNew(join(parent, name, file), readFileSync(join(directory, file), 'utf8')),
  )
}

/** Writes a file, unless it exists. */
export function writeNew(path: string, text: string): Written {
  try {
    writeFile(path, text, { flag: 'wx' })
    return { path, isNew: true }
  } catch (error) {
    if (isErrno(error, EEXIST)) return { path, isNew: false }
    // An empty file would be the learner's from then on.
    rmSync(path, { force: true })
    throw error
  }
}

/** Returns the noted exercise of a directory. Never run its program: the note may be forged. */
export function notedExercise(directory: string): string | undefined {
  const exercise = attempt(
    () => JSON.parse(readTextFile(join(directory, 'package.json'))).vnet.exercise,
  )
  return typeof exercise === 'string' ? exercise : undefined
}

/** Returns where an editor finds the types of 'vnet' if the package is not installed. */
function typePaths(): Record<string, string[]> {
  const types = (name: string) => [join(dirname(PROGRAM), name)]
  return {
    vnet: types('index.d.ts'),
    '@vnet/learn': [join(COURSE, '../dist/index.d.ts')],
    '@vnet/learn/conform': [join(COURSE, '../dist/conform.d.ts')],
    'vnet/drivers': types('drivers/index.d.ts'),
    'vnet/pci': types('pci/index.d.ts'),
    'vnet/bed': types('bed/index.d.ts'),
  }
}
