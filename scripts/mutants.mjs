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
import { npm, tool } from './setup/command.mjs'

const HELP = `usage: node scripts/mutants.mjs [--count N] [--seed N] [--results FILE] [--list]

Draws N source lines of src and packages/*/src, changes one operator, constant or condition of each,
and runs \`npm test\` with each. The mutants that it does not find are put in together for one run of
\`npm run test:all\`; then the files that failed run with each of these mutants alone. So a mutant that
hides another's effect is not seen. Needs a clean clone after set-up, which it changes and restores.
Mutants that are already in FILE are not run again.

  --count    lines, 1 to 1000 (30)
  --seed     of the draw, 0 to 1000000 (1)
  --results  FILE with a line of JSON for each mutant (mutants.jsonl)
  --list     prints the mutants and runs nothing
`

const root = resolve(import.meta.dirname, '..')

/** Recorded for a mutant that `npm test` has missed, until all tests have run. */
const NOT_YET = 'not npm test'

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

/** Runs a command of npm in this tree. Returns its status, and the test files that failed. */
function run(...words) {
  const [program, ...args] = npm()
  const { status, stdout } = spawnSync(program, [...args, ...words], {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    maxBuffer: 2 ** 28,
  })
  const failures = stdout.split('\n').filter(line => /^ *FAIL|error TS|^FAILED/.test(line))
  if (failures.length > 0) {
    console.log(failures.slice(0, 3).join('\n'))
  }
  const files = failures.flatMap(line => /^ *FAIL.*?([\w./-]+\.test\.ts)/.exec(line)?.[1] ?? [])
  return { isFailed: status !== 0, files: [...new Set(files)] }
}

/** Runs `check` while the mutants are in the sources. Returns its result. */
function withMutants(mutants, check) {
  const sources = new Map()
  try {
    for (const { file, line, after } of mutants) {
      const path = join(root, file)
      const source = readFileSync(path, 'utf8')
      // Lines keep their numbers until the files are formatted.
      if (!sources.has(path)) {
        sources.set(path, source)
      }
      const lines = source.split('\n')
      lines[line - 1] = after
      writeFileSync(path, lines.join('\n'))
    }
    // A check of the layout must not find them.
    // One that cannot be parsed is found by the tests.
    const [program, ...args] = tool('biome')
    spawnSync(program, [...args, 'format', '--write', ...sources.keys()], {
      cwd: root,
      stdio: 'ignore',
    })
    return check()
  } finally {
    for (const [path, source] of sources) {
      writeFileSync(path, source)
    }
  }
}

/** Returns, for mutants that `npm test` has not found, whether all tests find each. */
function foundByAll(mutants) {
  if (mutants.length === 0) return []
  console.log(`${mutants.length} mutants together`)
  const together = withMutants(mutants, () => run('run', 'test:all'))
  return mutants.map(mutant => {
    if (!together.isFailed) return false
    // Without a file, a check before the tests has failed, and each mutant needs them all.
    return withMutants([mutant], () => run('run', 'test:all', '--', ...together.files)).isFailed
  })
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
    done.filter(Boolean).map(line => [textOf(JSON.parse(line)), JSON.parse(line).by]),
  )
  const record = (mutant, by) => {
    console.log(`${textOf(mutant)}\n  found by: ${by}`)
    if (known.get(textOf(mutant)) === by) return
    appendFileSync(results, `${JSON.stringify({ ...mutant, by })}\n`)
    known.set(textOf(mutant), by)
  }
  for (const mutant of drawn) {
    const test = () => (withMutants([mutant], () => run('test')).isFailed ? 'npm test' : NOT_YET)
    record(mutant, known.get(textOf(mutant)) ?? test())
  }
  const open = drawn.filter(mutant => known.get(textOf(mutant)) === NOT_YET)
  for (const [i, isFound] of foundByAll(open).entries()) {
    record(open[i], isFound ? 'test:all' : 'none')
  }
  const by = name => drawn.filter(mutant => known.get(textOf(mutant)) === name).length
  console.log(
    `${drawn.length} mutants: npm test finds ${by('npm test')}, test:all ${by('test:all')} more, none finds ${by('none')}`,
  )
}

// A test imports the mutants of a line.
if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  main()
}
