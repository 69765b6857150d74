/** The sheet of points: CSV with a row for each check, which a teacher edits. */
import { UsageError } from 'vnet'
import { readTextFile } from 'vnet/kit/linux'
import type { Exercise, Result } from '../exercise.ts'
import { courseNames } from '../folder.ts'

/** The points of each check, by `keyOf`. */
type Sheet = ReadonlyMap<string, number>

const keyOf = (exercise: string, title: string): string => `${exercise}: ${title}`

/** Returns the titles of all checks of an exercise, in their order. */
export const titlesOf = ({ memory, live }: Exercise): string[] =>
  [...memory, ...live].map(({ title }) => title)

/** Returns a sheet with one point for each check. */
export function sheetOf(exercises: readonly Exercise[]): string {
  const rows = exercises.flatMap(each => titlesOf(each).map(title => [each.name, title, 1]))
  return [['exercise', 'check', 'points'], ...rows].map(csvLine).join('')
}

/** Reads a sheet, which needs the checks of `graded`. Throws a UsageError of one line. */
export function readSheet(
  path: string,
  exercises: readonly Exercise[],
  graded: readonly Exercise[],
): Sheet {
  const sheet = new Map<string, number>()
  // Spreadsheets may write a byte order mark, and semicolons.
  const [head = '', ...lines] = readTextFile(path)
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/)
  const separator = /^"?exercise"?([,;\t])"?check"?\1"?points\b/.exec(head)?.[1]
  if (separator === undefined) {
    throw new UsageError(`${path}:1: not exercise,check,points; vnet grade --sheet prints it`)
  }
  if (separator === '\t') {
    throw new UsageError(`${path}:1: separated by tabs; save it with commas or semicolons`)
  }
  const other = separator === ',' ? ';' : ','
  for (const [i, line] of lines.entries()) {
    const refuse = (what: string) => new UsageError(`${path}:${i + 2}: ${what}`)
    const cells = line.matchAll(
      new RegExp(`(?:"((?:[^"]|"")*)"|([^"${separator}]*))(?:${separator}|$)`, 'g'),
    )
    const [name = '', title = '', points = ''] = [...cells].map(
      ([, quoted, text]) => quoted?.replaceAll('""', '"') ?? text,
    )
    if (name === '' && title === '') continue
    if (!line.includes(separator) || name.includes(other)) {
      throw refuse(
        `separated by ${line.includes(other) ? `'${other}'` : 'nothing'}, and line 1 by '${separator}'; save it again`,
      )
    }
    const exercise = exercises.find(each => each.name === name)
    // It may be one that --from leaves out.
    if (exercise === undefined && !courseNames().includes(name)) {
      throw refuse(`no exercise is called '${name}'`)
    }
    if (exercise && !titlesOf(exercise).includes(title)) {
      throw refuse(`no check of ${name} is called '${title}'`)
    }
    if (sheet.has(keyOf(name, title))) throw refuse(`'${title}' of ${name} has points already`)
    if (!/^\d+(\.\d+)?$/.test(points)) {
      throw refuse(`points must be a number from 0, such as 2 or 0.5, not '${points}'`)
    }
    sheet.set(keyOf(name, title), Number(points))
  }
  const keys = graded.flatMap(each => titlesOf(each).map(title => keyOf(each.name, title)))
  const missing = keys.find(key => !sheet.has(key))
  if (missing !== undefined) throw new UsageError(`${path}: no points for ${missing}`)
  return sheet
}

/** Returns the points of the passed checks and of all, and how many checks were not run. */
export function scoreOf(exercise: Exercise, results: readonly Result[], sheet?: Sheet) {
  const last = new Map(results.map(({ title, result }) => [title, result]))
  const titles = titlesOf(exercise)
  const sum = (all: readonly string[]) =>
    Number(
      all.reduce((n, title) => n + (sheet?.get(keyOf(exercise.name, title)) ?? 1), 0).toFixed(6),
    )
  const passed = titles.filter(title => last.get(title) === 'passed')
  return {
    points: sum(passed),
    most: sum(titles),
    notRun: titles.filter(title => (last.get(title) ?? 'not run') === 'not run').length,
  }
}

/** RFC 4180. Spreadsheets read a cell as a formula if it starts with one of =+-@. */
export function csvLine(cells: readonly (string | number)[]): string {
  const quoted = cells.map(cell => {
    const text = String(cell).replace(/^[=+\-@\t\r]/, "'$&")
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
  })
  return `${quoted.join(',')}\n`
}
