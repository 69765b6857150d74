/**
 * The texts that mutations and legal changes replace are in the sources, and the records start as
 * their script writes them.
 */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { legalPage } from './legal.mjs'
import { mutatedFiles, readLegalChanges, readMutations } from './mutations.mjs'
import { pagesOf } from './results.mjs'

test('each mutation and each legal change finds its texts, once', () => {
  const changes = [...readMutations(), ...readLegalChanges()]
  expect(changes.length).toBeGreaterThan(300)
  for (const change of changes) {
    // One without edits is the stack as it is.
    if (change.edits.length > 0) {
      mutatedFiles(change)
    }
  }
})

// The suite of stacks runs all mutations, and compares the tables.
test('each record of mutations and legal stacks starts as scripts/conform-mutations.mjs writes it', () => {
  const pages = {
    ...pagesOf({ results: [], cases: [] }),
    'conform-legal.md': legalPage({ results: [], must: 0 }),
  }
  // Numbers of cases and mutations, and the rows, are of a run.
  const headOf = (page: string) =>
    page
      .split(/^(?:## |\|---)/m, 1)[0]
      ?.replaceAll(/\d+/g, 'N')
      .trimEnd()
  const records = new URL('../../../conform/records/', import.meta.url)
  for (const [name, page] of Object.entries(pages)) {
    expect(headOf(readFileSync(new URL(name, records), 'utf8')), name).toBe(headOf(page))
  }
})
