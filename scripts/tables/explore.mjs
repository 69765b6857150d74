/** The options of explore in packages/lab/docs/explore.md. */
import { cell, linked, table } from '../blocks.mjs'

/** Phrases of the rows that are links, and the headings to which they lead. */
const LINKS = {
  points: { "chosen `'bytes'`": '../../../docs/wires-bytes.md#in-explore' },
  schedules: { 'random sets': 'explore-further.md#schedules' },
  budget: { 'spread over the run': 'explore-further.md#many-nodes' },
  reuse: { again: 'explore-runs.md#processes' },
  strict: { 'reject in time': 'explore-runs.md#errors-in-time' },
  compare: { 'something else': 'explore-runs.md#results' },
  world: {
    "`'memory'`": 'explore-runs.md#in-memory',
    "`'guest'`": 'explore-runs.md#in-a-guest',
  },
  hit: { 'hit by faults of hosts': 'nemesis.md#hosts-of-faults' },
}

/**
 * Returns the table of the options. `source` is the text of the module that declares them. Throws
 * if it has none, or one without a comment.
 */
export function exploreOptions(source) {
  const [, body = ''] = /^export interface ExploreOptions \{\n([\s\S]*?)^\}/m.exec(source) ?? []
  const options = [...body.matchAll(/^ {2}\/\*\*([\s\S]*?)\*\/\n {2}readonly (\w+)/gm)]
  const declared = [...body.matchAll(/^ {2}(?:readonly )?(\w+)\??[:(]/gm)].map(([, name]) => name)
  if (declared.length === 0) throw new Error('ExploreOptions has no options')
  const described = new Set(options.map(([, , name]) => name))
  const missing = declared.filter(name => !described.has(name))
  if (missing.length > 0) throw new Error(`options without a comment: ${missing.join(', ')}`)
  return table(
    ['option', ''],
    options.map(([, comment, name]) => {
      const text = comment
        .replace(/\n\s*\*/g, ' ')
        .replace(/\s+/g, ' ')
        .trim()
      return [`\`${name}\``, cell(linked(text, LINKS[name] ?? {}))]
    }),
  )
}
