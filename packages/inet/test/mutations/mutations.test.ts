/** The texts that mutations and legal changes replace are in the sources. */
import { expect, test } from 'vitest'
import { mutatedFiles, readLegalChanges, readMutations } from './mutations.mjs'

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
