/** The table of packages in packages/lab/docs/packages.md. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { NAMES } from '../support/package-cases.ts'

const read = (path: string) => readFileSync(new URL(path, import.meta.url), 'utf8')

test('the table names the tested packages and versions, one of each case', () => {
  const { packages } = JSON.parse(read('../packages/package-lock.json'))
  const table = /^\| for \| packages \|$(.*?)^$/ms.exec(read('../../docs/packages.md'))?.[1] ?? ''
  const shown = [...table.matchAll(/(@?[\w./-]+) (\d+\.\d+\.\d+)/g)].map(([, name, version]) => [
    name,
    version,
  ])
  for (const [name, version] of shown) {
    expect([name, packages[`node_modules/${name}`]?.version]).toEqual([name, version])
  }
  const cases = NAMES.map(name => read(`../packages/cases/${name}.mjs`)).join('')
  const servers = read('../packages/servers/smtp.mjs')
  for (const [name] of shown) {
    expect(cases + servers).toMatch(new RegExp(`'${name}[/']`))
  }
  expect([shown.length, NAMES.length]).toEqual([60, 60])
})
