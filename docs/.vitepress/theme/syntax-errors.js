/** Marks syntax errors in the editor while one types, beside the marks of a check. */
import { ensureSyntaxTree, syntaxTree } from '@codemirror/language'
import { forEachDiagnostic, linter, setDiagnostics } from '@codemirror/lint'

/** A longer text, or one on a busy machine, is parsed later, in pauses. */
const PARSE_MS = 100
const SHOWN_LENGTH = 20

/**
 * Returns the first error of each line: an error of one character often causes others after it.
 * None while the text is not parsed to its end, where the parser would report an error.
 */
function syntaxErrors(state) {
  const errors = new Map()
  ensureSyntaxTree(state, state.doc.length, PARSE_MS)?.iterate({
    enter({ type, from, to }) {
      const line = state.doc.lineAt(from)
      if (type.isError && !errors.has(line.number)) {
        errors.set(line.number, errorAt(line, from, to))
      }
    },
  })
  return [...errors.values()]
}

/** An empty error is marked at the token that is not expected there, or at the end of the line. */
function errorAt({ from: start, text }, from, to) {
  const at = text.slice(from - start)
  const [token] = from === to ? (/^\s*(\w+|\S)/.exec(at) ?? ['']) : [at.slice(0, to - from)]
  const end = from + token.length
  const name = token.trim().slice(0, SHOWN_LENGTH)
  const message =
    name === '' ? 'Syntax error: the line is not complete' : `Syntax error: unexpected ${name}`
  const first = name === '' ? Math.max(start, from - 1) : end - token.trimStart().length
  return { from: first, to: end, severity: 'error', message, isSyntax: true }
}

/** Returns the extension. Marks of a check remain, at the text where they were set. */
export const markSyntaxErrors = () =>
  linter(
    ({ state }) => {
      const others = []
      forEachDiagnostic(state, (each, from, to) => {
        if (!each.isSyntax) {
          others.push({ ...each, from, to })
        }
      })
      return [...others, ...syntaxErrors(state)]
    },
    { needsRefresh: ({ startState, state }) => syntaxTree(startState) !== syntaxTree(state) },
  )

/** Returns a transaction that marks these diagnostics of a check instead of those before. */
export const markChecked = (state, diagnostics) =>
  setDiagnostics(state, [...diagnostics, ...syntaxErrors(state)])
