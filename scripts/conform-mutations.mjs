/**
 * node scripts/conform-mutations.mjs [--only PATTERN] [--pages]: breaks a rule of the stack of
 * packages/inet at a time, runs the cases of `vnet conform` against each mutant in memory, and
 * prints the mutations with the cases that fail. Exits 1 and names them if a mutation fails no case
 * or a case fails for no mutation. With --pages, also writes the pages in packages/inet/docs. With
 * --only, runs the mutations with a name that matches a regular expression.
 */
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { readMutations } from '../packages/inet/test/mutations/mutations.mjs'
import { gaps, pagesOf, runMutations } from '../packages/inet/test/mutations/results.mjs'

const DOCS = new URL('../packages/inet/docs/', import.meta.url)

try {
  const { only, pages } = parseArgs({ options: { only: { type: 'string' }, pages: { type: 'boolean' } } }).values
  const mutations = readMutations().filter(({ name }) => only === undefined || new RegExp(only).test(name))
  const outcome = await runMutations(mutations, ({ name, rule, failures }) =>
    console.log(`${name}: ${rule}\n    ${failures.size}: ${[...failures.keys()].join(' ')}`),
  )
  const { survivors, uncovered } = gaps(outcome)
  console.log(`${mutations.length} mutations, ${outcome.cases.length} cases`)
  for (const name of survivors) console.error(`mutation ${name} fails no case`)
  if (only === undefined) for (const name of uncovered) console.error(`no mutation fails case ${name}`)
  if (survivors.length > 0 || (only === undefined && uncovered.length > 0)) process.exitCode = 1
  else if (pages) for (const [name, text] of Object.entries(pagesOf(outcome))) writeFileSync(new URL(name, DOCS), text)
} catch (error) {
  console.error(`conform-mutations: ${error.message}`)
  process.exitCode = 2
}
