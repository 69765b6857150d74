/** The mutations still fit the stack. A long test runs the cases against them. */
import { parseSync } from 'rolldown/utils'
import { expect, test } from 'vitest'
import { mutatedFiles, readLegalChanges, readMutations } from './mutations/mutations.mjs'

const mutations = readMutations()

test('each mutation has a name and a rule of its own', () => {
  for (const key of ['name', 'rule'] as const) {
    const all = mutations.map(each => each[key])
    expect(all.filter((text, i) => all.indexOf(text) !== i)).toEqual([])
  }
})

/** Expects that each changed file is TypeScript. The syntax tree, which takes long, is not read. */
function expectSyntax(files: ReadonlyMap<string, string>): void {
  expect(files.size).toBeGreaterThan(0)
  for (const [file, text] of files) {
    expect(parseSync(file, text).errors).toEqual([])
  }
}

test('the stack has the text of each mutation once, and is TypeScript with it', () => {
  expect(mutations.length).toBeGreaterThanOrEqual(120)
  for (const mutation of mutations) {
    expectSyntax(mutatedFiles(mutation))
  }
})

test('the stack has the text of each legal change once, and is TypeScript with it', () => {
  const changes = readLegalChanges()
  expect(changes.map(({ name }) => name)).toEqual(
    expect.arrayContaining(['initial-window-1', 'smallest', 'largest']),
  )
  for (const change of changes.filter(({ edits }) => edits.length > 0)) {
    expectSyntax(mutatedFiles(change))
  }
})
