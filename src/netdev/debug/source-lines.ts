/** The lines of a function in the text of its file, found without a parser. */

/** Lines of a file around `line`. `first` is the number of the first one; they count from 1. */
export interface SourceLines {
  readonly file: string
  readonly line: number
  readonly first: number
  readonly lines: readonly string[]
}

/** The same with all lines of the file. */
export interface Found extends SourceLines {
  readonly text: readonly string[]
}

/** An arrow that only calls a function: `(_, budget) => poll(dev, budget)`. */
const CALL = /^(?:async )?(?:\w+|\([\w\s,]*\)) => (\w+)\([^()]*\)$/

/**
 * Returns the lines of a function, at most `most`. For an arrow that only calls a function of its
 * file, returns the lines of that function.
 */
export function linesOf(found: Found, code: string, most: number): SourceLines {
  const [, called] = CALL.exec(code) ?? []
  const shown = (called && named(found, called)) || found
  return plain({ ...shown, lines: shown.lines.slice(0, most) })
}

/** Returns the lines of a function of a file, which is not indented, as `around` finds its end. */
function named(found: Found, name: string): Found | undefined {
  const { text } = found
  const at = text.findIndex(line =>
    new RegExp(`^(?:export )?(?:async )?function ${name}\\b`).test(line),
  )
  const end = text.findIndex((line, i) => i > at && /^}/.test(line))
  return at < 0 || end < 0
    ? undefined
    : { ...found, line: at + 1, first: at + 1, lines: text.slice(at, end + 1) }
}

/** A function extends from one line that is not indented to the next. Returns at most `most`. */
export function around(found: Found, most: number): SourceLines {
  const { line, text } = found
  const half = Math.floor((most - 1) / 2)
  const isOuter = (n: number) => /^[^\s/*]/.test(text[n - 1] ?? '')
  let [first, last] = [line, line]
  while (first > 1 && first > line - half && !isOuter(first)) {
    first--
  }
  while (last < text.length && last < line + half && !(isOuter(last) && last > first)) {
    last++
  }
  return plain({ ...found, first, lines: text.slice(first - 1, last) })
}

const plain = ({ file, line, first, lines }: Found): SourceLines => ({ file, line, first, lines })
