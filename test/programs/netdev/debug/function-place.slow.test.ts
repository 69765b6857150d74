/** The lines of functions, from the debugger, for code that runs as Node loads it. */
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { beforeEach, expect, test } from 'vitest'
import { freshDirectory } from '#support/fresh-directory.ts'

const DIST = resolve('dist/netdev/debug/function-place.node.js')
const DRIVER = `export const ops = {
  ndoStartXmit(skb) {
    skb.drop()
    return 0
  },
}

export function rx(skb) {
  skb.dev = 1
  netifRx(skb)
}

export function next() {}

function poll(napi, budget) {
  return budget
}

export const arrow = (napi, budget) => poll(napi, budget)
`

const directory = freshDirectory()
let file: string
beforeEach(() => {
  file = join(directory, 'driver.mjs')
  writeFileSync(file, DRIVER)
})

/** Runs code with the driver `m`, the module `p` and `file`. Returns its value. */
function evaluate(code: string): unknown {
  const script = `
    import * as p from ${JSON.stringify(DIST)}
    import * as m from ${JSON.stringify(file)}
    import * as fs from 'node:fs'
    const file = ${JSON.stringify(file)}
    console.log(JSON.stringify((${code}) ?? null))`
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    encoding: 'utf8',
  })
  expect(stderr).toBe('')
  return JSON.parse(stdout)
}

test('a function has its own lines, at most as many as are wanted', () => {
  const lines = ['  ndoStartXmit(skb) {', '    skb.drop()', '    return 0', '  },']
  const xmit = 'm.ops.ndoStartXmit'
  expect(
    evaluate(
      `[p.functionLines(${xmit}, 24), p.functionLines(${xmit}, 2), p.functionPlace(${xmit})]`,
    ),
  ).toEqual([
    { file, line: 2, first: 2, lines },
    { file, line: 2, first: 2, lines: lines.slice(0, 2) },
    `${file}:2`,
  ])
})

test('a place has the lines of its function around it, and one outside of the program has none', () => {
  const lines = ['export function rx(skb) {', '  skb.dev = 1', '  netifRx(skb)', '}']
  const at = JSON.stringify(`${file}:10`)
  expect(
    evaluate(
      `[p.placeLines(${at}, 24), p.placeLines(${at}, 3), p.placeLines('/etc/passwd:1', 24)]`,
    ),
  ).toEqual([
    { file, line: 10, first: 8, lines },
    { file, line: 10, first: 9, lines: lines.slice(1) },
    null,
  ])
})

test('an arrow that only calls a function of its file has the lines of that function', () => {
  const lines = ['function poll(napi, budget) {', '  return budget', '}']
  expect(evaluate('[p.functionLines(m.arrow, 24), p.functionPlace(m.arrow)]')).toEqual([
    { file, line: 15, first: 15, lines },
    `${file}:19`,
  ])
})

test('a script with its source map and sources in it has lines of TypeScript', () => {
  const source = [
    'interface Frame {',
    '  drop(): void',
    '}',
    'export function xmit(skb: Frame): number {',
    '  skb.drop()',
    '  return 0',
    '}',
    '',
  ]
  // Each line of the script is the line of the source three lines further down.
  const map = {
    version: 3,
    sources: ['driver.ts'],
    sourcesContent: [source.join('\n')],
    names: [],
    mappings: 'AAGA;AACA;AACA;AACA',
  }
  const inline = (json: object) =>
    `//# sourceMappingURL=data:application/json;base64,${Buffer.from(JSON.stringify(json)).toString('base64')}`
  const script = ['export function xmit(skb) {', '  skb.drop()', '  return 0', '}', ''].join('\n')
  writeFileSync(file, script + inline(map))
  const typescript = join(directory, 'driver.ts')
  expect(evaluate('p.functionLines(m.xmit, 24)')).toEqual({
    file: typescript,
    line: 4,
    first: 4,
    lines: source.slice(3, 7),
  })
  writeFileSync(file, script + inline({}))
  expect(evaluate('p.functionLines(m.xmit, 1)')).toMatchObject({
    file,
    lines: ['export function xmit(skb) {'],
  })
})

test("the lines are the running code's, even if the file has been replaced", () => {
  const secret = join(directory, 'secret')
  writeFileSync(secret, 'not for you\n'.repeat(20))
  const swap = `fs.unlinkSync(file), fs.symlinkSync(${JSON.stringify(secret)}, file)`
  const lines = ['  ndoStartXmit(skb) {']
  expect(evaluate(`${swap}, p.functionLines(m.ops.ndoStartXmit, 1)`)).toMatchObject({ lines })
})

test('a script may have a URL that is not a file, and functions still have their places', () => {
  const named = 'new Function("//# sourceURL=file://elsewhere/a.js")'
  expect(evaluate(`[p.functionPlace(${named}), p.functionPlace(m.next)]`)).toEqual([
    null,
    `${file}:13`,
  ])
})
