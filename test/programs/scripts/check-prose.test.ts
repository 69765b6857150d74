import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { beforeEach, expect, test } from 'vitest'
import { checkProse } from '../../../scripts/check-prose.mjs'
import { freshDirectory } from '../../support/fresh-directory.ts'

const root = freshDirectory()

beforeEach(() => execFileSync('git', ['init', '-q', root]))

/** Returns the report on a repository with `text` in `file` alone. */
function check(file: string, text: string): string[] {
  mkdirSync(dirname(join(root, file)), { recursive: true })
  writeFileSync(join(root, file), text)
  execFileSync('git', ['add', file], { cwd: root })
  return checkProse(root)
}

/** Returns `prefix` and words after it, `columns` wide in all. */
const line = (prefix: string, columns: number): string => prefix + 'word '.repeat(30).slice(0, columns - prefix.length)

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
])('reports a line of 101 columns in %s that starts with "%s", but not one of 100', (file, prefix) => {
  const text = `${line(prefix, 100)}\n${line(prefix, 101)}\n`
  expect(check(file, text)).toEqual([`${file}:2: 101 columns, at most 100`])
})

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
