/**
 * The file of a scenario (`--scenario`): a list of steps, or a mapping with `steps` and `repeat`.
 *
 *     - at: 10s
 *       wire: loss 5%
 *     - at: 12s
 *       carrier: off
 *     - at: 14s
 *       carrier: on
 */
import { ConfigFile } from '../base/config-file.ts'
import { FileError, parseDuration, UsageError } from '../base/index.ts'
import {
  about,
  anyText,
  either,
  flag,
  list,
  object,
  oneOf,
  string,
  type Typed,
  type TypeOf,
} from '../base/schema.ts'
import type { ScenarioList, ScenarioStep } from '../netdev/device-wire.ts'

const time = string('a time in us, ms, s, min or h, such as 10s', {
  pattern: '^[0-9]+(\\.[0-9]+)?(us|ms|s|min|h)$',
})

const wireText = either(anyText, oneOf(false))

export const stepKeys = {
  at: about('When, after the start or the start of a round.', time),
  wire: about('The text of both directions; off takes the stages out.', wireText),
  'wire-ab': about('The text of direction ab.', wireText),
  'wire-ba': about('The text of direction ba.', wireText),
  carrier: about('off cuts the cable, on plugs it in again.', either(flag, oneOf('on', 'off'))),
}
const step = object(
  {
    ...stepKeys,
    'wire-in': about('On an attachment: the same as wire-ab.', wireText),
    'wire-out': about('On an attachment: the same as wire-ba.', wireText),
  },
  'at',
)
type Step = TypeOf<typeof step>

/** Makes something of a wire's text, or throws a UsageError. */
type Parse<T> = (text: string, direction: 'ab' | 'ba') => T

export const scenarioOfSteps = <S extends Step>(schema: Typed<S>) =>
  either(
    list(schema),
    object({ repeat: about('The length of a round.', time), steps: list(schema) }, 'steps'),
  )

const scenarioSchema = scenarioOfSteps(step)

/** Parses the text of the file `name`. Throws a FileError with a line for each mistake. */
export function parseScenario<T>(text: string, name: string, parse: Parse<T>): ScenarioList<T> {
  const problems = new ConfigFile(name)
  const value = problems.read(text, scenarioSchema) as TypeOf<typeof scenarioSchema> | undefined
  const scenario = checkScenario(value, '', problems, parse)
  problems.throwIfAny()
  if (scenario === undefined) throw new FileError(`${name}: it has no steps`)
  return scenario
}

/** Completes the scenario at `path`, and reports mistakes. Returns undefined without steps. */
export function checkScenario<T>(
  value:
    | readonly Step[]
    | { readonly repeat?: string; readonly steps: readonly Step[] }
    | undefined,
  at: string,
  problems: ConfigFile,
  parse: Parse<T>,
): ScenarioList<T> | undefined {
  const { steps, repeat } = isList(value) ? { steps: value } : { repeat: undefined, ...value }
  if (steps === undefined || steps.length === 0) return undefined
  const path = isList(value) ? at : [...(at === '' ? [] : [at]), 'steps'].join('.')
  const parsed = steps.map((each, i) => parseStep(each, `${path}[${i}]`, problems, parse))
  const round = repeat === undefined ? undefined : parseDuration(repeat)
  for (const [i, each] of parsed.entries()) {
    if (i > 0 && each.at < (parsed[i - 1] as ScenarioStep<T>).at) {
      problems.add(`${path}[${i}].at`, 'it is before the step above: sort the steps by their times')
    } else if (round !== undefined && each.at >= round) {
      problems.add(`${path}[${i}].at`, `it is not within a round of ${repeat}`)
    }
  }
  const hasSides = steps.some(
    each => each['wire-in'] !== undefined || each['wire-out'] !== undefined,
  )
  return { steps: parsed, repeat: round, ...(hasSides && { hasSides }) }
}

function parseStep<T>(
  { at, carrier, wire, ...own }: Step,
  path: string,
  problems: ConfigFile,
  parse: Parse<T>,
): ScenarioStep<T> {
  const stagesOf = (direction: 'ab' | 'ba', side: 'in' | 'out'): T | undefined => {
    const keys = ([`wire-${side}`, `wire-${direction}`] as const).filter(
      each => own[each] !== undefined,
    )
    const [key = 'wire', other] = keys
    if (other !== undefined) {
      problems.add(`${path}.${key}`, `it means the same as ${other}: give one of them`)
    }
    const text = key === 'wire' ? wire : own[key]
    if (text === undefined) return undefined
    try {
      return parse(text === false || text === 'off' ? '' : text, direction)
    } catch (error) {
      if (!(error instanceof UsageError)) throw error
      // The lines after the first show the place in the text.
      problems.add(`${path}.${key}`, error.message.split('\n')[0])
      return undefined
    }
  }
  // A link is named for other keys. Keys of the caller's own change something.
  const changes = Object.keys(own).filter(key => key !== 'link')
  if (carrier === undefined && wire === undefined && changes.length === 0) {
    problems.add(path, 'it changes nothing: add wire or carrier')
  }
  return {
    at: parseDuration(at),
    ab: stagesOf('ab', 'in'),
    ba: stagesOf('ba', 'out'),
    ...(carrier !== undefined && { carrier: carrier === true || carrier === 'on' }),
  }
}

const isList = <T>(value: readonly T[] | object | undefined): value is readonly T[] =>
  Array.isArray(value)
