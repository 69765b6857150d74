import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { expect, test } from 'vitest'
import { freshDirectory } from '#support/fresh-directory.ts'
import { checkPages, findings, HOMES, NOT_HOW_TO } from '../../../scripts/check-pages.mjs'

const OPTIONS = new Set(['--wire'])
const FACT = 'what remains after kill -9'
const code = '\n```sh\nvnet run\n```\n'
const words = (count: number) => `${'word '.repeat(count - 1)}word`
/** Paragraphs of 50 words. */
const long = (count: number) =>
  Array(count / 50)
    .fill(words(50))
    .join('\n\n')

const found = (page: string, file = 'docs/a.md') => findings(file, page, OPTIONS)

test.each<[string, object, string]>([
  [`${code}${long(1500)}`, {}, '1,500 words'],
  [`${code}${long(1500)}\n\nword`, { words: 1501 }, '1,501 words'],
  [`${code}${long(1500)}\n${code}`, {}, 'code is not counted'],
  [`${code}${long(1500)}\n\n|---|---|\n`, {}, 'lines of a table neither'],
  [`${code}${long(1450)}\n\nIt is:\n\n    ${words(60)}\n`, {}, 'nor indented code'],
  [`${code}${long(1500)}\n<!-- keys -->\n${long(50)}\n<!-- /keys -->\n`, {}, 'a generated block'],
  [`${code}${words(90)}`, {}, 'a paragraph of 90 words'],
  [`${code}${words(91)}`, { paragraphs: 1 }, 'one of 91 words'],
  [`${code}- ${words(60)}\n- ${words(60)}\n`, {}, 'a list is read by its items'],
  [`${code}- ${words(60)}\n  ${words(60)}\n`, { paragraphs: 1 }, 'a long item'],
  [`${code}| ${words(60)} | ${words(60)} |\n`, {}, 'a row of a table has columns'],
  [`# A\n\n${words(59)}\n${code}`, {}, 'code after 60 words'],
  [`# A\n\n${words(60)}\n${code}`, { before: 61 }, 'code after 61 words'],
  [`# A\n\n${words(58)}\n\n    vnet run\n`, {}, 'indented code shows something, too'],
  [`${code}| \`--wire TEXT\` | the wire |\n`, { options: 1 }, 'an option of docs/commands.md'],
  [`${code}| \`--other\` | the rest |\n`, {}, 'another option'],
])('finds in %j %j: %s', (page, expected, _title) => {
  expect(found(page)).toEqual(expected)
})

test.each([
  ['docs/security.md', 'a page that explains'],
  ['README.md', 'a page outside of the documentation'],
])('%s may explain before it shows: %s', file => {
  expect(found(`# A\n\n${words(61)}\n${code}`, file)).toEqual({})
})

test('a fact of another page needs a link to that page in its paragraph', () => {
  const fact = `${code}After \`kill -9\`, nothing remains`
  expect(found(fact)).toEqual({ [FACT]: 1 })
  expect(found(`${fact} ([more](faq.md#ends)).`)).toEqual({})
  expect(found(`${fact}.\n\n[More](faq.md#ends).`)).toEqual({ [FACT]: 1 })
  expect(found(fact, 'docs/faq.md')).toEqual({})
})

test.each(HOMES as [string, string, RegExp][])(
  'the pattern of %s matches its home, %s',
  (_, home, pattern) => {
    expect(readFileSync(home, 'utf8')).toMatch(pattern)
  },
)

test('every page that may explain before it shows exists', () => {
  expect(NOT_HOW_TO.filter(page => !existsSync(page))).toEqual([])
})

test('exceptions only get fewer', () => {
  const pages = new Map([['docs/a.md', `${code}${words(100)}\n\nkill -9\n`]])
  const check = (allowed: object) => checkPages(pages, OPTIONS, allowed)
  expect(check({}).mistakes).toEqual([
    'docs/a.md: paragraphs or items with more than 90 words: 1',
    `docs/a.md: ${FACT}: docs/faq.md is the page for it; link to it instead`,
  ])
  const exact = { 'docs/a.md': { paragraphs: 1, [FACT]: 1 } }
  expect(check(exact)).toEqual({ mistakes: [], left: exact })
  const wide = {
    'docs/a.md': { paragraphs: 2, words: 1600, [FACT]: 1, 'exit statuses': 1 },
    'docs/gone.md': { options: 3 },
  }
  const start = 'scripts/page-exceptions.json: docs/'
  expect(check(wide)).toEqual({
    mistakes: [
      `${start}a.md needs 1 for "paragraphs", not 2: --write`,
      `${start}a.md needs 0 for "words", not 1600: --write`,
      `${start}a.md needs 0 for "exit statuses", not 1: --write`,
      `${start}gone.md needs 0 for "options", not 3: --write`,
    ],
    left: exact,
  })
})

test('a page that is too long may lose words, and gets none', () => {
  const allowed = { 'docs/a.md': { words: 1600 } }
  const check = (count: number) =>
    checkPages(new Map([['docs/a.md', code + long(count)]]), OPTIONS, allowed)
  expect(check(1550)).toEqual({ mistakes: [], left: { 'docs/a.md': { words: 1550 } } })
  expect(check(1650).mistakes).toEqual(['docs/a.md: 1650 words, at most 1500: a page has one job'])
})

test('the script reads the pages of the repository but records, and writes fewer exceptions', () => {
  const root = freshDirectory()
  const files = {
    'docs/a.md': `${code}${words(91)}\n`,
    'docs/record.md': `---\nsearch: false\n---\n${words(91)}\n`,
    'docs/commands-labs.md': `| \`--wire TEXT\` | ${words(91)} |\n`,
    'packages/lab/docs/run.md': `${code}| \`--wire TEXT\` | the wire |\n`,
    'scripts/page-exceptions.json': JSON.stringify({
      'docs/a.md': { paragraphs: 2 },
      'packages/lab/docs/run.md': { options: 1 },
    }),
  }
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, file)), { recursive: true })
    writeFileSync(join(root, file), text)
  }
  execFileSync('git', ['init', '-q', root])
  execFileSync('git', ['add', '.'], { cwd: root })
  const run = (...options: string[]) => {
    const args = [resolve('scripts/check-pages.mjs'), root, ...options]
    const { status, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' })
    return [status, stderr.trim()]
  }
  const message = 'scripts/page-exceptions.json: docs/a.md needs 1 for "paragraphs", not 2: --write'
  expect(run()).toEqual([1, message])
  expect(run('--write')).toEqual([0, ''])
  expect(JSON.parse(readFileSync(join(root, 'scripts/page-exceptions.json'), 'utf8'))).toEqual({
    'docs/a.md': { paragraphs: 1 },
    'packages/lab/docs/run.md': { options: 1 },
  })
  expect(run()).toEqual([0, ''])
})
