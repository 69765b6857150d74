/** The text of a call in its source file, for errors that should name what was called. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { attempt } from 'vnet'
import { shortened } from './lists.ts'

/** This package's code. Its frames are not the caller's. */
const CODE = fileURLToPath(new URL('../', import.meta.url))
/** The most characters of a text. */
const MOST = 60

/**
 * Returns the first argument of a call of the function `name`, which the first frame of `stack`
 * outside of this package has made. Undefined if the source cannot be read, or has no such call
 * there.
 */
export function argumentOf(name: string, stack = ''): string | undefined {
  const frames = [...stack.matchAll(/^ {4}at (?:.* \()?(.+):(\d+):(\d+)\)?$/gm)]
  const frame = frames.find(([, file = '']) => !file.includes(CODE))
  const [, place = '', line, column] = frame ?? []
  const path = place.startsWith('file:') ? attempt(() => fileURLToPath(place)) : place
  const source = attempt(() => readFileSync(path ?? '', 'utf8'))
  if (source === undefined) return undefined
  const lines = source.split('\n')
  const from = lines.slice(Number(line) - 1).join('\n')
  const call = `${name}(`
  const at = from.startsWith(call, Number(column) - 1)
    ? Number(column) - 1
    : (lines[Number(line) - 1] ?? '').indexOf(call)
  return at < 0 ? undefined : firstArgument(from.slice(at + call.length))
}

/** Returns the text up to the comma or the bracket that ends the first argument. */
function firstArgument(text: string): string | undefined {
  let depth = 0
  let quote: string | undefined
  for (const [i, char] of [...text].entries()) {
    if (quote !== undefined) {
      quote = char === quote ? undefined : quote
    } else if ('\'"`'.includes(char)) {
      quote = char
    } else if ('([{'.includes(char)) {
      depth++
    } else if (depth === 0 && ',)'.includes(char)) {
      return lineOf(text.slice(0, i))
    } else if (')]}'.includes(char)) {
      depth--
    }
  }
  return undefined
}

function lineOf(text: string): string | undefined {
  const line = text.replace(/\s+/g, ' ').trim()
  return line === '' ? undefined : shortened(line, MOST)
}
