/** The results of legal changes of the stack, and their page. */
import { MutantRuns } from './run.mjs'

/**
 * Runs all cases against legal changes. Returns each with the names of the cases that failed:
 * `wrong`, with their reasons, are of the level `must`, `others` of `should` and `may`.
 */
export async function runLegalChanges(changes, onResult = () => {}) {
  const runs = await MutantRuns.create()
  try {
    const isMust = new Map(runs.cases.map(({ name, level }) => [name, level === 'must']))
    const results = []
    for (const change of changes) {
      const failures = [...(await runs.failures({ world: '', ...change }))]
      const wrong = new Map(failures.filter(([name]) => isMust.get(name)))
      const others = failures.map(([name]) => name).filter(name => !isMust.get(name))
      results.push({ ...change, wrong, others })
      onResult(results.at(-1))
    }
    return { results, must: [...isMust.values()].filter(Boolean).length }
  } finally {
    await runs.close()
  }
}

/** Returns the page with the table. */
export function legalPage({ results, must }) {
  const rows = results.map(
    ({ rule, others }) => `| ${rule} | ${others.map(name => `\`${name}\``).join(', ')} |`,
  )
  return `---
search: false
---

# Legal stacks

The RFCs leave choices to a stack. A case of [\`vnet conform\`](../docs/conform.md) at the level
\`must\` passes with each of them. To show it, a script changes [the stack of
vnet](../../inet/docs/linux.md) to other choices, one at a time, then to the smallest and the
largest together, and runs the cases against each in memory, with the time limits of an interface:

    node scripts/conform-mutations.mjs --legal

All ${must} cases of \`must\` pass, or do not apply. The cases of \`should\` and \`may\` that differ
are in the table: they have what an RFC recommends, or what Linux does.

The changes are in \`packages/inet/test/conform-legal.txt\`, in the format of [the
mutations](conform-mutations.md). The script exits with status 1, and prints the reasons, if a case
of \`must\` fails. \`--only PATTERN\` runs some changes by their names, and \`--pages\` writes this
page, which a test compares.

| choice | cases of \`should\` and \`may\` that differ |
|---|---|
${rows.join('\n')}
`
}
