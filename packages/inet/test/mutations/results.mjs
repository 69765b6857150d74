/** The results of the mutations: survivors, cases that none of them fails, and the pages. */
import { MutantRuns } from './run.mjs'

/** A mutation that fails more cases than this shows nothing about one of them. */
const MOST = 60

/**
 * Runs all cases against mutations. Returns the failed cases of each, by their names, and all
 * cases. `onResult` is called after each mutation. Throws if a case fails without a mutation.
 */
export async function runMutations(mutations, onResult = () => {}) {
  const runs = await MutantRuns.create()
  try {
    const base = await runs.failures()
    if (base.size > 0) {
      throw new Error(`without a mutation these cases fail: ${[...base.keys()].join(', ')}`)
    }
    const results = []
    for (const mutation of mutations) {
      const failures = await runs.failures(mutation)
      results.push({ ...mutation, failures })
      onResult(results.at(-1))
    }
    return { results, cases: runs.cases.map(({ name }) => name) }
  } finally {
    await runs.close()
  }
}

/** Returns the names of mutations that fail no case, and of cases that no mutation fails. */
export function gaps({ results, cases }) {
  const narrow = results.filter(({ failures }) => failures.size <= MOST)
  return {
    survivors: results.filter(({ failures }) => failures.size === 0).map(({ name }) => name),
    uncovered: cases.filter(name => !narrow.some(({ failures }) => failures.has(name))),
  }
}

/** Returns the pages with the tables, by their names. */
export function pagesOf({ results, cases }) {
  const home = homesOf(results, cases)
  const starts = PAGES.map(({ first }) => results.findIndex(({ section }) => section === first))
  return Object.fromEntries(
    PAGES.map(({ name, text }, i) => {
      const part = results.slice(starts[i], starts[i + 1])
      const sections = [...new Set(part.map(({ section }) => section))]
      const tables = sections.map(section => {
        const rows = part.filter(each => each.section === section).map(each => rowOf(each, home))
        return `\n## ${section}\n\n| rule | cases that fail |\n|---|---|\n${rows.join('\n')}\n`
      })
      return [name, HEAD + text(results.length, cases.length) + tables.join('')]
    }),
  )
}

/** Returns the mutation of each case that fails the fewest others. */
function homesOf(results, cases) {
  const bySize = results.toSorted((a, b) => a.failures.size - b.failures.size)
  return new Map(cases.map(name => [name, bySize.find(({ failures }) => failures.has(name))?.name]))
}

function rowOf({ name, rule, failures }, home) {
  const all = [...failures.keys()]
  const own = all.filter(each => home.get(each) === name)
  const some = own.length > 0 ? own : all.slice(0, 2)
  const shown = all.length <= 3 ? all : some
  const others = all.length - shown.length
  return `| ${rule} | ${shown.map(each => `\`${each}\``).join(', ')}${others > 0 ? ` and ${others} more` : ''} |`
}

/** Keeps the pages out of the search of the site. */
const HEAD = '---\nsearch: false\n---\n\n'

const INTRO = (mutations, cases) => `# Mutations of the stack

Each case of [\`vnet conform\`](../docs/conform.md) fails for a stack that breaks its rule. To show
it, a script breaks the rules of [the stack of vnet](../../inet/docs/linux.md) on purpose, one at a
time, and runs the ${cases} cases against each mutant in memory. None of the ${mutations} mutations survives, and
each case fails for one of them:

    node scripts/conform-mutations.mjs

A mutation replaces a text of a source file by another one, in a bundle and never in the tree: it
removes a check, is off by one, or sets a wrong flag. They are in
\`packages/inet/test/conform-mutations.txt\`. Some change a second text, because the stack checks a
rule twice, or because its wrong reply would not be seen otherwise. A case fails, too, if the mutant
throws or hangs. A mutant that fails more than ${MOST} cases shows nothing about one of them.

The script exits with status 1, and prints their names, if a mutation fails no case or if a case
fails for no mutation: a new case needs one. \`--only PATTERN\` runs some mutations by their
names, and \`--pages\` writes these pages, which a long test compares.

The tables have the cases that fail without a rule. If they are many, only those cases are named
for which no narrower mutation exists. The others are counted.

1. This page: IP, ICMP, neighbour discovery and UDP.
2. [Connections](conform-mutations-tcp.md): headers of TCP, the handshake, numbers, timestamps and
   resets.
3. [Flow](conform-mutations-flow.md): closing, windows, retransmission, congestion, losses, SACK,
   and ICMP errors.
`

/** The pages, each with its name, its first section, and the text before the tables. */
const PAGES = [
  { name: 'conform-mutations.md', first: 'Ethernet and ARP', text: INTRO },
  {
    name: 'conform-mutations-tcp.md',
    first: 'TCP headers',
    text: () =>
      '# Mutations of connections\n\nThe second page of [the mutations](conform-mutations.md).\n',
  },
  {
    name: 'conform-mutations-flow.md',
    first: 'Closing',
    text: () => '# Mutations of flow\n\nThe third page of [the mutations](conform-mutations.md).\n',
  },
]
