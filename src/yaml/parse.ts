/** Reads YAML or JSON that has a schema. */
import { type ErrorCode, isScalar, type LineCounter, parseDocument } from 'yaml'
import type { Problems } from './problems.ts'
import type { Schema } from './schema.ts'
import { validate } from './validate.ts'

const TOO_DEEP = 'it is nested too deep'
/** Instead of messages of the yaml package that name its functions and options. */
const MESSAGES: { readonly [C in ErrorCode]?: string } = {
  MULTIPLE_DOCS: 'expected one YAML document',
  NON_STRING_KEY: 'expected text as a key',
  RESOURCE_EXHAUSTION: TOO_DEEP,
}

/**
 * Returns the value of `text`, which may be null: an empty file. What is wrong with it is added to
 * `problems`; the value must not be used then.
 */
export function parseYaml(text: string, schema: Schema, lines: LineCounter, problems: Problems): unknown {
  const options = { lineCounter: lines, prettyErrors: false, logLevel: 'error' } as const
  try {
    // Version 1.2 with strings as keys, whatever version %YAML gives.
    const restricted = { stringKeys: true, schema: 'core', resolveKnownTags: false, merge: false }
    const { contents, errors, warnings } = parseDocument(text, { ...options, ...restricted })
    // Those that follow are usually consequences of the first.
    const [first] = [...errors, ...warnings]
    if (first !== undefined) {
      problems.add('', MESSAGES[first.code] ?? first.message, first.pos[0])
    } else if (contents !== null && !(isScalar(contents) && contents.value === null))
      return validate(contents, schema, problems)
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    problems.add('', TOO_DEEP, 0)
  }
  return undefined
}
