/**
 * node scripts/conform-mutations.mjs [--legal] [--only PATTERN] [--pages]: breaks a rule of the
 * stack of packages/inet at a time, runs the cases of `vnet conform` against each mutant in memory,
 * and prints the mutations with the cases that fail. Exits 1 and names them if a mutation fails no
 * case or a case fails for no mutation. With --legal, changes the stack in ways that break no rule,
 * and exits 1 if a case fails that must pass. With --pages, also writes the pages in
 * packages/inet/docs. With --only, runs those with a name that matches a regular expression.
 */
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { legalPage, runLegalChanges } from '../packages/inet/test/mutations/legal.mjs'
import { readLegalChanges, readMutations } from '../packages/inet/test/mutations/mutations.mjs'
import { gaps, pagesOf, runMutations } from '../packages/inet/test/mutations/results.mjs'

const DOCS = new URL('../packages/inet/docs/', import.meta.url)

/** Returns whether each mutation fails a case, and each case fails for one. */
async function breakRules({ only, pages }, isChosen) {
  const mutations = readMutations().filter(isChosen)
  const outcome = await runMutations(mutations, ({ name, rule, failures }) =>
    console.log(`${name}: ${rule}\n    ${failures.size}: ${[...failures.keys()].join(' ')}`),
  )
  const { survivors, uncovered } = gaps(outcome)
  console.log(`${mutations.length} mutations, ${outcome.cases.length} cases`)
  for (const name of survivors) console.error(`mutation ${name} fails no case`)
  if (only === undefined) for (const name of uncovered) console.error(`no mutation fails case ${name}`)
  if (survivors.length > 0 || (only === undefined && uncovered.length > 0)) return false
  if (pages) for (const [name, text] of Object.entries(pagesOf(outcome))) writeFileSync(new URL(name, DOCS), text)
  return true
}

/** Returns whether all cases that must pass do so for legal stacks. */
async function keepRules({ pages }, isChosen) {
  const outcome = await runLegalChanges(readLegalChanges().filter(isChosen), ({ name, rule, wrong, others }) => {
    console.log(`${name}: ${rule}\n    ${others.length} of should and may differ: ${others.join(' ')}`)
    for (const [failed, reason] of wrong) console.error(`legal change ${name} fails case ${failed}: ${reason}`)
  })
  if (outcome.results.some(({ wrong }) => wrong.size > 0)) return false
  if (pages) writeFileSync(new URL('conform-legal.md', DOCS), legalPage(outcome))
  return true
}

try {
  const options = { only: { type: 'string' }, pages: { type: 'boolean' }, legal: { type: 'boolean' } }
  const { values } = parseArgs({ options })
  const isChosen = ({ name }) => values.only === undefined || new RegExp(values.only).test(name)
  if (values.pages && values.only !== undefined) throw new Error('--pages needs all: leave --only out')
  const isRight = await (values.legal ? keepRules : breakRules)(values, isChosen)
  if (!isRight) process.exitCode = 1
} catch (error) {
  console.error(`conform-mutations: ${error.message}`)
  process.exitCode = 2
}
