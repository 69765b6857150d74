/** The one-way rule: what the checker lets pass, what it refuses, and where it says so. */

import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { violations } from '../../scripts/check-imports.mjs'

let root: string

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'vnet-imports-'))
})

afterEach(() => rmSync(root, { recursive: true }))

/** The violations of a tree whose only file is `file`, with `source` in it. */
function check(file: string, source: string): string[] {
  const path = join(root, 'src', file)
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, source)
  return violations(root)
}

describe('each part imports only what it may', () => {
  test.each([
    ['skb/a.ts', '../header/b.ts'],
    ['core/a.ts', '../skb/b.ts'],
    ['core/a.ts', '../header/b.ts'],
    ['wire/a.ts', '../core/b.ts'],
    ['drivers/a.ts', '../wire/b.ts'],
    ['drivers/a.ts', './b.ts'],
    ['kernel/a.ts', '../netlink/b.ts'],
    ['kernel/a.ts', '../core/b.ts'],
    ['control/a.ts', '../kernel/b.ts'],
    ['lan/a.ts', '../kernel/b.ts'],
    ['lan/a.ts', '../segment/b.ts'],
    ['lan/a.ts', 'yaml'],
    ['testing/a.ts', '../kernel/b.ts'],
    ['cli/a.ts', '../control/b.ts'],
    ['cli/commands/a.ts', '../../kernel/b.ts'],
    ['index.ts', './drivers/b.ts'],
    ['tap.ts', './kernel/b.ts'],
    ['vnet.ts', './cli/b.ts'],
    ['kernel/a.ts', 'node:module'],
    ['kernel/a.ts', 'ffi-rs'],
    ['cli/a.ts', 'commander'],
  ])('%s may import %s', (file, specifier) => {
    expect(check(file, `import '${specifier}'`)).toEqual([])
  })

  test.each([
    ['header/a.ts', '../skb/b.ts', 'header may not import skb (../skb/b.ts)'],
    ['netlink/a.ts', '../header/b.ts', 'netlink may not import header (../header/b.ts)'],
    ['skb/a.ts', '../core/b.ts', 'skb may not import core (../core/b.ts)'],
    ['core/a.ts', '../wire/b.ts', 'core may not import wire (../wire/b.ts)'],
    ['core/a.ts', '../netlink/b.ts', 'core may not import netlink (../netlink/b.ts)'],
    ['core/a.ts', '../kernel/b.ts', 'core may not import kernel (../kernel/b.ts)'],
    ['core/a.ts', '../index.ts', 'core may not import index.ts (../index.ts)'],
    ['wire/deep/a.ts', '../../drivers/b.ts', 'wire may not import drivers (../../drivers/b.ts)'],
    ['drivers/a.ts', '../kernel/b.ts', 'drivers may not import kernel (../kernel/b.ts)'],
    ['kernel/a.ts', '../control/b.ts', 'kernel may not import control (../control/b.ts)'],
    ['kernel/a.ts', '../wire/b.ts', 'kernel may not import wire (../wire/b.ts)'],
    ['testing/a.ts', '../cli/b.ts', 'testing may not import cli (../cli/b.ts)'],
    ['index.ts', './kernel/b.ts', 'index.ts may not import kernel (./kernel/b.ts)'],
    ['index.ts', './tap.ts', 'index.ts may not import tap.ts (./tap.ts)'],
    ['cli/a.ts', '../../package.json', 'cli may not import what lies outside src (../../package.json)'],
    ['cli/a.ts', 'vnet', 'cli may not import the package vnet'],
    ['cli/a.ts', 'vnet/tap', 'cli may not import the package vnet/tap'],
    ['core/a.ts', 'commander', 'core may not import the package commander'],
    ['core/a.ts', 'node:fs', 'core may not import a builtin of Node (node:fs)'],
    ['core/a.ts', 'fs', 'core may not import a builtin of Node (fs)'],
    ['tap.ts', 'node:fs', 'tap.ts may not import a builtin of Node (node:fs)'],
  ])('%s may not import %s', (file, specifier, message) => {
    expect(check(file, `import '${specifier}'`)).toEqual([`src/${file}:1: ${message}`])
  })

  test.each(['utils/a.ts', 'constructor/a.ts', 'helpers.ts'])('%s has no place in src', file => {
    expect(check(file, '')).toEqual([expect.stringMatching(`src/${file}:1: .* is not a known part of src`)])
  })
})

describe('every way to import is seen, with its line', () => {
  test.each([
    ["import { Tap } from '../kernel/tap.ts'"],
    ["import * as tap from '../kernel/tap.ts'"],
    ["import '../kernel/tap.ts'"],
    ["import type { Tap } from '../kernel/tap.ts'"],
    ["import { type Tap } from '../kernel/tap.ts'"],
    ["export * from '../kernel/tap.ts'"],
    ["export { Tap } from '../kernel/tap.ts'"],
    ["export type { Tap } from '../kernel/tap.ts'"],
    ["export const load = () => import('../kernel/tap.ts')"],
    ['export const load = () => import(`../kernel/tap.ts`)'],
    ["export type Tap = import('../kernel/tap.ts').Tap"],
    ["import Tap = require('../kernel/tap.ts')"],
  ])('%s', source => {
    const lines = `/** A comment\n * of two lines. */\n${source}\n`
    expect(check('core/a.ts', lines)).toEqual(['src/core/a.ts:3: core may not import kernel (../kernel/tap.ts)'])
  })

  test('comments, strings and patterns that look like imports are none', () => {
    const source = [
      "// import '../kernel/tap.ts'",
      "/* export * from '../kernel/tap.ts' */",
      'export const a = "import \'../kernel/tap.ts\'"',
      // biome-ignore lint/suspicious/noTemplateCurlyInString: it is source text, with a template in it.
      "export const b = `${1} import('../kernel/tap.ts') ${`export * from '../kernel/tap.ts'`}`",
      "export const c = /import '..\\/kernel\\/tap.ts'/",
    ].join('\n')
    expect(check('core/a.ts', source)).toEqual([])
  })

  test('a name known only at run time is for those who may import everything', () => {
    const source = 'export const load = (name: string) => import(name)'
    expect(check('cli/a.ts', source)).toEqual([])
    expect(check('core/a.ts', source)).toEqual(['src/core/a.ts:1: core may not import what is named only at run time'])
  })
})

describe('no module keeps mutable state', () => {
  const message = 'no module-level let or var: mutable state hangs on a Net'

  test.each(['let n = 0', 'var n = 0', 'export let n = 0', 'let n: number'])('%s is refused', source => {
    expect(check('core/a.ts', `\n${source}`)).toEqual([`src/core/a.ts:2: ${message}`])
  })

  test('constants, and variables inside functions and loops, are not', () => {
    const source =
      'export const n = 0\nexport function f() { let m = n; var k = m; return k }\nfor (let i = 0; i < 1; i++) f()'
    expect(check('core/a.ts', source)).toEqual([])
  })
})

describe('the command', () => {
  const run = () =>
    spawnSync(process.execPath, [resolve('scripts/check-imports.mjs'), root], { cwd: tmpdir(), encoding: 'utf8' })

  test('prints one line a violation and exits with 1', () => {
    check('core/a.ts', "import '../kernel/b.ts'\nimport 'fs'")
    const { status, stderr } = run()
    expect(status).toBe(1)
    expect(stderr.trim().split('\n')).toEqual(violations(root))
    expect(violations(root)).toHaveLength(2)
  })

  test('says nothing and exits with 0 when the rule is kept', () => {
    check('core/a.ts', "import '../skb/b.ts'")
    expect(run()).toMatchObject({ status: 0, stdout: '', stderr: '' })
  })
})
