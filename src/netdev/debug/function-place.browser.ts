/** What function-place.node.ts is in a browser, where a program has no debugger. */

import { around, type Found, linesOf, type SourceLines } from './source-lines.ts'

/** The texts of the drivers, by their files. */
const texts = new Map<string, string>()

/** Lets functions of a driver be found by its text. */
export function addDriverText(file: string, text: string): void {
  texts.set(file, text)
}

/** Returns the file and line of a function; of the first one, if several have the same text. */
export function functionPlace(fn: unknown): string | undefined {
  const found = functionAt(fn)
  return found && `${found.file}:${found.line}`
}

/** Returns the lines of a function of a driver, at most `most`. */
export function functionLines(fn: unknown, most: number): SourceLines | undefined {
  const found = functionAt(fn)
  return found && linesOf(found, String(fn), most)
}

/** Returns the line at a place, such as `/my-driver.js:12`, and its function's, at most `most`. */
export function placeLines(place: string, most: number): SourceLines | undefined {
  const [, file = '', number] = /^(.*):(\d+)$/.exec(place) ?? []
  const text = texts.get(file)?.split('\n')
  const line = Number(number)
  return text && around({ file, line, first: line, lines: [], text }, most)
}

function functionAt(fn: unknown): Found | undefined {
  if (typeof fn !== 'function') return undefined
  const code = Function.prototype.toString.call(fn)
  for (const [file, text] of texts) {
    const at = text.indexOf(code)
    if (at < 0) continue
    const line = text.slice(0, at).split('\n').length
    return { file, line, first: line, lines: code.split('\n'), text: text.split('\n') }
  }
  return undefined
}
