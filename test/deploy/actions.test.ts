/** The actions of other repositories that the workflows run are fixed by their commits. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

test('each action of another repository is named by its commit, with its version beside it', () => {
  const names = readdirSync('.github', { recursive: true, encoding: 'utf8' }).filter(name =>
    name.endsWith('.yml'),
  )
  const files = names.map(name => join('.github', name))
  const used = files.flatMap(file => [
    ...readFileSync(file, 'utf8').matchAll(/^\s*(?:- )?uses: (?!\.\/)(.*)$/gm),
  ])
  expect(used.length).toBeGreaterThan(5)
  for (const [, action] of used) {
    expect(action).toMatch(/^[\w-]+\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/)
  }
})
