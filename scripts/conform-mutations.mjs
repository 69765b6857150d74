/**
 * node scripts/conform-mutations.mjs [--legal] [--only PATTERN] [--pages]: breaks a rule of the
 * stack of packages/inet at a time, runs the cases of `vnet conform` against each mutant in memory,
 * and prints the mutations with the cases that fail. Exits 1 and names them if a mutation fails no
 * case or a case fails for no mutation. With --legal, changes the stack in ways that break no rule,
 * and exits 1 if a case fails that must pass. With --pages, also writes the pages in
 * packages/conform/records. With --only, runs those with a name that matches a regular expression.
 */
import { writeFileSync } from 'node:fs'
import { legalPage, runLegalChanges } from '../packages/inet/test/mutations/legal.mjs'
import { readLegalChanges, readMutations } from '../packages/inet/test/mutations/mutations.mjs'
import { gaps, pagesOf, runMutations } from '../packages/inet/test/mutations/results.mjs'
import { flag, readOptions, refuse, text } from './options.mjs'

const RECORDS = new URL('../packages/conform/records/', import.meta.url)

/** Returns whether each mutation fails a case, and each case fails for one. */
async function breakRules(mutations, { only, pages }) {
  const outcome = await runMutations(mutations, ({ name, rule, failures }) =>
    console.log(`${name}: ${rule}\n    ${failures.size}: ${[...failures.keys()].join(' ')}`),
  )
  const { survivors, uncovered } = gaps(outcome)
  console.log(`${mutations.length} mutations, ${outcome.cases.length} cases`)
  for (const name of survivors) {
    console.error(`mutation ${name} fails no case`)
  }
  if (only === undefined) {
    for (const name of uncovered) {
      console.error(`no mutation fails case ${name}`)
    }
  }
  if (survivors.length > 0 || (only === undefined && uncovered.length > 0)) return false
  if (pages) {
    for (const [name, text] of Object.entries(pagesOf(outcome))) {
      writeFileSync(new URL(name, RECORDS), text)
    }
  }
  return true
}

/** Returns whether all cases that must pass do so for legal stacks. */
async function keepRules(changes, { pages }) {
  const outcome = await runLegalChanges(changes, ({ name, rule, wrong, others }) => {
    console.log(
      `${name}: ${rule}\n    ${others.length} of should and may differ: ${others.join(' ')}`,
    )
    for (const [failed, reason] of wrong) {
      console.error(`legal change ${name} fails case ${failed}: ${reason}`)
    }
  })
  if (outcome.results.some(({ wrong }) => wrong.size > 0)) return false
  if (pages) {
    writeFileSync(new URL('conform-legal.md', RECORDS), legalPage(outcome))
  }
  return true
}

const {
  only,
  pages = false,
  legal = false,
} = readOptions({ only: text, pages: flag, legal: flag }).values
if (pages && only !== undefined) {
  refuse('--pages needs all: leave --only out')
}
const all = legal ? readLegalChanges() : readMutations()
const chosen = only === undefined ? all : all.filter(({ name }) => patternOf(only).test(name))
if (chosen.length === 0) {
  refuse(`--only ${only}: matches no name, such as ${all[0]?.name}`)
}
try {
  if (!(await (legal ? keepRules : breakRules)(chosen, { only, pages }))) {
    process.exitCode = 1
  }
} catch (error) {
  console.error(`conform-mutations: ${error.message}`)
  process.exitCode = 1
}

function patternOf(text) {
  try {
    return new RegExp(text)
  } catch (error) {
    return refuse(`--only ${text}: ${error.message}`)
  }
}
