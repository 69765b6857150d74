/** docs/control.md names every command of the family and of the program, every method of the client, and the example as it is. */
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { controlCommandNames } from '../../src/cli/control-commands.ts'
import { ControlClient } from '../../src/control/index.ts'

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')
const page = read('docs/control.md')
const section = (heading: string) => page.split(/^## /m).find(text => text.startsWith(heading)) ?? ''

test('every command of the family has a row, those that change say who may', () => {
  const { list } = parse(read('docs/vnet_nl.yaml')).operations
  for (const { name, flags = [] } of list as { name: string; flags?: string[] }[]) {
    if (name === 'event') continue
    const row = new RegExp(`^\\| ${name.toUpperCase().replaceAll('-', '_')} \\|.*\\| (.*) \\|$`, 'm').exec(
      section('What can'),
    )
    expect([name, flags.includes('admin-perm')]).toEqual([name, row?.[1] === 'root, owner'])
    expect(row, name).not.toBeNull()
  }
})

test('every command of the program that asks has a row', () => {
  const rows = [...section('The commands').matchAll(/^\| `vnet ([a-z]+(?: show)?)/gm)].map(([, name]) => name)
  expect(rows.sort()).toEqual([...controlCommandNames, 'completion'].sort())
})

test('every question a program can ask is named', () => {
  const methods = Object.getOwnPropertyNames(ControlClient.prototype).filter(name => name !== 'constructor')
  for (const name of methods) if (name !== 'family') expect(section('From a program')).toContain(`\`${name}\``)
})

test('the program is the example that the kernel tests run', () => {
  const [, code] = page.match(/```js\n(.*?)```/s) ?? []
  expect(code).toBe(read('examples/drops.js'))
})

test('every example in C, Python and TypeScript is linked to, and says at its head how it is run both ways', () => {
  const files = readdirSync(new URL('../../examples', import.meta.url)).filter(name => /\.(c|h|py|ts)$/.test(name))
  expect(files.length).toBeGreaterThan(0)
  for (const file of files) expect(section('Programs in')).toContain(`](../examples/${file})`)
  for (const file of files.filter(name => !/^(genl|libc)\./.test(name))) {
    const head = read(`examples/${file}`).split('\n').slice(0, 10).join('\n')
    expect(head).toMatch(/^( \*)? {3,}sudo vnet exec .*\n/m)
    // libnl cannot.
    expect(/^( \*)? {3,}.* --direct /m.test(head), file).toBe(file !== 'echo.c')
  }
})

test('the examples in TypeScript type-check strictly', () => {
  const tsc = fileURLToPath(new URL('../../node_modules/.bin/tsc', import.meta.url))
  const examples = fileURLToPath(new URL('../../examples', import.meta.url))
  expect(execFileSync(process.execPath, [tsc, '-p', examples, '--noEmit'], { encoding: 'utf8' })).toBe('')
})

test('what it links to is there', () => {
  for (const [, path] of page.matchAll(/\]\((?!http)([^)#]+)/g)) expect(read(`docs/${path}`).length).toBeGreaterThan(0)
})
