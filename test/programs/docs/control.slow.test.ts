/**
 * docs/control.md names every command of the program, and docs/control-programs.md every method of
 * the client.
 */
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { ControlClient } from '#src/control/index.ts'
import { readPages } from '#support/pages.ts'
import { runMain } from '#support/run-main.ts'

const read = (path: string) => readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8')
const page = readPages('docs/control.md', 'docs/control-programs.md')
const section = (heading: string) =>
  page.split(/^## /m).find(text => text.startsWith(heading)) ?? ''

test('docs/control.md has a row for every command that queries a running vnet', async () => {
  const { stdout } = await runMain('help', '--all')
  const names = ['Monitoring', 'Controlling'].flatMap(group => {
    const [, list = ''] = new RegExp(`^${group}:\n(.*?)\n\n`, 'ms').exec(stdout) ?? []
    return [...list.matchAll(/^ {2}([a-z]+(?: show)?) /gm)].map(([, name]) => name)
  })
  expect(names).toContain('lan show')
  const rows = [...section('The commands').matchAll(/^\| `vnet ([a-z]+(?: show)?)/gm)].map(
    ([, name]) => name,
  )
  expect(rows.sort()).toEqual([...names, 'capture', 'extcap', 'node', 'completion'].sort())
})

test('docs/control-programs.md names every method of the client', () => {
  const methods = Object.getOwnPropertyNames(ControlClient.prototype).filter(
    name => name !== 'constructor',
  )
  for (const name of methods) {
    expect(section('From a program')).toContain(`\`${name}\``)
  }
})

test('the program in docs/control-programs.md is examples/drops.js', () => {
  const [, code] = page.match(/```js\n(.*?)```/s) ?? []
  expect(code).toBe(read('examples/drops.js'))
})

test('docs/control-programs.md links to every example, and each example says how to run it, with vnet exec or directly', () => {
  const files = readdirSync(new URL('../../../examples', import.meta.url)).filter(name =>
    /\.(c|h|py|ts)$/.test(name),
  )
  expect(files.length).toBeGreaterThan(0)
  for (const file of files) {
    expect(section('Programs in')).toContain(`](../examples/${file})`)
  }
  for (const file of files.filter(name => !/^(genl|libc)\./.test(name))) {
    const head = read(`examples/${file}`).split('\n').slice(0, 10).join('\n')
    expect(head).toMatch(/^( \*)? {3,}sudo vnet exec .*\n/m)
    // libnl cannot.
    expect(/^( \*)? {3,}.* --direct /m.test(head), file).toBe(file !== 'echo.c')
  }
})

test('the examples in TypeScript type-check strictly', () => {
  const tsc = fileURLToPath(new URL('../../../node_modules/.bin/tsc', import.meta.url))
  const examples = fileURLToPath(new URL('../../../examples', import.meta.url))
  expect(
    execFileSync(process.execPath, [tsc, '-p', examples, '--noEmit'], { encoding: 'utf8' }),
  ).toBe('')
})
