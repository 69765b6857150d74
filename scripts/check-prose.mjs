/**
 * node scripts/check-prose.mjs [ROOT] [--marks]: prints one line for each comment, test title or
 * line of a document that is wider than 100 columns or has a phrase that docs here do not use, and
 * exits 1 if there is one. The formatter keeps the width of code, but does not wrap comments.
 *
 * Other phrases are right in one place and hard to read in another. Each is a mark, and the
 * repository may have one mark in 100 lines of prose: above that, all marks are printed, and the
 * script exits 1. With --marks they are always printed.
 *
 * Exempt are tables and blocks of code in Markdown, and inline code. Lines without a space to break
 * them at, such as an address, may be wider.
 */

import { readFileSync } from 'node:fs'
import { extname, join, resolve } from 'node:path'
import { flag, readOptions } from './options.mjs'
import { filesIn } from './project-files.mjs'

const WIDTH = 100

/** Marks per 100 lines of prose. */
const LIMIT = 1

/** Phrases and better ones. The patterns find translated sentences; rewrite the sentence. */
const PHRASES = [
  [/\boctets?\b/i, 'write byte'],
  [/\b(he|him|his|whom|somebody)\b/i, 'name the user or the program'],
  [/\b(tells?|told)\b/i, 'programs return, report, notify or log'],
  [/\b(begins?|began|anew|(goes|go|going|went) on)\b/i, 'write start, again, continue'],
  [/\btak(e|es|en|ing) out\b/i, 'write remove'],
  [/(?<!\bon )\b(its|their) way\b/i, 'write path or direction'],
  [
    /\b(of|for|with|by|from|to|in) (what|who) (is|are|it|they|has|have|waits?|looks?|asks?|wants?)\b/i,
    'use a noun',
  ],
  [
    /^Of (a|an|the|its|all|each|those|what)\b|(^|[.:;] )Has (a|an|the|its|all|each)\b/,
    'begin with the subject',
  ],
]

/** Phrases that are marks, and better ones. */
const MARKS = [
  [/\b(nobody|who|whose|answer(s|ed)?)\b/, 'only people are who and answer: programs reply'],
  [/\b(those|the ones?) (of|that|which|in|on)\b/, 'repeat the noun'],
  [/\b(is|are|was|were) (no|none|gone|there)\b/, 'write is not a, does not exist, was deleted'],
  [
    /((^|[.:;] )W|\b(of|and|but|is|are|all|at) w)hat (is|are|was|the|an?|it|they|cannot|must|may|happens)\b/,
    'name the thing',
  ],
  [/\b(behind|stays?|at once)\b/, 'write after or past, remain, immediately'],
  [
    /(^|[.:;] )(By|With|Without|In|From|To) (an?|the|each|all|one)\b[^,.]{0,60}\b(it|they|there|only)\b/,
    'begin with the subject',
  ],
  [/\b(the|its|their|in|of|these|those) words\b/, 'write spec, expression or text'],
  [/\bas (the|an?|it|those) [\w ]{1,24}\b(does|do|has|have)\b/, 'write like the'],
]

const slashes = { whole: /^\s*(\/\/|\/\*|\*)/, trailing: /\S\s+\/\/ / }
const hash = { whole: /^\s*#/, trailing: /\S\s+# / }
/** The title of a test: a text that a function follows. */
const TITLE = /\((['"`])(.*)\1, (?:async )?(?:\(|\w+ =>)/

/** The beginning of a comment line by file extension. All of a YAML file is a document. */
const comments = {
  ...Object.fromEntries(
    ['.ts', '.tsx', '.mjs', '.js', '.c', '.cc', '.h'].map(extension => [extension, slashes]),
  ),
  ...Object.fromEntries(['.py', '.sh', ''].map(extension => [extension, hash])),
  '.yaml': { whole: /./ },
}

/**
 * Returns the mistakes in files of `root`, as `src/a.ts:3: 104 columns, at most 100`, the marks in
 * the same form, and their number in 100 lines.
 */
export function checkProse(root, files) {
  const prose = files.flatMap(file => proseOf(root, file))
  const marks = prose.flatMap(line => phrases(line, MARKS))
  const rate = (100 * marks.length) / Math.max(prose.length, 1)
  return {
    mistakes: prose.flatMap(line => [...width(line), ...phrases(line, PHRASES)]),
    marks,
    rate,
  }
}

/** Returns the prose of a file by line, and the whole line where it is not code. */
function proseOf(root, file) {
  const extension = extname(file)
  if (extension !== '.md' && comments[extension] === undefined) return []
  const lines = readFileSync(join(root, file), 'utf8').split('\n')
  const textOf = extension === '.md' ? markdownText(lines) : commentIn(comments[extension])
  return lines.flatMap((line, i) => {
    const text = textOf(line, i)
    const prose = (text ?? TITLE.exec(line)?.[2] ?? '').replace(/`[^`]*`/g, '')
    return prose.trim() === ''
      ? []
      : [{ at: `${file}:${i + 1}`, prose, line: text === undefined ? '' : line }]
  })
}

function width({ at, line }) {
  const columns = [...line].length
  return columns > WIDTH && isBreakable(line) ? [`${at}: ${columns} columns, at most ${WIDTH}`] : []
}

const phrases = ({ at, prose }, patterns) =>
  patterns.flatMap(([pattern, advice]) => {
    const found = pattern.exec(prose)
    return found === null ? [] : [`${at}: "${found[0].trim()}": ${advice}`]
  })

/** Returns a function that returns the text of a comment, or undefined for a line of code alone. */
const commentIn =
  ({ whole, trailing }) =>
  line => {
    if (whole.test(line)) {
      return line.replace(/^\s*(\/\/|\/?\*+\/?|#)?\s*/, '').replace(/\s*\*\/$/, '')
    }
    const found = trailing?.exec(line)
    return found ? line.slice(found.index + found[0].length) : undefined
  }

/** Returns the same for the lines of a document: tables and code, fenced or indented, are code. */
function markdownText(lines) {
  let fenced = false
  const text = lines.map(line => {
    if (/^\s*```/.test(line)) {
      fenced = !fenced
    }
    return fenced || /^( {4}|\s*\|)/.test(line) ? undefined : line
  })
  return (_, i) => text[i]
}

/** Returns whether the line can be broken at a space within the width, after its leader. */
const isBreakable = line =>
  /\S\s+\S/.test(line.replace(/^\s*(\/\/|\/\*\*?|\*|#|-)?\s*/, '').slice(0, WIDTH - 10))

if (process.argv[1] === import.meta.filename) {
  const { values, positionals } = readOptions({ marks: flag }, 1)
  const root = resolve(positionals[0] ?? '.')
  const { mistakes, marks, rate } = checkProse(root, filesIn(root))
  const isOver = rate > LIMIT
  if (values.marks || isOver) {
    for (const line of marks) {
      console.error(line)
    }
  }
  for (const line of mistakes) {
    console.error(line)
  }
  if (values.marks || isOver) {
    console.error(`${marks.length} marks, ${rate.toFixed(2)} in 100 lines, at most ${LIMIT}`)
  }
  process.exitCode = isOver || mistakes.length > 0 ? 1 : 0
}
