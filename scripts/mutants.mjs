/**
 * node scripts/mutants.mjs --help: breaks source lines at random, one at a time, and records which
 * of `npm test` and `npm run test:all` fail. It shows how much `npm test`, which runs a part of
 * the tests, finds of what all of them find.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { random } from '../dist/base/random.js'
import { flag, readOptions, refuse, text, whole } from './options.mjs'
import { npm } from './setup/command.mjs'

const HELP = `usage: node scripts/mutants.mjs [--count N] [--seed N] [--results FILE] [--list]

Draws N source lines of src and packages/*/src, changes one operator, constant or condition of each,
and runs \`npm test\`; if that passes, \`npm run test:all\`. Needs a clean clone after set-up, which it
changes and restores. Lines whose mutant is already in FILE are not run again.

  --count    lines, 1 to 1000 (30)
  --seed     of the draw, 0 to 1000000 (1)
  --results  FILE with a line of JSON for each mutant (mutants.jsonl)
  --list     prints the mutants and runs nothing
`

const root = resolve(import.meta.dirname, '..')

/** Parts of a line, and their replacements. The formatter puts spaces around operators. */
const SWAPS = [
  [/ === /g, ' !== '],
  [/ !== /g, ' === '],
  [/ < /g, ' <= '],
  [/ <= /g, ' < '],
  [/ > /g, ' >= '],
  [/ >= /g, ' > '],
  [/ && /g, ' || '],
  [/ \|\| /g, ' && '],
  [/ \+ /g, ' - '],
  [/ - /g, ' + '],
  [/ \* /g, ' + '],
  [/ \+= /g, ' -= '],
  [/ -= /g, ' += '],
  [/\btrue\b/g, 'false'],
  [/\bfalse\b/g, 'true'],
  [/\bif \(/g, 'if (!'],
  [/(?<![\w.'"`#$-])\d+(?![\w.'"`])/g, number => String(Number(number) + 1)],
]

/** Lines with mutants that no test can find: comments, imports, types and texts. */
const isPassive = line =>
  /^\s*(\*|\/\/|\/\*|import |export (type|interface|\*)|type |interface |['"`])/.test(line) ||
  /^\s*readonly /.test(line)

/** Returns the mutants of a line of source: each is the line with one place changed. */
export function mutantsOf(line) {
  if (isPassive(line)) return []
  // A comment after code.
  const code = line.replace(/ \/\/ .*$/, '')
  return SWAPS.flatMap(([pattern, other]) =>
    [...code.matchAll(pattern)]
      .filter(({ index }) => !isInText(code, index))
      .map(({ 0: found, index }) => {
        const changed = typeof other === 'string' ? other : other(found)
        return negated(line.slice(0, index), changed, line.slice(index + found.length))
      })
      .filter(mutant => mutant !== undefined),
  )
}

/** Whether a place follows an odd number of quotes, and so inside a text. */
const isInText = (code, index) =>
  (code.slice(0, index).match(/(?<!\\)['"`]/g) ?? []).length % 2 === 1

/** `if (a)` becomes `if (!(a))`; undefined if the condition continues in the next line. */
function negated(before, changed, after) {
  if (changed !== 'if (!') return before + changed + after
  let depth = 1
  for (let i = 0; i < after.length; i++) {
    depth += { '(': 1, ')': -1 }[after[i]] ?? 0
    if (depth === 0) return `${before}if (!(${after.slice(0, i)})${after.slice(i)}`
  }
  return undefined
}

const git = (...words) =>
  execFileSync('git', words, { cwd: root, encoding: 'utf8', maxBuffer: 2 ** 26 }).trim()

/** Draws lines, each with one of its mutants. All lines with a mutant are equally likely. */
function draw(count, seed) {
  const files = git('ls-files', 'src', ':(glob)packages/*/src/**')
    .split('\n')
    .filter(file => /\.tsx?$/.test(file) && !file.includes('.generated.'))
  const places = files.flatMap(file =>
    readFileSync(join(root, file), 'utf8')
      .split('\n')
      .map((line, i) => ({ file, line: i + 1, before: line }))
      .filter(({ before }) => mutantsOf(before).length > 0),
  )
  const { below } = random(seed)
  return Array.from({ length: Math.min(count, places.length) }, () => {
    const [place] = places.splice(below(places.length), 1)
    const mutants = mutantsOf(place.before)
    return { ...place, after: mutants[below(mutants.length)] }
  })
}

/** Whether a command of npm fails in this tree. Its last lines are printed then. */
function fails(...words) {
  const [program, ...args] = npm()
  const { status, stdout } = spawnSync(program, [...args, ...words], {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    maxBuffer: 2 ** 28,
  })
  const failed = stdout.split('\n').filter(line => /FAIL|error TS|FAILED/.test(line))
  if (failed.length > 0) {
    console.log(failed.slice(0, 3).join('\n'))
  }
  return status !== 0
}

/** Returns the command that finds a mutant (`npm test`, `test:all`, `none`). Restores the line. */
function foundBy({ file, line, after }) {
  const path = join(root, file)
  const source = readFileSync(path, 'utf8')
  const lines = source.split('\n')
  lines[line - 1] = after
  writeFileSync(path, lines.join('\n'))
  try {
    if (fails('test')) return 'npm test'
    return fails('run', 'test:all') ? 'test:all' : 'none'
  } finally {
    writeFileSync(path, source)
  }
}

const textOf = ({ file, line, before, after }) =>
  `${file}:${line}\n  - ${before.trim()}\n  + ${after.trim()}`

function main() {
  const options = {
    count: whole(30, 1, 1000),
    seed: whole(1, 0, 1_000_000),
    results: text,
    list: flag,
    help: flag,
  }
  const { count, seed, results = 'mutants.jsonl', list, help } = readOptions(options).values
  if (help) {
    process.stdout.write(HELP)
    return
  }
  const drawn = draw(count, seed)
  if (list) {
    console.log(drawn.map(textOf).join('\n'))
    return
  }
  if (git('status', '--porcelain', '--untracked-files=no') !== '') {
    refuse('this clone has changes: commit them, or take a fresh clone')
  }
  const done = existsSync(results) ? readFileSync(results, 'utf8').trim().split('\n') : []
  const known = new Map(
    done.filter(Boolean).map(line => [textOf(JSON.parse(line)), JSON.parse(line)]),
  )
  const found = drawn.map(mutant => {
    console.log(textOf(mutant))
    const old = known.get(textOf(mutant))
    const by = old?.by ?? foundBy(mutant)
    if (old === undefined) {
      appendFileSync(results, `${JSON.stringify({ ...mutant, by })}\n`)
    }
    console.log(`  found by: ${by}`)
    return by
  })
  const by = name => found.filter(each => each === name).length
  console.log(
    `${found.length} mutants: npm test finds ${by('npm test')}, test:all ${by('test:all')} more, none finds ${by('none')}`,
  )
}

// A test imports the mutants of a line.
if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  main()
}
