/**
 * The pages packages/learn/docs/to-the-kernel*.md show all of examples/to-the-kernel/mirror.c
 * beside examples/mirror.js, as they are. to-the-kernel.long.test.ts compiles the module.
 */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { readPages } from '#support/pages.ts'

const read = (path: string) => readFileSync(path, 'utf8')
const page = readPages(
  'packages/learn/docs/to-the-kernel.md',
  'packages/learn/docs/to-the-kernel-rules.md',
)
const blocks = (kind: string) =>
  [...page.matchAll(RegExp(`^\`\`\`${kind}\n(.*?)^\`\`\`$`, 'gms'))].map(([, code]) => code!)
const [driver, module] = [read('examples/mirror.js'), read('examples/to-the-kernel/mirror.c')]

test.each([
  ['js', driver],
  ['c', module],
])(
  'every line of %s in the pages on mirror.c is in the example, in pieces that belong together',
  (kind, source) => {
    const pieces = blocks(kind).flatMap(code => code.trimEnd().split('\n\n'))
    expect(pieces.length).toBeGreaterThan(5)
    expect(pieces.filter(piece => !source.includes(piece))).toEqual([])
  },
)

test('the pages on mirror.c show every function of the module', () => {
  const functions = [...module.matchAll(/^static .*\b(mirror_\w+)\(/gm)].map(([, name]) => name!)
  expect(functions.length).toBeGreaterThan(10)
  const shown = blocks('c').join('\n')
  for (const name of functions) {
    expect(shown).toContain(`${name}(`)
  }
})

test('the pages on mirror.c name only existing functions of the module', () => {
  for (const [, name] of page.matchAll(/\b(mirror_[a-z_]+)\b/g)) {
    expect(module).toMatch(RegExp(`\\b${name}\\b`))
  }
})

test('the module has the parameters of the driver, with their defaults and descriptions', () => {
  const declared = driver.matchAll(
    /^ {2}(\w+): int\(\{ default: (\d+),.* description: '(.*)' \}\),$/gm,
  )
  const parameters = [...declared].map(([, name, value, description]) => ({
    name,
    value,
    description,
  }))
  expect(parameters).toHaveLength(3)
  for (const { name, value, description } of parameters) {
    expect(module).toContain(`static unsigned int ${name}${value === '0' ? '' : ` = ${value}`};\n`)
    expect(module).toContain(`MODULE_PARM_DESC(${name}, "${description}");\n`)
    expect(page).toContain(`parm:           ${name}:${description} (uint)\n`)
  }
})
