/** The command line of the bench. Anything wrong with it is a UsageError of one line. */
import { parseArgs } from 'node:util'
import { CANDIDATES } from './candidates.mjs'
import { METRICS } from './measure.mjs'

const PARTS = [...Object.keys(CANDIDATES), 'memory']
const NAMES = [...new Set(Object.values(CANDIDATES).flatMap(Object.keys))]

export const HELP = `Usage: npm run bench -- [OPTIONS]

Compares kernel veth, the C baseline and vnet in one run, in network namespaces of its own, then what vnet does in memory.

  --only PART,...        ${PARTS.join(', ')}; may be repeated (default: all)
  --rounds N             rounds, 1 to 100 (default 3)
  --secs S               seconds a measurement, 0.5 to 3 (default 2)
  --candidates NAME,...  ${NAMES.join(', ')}
  --metrics NAME,...     ${Object.keys(METRICS).join(', ')}
  --json FILE            every sample, and the medians, as JSON; - is standard output (the table then goes to stderr)
  --help
`

export class UsageError extends Error {}

/** Returns `{ help }` or `{ parts, rounds, seconds, candidates, metrics, json }`. */
export function parseOptions(argv) {
  const values = parse(argv)
  if (values.help) return { help: true }
  const parts = list(values.only, 'only', PARTS)
  const candidates = list(values.candidates, 'candidates', NAMES)
  const cases = parts.filter(part => candidates.some(name => name in (CANDIDATES[part] ?? {})))
  if (cases.length === 0 && !parts.includes('memory')) {
    throw new UsageError(`--candidates ${candidates}: none of them is in ${parts}`)
  }
  return {
    parts,
    cases,
    rounds: number(values.rounds, 'rounds', 1, 100, Number.isInteger),
    seconds: number(values.secs, 'secs', 0.5, 3, Number.isFinite),
    candidates,
    metrics: list(values.metrics, 'metrics', Object.keys(METRICS)),
    json: values.json,
  }
}

function parse(args) {
  const strings = { type: 'string', multiple: true }
  try {
    return parseArgs({
      args,
      options: {
        only: strings,
        candidates: strings,
        metrics: strings,
        rounds: { type: 'string', default: '3' },
        secs: { type: 'string', default: '2' },
        json: { type: 'string' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    }).values
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
