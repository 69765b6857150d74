/** The rules of biome.json besides the recommended ones: each refuses a file that breaks it. */

import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { fileDirectory } from '#support/fresh-directory.ts'
import { tool } from '../../../scripts/setup/command.mjs'

const project = resolve(import.meta.dirname, '../../..')
const root = fileDirectory()

const LINES = '  x++\n'.repeat(61)
const BRANCHES = Array.from({ length: 26 }, (_, i) => `  if (x === ${i}) return ${i}\n`).join('')

/** Files that break one rule each. They are named after the rule. */
const BROKEN: Readonly<Record<string, string>> = {
  noNestedTernary: 'export const f = (x: number) => (x < 0 ? 1 : x > 0 ? 2 : 3)',
  noParameterAssign: 'export function f(x: number) {\n  x = 2\n  return x\n}',
  noMultiAssign: 'export function f(x: number[], y: number[]) {\n  x[0] = y[0] = 1\n}',
  useConsistentArrayType: 'export const f = (x: Array<string>) => x.length',
  useConsistentTypeDefinitions: 'export type F = { x: number }',
  noReturnAssign: 'export const f = (x: { y: number }) => (x.y = 1)',
  noExplicitAny: 'export const f = (x: any) => String(x)',
  noAssignInExpressions: 'export function f(x: number[]) {\n  console.log((x[0] = 1))\n}',
  noShadow:
    'export function f(x: number) {\n  const g = (x: string) => x\n  return g(String(x))\n}',
  noExcessiveLinesPerFunction: `export function f() {\n  let x = 0\n${LINES}  return x\n}`,
  noExcessiveCognitiveComplexity: `export function f(x: number) {\n${BRANCHES}  return -1\n}`,
}

/** Bodies without braces, and `return void`, which plugins refuse. */
const REFUSED: Readonly<Record<string, string>> = {
  'if-call': 'if (x > 0) f()',
  'if-else-return': 'if (x > 0) return\n  else f()',
  'two-lines': 'if (x > 0)\n    return',
  'else-call': 'if (x > 0) {\n    f()\n  } else f()',
  for: 'for (;;) f()',
  'for-of': 'for (const y of [x]) f(y)',
  'for-in': 'for (const y in [x]) f(y)',
  while: 'while (x > 0) f()',
  do: 'do f()\n  while (x > 0)',
  'return-void': 'return void f()',
}

const ALLOWED: Readonly<Record<string, string>> = {
  return: 'if (x > 0) return',
  throw: 'if (x > 0) throw new Error()',
  continue: 'for (const y of [x]) {\n    if (y > 0) continue\n    f(y)\n  }',
  break: 'for (const y of [x]) {\n    if (y > 0) break\n    f(y)\n  }',
  'else-if': 'if (x > 0) {\n    f()\n  } else if (x < 0) {\n    f(1)\n  } else {\n    f(2)\n  }',
  'void-call': 'void f()',
}

const bodyOf = (statement: string) =>
  `export function test(x: number, f: (y?: unknown) => unknown): void {\n  f(x)\n  ${statement}\n}`

/** The rules that refused a file, by the file's name. */
const found = new Map<string, string[]>()

beforeAll(() => {
  const put = (name: string, text: string) =>
    writeFileSync(join(root, 'src', `${name}.ts`), `${text}\n`)
  mkdirSync(join(root, 'src'))
  cpSync(join(project, 'biome.json'), join(root, 'biome.json'))
  cpSync(join(project, 'scripts/lint'), join(root, 'scripts/lint'), { recursive: true })
  for (const [name, text] of Object.entries(BROKEN)) {
    put(name, text)
  }
  for (const [name, text] of Object.entries({ ...REFUSED, ...ALLOWED })) {
    put(name, bodyOf(text))
  }
  const [node, program] = tool('biome') as [string, string]
  const args = ['lint', '--vcs-enabled=false', '--reporter=json', '--max-diagnostics=200', '.']
  const biome = [resolve(project, program), ...args]
  const { stdout } = spawnSync(node, biome, { cwd: root, encoding: 'utf8' })
  const { diagnostics } = JSON.parse(stdout) as {
    diagnostics: readonly { category: string; location: { path: string } }[]
  }
  for (const { category, location } of diagnostics) {
    const name = location.path.replace(/^.*\/(.*)\.ts$/, '$1')
    found.set(name, [...(found.get(name) ?? []), category.replace(/^.*\//, '')])
  }
})

describe('biome', () => {
  test.each(Object.keys(BROKEN))('refuses a file of src that breaks %s', rule => {
    expect(found.get(rule)).toContain(rule)
  })

  test.each(Object.entries(REFUSED))('refuses the statement of %s: %j', name => {
    expect(found.get(name)).toContain('plugin')
  })

  test.each(Object.entries(ALLOWED))('takes the statement of %s: %j', name => {
    expect(found.get(name) ?? []).not.toContain('plugin')
  })
})
