/**
 * node scripts/check-width.mjs [ROOT]: prints one line for each comment or line of a document that
 * is wider than 100 columns, and exits 1 if there is one. The formatter keeps the width of code,
 * but does not wrap comments.
 *
 * Exempt are tables and blocks of code in Markdown, and lines without a space to break them at,
 * such as an address.
 */

import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { extname, join, resolve } from 'node:path'

const WIDTH = 100

const slashes = { whole: /^\s*(\/\/|\/\*|\*)/, trailing: /\S\s+\/\/ / }
const hash = { whole: /^\s*#/, trailing: /\S\s+# / }

/** The beginning of a comment line by file extension. All of a YAML file is a document. */
const comments = {
  ...Object.fromEntries(['.ts', '.mjs', '.js', '.c', '.cc', '.h'].map(extension => [extension, slashes])),
  ...Object.fromEntries(['.py', '.sh', ''].map(extension => [extension, hash])),
  '.yaml': { whole: /./ },
}

/**
 * Returns the lines that are too wide in the files that git tracks in `root`, as `src/a.ts:3: 104
 * columns, at most 100`.
 */
export function tooWide(root) {
  const files = execFileSync('git', ['ls-files', '-z'], { cwd: root, encoding: 'utf8' }).split('\0').slice(0, -1)
  return files.filter(file => existsSync(join(root, file))).flatMap(file => tooWideIn(root, file))
}

function tooWideIn(root, file) {
  const extension = extname(file)
  if (extension !== '.md' && comments[extension] === undefined) return []
  const lines = readFileSync(join(root, file), 'utf8').split('\n')
  const isText = extension === '.md' ? markdownText(lines) : commentIn(comments[extension])
  return lines
    .map((line, i) => ({ line, at: `${file}:${i + 1}`, columns: [...line].length }))
    .filter(({ line, columns }, i) => columns > WIDTH && isText(line, i) && isBreakable(line))
    .map(({ at, columns }) => `${at}: ${columns} columns, at most ${WIDTH}`)
}

const commentIn =
  ({ whole, trailing }) =>
  line =>
    whole.test(line) || (trailing?.test(line) ?? false)

/** Returns a filter for the lines of text, not of tables or code, fenced or indented. */
function markdownText(lines) {
  let fenced = false
  const text = lines.map(line => {
    if (/^\s*```/.test(line)) fenced = !fenced
    return !fenced && !/^( {4}|\s*\|)/.test(line)
  })
  return (_, i) => text[i]
}

/** Returns whether the line can be broken at a space within the width, after its leader. */
const isBreakable = line => /\S\s+\S/.test(line.replace(/^\s*(\/\/|\/\*\*?|\*|#|-)?\s*/, '').slice(0, WIDTH - 10))

if (process.argv[1] === import.meta.filename) {
  const found = tooWide(resolve(process.argv[2] ?? '.'))
  for (const line of found) console.error(line)
  process.exitCode = found.length > 0 ? 1 : 0
}
