/**
 * packages/lab/records/found.md has a row for each scenario of examples/found, and says the same.
 */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { FOUND, foundNames } from '../support/found.ts'

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
  const upstream = readFileSync(join(FOUND, `upstream/${name}.md`), 'utf8')
  expect(upstream).toMatch(/^# .+\n/)
  expect(upstream).toContain(version)
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
  const read = (name: string) =>
    JSON.parse(readFileSync(new URL(`../../records/${name}.json`, import.meta.url), 'utf8'))
  const { defects } = read('found')
  const { packages, programs } = read('hunted')
  const BY = ['reading', 'unaided', 'not recorded']
  const isText = (text: unknown) => typeof text === 'string' && text !== ''
  const broken = [
    ...defects.filter((row: Record<string, unknown>) =>
      ['status', 'found', 'reported', 'node'].some(field => !isText(row[field])),
    ),
    ...packages.filter((row: Record<string, unknown>) => !isText(row.date) || !isText(row.node)),
    ...programs.filter((row: Record<string, unknown>) => !isText(row.date)),
    ...[...defects, ...packages, ...programs].filter(row => !BY.includes(row.by)),
  ]
  expect(broken).toEqual([])
})
