/**
 * packages/lab/records/found.md has a row for each scenario of examples/found, and says the same.
 */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { withoutBlocks } from '../../../../scripts/blocks.mjs'
import { filesIn } from '../../../../scripts/project-files.mjs'
import { draftNames, draftOf } from '../../../../scripts/upstream.mjs'
import { FOUND, foundNames, programNames } from '../support/found.ts'

const ROOT = fileURLToPath(new URL('../../../../', import.meta.url))

/** The fields of a row of found.json and of hunted.json that the tests compare. */
interface Row {
  name: string
  package: string
  version: string
  known: boolean
  upstream: string
}
interface Hunted {
  package: string
  result: string
}

const read = (name: string) =>
  JSON.parse(readFileSync(new URL(`../../records/${name}.json`, import.meta.url), 'utf8'))
const defects: Row[] = read('found').defects
const programs: Row[] = read('found').programs
const commands: Row[] = read('found').commands
const hunted: Hunted[] = read('hunted').packages

const page = readFileSync(new URL('../../records/found.md', import.meta.url), 'utf8')
const { dependencies } = JSON.parse(readFileSync(join(FOUND, 'package.json'), 'utf8'))
const rows = page
  .split('\n')
  .flatMap(
    line => /^\| \[(\S+)\]\(https:\/\/www\.npmjs\.com\/package\/(\S+)\) (\S+) /.exec(line) ?? [],
  )

test('each scenario has a row, and each row a scenario', () => {
  const names = rows.filter((_, i) => i % 4 === 1)
  expect([...names].sort()).toEqual([...foundNames()].sort())
})

test.each(foundNames())('%s is a scenario of the version that is installed', name => {
  const text = readFileSync(join(FOUND, `${name}.mjs`), 'utf8')
  const at = rows.indexOf(name)
  const [, , pkg = '', version] = rows.slice(at - 1)
  expect(text).toMatch(new RegExp(`^// ${pkg.replace('/', '\\/')} ${version}: .+\\.\\n`))
  expect(text).toMatch(/\nexport const promise =\s+['"`]/)
  expect(dependencies[pkg]).toBe(version)
})

test.each(draftNames())(
  'the draft of %s has a program without vnet, its output and the cause',
  name => {
    const { text, program, output } = draftOf(name)
    expect(text).toMatch(/\n# .+\n/)
    expect(text).toMatch(/^Version: /m)
    expect(text).toContain(
      [...defects, ...programs, ...commands].find(each => each.name === name)?.version,
    )
    expect(program).toMatch(/\S/)
    expect(program).not.toContain('vnet')
    expect(output).toMatch(/\S/)
    expect(text).toMatch(/^Expected: /m)
    expect(text).toMatch(/^Cause:/m)
  },
)

test('each row has a draft, each draft a row, and each program a scenario', () => {
  const rows = [...defects, ...programs, ...commands]
  expect(draftNames().sort()).toEqual(rows.map(({ name }) => name).sort())
  expect(programs.map(({ name }) => name).sort()).toEqual([...programNames()].sort())
})

test('each package with a defect in hunted.json has a row, and each row is among what was hunted', () => {
  const isDefect = ({ result }: { result: string }) => result.startsWith('defect')
  const found = new Map(defects.map(each => [each.package, each]))
  expect(hunted.filter(isDefect).filter(each => !found.has(each.package))).toEqual([])
  const verdicts = new Map(hunted.map(each => [each.package, each.result]))
  const wrong = defects.filter(each =>
    each.known
      ? !/^(known|defect, and a known one)/.test(verdicts.get(each.package) ?? '')
      : !verdicts.get(each.package)?.startsWith('defect'),
  )
  expect(wrong.map(({ name }) => name)).toEqual([])
})

test('nothing is said of a defect that is not published', () => {
  const { packages, commands } = read('hunted')
  const hidden = [...packages, ...commands].filter(({ result }: Hunted) => /^not p/.test(result))
  expect(hidden.length).toBeGreaterThan(0)
  for (const { promise, command = '', cost = '', part, draft } of hidden) {
    expect([promise, part, draft]).toEqual(['not published', undefined, undefined])
    expect(['', 'not published']).toContain(command)
    expect(cost).toBe('')
  }
})

test('each command with a defect names its row', () => {
  const named = read('hunted').commands.filter(({ result }: Hunted) => result.startsWith('defect'))
  const drafts = new Set(named.map(({ draft }: { draft: string }) => draft))
  expect(drafts).toEqual(new Set(commands.map(({ name }) => name)))
})

test('a known defect names what upstream has, and a new one says that nothing was found', () => {
  const wrong = defects.filter(each => each.known === each.upstream.startsWith('not found'))
  expect(wrong.map(({ name }) => name)).toEqual([])
})

test('no page has the number of finds written by hand', () => {
  const pages = filesIn(ROOT).filter(file => file.endsWith('.md'))
  const numbers = /\b\d+ (new and|known|packages of npm|published packages|defects|finds)\b/
  const found = pages
    .filter(path => path !== 'CHANGELOG.md')
    .flatMap(path => {
      const text = withoutBlocks(readFileSync(join(ROOT, path), 'utf8')).replace(/\s+/g, ' ')
      const [match] = numbers.exec(text) ?? []
      return match === undefined ? [] : [`${path}: ${match}`]
    })
  expect(found).toEqual([])
})

test('no diagram is missing', () => {
  const pictures = [...page.matchAll(/\((\.\/)?(found\/[^)]+\.svg)\)/g)].map(
    ([, , file]) => file as string,
  )
  expect(pictures.length).toBe(5)
  for (const file of pictures) {
    expect(existsSync(new URL(`../../records/${file}`, import.meta.url))).toBe(true)
  }
})

test('every row of found.json and hunted.json has the fields of a hunt, or says that they are not recorded', () => {
  const { defects } = read('found')
  const { packages, programs, commands } = read('hunted')
  const FIELDS = 'status found reported node maintained since disclosure byDefaults'.split(' ')
  const BY = ['reading', 'unaided', 'not recorded']
  const isText = (text: unknown) => typeof text === 'string' && text !== ''
  const broken = [
    ...defects.filter((row: Record<string, unknown>) => FIELDS.some(field => !isText(row[field]))),
    ...packages.filter((row: Record<string, unknown>) => !isText(row.date) || !isText(row.node)),
    ...[...programs, ...commands].filter(row => !isText(row.date)),
    ...[...defects, ...packages, ...programs, ...commands].filter(row => !BY.includes(row.by)),
  ]
  expect(broken).toEqual([])
})
