/** The lines of functions, from the debugger, for code that runs as Node loads it. */
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { beforeEach, expect, test } from 'vitest'
import { freshDirectory } from '../../../support/fresh-directory.ts'

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
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' })
  expect(stderr).toBe('')
  return JSON.parse(stdout)
}

test('a function has its own lines, at most as many as are wanted', () => {
  const lines = ['  ndoStartXmit(skb) {', '    skb.drop()', '    return 0', '  },']
  const xmit = 'm.ops.ndoStartXmit'
  expect(evaluate(`[p.functionLines(${xmit}, 24), p.functionLines(${xmit}, 2), p.functionPlace(${xmit})]`)).toEqual([
    { file, line: 2, first: 2, lines },
    { file, line: 2, first: 2, lines: lines.slice(0, 2) },
    `${file}:2`,
  ])
})

test('a place has the lines of its function around it, and one outside of the program has none', () => {
  const lines = ['export function rx(skb) {', '  skb.dev = 1', '  netifRx(skb)', '}']
  const at = JSON.stringify(`${file}:10`)
  expect(evaluate(`[p.placeLines(${at}, 24), p.placeLines(${at}, 3), p.placeLines('/etc/passwd:1', 24)]`)).toEqual([
    { file, line: 10, first: 8, lines },
    { file, line: 10, first: 9, lines: lines.slice(1) },
    null,
  ])
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
  expect(evaluate(`[p.functionPlace(${named}), p.functionPlace(m.next)]`)).toEqual([null, `${file}:13`])
})
