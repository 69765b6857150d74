/**
 * The generated tables of pages are what scripts/generate-tables.mjs makes from the sources.
 * tables.slow.test.ts has the page for which it parses them.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import {
  blocksOf,
  firstSentence,
  linked,
  table,
  withBlock,
  withoutBlock,
  withoutBlocks,
  wrapped,
} from '../../scripts/blocks.mjs'
import { generatedBlocks } from '../../scripts/generate-records.mjs'
import { built, PAGES } from '../../scripts/generate-tables.mjs'
import { filesIn } from '../../scripts/project-files.mjs'
import { checksOf } from '../../scripts/tables/checks.mjs'
import { controlTable } from '../../scripts/tables/control.mjs'
import { exploreOptions } from '../../scripts/tables/explore.mjs'
import { keysTable, objectAt } from '../../scripts/tables/keys.mjs'
import { expectGenerated, PARSED } from './generated-page.ts'

test.each(Object.keys(PAGES).filter(path => path !== PARSED))(
  '%s follows from its sources: else run npm run generate',
  expectGenerated,
)

/** Blocks that other scripts write, each with its script. */
const OTHERS = [
  ['README.md', 'figures', 'bench/figures.mjs'],
  ['docs/performance.md', 'figures', 'bench/figures.mjs'],
  ['docs/performance.md', 'costs', 'bench/figures.mjs'],
  ['docs/commands.md', 'list', 'scripts/commands-page.mjs'],
  ['docs/commands.md', 'sections', 'scripts/commands-page.mjs'],
  ['docs/records/performance-targets.md', 'targets', 'bench/bench.mjs'],
  ['docs/records/performance-time.md', 'growth', 'bench/growth.mjs'],
] as const

test('npm run generate runs every script that writes text from other files', () => {
  const names = readdirSync('scripts').filter(name => name.startsWith('generate-'))
  expect(names.length).toBeGreaterThan(6)
  const { scripts } = JSON.parse(readFileSync('package.json', 'utf8'))
  const steps: string[] = scripts.generate.split(' && ')
  expect(steps).toEqual(expect.arrayContaining(names.map(name => `node scripts/${name}`)))
  const others = ['scripts/commands-page.mjs', 'scripts/figures.mjs', 'bench/figures.mjs']
  expect(steps).toEqual(expect.arrayContaining(others.map(path => `node ${path}`)))
})

test('every block of a page has a script that writes it', () => {
  const written = [
    ...[PAGES, generatedBlocks()].flatMap(pages =>
      Object.entries(pages).flatMap(([page, blocks]) =>
        Object.keys(blocks).map(name => `${page}: ${name}`),
      ),
    ),
    ...OTHERS.map(([page, name, script]) => {
      expect(readFileSync(script, 'utf8')).toContain(`'${name}'`)
      return `${page}: ${name}`
    }),
  ]
  const found = filesIn('.')
    .filter(file => file.endsWith('.md'))
    .flatMap(page => blocksOf(readFileSync(page, 'utf8')).map(name => `${page}: ${name}`))
  expect(found.sort()).toEqual(written.sort())
})

test('a block is replaced between its marks, and nothing else of the page', () => {
  const page = 'A $& text.\n\n<!-- one -->\n\nold\n\n<!-- /one -->\n\nThe end.\n'
  expect(withBlock(page, 'one', '$& | new\n')).toBe(page.replace('old', () => '$& | new'))
  expect(withoutBlock(page, 'one')).toBe('A $& text.\n\n\n\nThe end.\n')
  expect(blocksOf(page)).toEqual(['one'])
})

test.each(['no marks', '<!-- one -->', '<!-- one --> <!-- one --> <!-- /one -->'])(
  'a page with the wrong marks is refused: %s',
  page => {
    expect(() => withBlock(page, 'one', 'new', 'page.md')).toThrow(
      'page.md: it must have the marks <!-- one --> and <!-- /one -->, once',
    )
  },
)

test.each([
  ['One,\n  by RFC 1, sec. 3. Two.', 'One, by RFC 1, sec. 3.'],
  ['Version 1.2 is here. `two`', 'Version 1.2 is here.'],
  ['By eqn. 3 (a. b). [Two](x)', 'By eqn. 3 (a. b).'],
  ['No full stop', 'No full stop'],
])('the first sentence of %j is %j', (text, sentence) => {
  expect(firstSentence(text)).toBe(sentence)
})

test('a text is broken into lines of at most 100 columns, with their indent', () => {
  const text = 'word '.repeat(40).trim()
  const line = (count: number) => 'word '.repeat(count).trim()
  expect(wrapped(text)).toBe([line(20), line(20)].join('\n'))
  expect(wrapped(text, '  ')).toBe([line(19), `  ${line(19)}`, '  word word'].join('\n'))
})

test('a page without its blocks keeps marks that are in a line', () => {
  const page = 'A <!-- x -->text<!-- /x -->.\n<!-- y -->\n\nnew\n\n<!-- /y -->\nB\n'
  expect(withoutBlocks(page)).toBe('A <!-- x -->text<!-- /x -->.\n\nB\n')
})

test('the first of a phrase is a link, and a phrase that no text has is refused', () => {
  expect(linked('a link and a link', { link: 'x.md' })).toBe('a [link](x.md) and a link')
  expect(() => linked('a text', { link: 'x.md' })).toThrow("no text has 'link'")
})

test('a module is loaded from the build of its package', () => {
  expect(
    ['src/wire/words.ts', 'packages/web/src/a/b.ts', 'packages/learn/x/a.js'].map(built),
  ).toEqual(['dist/wire/words.js', 'packages/web/dist/a/b.js', 'packages/learn/x/a.js'])
})

const about = (description: string, rest: object) => ({ ...rest, description })
const keys = {
  type: 'object',
  properties: {
    $schema: { type: 'string' },
    n: about('A number. Default: 5; 6 on Sundays.', { type: 'integer', minimum: 1, maximum: 9 }),
    many: about('Some.', { type: 'array', items: { enum: ['a|b', false] } }),
    of: about('By name.', {
      anyOf: [{ enum: [false] }, { additionalProperties: { properties: { inner: {} } } }],
    }),
    one: about('First.', { anyOf: [{ type: 'string' }, { items: { type: 'string' } }] }),
  },
  required: ['one'],
}

test('the table of keys has required ones first, and a column for defaults', () => {
  const titles = ['key', 'value', 'default', 'what it is']
  expect(keysTable(keys)).toBe(
    table(titles, [
      ['`one`', 'text, or a list', 'required', 'First.'],
      ['`n`', 'a whole number from 1 to 9', '5; 6 on Sundays', 'A number.'],
      ['`many`', 'a list: `a\\|b`, `false`', '', 'Some.'],
      ['`of`', '`false` or a mapping', '', 'By name.'],
    ]),
  )
})

test('an object in a schema is found by its path, and a key without a description is refused', () => {
  const inner = objectAt(keys, 'of.*')
  expect(() => keysTable(inner, 'of.*.')).toThrow('of.*.inner has no description')
  expect(() => objectAt(keys, 'gone')).toThrow('the schema has no gone')
})

test.each([
  ['A number. Default: 1', { type: 'integer' }, "key: its default ends without '.'"],
  ['A number.', { type: 'number' }, 'the type number needs a title'],
])('the table of keys refuses %j of %j: %s', (description, schema, message) => {
  expect(() => keysTable({ properties: { key: about(description, schema) } })).toThrow(message)
})

test('the table of options of explore has a row for each option', () => {
  const source = `export interface ExploreOptions {
  /** A seed. 1 by default. */
  readonly seed?: number
  /** Stops \`'a|b'\`. */
  readonly stop: boolean
}
`
  const rows = [
    ['`seed`', 'A seed. 1 by default.'],
    ['`stop`', "Stops `'a\\|b'`."],
  ]
  expect(exploreOptions(source)).toBe(table(['option', ''], rows))
})

test.each([
  ['readonly seed?: number', 'options without a comment: seed'],
  ['/** A seed. */\n  readonly seed?: number\n  run(): void', 'options without a comment: run'],
  ['', 'ExploreOptions has no options'],
])('the table of options of explore refuses %j: %s', (body, message) => {
  expect(() => exploreOptions(`export interface ExploreOptions {\n  ${body}\n}\n`)).toThrow(message)
})

test('the table of commands of vnet_nl refuses rights of a command that it lacks', () => {
  const command = (name: string, flags: string[] = []) => ({ name, doc: 'What.', flags })
  const tableOf = (...list: object[]) => controlTable({ operations: { list } })
  expect(() => tableOf(command('ioctl'))).toThrow("vnet_nl has no command 'capture'")
  const event = { ...command('ioctl'), event: 'x' }
  expect(() => tableOf(command('capture'), event)).toThrow("vnet_nl has no command 'ioctl'")
  const checked = command('ioctl', ['admin-perm'])
  expect(() => tableOf(command('capture'), checked)).toThrow("'ioctl' has admin-perm")
})

test('the list of checks says which need iperf3, and which --kernel leaves out', () => {
  const exercise = {
    memory: [{ title: 'drops it' }],
    live: [{ title: 'pings', needs: ['ping', 'iperf3'], notInKernel: 'why' }],
  }
  expect(checksOf({ exercise })).toBe(
    '`vnet check` runs these checks in memory:\n\n- drops it\n\nand these on a live interface:\n\n- pings (needs `iperf3`, not with `--kernel`)',
  )
})
