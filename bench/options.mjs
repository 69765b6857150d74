/** The command line of the bench. Anything wrong with it is a UsageError of one line. */
import { parseArgs } from 'node:util'
import { baseName, cases } from './cases.mjs'
import { METRICS } from './metrics.mjs'

const CASES = Object.keys(cases())
const PARTS = [...CASES, 'memory']
const namesIn = table => [
  ...new Set(
    Object.values(table).flatMap(({ candidates }) =>
      Object.entries(candidates).map(([name, candidate]) => baseName(name, candidate)),
    ),
  ),
]

/** What `--publish` stands for: the figures of the documents, measured, kept and drawn. */
const PUBLISH = {
  rounds: '5',
  secs: '1',
  json: 'docs/performance.json',
  charts: 'docs/performance',
  targets: 'docs/performance.md',
}

export const HELP = `Usage: npm run bench -- [OPTIONS]

Compares kernel veth, the C baseline, npm packages and vnet in one run, in network namespaces of its own, then what vnet
does in memory.

What to measure:
  --only PART,...         ${PARTS.join(', ')};
                          may be repeated (default: all)
  --candidates NAME,...   ${namesIn(cases()).join(', ')}
  --variant NAME=OPTIONS  one more candidate: vnet with these options, 'busy=--busy-poll 50us'; may be repeated
  --metrics NAME,...      ${Object.keys(METRICS).join(', ')}
                          (default: what each part has; see bench/README.md)
  --rounds N              rounds, 1 to 100 (default 3)
  --secs S                seconds a measurement, 0.5 to 3 (default 1)

What to do with it:
  --json FILE             every sample, and the medians, as JSON; - is standard output (the table then goes to stderr)
  --compare FILE          what got slower than in FILE, an earlier --json, beyond the spread; exit code 1 if anything did
  --charts DIRECTORY      charts, as SVG
  --from FILE             takes an earlier --json in place of a measurement
  --targets FILE          writes what is to be reached, and what was, between the marks for it in a Markdown file
  --publish               all of it for the documents: --rounds ${PUBLISH.rounds} --secs ${PUBLISH.secs} --json ${PUBLISH.json} --charts ${PUBLISH.charts}
                          --targets ${PUBLISH.targets}
  --help
`

export class UsageError extends Error {}

const strings = { type: 'string', multiple: true }
const string = { type: 'string' }
const boolean = { type: 'boolean', default: false }
const OPTIONS = {
  only: strings,
  candidates: strings,
  variant: strings,
  metrics: strings,
  rounds: string,
  secs: string,
  json: string,
  compare: string,
  charts: string,
  from: string,
  targets: string,
  publish: boolean,
  help: { ...boolean, short: 'h' },
}
const MEASURING = ['only', 'candidates', 'variant', 'metrics', 'rounds', 'secs', 'publish']

/**
 * Returns `{ help }` or `{ parts, cases, memory, rounds, seconds, json, compare, charts, targets, from }`. `cases` are those of cases.mjs
 * that are to be run, by name, each with the candidates and metrics asked for.
 */
export function parseOptions(argv) {
  const given = parse(argv)
  if (given.help) return { help: true }
  const { json, compare, charts, from, targets, publish } = given
  const common = { json, compare, charts, from, targets }
  for (const [option, file] of Object.entries(common))
    if (file === '') throw new UsageError(`--${option}: of what file?`)
  if (from !== undefined) {
    const odd = MEASURING.find(option => given[option] !== undefined && given[option] !== false)
    if (odd !== undefined) throw new UsageError(`--from measures nothing: --${odd} has no meaning with it`)
    return common
  }
  const values = publish ? { ...PUBLISH, ...given } : { rounds: '3', secs: '1', ...given }
  const parts = list(values.only, 'only', PARTS)
  const table = selected(parts, values)
  return {
    ...common,
    json: values.json,
    charts: values.charts,
    targets: values.targets,
    parts,
    cases: table,
    memory: parts.includes('memory'),
    rounds: number(values.rounds, 'rounds', 1, 100, Number.isInteger),
    seconds: number(values.secs, 'secs', 0.5, 3, Number.isFinite),
  }
}

/** The cases of `parts`, cut down to the candidates and metrics asked for. */
function selected(parts, { variant = [], candidates, metrics }) {
  const asked = Object.fromEntries(variant.map(parseVariant))
  const table = cases(asked)
  const known = namesIn(table)
  const names = list(candidates, 'candidates', known)
  const wanted = metrics && list(metrics, 'metrics', Object.keys(METRICS))
  const chosen = {}
  for (const part of parts.filter(name => name !== 'memory')) {
    const kase = table[part]
    const all = Object.entries(kase.candidates)
    const those = all.filter(([name, candidate]) => names.includes(baseName(name, candidate)))
    const theirs = wanted?.filter(metric => [...kase.metrics, ...kase.more].includes(metric)) ?? kase.metrics
    if (those.length > 0 && theirs.length > 0)
      chosen[part] = { ...kase, candidates: Object.fromEntries(those), metrics: theirs }
  }
  if (Object.keys(chosen).length === 0 && !parts.includes('memory')) {
    throw new UsageError(`nothing of --candidates ${names} and --metrics ${wanted ?? '(usual)'} is in ${parts}`)
  }
  return chosen
}

/** `busy=--busy-poll 50us`: a name of its own, and words for vnet's command line. */
function parseVariant(text) {
  const [, name, words] = /^([a-z][a-z0-9-]*)=(\S.*)$/.exec(text) ?? []
  if (name === undefined) throw new UsageError(`--variant ${text}: not NAME=OPTIONS`)
  if (namesIn(cases()).includes(name)) throw new UsageError(`--variant ${name}: that candidate is there already`)
  return [name, words.trim().split(/\s+/)]
}

/** What was given; an option that was not is absent. */
function parse(args) {
  try {
    return { ...parseArgs({ args, options: OPTIONS }).values }
  } catch (error) {
    throw new UsageError(error.message.split('. ', 1)[0])
  }
}

/** The words asked for, in the order of `known`; all of them when none is. */
function list(values, option, known) {
  if (values === undefined) return known
  const words = values.flatMap(value => value.split(','))
  const unknown = words.find(word => !known.includes(word))
  if (unknown !== undefined) throw new UsageError(`--${option} ${unknown}: not one of ${known.join(', ')}`)
  return known.filter(word => words.includes(word))
}

function number(text, option, least, most, right) {
  const value = text.trim() === '' ? Number.NaN : Number(text)
  if (right(value) && value >= least && value <= most) return value
  throw new UsageError(`--${option} ${text}: not a number from ${least} to ${most}`)
}
