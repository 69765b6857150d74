/** The mutations still fit the stack. A long test runs the cases against them. */
import { expect, test } from 'vitest'
import { mutatedFiles, readLegalChanges, readMutations } from './mutations/mutations.mjs'

const mutations = readMutations()

test('each mutation has a name and a rule of its own', () => {
  for (const key of ['name', 'rule'] as const) {
    const all = mutations.map(each => each[key])
    expect(all.filter((text, i) => all.indexOf(text) !== i)).toEqual([])
  }
})

test('the stack has the text of each mutation once', () => {
  expect(mutations.length).toBeGreaterThanOrEqual(120)
  for (const mutation of mutations) expect(mutatedFiles(mutation).size).toBeGreaterThan(0)
})

test('the stack has the text of each legal change once', () => {
  const changes = readLegalChanges()
  expect(changes.map(({ name }) => name)).toEqual(expect.arrayContaining(['initial-window-1', 'smallest', 'largest']))
  for (const change of changes.filter(({ edits }) => edits.length > 0))
    expect(mutatedFiles(change).size).toBeGreaterThan(0)
})
