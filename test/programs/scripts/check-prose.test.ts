import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { expect, test } from 'vitest'
import { freshDirectory } from '#support/fresh-directory.ts'
import { checkProse } from '../../../scripts/check-prose.mjs'
import { filesIn } from '../../../scripts/project-files.mjs'

const root = freshDirectory()

function write(file: string, text: string): void {
  mkdirSync(dirname(join(root, file)), { recursive: true })
  writeFileSync(join(root, file), text)
}

/** Returns the report on a file with this text. */
function report(file: string, text: string): ReturnType<typeof checkProse> {
  write(file, text)
  return checkProse(root, [file])
}

const check = (file: string, text: string): string[] => report(file, text).mistakes

/** Returns `prefix` and words after it, `columns` wide in all. */
const line = (prefix: string, columns: number): string =>
  prefix + 'word '.repeat(30).slice(0, columns - prefix.length)

test.each([
  ['src/a.ts', '// '],
  ['src/a.ts', '/** '],
  ['src/a.ts', ' * '],
  ['src/a.ts', '  const a = 1 // '],
  ['native/a.cc', '  // '],
  ['examples/a.py', '# '],
  ['.ci/run', '# '],
  ['docs/a.yaml', '    doc: '],
  ['docs/a.md', ''],
])(
  'reports a line of 101 columns in %s that starts with "%s", but not one of 100',
  (file, prefix) => {
    const text = `${line(prefix, 100)}\n${line(prefix, 101)}\n`
    expect(check(file, text)).toEqual([`${file}:2: 101 columns, at most 100`])
  },
)

test.each([
  ['src/a.ts', line("const a = '", 110), 'code is left to the formatter'],
  ['src/a.ts', `// https://example.org/${'x'.repeat(100)}`, 'an address cannot be broken'],
  ['docs/a.md', line('| ', 110), 'a table has lines as wide as its cells'],
  ['docs/a.md', line('    ', 110), 'a block of code is as wide as its commands'],
  ['docs/a.md', `\`\`\`\n${line('', 110)}\n\`\`\``, 'a fenced block too'],
  ['a.json', line('"', 110), 'other files are not read'],
])('ignores %s with "%s": %s', (file, text) => {
  expect(check(file, `${text}\n`)).toEqual([])
})

test('columns are characters, not bytes', () => {
  expect(check('src/a.ts', `// ${'ä '.repeat(48)}\n`)).toEqual([])
})

test.each([
  ['src/a.ts', '/** Reads an octet. */', '"octet": write byte'],
  ['src/a.ts', ' * tells the driver.', '"tells": programs return, report, notify or log'],
  ['test/a.test.ts', `test('it ${'be'}gan', () => {})`, '"began": write start, again, continue'],
  ['native/a.cc', '// Of the thread.', '"Of the": begin with the subject'],
  ['docs/a.md', 'Frames take their way through the wire.', '"their way": write path or direction'],
])('reports a phrase that documents do not use, %s: %s', (file, text, report) => {
  expect(check(file, `${text}\n`)).toEqual([`${file}:1: ${report}`])
})

test.each([
  ['src/a.ts', "const told = 'octet'", 'code'],
  ['src/a.ts', '// `octet` is the field of the RFC', 'inline code'],
  ['docs/a.md', '    octet', 'a block of code'],
  ['docs/a.md', 'A frame is on its way.', 'another phrase'],
])('allows the words of %s, "%s", in %s', (file, text) => {
  expect(check(file, `${text}\n`)).toEqual([])
})

test('marks are counted in 100 lines of prose', () => {
  const { marks, rate } = report(
    'docs/a.md',
    `A program that answers.\n${'\n| a | table |\n\nPlain.'.repeat(49)}\n`,
  )
  expect(marks).toEqual(['docs/a.md:1: "answers": only people are who and answer: programs reply'])
  expect(rate).toBe(2)
})

test.each([
  ['docs/a.md', 'Frames are there.', 'are there'],
  ['src/a.ts', '// The queue is longer than those of hosts.', 'those of'],
  ['test/a.test.ts', "test('a frame stays in the queue', () => {})", 'stays'],
  ['docs/a.md', 'The list of what it cannot do.', 'of what it'],
])('marks %s: %s', (file, text, phrase) => {
  expect(report(file, `${text}\n`).marks[0]).toContain(`${file}:1: "${phrase}": `)
})

/** Makes a repository in which git tracks these files. */
function track(files: Readonly<Record<string, string>>): void {
  execFileSync('git', ['init', '-q', root])
  for (const [file, text] of Object.entries(files)) {
    write(file, text)
  }
  execFileSync('git', ['add', ...Object.keys(files)], { cwd: root })
}

test('files that git ignores and files that do not exist are not read; new ones are', () => {
  track({ 'docs/ä.md': 'a', 'src/a.ts': 'b', 'src/deleted.ts': 'c', '.gitignore': 'built\n' })
  write('src/new.ts', 'd')
  write('built/a.ts', 'octet')
  rmSync(join(root, 'src/deleted.ts'))
  expect(filesIn(root).sort()).toEqual(['.gitignore', 'docs/ä.md', 'src/a.ts', 'src/new.ts'])
})

test('more than one mark in 100 lines are printed, and the exit code is 1', () => {
  track({ 'docs/a.md': `${'Plain.\n'.repeat(97)}Frames are there.\nA link stays.\n` })
  const script = resolve('scripts/check-prose.mjs')
  const { status, stderr } = spawnSync(process.execPath, [script, root], { encoding: 'utf8' })
  expect([status, stderr.trim().split('\n')]).toEqual([
    1,
    [
      'docs/a.md:98: "are there": write is not a, does not exist, was deleted',
      'docs/a.md:99: "stays": write after or past, remain, immediately',
      '2 marks, 2.02 in 100 lines, at most 1',
    ],
  ])
})
