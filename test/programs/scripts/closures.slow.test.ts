/** How the files of src and the packages hang together: limits that a change may only lower. */
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { circles, closure } from '../../../scripts/closures.mjs'

interface Found {
  readonly runTime: string[][]
  readonly types: { readonly room: string; readonly files: string[] }[]
  readonly index: string[]
  readonly tap: string[]
  readonly text: string[]
  readonly all: string[]
  readonly commands: Readonly<
    Record<string, { readonly files: string[]; readonly modules: string[] }>
  >
}

/** The largest circle of types in each room. A room that is not listed has none. */
const CIRCLES: Readonly<Record<string, number>> = {
  netdev: 4,
  skb: 2,
  exec: 2,
  'lan/switch': 2,
  'inet/ip': 2,
  'inet/tcp': 3,
  'lab/memory/time': 2,
  'lab/explore': 2,
  'lab/network': 2,
  'lab/memory': 2,
  'lab/run': 2,
  'learn/browser/playground': 2,
  web: 3,
}

let found: Found
beforeAll(() => {
  const script = join(import.meta.dirname, '../../../scripts/closures.mjs')
  found = JSON.parse(execFileSync(process.execPath, [script, '--json'], { encoding: 'utf8' }))
})

/** False for tables, which are generated. */
const isCode = (file: string) => !file.endsWith('.generated.ts')

describe('the files of src and packages', () => {
  test('no two files load each other', () => {
    expect(found.runTime).toEqual([])
  })

  test('a circle of types has few files, all of one room', () => {
    for (const { room, files } of found.types) {
      expect(files.length, files.join(' ')).toBeLessThanOrEqual(CIRCLES[room] ?? 0)
    }
  })

  test.each([
    ["import ... from 'vnet'", 'index', 51],
    ["import ... from 'vnet/tap'", 'tap', 49],
    ['the text of --wire', 'text', 15],
    ['the text of --wire, with the chain of its stages,', 'all', 26],
  ] as const)('%s runs through a limited number of files', (_, name, most) => {
    const files = found[name].filter(isCode)
    expect(files.length, files.join(' ')).toBeLessThanOrEqual(most)
    expect(files.length).toBeGreaterThan(10)
  })
})

describe('compiled files', () => {
  test.each([
    ['vnet cable', 'cable', 16, 265],
    ['vnet e1000', 'e1000', 30, 279],
    ['vnet list', 'list', 8, 118],
    ['vnet run outside its namespaces', 'run', 9, 113],
    ['vnet run inside them, with the links of its lab', 'runInside', 18, 281],
    ['the worker of a lab', 'worker', 11, 208],
    ['a lab in memory', 'inMemory', 21, 341],
  ] as const)(
    '%s loads a limited number of files, and of modules in them',
    (_, name, files, modules) => {
      const loads = found.commands[name]
      expect(loads?.files.length, loads?.files.join(' ')).toBeLessThanOrEqual(files)
      const code = loads?.modules.filter(isCode)
      expect(code?.length, code?.join(' ')).toBeLessThanOrEqual(modules)
      expect(code?.length).toBeGreaterThan(50)
    },
  )

  test('a lab without a guest loads nothing of @vnet/guest, and its commands only options', () => {
    const guest = (name: string) =>
      found.commands[name]?.files.filter(file => file.startsWith('packages/guest/'))
    expect([guest('inMemory'), guest('inKernel'), guest('worker')]).toEqual([[], [], []])
    expect([guest('lab'), guest('run')]).toEqual(
      Array(2).fill(['packages/guest/dist/commands/index.js']),
    )
  })
})

describe('circles and closures', () => {
  const edges = new Map([
    ['a', ['b']],
    ['b', ['c', 'd']],
    ['c', ['a']],
    ['d', ['e']],
    ['e', []],
  ])

  test('a circle has the files that lead to each other, without the files they lead to', () => {
    expect(circles(edges)).toEqual([['a', 'b', 'c']])
  })

  test('a closure has the entry and every file that it leads to', () => {
    expect(closure(edges, 'd')).toEqual(['d', 'e'])
    expect(closure(edges, 'c')).toEqual(['a', 'b', 'c', 'd', 'e'])
  })
})
