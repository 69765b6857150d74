/**
 * node scripts/check-prose.mjs [ROOT]: prints one line for each comment, test title or line of a
 * document that is wider than 100 columns or has a phrase that docs here do not use, and exits 1 if
 * there is one. The formatter keeps the width of code, but does not wrap comments.
 *
 * Exempt are tables and blocks of code in Markdown, and inline code. Lines without a space to break
 * them at, such as an address, may be wider.
 */

import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { extname, join, resolve } from 'node:path'

const WIDTH = 100

/** Phrases and the words to use. The patterns find translated sentences; rewrite the sentence. */
const PHRASES = [
  [/\boctets?\b/i, 'write byte'],
  [/\b(he|him|his|whom|somebody)\b/i, 'name the user or the program'],
  [/\b(tells?|told)\b/i, 'programs return, report, notify or log'],
  [/\b(begins?|began|anew|(goes|go|going|went) on)\b/i, 'write start, again, continue'],
  [/\btak(e|es|en|ing) out\b/i, 'write remove'],
  [/(?<!\bon )\b(its|their) way\b/i, 'write path or direction'],
  [/\b(of|for|with|by|from|to|in) (what|who) (is|are|it|they|has|have|waits?|looks?|asks?|wants?)\b/i, 'use a noun'],
  [/^Of (a|an|the|its|all|each|those|what)\b|(^|[.:;] )Has (a|an|the|its|all|each)\b/, 'begin with the subject'],
]

const slashes = { whole: /^\s*(\/\/|\/\*|\*)/, trailing: /\S\s+\/\/ / }
const hash = { whole: /^\s*#/, trailing: /\S\s+# / }
/** The title of a test: a text that a function follows. */
const TITLE = /\((['"`])(.*)\1, (?:async )?(?:\(|\w+ =>)/

/** The beginning of a comment line by file extension. All of a YAML file is a document. */
const comments = {
  ...Object.fromEntries(['.ts', '.tsx', '.mjs', '.js', '.c', '.cc', '.h'].map(extension => [extension, slashes])),
  ...Object.fromEntries(['.py', '.sh', ''].map(extension => [extension, hash])),
  '.yaml': { whole: /./ },
}

/**
 * Returns the mistakes in the files that git tracks in `root`, as `src/a.ts:3: 104 columns, at most
 * 100`.
 */
export function checkProse(root) {
  const files = execFileSync('git', ['ls-files', '-z'], { cwd: root, encoding: 'utf8' }).split('\0').slice(0, -1)
  return files.filter(file => existsSync(join(root, file))).flatMap(file => checkFile(root, file))
}

function checkFile(root, file) {
  const extension = extname(file)
  if (extension !== '.md' && comments[extension] === undefined) return []
  const lines = readFileSync(join(root, file), 'utf8').split('\n')
  const textOf = extension === '.md' ? markdownText(lines) : commentIn(comments[extension])
  return lines.flatMap((line, i) => {
    const at = `${file}:${i + 1}`
    const text = textOf(line, i)
    if (text === undefined) return phrases(at, TITLE.exec(line)?.[2])
    const columns = [...line].length
    const isWide = columns > WIDTH && isBreakable(line)
    return [...(isWide ? [`${at}: ${columns} columns, at most ${WIDTH}`] : []), ...phrases(at, text)]
  })
}

function phrases(at, text = '') {
  const plain = text.replace(/`[^`]*`/g, '')
  return PHRASES.flatMap(([pattern, advice]) => {
    const found = pattern.exec(plain)
    return found === null ? [] : [`${at}: "${found[0]}": ${advice}`]
  })
}

/** Returns a function that returns the text of a comment, or undefined for a line of code alone. */
const commentIn =
  ({ whole, trailing }) =>
  line => {
    if (whole.test(line)) return line.replace(/^\s*(\/\/|\/?\*+\/?|#)?\s*/, '').replace(/\s*\*\/$/, '')
    const found = trailing?.exec(line)
    return found ? line.slice(found.index + found[0].length) : undefined
  }

/** Returns the same for the lines of a document: tables and code, fenced or indented, are code. */
function markdownText(lines) {
  let fenced = false
  const text = lines.map(line => {
    if (/^\s*```/.test(line)) fenced = !fenced
    return fenced || /^( {4}|\s*\|)/.test(line) ? undefined : line
  })
  return (_, i) => text[i]
}

/** Returns whether the line can be broken at a space within the width, after its leader. */
const isBreakable = line => /\S\s+\S/.test(line.replace(/^\s*(\/\/|\/\*\*?|\*|#|-)?\s*/, '').slice(0, WIDTH - 10))

if (process.argv[1] === import.meta.filename) {
  const found = checkProse(resolve(process.argv[2] ?? '.'))
  for (const line of found) console.error(line)
  process.exitCode = found.length > 0 ? 1 : 0
}
