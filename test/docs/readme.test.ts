import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { table } from '../../scripts/check-imports.mjs'
import { runMain } from '../support/run-main.ts'

const readme = readFileSync('README.md', 'utf8')

test('the driver in the README is the example that the kernel tests run', () => {
  const [, code] = readme.match(/```js\n(import [^\n]* from 'vnet'\n.*?)```/s) ?? []
  expect(code).toBe(readFileSync('examples/pong.js', 'utf8'))
  expect(code?.trimEnd().split('\n')).toHaveLength(25)
})

test('the test in the README is the one in packages/lab/docs/testing.md, which a test runs', () => {
  const [, code = ''] = readme.match(/```js\n(.*?test\(.*?)```/s) ?? []
  expect(code).not.toBe('')
  expect(readFileSync('packages/lab/docs/testing.md', 'utf8')).toContain(code)
})

test('the index of the documentation links to every page, of the core and of the packages', () => {
  const folders = [
    'docs',
    'docs/drivers',
    ...['lan', 'lab', 'web', 'learn', 'exec'].map(name => `packages/${name}/docs`),
  ]
  const linked = [...readFileSync('docs/README.md', 'utf8').matchAll(/\]\(([^)#]+)/g)].map(([, path]) =>
    join('docs', path as string),
  )
  for (const folder of folders) {
    const pages = readdirSync(folder).filter(name => name.endsWith('.md') && name !== 'README.md')
    expect(pages, folder).not.toEqual([])
    for (const page of pages) expect(linked).toContain(`${folder}/${page}`)
  }
})

test('docs/internals.md has a line for every folder of src, in the order in which they may import each other', () => {
  expect(readFileSync('docs/internals.md', 'utf8')).toContain(table())
  const folders = readdirSync('src', { withFileTypes: true }).filter(entry => entry.isDirectory())
  for (const { name } of folders) expect(table()).toContain(`\`src/${name}\``)
  for (const name of ['lan', 'guest', 'lab', 'web', 'learn', 'exec']) expect(table()).toContain(`**${name}**`)
})

test('every command in the table of the README has a help text', async () => {
  const [, table = ''] = /## Commands\n(.*?)\n## /s.exec(readme) ?? []
  const words = [...table.matchAll(/`(?:vnet )?([a-z]+)[^`]*`(?=.* \|)/g)].map(([, word]) => word as string)
  const names = [...new Set(words)].filter(word => !['sudo', 'vnet', 'npm'].includes(word))
  expect(names.length).toBeGreaterThan(12)
  for (const name of names) expect(await runMain(name, '--help'), name).toMatchObject({ status: 0, stderr: '' })
})

test('the README is at most 160 lines long', () => {
  expect(readme.trimEnd().split('\n').length).toBeLessThanOrEqual(160)
})
