/** `vnet grade --similar`: shows which drivers of a class have common parts, and where. */
import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { printable } from 'vnet/kit/base'
import { alignLeft, type Io } from 'vnet/kit/cli'
import { readTextFile } from 'vnet/kit/linux'
import type { Exercise } from '../../exercise.ts'
import { driverFileIn } from '../../folder.ts'
import type { Submission } from '../submissions.ts'
import { type Indexed, indexed, type Match, matchesOf } from './matches.ts'
import { type Token, tokensOf } from './tokens.ts'

/** The pairs of an exercise that the table has. */
const SHOWN = 20
/** Tokens of a driver that are compared; the longest solution has a third of that. */
const TOKENS_MAX = 10_000
/** Characters of a file that are read. */
const CHARACTERS_MAX = 1_000_000

/** A token of a driver, in one of its files. */
interface Place {
  /** The file, if it is not the driver's own. */
  readonly file: string
  readonly line: number
}

/** A student's own part of a driver: what the skeleton does not have. */
export interface OwnPart extends Indexed {
  readonly student: string
  readonly places: readonly Place[]
}

/** Two drivers with common runs of tokens. */
export interface Pair {
  readonly students: readonly [string, string]
  /** The tokens of the common runs. */
  readonly same: number
  /** The tokens of the own part of each. */
  readonly of: readonly [number, number]
  /** The lines of the common runs in each: `60-71, 80, helper.js:3-9`. */
  readonly lines: readonly [string, string]
}

/**
 * Prints the pairs of students with common parts in an exercise, those with the largest share
 * first. It compares the tokens of what each student has written, with all names alike. Similar
 * drivers need not be copies, so there is no verdict.
 */
export function similarDrivers(submissions: readonly Submission[], isJson: boolean, io: Io): void {
  const exercises = [...new Set(submissions.map(({ exercise }) => exercise))]
  const rows: string[][] = []
  const left: string[] = []
  for (const exercise of exercises) {
    const skeleton = readFileSync(join(exercise.directory, exercise.driver), 'utf8')
    const parts = submissions
      .filter(each => each.exercise === exercise)
      .flatMap(submission => ownPartOf(submission, skeleton, io))
    const pairs = pairsOf(parts)
    if (isJson) {
      for (const pair of pairs) {
        io.out(`${JSON.stringify({ exercise: exercise.name, ...pair })}\n`)
      }
      continue
    }
    rows.push(...pairs.slice(0, SHOWN).map(pair => rowOf(exercise, pair)))
    if (pairs.length > SHOWN) {
      left.push(`${exercise.name}: ${SHOWN} of ${pairs.length} pairs; --json prints all\n`)
    }
  }
  if (isJson) return
  if (rows.length === 0) {
    io.out('No two drivers have common parts.\n')
    return
  }
  const head = [
    'exercise',
    'student',
    'student',
    'same tokens',
    'lines of the first',
    'of the second',
  ]
  io.out(`${alignLeft([head, ...rows]).join('\n')}\n${left.join('')}`)
}

const rowOf = ({ name }: Exercise, { students, same, of, lines }: Pair): string[] => [
  name,
  ...students,
  `${same} of ${of[0]} and ${of[1]}`,
  ...lines,
]

/** Returns the own part of a submission, in a list; an empty one if there is no driver. */
function ownPartOf(
  { student, exercise, directory }: Submission,
  skeleton: string,
  io: Io,
): OwnPart[] {
  const driver = directory && driverFileIn(directory, exercise)
  if (!driver) return []
  const others = filesIn(directory).filter(path => path !== driver)
  const files = [driver, ...others].map(path => ({
    name: path === driver ? '' : relative(directory, path),
    text: readTextFile(path).slice(0, CHARACTERS_MAX),
  }))
  const part = ownPart(student, files, skeleton)
  if (part.tokens.length < TOKENS_MAX) return [part]
  const what = `${student}, ${exercise.name}: only the first ${TOKENS_MAX} tokens are compared`
  io.err(`vnet: grade: ${printable(what)}\n`)
  return [part]
}

/** The drivers' files of a directory, sorted. Links and installed packages are left out. */
function filesIn(directory: string): string[] {
  return readdirSync(directory, { withFileTypes: true, recursive: true })
    .filter(entry => entry.isFile() && /\.m?[jt]s$/.test(entry.name))
    .map(({ parentPath, name }) => join(parentPath, name))
    .filter(path => !relative(directory, path).split('/').includes('node_modules'))
    .sort()
}

/**
 * Returns what a student has written: the tokens of the files without the lines of the skeleton,
 * whose spaces and semicolons do not matter, with all names alike.
 */
export function ownPart(
  student: string,
  files: readonly { readonly name: string; readonly text: string }[],
  skeleton: string,
): OwnPart {
  const given = new Set(linesOf(tokensOf(skeleton)).map(keyOf))
  const own = files.flatMap(({ name, text }) =>
    linesOf(tokensOf(text))
      .filter(line => !given.has(keyOf(line)))
      .flatMap(line => line.map(token => ({ ...token, file: name }))),
  )
  const kept = own.slice(0, TOKENS_MAX)
  const places = kept.map(({ file, line }) => ({ file, line }))
  return {
    student,
    places,
    ...indexed(kept.map(({ text, isName }) => (isName ? 'name' : text))),
  }
}

const keyOf = (line: readonly Token[]): string => line.map(({ text }) => text).join(' ')

/** Returns the tokens of each line that has some. */
const linesOf = (tokens: readonly Token[]): Token[][] => [
  ...grouped(tokens, ({ line }) => line).values(),
]

/** Returns the items by their keys, both in the order of the items. */
function grouped<T, K>(items: readonly T[], keyOfItem: (item: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>()
  for (const item of items) {
    const key = keyOfItem(item)
    const group = groups.get(key) ?? []
    groups.set(key, group)
    group.push(item)
  }
  return groups
}

/** Returns the pairs with common runs, those with the largest share of the shorter one first. */
export function pairsOf(parts: readonly OwnPart[]): Pair[] {
  const pairs = parts.flatMap((a, i) =>
    parts.slice(i + 1).flatMap(b => {
      const matches = matchesOf(a, b)
      return matches.length === 0 ? [] : [pairOf(a, b, matches)]
    }),
  )
  const share = ({ same, of }: Pair) => same / Math.min(...of)
  return pairs.sort((x, y) => share(y) - share(x) || y.same - x.same)
}

function pairOf(a: OwnPart, b: OwnPart, matches: readonly Match[]): Pair {
  const placesIn = ({ places }: OwnPart, start: (match: Match) => number) =>
    matches.flatMap(match => places.slice(start(match), start(match) + match.length))
  return {
    students: [a.student, b.student],
    same: matches.reduce((sum, { length }) => sum + length, 0),
    of: [a.tokens.length, b.tokens.length],
    lines: [rangesOf(placesIn(a, match => match.a)), rangesOf(placesIn(b, match => match.b))],
  }
}

/** Returns the lines of places: `60-71, 80, helper.js:3-9`. */
function rangesOf(places: readonly Place[]): string {
  const files = [...grouped(places, ({ file }) => file)].sort(([a], [b]) => (a < b ? -1 : 1))
  return files
    .flatMap(([file, found]) => {
      const lines = [...new Set(found.map(({ line }) => line))].sort((a, b) => a - b)
      const starts = lines.filter((line, i) => line - 1 !== lines[i - 1])
      const ends = lines.filter((line, i) => line + 1 !== lines[i + 1])
      return starts.map((start, i) => {
        const end = ends[i] ?? start
        return `${file && `${file}:`}${start}${end === start ? '' : `-${end}`}`
      })
    })
    .join(', ')
}
