/** The one-way rule: what the checker accepts, what it refuses, and the line that it reports. */

import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { describe, expect, test } from 'vitest'
import { freshDirectory, testDirectory, written } from '#support/fresh-directory.ts'
import { kept, sources, violations } from '../../../scripts/check-imports.mjs'

const root = freshDirectory()

/** Files are below src, or have the folder of their package. */
const placeOf = (file: string) => (file.startsWith('packages/') ? file : `src/${file}`)

/** Returns the violations of a tree with `source` in `file` alone. */
function check(file: string, source: string): string[] {
  const path = join(root, placeOf(file))
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, source)
  return violations(root)
}

test('a pure file imports a file for Node only if a browser has another in its place', () => {
  const importing = "import '../netdev/c.node.ts'"
  const refused = 'bed may not import netdev (../netdev/c.node.ts)'
  check('netdev/c.node.ts', '')
  expect(check('bed/d.ts', importing)).toEqual([`src/bed/d.ts:1: ${refused}`])
  check('netdev/c.browser.ts', '')
  expect(check('bed/d.ts', importing)).toEqual([])
})

describe('the file for a browser has what a pure file takes of the one for Node', () => {
  const both = 'export class A {}\nexport type T = 1\n'
  const ofNode = `${both}export class B {}\nexport interface I {}`
  const node = '../netdev/c.node.ts'

  test.each([
    [`import { A, type B, type I } from '${node}'`],
    [`import type { B } from '${node}'`],
    [`import type * as all from '${node}'`],
    [`export type { B } from '${node}'`],
    [`export type C = import('${node}').B`],
    [`export const load = async () => (await import('${node}')).A`],
  ])('%s is allowed', source => {
    check('netdev/c.node.ts', ofNode)
    check('netdev/c.browser.ts', both)
    expect(check('bed/d.ts', source)).toEqual([])
  })

  const refused = 'bed may not import B, which netdev/c.browser.ts does not have'

  test.each([
    [`import { A, B } from '${node}'`],
    [`import { B as other } from '${node}'`],
    [`import * as all from '${node}'`],
    [`export { B } from '${node}'`],
    [`export * from '${node}'`],
    [`export const load = async () => (await import('${node}')).B`],
    [`export const load = () => import('${node}')`],
  ])('%s is refused', source => {
    check('netdev/c.node.ts', ofNode)
    check('netdev/c.browser.ts', both)
    expect(check('bed/d.ts', source)).toEqual([`src/bed/d.ts:1: ${refused}`])
  })

  test('a type does not replace a class', () => {
    check('netdev/c.node.ts', ofNode)
    check('netdev/c.browser.ts', 'export type B = 1')
    expect(check('bed/d.ts', `import { B } from '${node}'`)).toEqual([`src/bed/d.ts:1: ${refused}`])
  })

  test('files that touch the system may take all of it', () => {
    check('netdev/c.node.ts', ofNode)
    check('netdev/c.browser.ts', both)
    expect(check('tap.ts', "import { A, B } from './netdev/c.node.ts'")).toEqual([])
    expect(check('bed/d.node.ts', `import { A, B } from '${node}'`)).toEqual([])
  })
})

describe('each room imports only from rooms before it', () => {
  test.each([
    ['skb/a.ts', '../packet/b.ts'],
    ['netdev/a.ts', '../skb/b.ts'],
    ['netdev/a.ts', '../packet/b.ts'],
    ['wire/a.ts', '../netdev/b.ts'],
    ['capture/a.ts', '../netdev/b.ts'],
    ['drivers/a.ts', '../wire/b.ts'],
    ['drivers/a.ts', './b.ts'],
    ['linux/a.ts', '../capture/b.ts'],
    ['linux/a.ts', '../netlink/b.ts'],
    ['capture.ts', './capture/b.ts'],
    ['capture.ts', './wire.ts'],
    ['capture/a.node.ts', 'node:fs'],
    ['capture/a.node.ts', '../linux/b.ts'],
    ['capture/a.node.ts', './b.ts'],
    ['packages/web/src/page/a.ts', '../b.ts'],
    ['packages/web/src/page/a.ts', 'uplot'],
    ['linux/a.ts', '../netdev/b.ts'],
    ['control/a.ts', '../linux/b.ts'],
    ['packages/lan/src/a.ts', './switch/b.ts'],
    ['packages/lan/src/machines/a.ts', '../switch/b.ts'],
    ['base/a.ts', 'yaml'],
    ['bed/a.ts', '../drivers/b.ts'],
    ['bed/a.node.ts', '../drivers/b.ts'],
    ['bed/a.node.ts', '../linux/b.ts'],
    ['cli/a.ts', '../control/b.ts'],
    ['cli/commands/a.ts', '../../linux/b.ts'],
    ['index.ts', './drivers/b.ts'],
    ['tap.ts', './linux/b.ts'],
    ['vnet.ts', './cli/b.ts'],
    ['linux/a.ts', 'node:module'],
    ['linux/a.ts', 'ffi-rs'],
  ])('%s may import %s', (file, specifier) => {
    expect(check(file, `import '${specifier}'`)).toEqual([])
  })

  test.each([
    ['packet/a.ts', '../skb/b.ts', 'packet may not import skb (../skb/b.ts)'],
    ['skb/a.ts', '../netdev/b.ts', 'skb may not import netdev (../netdev/b.ts)'],
    ['netdev/a.ts', '../wire/b.ts', 'netdev may not import wire (../wire/b.ts)'],
    ['netdev/a.ts', '../linux/b.ts', 'netdev may not import linux (../linux/b.ts)'],
    ['netdev/a.ts', '../index.ts', 'netdev may not import index.ts (../index.ts)'],
    ['wire/deep/a.ts', '../../drivers/b.ts', 'wire may not import drivers (../../drivers/b.ts)'],
    ['capture/a.ts', 'node:fs', 'capture may not import a builtin of Node (node:fs)'],
    ['drivers/a.ts', '../linux/b.ts', 'drivers may not import linux (../linux/b.ts)'],
    ['linux/a.ts', '../control/b.ts', 'linux may not import control (../control/b.ts)'],
    [
      'control/client/a.ts',
      '../server/b.ts',
      'control/client may not import control/server (../server/b.ts)',
    ],
    [
      'packages/lan/src/switch/a.ts',
      '../machines/b.ts',
      'lan/switch may not import lan/machines (../machines/b.ts)',
    ],
    [
      'packages/lan/src/machines/a.ts',
      'node:net',
      'lan/machines may not import a builtin of Node (node:net)',
    ],
    [
      'packages/lan/src/services/dhcp/a.ts',
      'node:fs',
      'lan/services/dhcp may not import a builtin of Node (node:fs)',
    ],
    ['drivers/a.ts', '@vnet/lan', 'drivers may not import the package @vnet/lan'],
    ['bed/a.ts', '../cli/b.ts', 'bed may not import cli (../cli/b.ts)'],
    ['bed/a.ts', '../linux/b.ts', 'bed may not import linux (../linux/b.ts)'],
    ['attach/a.ts', '../bed/b.node.ts', 'attach may not import bed (../bed/b.node.ts)'],
    [
      'control/protocol/a.ts',
      'node:net',
      'control/protocol may not import a builtin of Node (node:net)',
    ],
    [
      'control/protocol/a.ts',
      '../../linux/b.ts',
      'control/protocol may not import linux (../../linux/b.ts)',
    ],
    [
      'control/operations/a.ts',
      '../sockets/b.ts',
      'control/operations may not import control/sockets (../sockets/b.ts)',
    ],
    [
      'control/operations/a.ts',
      '../../linux/b.ts',
      'control/operations may not import linux (../../linux/b.ts)',
    ],
    ['cli/a.ts', '@vnet/exec/commands', 'cli may not import the package @vnet/exec/commands'],
    ['packages/lab/src/a.ts', '@vnet/lan/other', 'lab may not import the package @vnet/lan/other'],
    [
      'packages/lan/src/a.ts',
      '../../exec/src/b.ts',
      'lan may not import what lies outside its src (../../exec/src/b.ts)',
    ],
    ['packages/lan/src/a.ts', 'vnet/other', 'lan may not import the package vnet/other'],
    ['packages/lan/src/a.ts', 'vnet/built/b', 'lan may not import the package vnet/built/b'],
    ['packet/a.ts', '../netlink/b.ts', 'packet may not import netlink (../netlink/b.ts)'],
    ['wire/a.ts', '../capture/b.ts', 'wire may not import capture (../capture/b.ts)'],
    ['capture/a.ts', './b.node.ts', 'capture may not import capture (./b.node.ts)'],
    ['capture/a.node.ts', '../control/b.ts', 'capture may not import control (../control/b.ts)'],
    ['linux/a.ts', '../capture/b.node.ts', 'linux may not import capture (../capture/b.node.ts)'],
    ['linux/a.ts', '../kit/base.ts', 'linux may not import kit (../kit/base.ts)'],
    [
      'packages/web/src/page/a.ts',
      'node:fs',
      'web/page may not import a builtin of Node (node:fs)',
    ],
    ['index.ts', './linux/b.ts', 'index.ts may not import linux (./linux/b.ts)'],
    ['index.ts', './tap.ts', 'index.ts may not import tap.ts (./tap.ts)'],
    [
      'cli/a.ts',
      '../../package.json',
      'cli may not import what lies outside its src (../../package.json)',
    ],
    ['cli/a.ts', 'vnet', 'cli may not import the package vnet'],
    ['cli/a.ts', 'vnet/tap', 'cli may not import the package vnet/tap'],
    ['netdev/a.ts', 'yaml', 'netdev may not import the package yaml'],
    ['netdev/a.ts', 'node:fs', 'netdev may not import a builtin of Node (node:fs)'],
    ['netdev/a.ts', 'fs', 'netdev may not import a builtin of Node (fs)'],
  ])('%s may not import %s', (file, specifier, message) => {
    expect(check(file, `import '${specifier}'`)).toEqual([`${placeOf(file)}:1: ${message}`])
  })

  test.each(['utils/a.ts', 'constructor/a.ts', 'helpers.ts'])('%s has no place in src', file => {
    expect(check(file, '')).toEqual([
      expect.stringMatching(`src/${file}:1: .* is not a known room of src`),
    ])
  })
})

describe('packages use of a door what their room may', () => {
  const name = 'packages/lan/src/machines/a.ts'
  const exports = { '.': { source: './src/index.ts' } }
  const ofCore = { ...exports, './kit/*': { source: './src/kit/*.ts' } }
  const ofPackage = {
    ...exports,
    './commands': { source: './src/commands/index.ts' },
    './kit': { source: './src/kit.ts' },
  }
  const files = {
    'package.json': JSON.stringify({ name: 'vnet', exports: ofCore }),
    'src/index.ts': "export { clock, type Clock } from './base/clock.ts'",
    'src/base/clock.ts': 'export const clock = 1\nexport interface Clock {}\nexport const own = 2',
    'src/linux/tap.ts': 'export const tap = 1\nexport type Tap = 1',
    'src/kit/base.ts': "export { own } from '../base/clock.ts'",
    'src/kit/linux.ts': "export { type Tap, tap } from '../linux/tap.ts'",
    'packages/lan/package.json': JSON.stringify({ name: '@vnet/lan', exports: ofPackage }),
    'packages/lan/src/index.ts': "import 'vnet'\nexport { lan } from './driver.ts'",
    'packages/lan/src/driver.ts': 'export const lan = 1\nexport const config = 2',
    'packages/lan/src/commands/index.ts': 'export const commands = 1',
    'packages/lan/src/kit.ts': "export { config } from './driver.ts'",
    // The other names of the doors have a user, too.
    'packages/lab/src/a.ts': "import { own } from 'vnet/kit/base'\nimport * as a from 'vnet'",
    'packages/lab/src/b.ts': "const { tap, Tap } = await import('vnet/kit/linux')",
    'packages/lab/src/d.ts': "import { config } from '@vnet/lan/kit'",
  }
  const write = (changed: Record<string, string>) => {
    for (const [file, text] of Object.entries({ ...files, ...changed })) {
      mkdirSync(dirname(join(root, file)), { recursive: true })
      writeFileSync(join(root, file), text)
    }
    return violations(root)
  }

  test.each([
    ["import { clock, type Clock } from 'vnet'"],
    ["import 'vnet'"],
    ["import { own } from 'vnet/kit/base'"],
    ["const { own } = await import('vnet/kit/base')"],
    ["const own = (await import('vnet/kit/base')).own"],
  ])('%s is allowed', source => {
    expect(write({ [name]: source })).toEqual([])
  })

  test.each([
    ["import { tap } from 'vnet/kit/linux'", 'linux (vnet/kit/linux)'],
    ["import type { Tap } from 'vnet/kit/linux'", 'linux (vnet/kit/linux)'],
    ["import * as linux from 'vnet/kit/linux'", 'linux (vnet/kit/linux)'],
    ["const { tap } = await import('vnet/kit/linux')", 'linux (vnet/kit/linux)'],
    ["const { own } = await import('vnet')", 'own, which vnet does not have'],
    ["import { other } from 'vnet/kit/base'", 'other, which vnet/kit/base does not have'],
  ])('%s is refused', (source, message) => {
    expect(write({ [name]: source })).toEqual([`${name}:1: lan/machines may not import ${message}`])
  })

  test.each([
    ["import 'vnet'", 'linux (vnet)'],
    ["import * as all from 'vnet'", 'linux (vnet)'],
    ["import { clock } from 'vnet'"],
  ])('%s loads what a door imports for its effect if it says no names', (source, ...messages) => {
    const door = `import './linux/tap.ts'\n${files['src/index.ts']}`
    expect(write({ 'src/index.ts': door, [name]: source })).toEqual([
      'src/index.ts:1: index.ts may not import linux (./linux/tap.ts)',
      ...messages.map(message => `${name}:1: lan/machines may not import ${message}`),
    ])
  })

  test('a door that imports a builtin for its effect is refused, and so are pure users of it', () => {
    const more = {
      'src/index.ts': `import 'node:fs'\n${files['src/index.ts']}`,
      'src/kit/linux.ts': `import 'node:fs'\n${files['src/kit/linux.ts']}`,
    }
    expect(write({ ...more, [name]: "import 'vnet'\nimport 'vnet/kit/linux'" })).toEqual([
      'src/index.ts:1: index.ts may not import a builtin of Node (node:fs)',
      `${name}:2: lan/machines may not import kit (vnet/kit/linux)`,
      'src/kit/linux.ts:1: a door only exports names from modules',
    ])
  })

  test('a door may be imported for its effect alone, whatever its names touch', () => {
    const door = `import '../base/clock.ts'\n${files['src/kit/linux.ts']}`
    expect(write({ 'src/kit/linux.ts': door, [name]: "import 'vnet/kit/linux'" })).toEqual([])
  })

  test('the file for a browser has what a pure file takes through a door', () => {
    const both = {
      'src/linux/tap.ts': '',
      'src/wire/c.node.ts': 'export const tap = 1\nexport interface Tap {}',
      'src/wire/c.browser.ts': 'export const other = 1',
      'src/kit/linux.ts': "export { type Tap, tap } from '../wire/c.node.ts'",
    }
    const taking = (source: string) => write({ ...both, [name]: source })
    expect(taking("import type { tap } from 'vnet/kit/linux'")).toEqual([])
    expect(taking("import { type Tap } from 'vnet/kit/linux'")).toEqual([])
    const refused = 'lan/machines may not import tap, which wire/c.browser.ts does not have'
    expect(taking("import { tap } from 'vnet/kit/linux'")).toEqual([`${name}:1: ${refused}`])
    expect(taking("import * as all from 'vnet/kit/linux'")).toEqual([`${name}:1: ${refused}`])
    both['src/kit/linux.ts'] += "\nexport * as all from '../wire/c.node.ts'"
    expect(taking("import { all } from 'vnet/kit/linux'")).toEqual([`${name}:1: ${refused}`])
  })

  test('the TCP/IP stack uses base and packet alone, and no other pure room', () => {
    const stack = 'packages/inet/src/a.ts'
    const more = {
      'src/index.ts': `${files['src/index.ts']}\nexport type { Port } from './netdev/port.ts'`,
      'src/netdev/port.ts': 'export interface Port {}',
    }
    expect(write({ ...more, [stack]: "import { clock } from 'vnet'" })).toEqual([])
    expect(write({ ...more, [stack]: "import type { Port } from 'vnet'" })).toEqual([
      `${stack}:1: inet may not import netdev (vnet)`,
    ])
    write({ [stack]: '' })
  })

  test.each([
    ["import { lan } from '@vnet/lan'"],
    ["import '@vnet/lan'"],
    ["import { config } from '@vnet/lan/kit'"],
    ["const { config } = await import('@vnet/lan/kit')"],
  ])('%s is allowed in a package that may use the lan, and refused in others', source => {
    const [specifier] = /@vnet[^']*/.exec(source) ?? []
    const [lab, web] = ['packages/lab/src/memory/c.ts', 'packages/web/src/c.ts']
    expect(write({ [lab]: source })).toEqual([])
    expect(write({ [lab]: '', [web]: source })).toEqual([
      `${web}:1: web may not import lan, another product (${specifier})`,
    ])
    write({ [web]: '' })
  })

  test('the playground of the course may use the page, and the rest of the course may not', () => {
    const web = {
      'packages/web/package.json': JSON.stringify({ name: '@vnet/web', exports }),
      'packages/web/src/index.ts': 'export const page = 1',
    }
    const [playground, learn] = ['browser/playground/c.ts', 'c.ts'].map(
      file => `packages/learn/src/${file}`,
    ) as [string, string]
    const source = "import { page } from '@vnet/web'"
    expect(write({ ...web, [playground]: source, [learn]: source })).toEqual([
      `${learn}:1: learn may not import web, another product (@vnet/web)`,
    ])
    write({ [playground]: '', [learn]: '' })
  })

  test.each([
    ["import { lan } from '@vnet/lan/internal/driver'", 'the package @vnet/lan/internal/driver'],
    ["import { lan } from '@vnet/lan/built/driver'", 'the package @vnet/lan/built/driver'],
    ["import { commands } from '@vnet/lan/commands'", 'the package @vnet/lan/commands'],
    ["const { a } = await import('@vnet/lan/built/a')", 'the package @vnet/lan/built/a'],
    ["import type { A } from '@vnet/lan/built/a'", 'the package @vnet/lan/built/a'],
    ["import { a } from '@vnet/lan/kit'", 'a, which @vnet/lan/kit does not have'],
  ])('%s is refused', (source, message) => {
    const file = 'packages/lab/src/memory/c.ts'
    expect(write({ [file]: source })).toEqual([`${file}:1: lab/memory may not import ${message}`])
    write({ [file]: '' })
  })

  test.each([
    ["import { config } from '@vnet/lan/kit'", 'its own package by name (@vnet/lan/kit)'],
    ["import { config } from './kit.ts'", 'lan/kit.ts (./kit.ts)'],
  ])('%s is refused in the package of the door', (source, message) => {
    const file = 'packages/lan/src/c.ts'
    expect(write({ [file]: source })).toEqual([`${file}:1: lan may not import ${message}`])
    write({ [file]: '' })
  })

  test.each([
    ["export { lan as config } from './driver.ts'", 'config is in @vnet/lan'],
    ["export { config, config as other } from './driver.ts'", 'no package uses other'],
    [
      "export * from './driver.ts'",
      'a door only exports names from modules',
      'lan is in @vnet/lan',
    ],
    ["export { own as config } from 'vnet/kit/base'", 'a door only exports names from modules'],
    [
      "import { config } from './driver.ts'\nexport { config }",
      'a door only exports names from modules',
    ],
  ])('a door of a package with %s is refused', (source, ...messages) => {
    const path = 'packages/lan/src/kit.ts'
    expect(write({ [path]: source })).toEqual(messages.map(message => `${path}:1: ${message}`))
    write({})
  })

  test.each([
    ['export const a = 1', 'a door only exports names from modules', 'no package uses a'],
    ["export { clock } from '../base/clock.ts'", 'clock is in vnet'],
    [`export { ${Array.from({ length: 61 }, (_, i) => `own as a${i}`)} } from '../base/clock.ts'`],
  ])('a door with %s is refused', (source, ...messages) => {
    const found = write({ 'src/kit/netdev.ts': source })
    const expected = messages.length > 0 ? messages : ['61 names, at most 60']
    expect(found.slice(0, expected.length)).toEqual(
      expected.map(message => `src/kit/netdev.ts:1: ${message}`),
    )
  })
})

describe('every kind of import is found, with its line', () => {
  test.each([
    ["import { Tap } from '../linux/tap.ts'"],
    ["import * as tap from '../linux/tap.ts'"],
    ["import '../linux/tap.ts'"],
    ["import type { Tap } from '../linux/tap.ts'"],
    ["import { type Tap } from '../linux/tap.ts'"],
    ["export * from '../linux/tap.ts'"],
    ["export { Tap } from '../linux/tap.ts'"],
    ["export type { Tap } from '../linux/tap.ts'"],
    ["export const load = () => import('../linux/tap.ts')"],
    ['export const load = () => import(`../linux/tap.ts`)'],
    ["export type Tap = import('../linux/tap.ts').Tap"],
    ["import Tap = require('../linux/tap.ts')"],
  ])('%s', source => {
    const lines = `/** A comment\n * of two lines. */\n${source}\n`
    expect(check('netdev/a.ts', lines)).toEqual([
      'src/netdev/a.ts:3: netdev may not import linux (../linux/tap.ts)',
    ])
  })

  test('comments, strings and patterns that look like imports are ignored', () => {
    const source = [
      "// import '../linux/tap.ts'",
      "/* export * from '../linux/tap.ts' */",
      'export const a = "import \'../linux/tap.ts\'"',
      // biome-ignore lint/suspicious/noTemplateCurlyInString: source text with a template.
      "export const b = `${1} import('../linux/tap.ts') ${`export * from '../linux/tap.ts'`}`",
      "export const c = /import '..\\/kernel\\/tap.ts'/",
    ].join('\n')
    expect(check('netdev/a.ts', source)).toEqual([])
  })

  test('an import with a computed name is allowed', () => {
    const source = 'export const load = (name: string) => import(name)'
    expect(check('cli/a.ts', source)).toEqual([])
    expect(check('netdev/a.ts', source)).toEqual([
      'src/netdev/a.ts:1: netdev may not import what is named only at run time',
    ])
  })
})

describe('no module keeps mutable state', () => {
  const message = 'no module-level let or var: mutable state hangs on a Net'

  test.each(['let n = 0', 'var n = 0', 'export let n = 0', 'let n: number'])(
    '%s is refused',
    source => {
      expect(check('netdev/a.ts', `\n${source}`)).toEqual([`src/netdev/a.ts:2: ${message}`])
    },
  )

  test.each([
    'const seen = new Map<string, number>()',
    'export const seen = new WeakSet()',
    'const seen: string[] = []',
    'const found: { n?: number } = {}',
  ])('%s is refused', source => {
    const message =
      'no collection that a module fills: give it an owner, or say in `kept` whose it is'
    expect(check('netdev/a.ts', source)).toEqual([`src/netdev/a.ts:1: ${message}`])
  })

  test('a module whose collections belong to another owner may have them, and must', () => {
    const file = 'linux/ffi.ts'
    expect(check(file, 'export const seen = new Map<string, number>()')).toEqual([])
    expect(check(file, 'const n = 0')).toEqual([
      `src/${file}:1: no collection that the module fills: remove it from \`kept\``,
    ])
  })

  test('the modules whose collections belong to another owner exist', () => {
    const files = sources(resolve('.')).map(({ file }) => file)
    expect(files).toEqual(expect.arrayContaining(Object.keys(kept)))
  })

  test.each([
    'const NONE: readonly string[] = []',
    'const NONE: Options = {}',
    'const WORDS = new Set(["a"])',
    'export function f() { const seen = new Map(); return seen }',
  ])('%s is allowed', source => {
    expect(check('netdev/a.ts', source)).toEqual([])
  })

  test('constants, and variables inside functions and loops, are allowed', () => {
    const source =
      'export const n = 0\nexport function f() { let m = n; var k = m; return k }\nfor (let i = 0; i < 1; i++) f()'
    expect(check('netdev/a.ts', source)).toEqual([])
  })
})

describe('a failed close of a descriptor is never ignored', () => {
  const message =
    'native.close() returns a failure that nobody sees: use closeFd() of linux/errno.ts'

  test.each([
    'native.close(3)',
    'this.native.close(fd)',
    'class A { #native; f(fd) { this.#native.close(fd) } }',
    'this.options.native?.close(fd)',
    'listening.calls.close(fd)',
    'const { close } = native',
    'const { open, close: end } = this.native',
  ])('%s is refused', source => {
    expect(check('control/a.ts', source)).toEqual([`src/control/a.ts:1: ${message}`])
  })

  test.each([
    'closeFd(native, 3)',
    'server.close(done)',
    'handle.native.close()',
    'const { open } = native',
  ])('%s is allowed', source => {
    expect(check('control/a.ts', source)).toEqual([])
  })

  test('the function that looks at the result may call it', () => {
    expect(check('linux/errno.ts', 'native.close(3)')).toEqual([])
  })
})

test('check-imports prints one line per violation and exits with 1', () => {
  check('netdev/a.ts', "import '../linux/b.ts'\nimport 'fs'")
  const args = [resolve('scripts/check-imports.mjs'), root]
  const { status, stderr } = spawnSync(process.execPath, args, { cwd: tmpdir(), encoding: 'utf8' })
  expect(status).toBe(1)
  expect(stderr.trim().split('\n')).toEqual(violations(root))
  expect(violations(root)).toHaveLength(2)
})

test('check-imports prints nothing and exits with 0 if the rule is kept', () => {
  const tree = testDirectory()
  mkdirSync(join(tree, 'src/netdev'), { recursive: true })
  written(tree, 'src/netdev/a.ts', "import '../skb/b.ts'")
  const args = [resolve('scripts/check-imports.mjs'), tree]
  expect(spawnSync(process.execPath, args, { encoding: 'utf8' })).toMatchObject({
    status: 0,
    stdout: '',
    stderr: '',
  })
})
