/** The command line of the benchmark. A mistake in it is a UsageError of one line. */
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

/** The options that `--publish` stands for: measure the published figures, save and draw them. */
const PUBLISH = {
  rounds: '5',
  secs: '1',
  json: 'docs/performance.json',
  charts: 'docs/performance',
  targets: 'docs/records/performance-targets.md',
}

export const HELP = `Usage: npm run bench -- [OPTIONS]

Compares kernel veth, the C baseline, npm packages and vnet in one run, in network namespaces of its own, then
measures vnet in memory.

What to measure:
  --only PART,...         ${PARTS.slice(0, 10).join(', ')},
                          ${PARTS.slice(10, 20).join(', ')},
                          ${PARTS.slice(20).join(', ')}; repeatable (default: all)
  --candidates NAME,...   ${namesIn(cases()).join(', ')}
  --variant NAME=OPTIONS  add a candidate: vnet with these options, as 'busy=--busy-poll 50us'; repeatable
  --metrics NAME,...      ${Object.keys(METRICS).join(', ')}
                          (default: depends on the part, see bench/parts.md)
  --rounds N              number of rounds, 1 to 100 (default 3)
  --secs S                seconds per measurement, 0.5 to 10 (default 1)

What to do with it:
  --json FILE             write every sample and the medians as JSON; - is standard output (the table then goes to stderr)
  --compare FILE          print what got slower than in FILE, an earlier --json, beyond the spread; exit 1 if anything did
  --charts DIRECTORY      draw charts as SVG
  --from FILE             use an earlier --json in place of a measurement
  --targets FILE          write the table of targets and results between its marks in a Markdown file
  --publish               update the documents: --rounds ${PUBLISH.rounds} --secs ${PUBLISH.secs} --json ${PUBLISH.json} --charts ${PUBLISH.charts}
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
 * Returns `{ help }` or `{ parts, cases, memory, rounds, seconds, json, compare, charts, targets,
 * from }`. `cases` are the selected cases of cases.mjs, by name, each with the selected candidates
 * and metrics.
 */
export function parseOptions(argv) {
  const given = parse(argv)
  if (given.help) return { help: true }
  const { json, compare, charts, from, targets, publish } = given
  const common = { json, compare, charts, from, targets }
  for (const [option, file] of Object.entries(common)) {
    if (file === '') {
      throw new UsageError(`--${option}: the file name is empty`)
    }
  }
  if (from !== undefined) {
    const odd = MEASURING.find(option => given[option] !== undefined && given[option] !== false)
    if (odd !== undefined) {
      throw new UsageError(`--from measures nothing: --${odd} cannot be used with it`)
    }
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
    seconds: number(values.secs, 'secs', 0.5, 10, Number.isFinite),
  }
}

/** Returns the cases of `parts` with the selected candidates and metrics only. */
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
    const theirs =
      wanted?.filter(metric => [...kase.metrics, ...kase.more].includes(metric)) ?? kase.metrics
    if (those.length > 0 && theirs.length > 0) {
      chosen[part] = { ...kase, candidates: Object.fromEntries(those), metrics: theirs }
    }
  }
  if (Object.keys(chosen).length === 0 && !parts.includes('memory')) {
    throw new UsageError(
      `no part of ${parts} has --candidates ${names} and --metrics ${wanted ?? '(default)'}`,
    )
  }
  return chosen
}

/** Parses `busy=--busy-poll 50us`: a new name, and options of vnet. */
function parseVariant(text) {
  const [, name, words] = /^([a-z][a-z0-9-]*)=(\S.*)$/.exec(text) ?? []
  if (name === undefined) throw new UsageError(`--variant ${text}: not NAME=OPTIONS`)
  if (namesIn(cases()).includes(name)) {
    throw new UsageError(`--variant ${name}: a candidate of this name exists`)
  }
  return [name, words.trim().split(/\s+/)]
}

/** Returns the options that were given; others are absent. */
function parse(args) {
  try {
    return { ...parseArgs({ args, options: OPTIONS }).values }
  } catch (error) {
    throw new UsageError(error.message.split('. ', 1)[0])
  }
}

/** Returns the selected words in the order of `known`; all of them by default. */
function list(values, option, known) {
  if (values === undefined) return known
  const words = values.flatMap(value => value.split(','))
  const unknown = words.find(word => !known.includes(word))
  if (unknown !== undefined) {
    throw new UsageError(`--${option} ${unknown}: not one of ${known.join(', ')}`)
  }
  return known.filter(word => words.includes(word))
}

function number(text, option, least, most, right) {
  const value = text.trim() === '' ? Number.NaN : Number(text)
  if (right(value) && value >= least && value <= most) return value
  throw new UsageError(`--${option} ${text}: not a number from ${least} to ${most}`)
}
